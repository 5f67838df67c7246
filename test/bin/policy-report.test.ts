import { expect, test } from "vitest";
import { isViolated, markdownFindings, policyFindings, renderFindings } from "../../bin/policy-report.ts";
import type { Changes } from "../../fleet/driver.ts";
import { policyFinding } from "../../fleet/policy-violation.ts";

const event = (party: number, rule: string, enforcementLevel: string, found = "7") =>
  policyFinding(party, {
    policyName: rule,
    resourceUrn: "urn:pulumi:party-1::quorate::aws:kms/key:Key::key",
    message: `<{%reset%}>key: deletionWindowInDays\n  found     ${found}\n  expected  at least 30\n  next      mend it\n<{%reset%}>`,
    enforcementLevel,
  } as never);

const changes = (...policies: ReturnType<typeof policyFinding>[]) => [{ partyId: 1, policies } as unknown as Changes];

test("violations come first and in four parts, advice in one line for each rule, the unknown in one line", () => {
  const all = changes(
    event(1, "said", "advisory"),
    event(2, "said", "advisory"),
    event(1, "later", "advisory", "not known yet: it is made from what AWS has not made"),
    event(2, "never-lost", "mandatory"),
  );
  expect(isViolated(all)).toBe(true);
  expect(renderFindings(policyFindings(all)).join("\n")).toMatchInlineSnapshot(`
    "POLICY_VIOLATED  party 2: never-lost refuses key: deletionWindowInDays
      found     7
      expected  at least 30
      next      mend it
    POLICY_ADVICE  party 1, 2: said: key deletionWindowInDays: 7 (and 1 more)
    POLICY_UNKNOWN  told by \`up\`, not before: later (1)"
  `);
  expect(markdownFindings(policyFindings(all))).toHaveLength(3);
});

test("advice is wrapped where the terminal ends, under itself", () => {
  const said = changes(event(1, "said", "advisory", "may do whatever the account's IAM policies let it do"));
  expect(renderFindings(policyFindings(said), 60).join("\n")).toMatchInlineSnapshot(`
    "POLICY_ADVICE  party 1: said: key deletionWindowInDays: may
                   do whatever the account's IAM policies let it
                   do"
  `);
});

test("what is only advised or not known refuses nothing", () => {
  expect(isViolated(changes(event(1, "said", "advisory"), event(1, "later", "advisory", "not known yet")))).toBe(false);
});

test("another pack's message is told as it is", () => {
  const finding = policyFinding(3, {
    policyName: "theirs",
    resourceUrn: "urn:pulumi:party-3::quorate::aws:s3/bucket:Bucket::vault",
    message: "No buckets on Fridays.\nPlease.",
    enforcementLevel: "mandatory",
  } as never);
  expect(finding).toMatchObject({ code: "POLICY_VIOLATED", party: 3, rule: "theirs", resource: "vault" });
  expect(finding.found).toBe("No buckets on Fridays. Please.");
});
