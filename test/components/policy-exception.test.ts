import { expect, test } from "vitest";
import { PolicyException } from "../../components/policy-exception.ts";
import { onMockStack } from "../support/mocks.ts";

const recovery = {
  rule: "tls-never-off",
  kind: "custodian-recovery",
  reason: "lost node",
  until: "2026-11-21T10:00:00Z",
} as const;

test("an exception is one entry of the stack, of the type that the policy pack looks for", async () => {
  const stack = await onMockStack(() => new PolicyException("tls", recovery));
  expect(stack.tree()).toEqual(["tls (quorate:policies:PolicyException)"]);
});

test("an exception without a reason, and a recovery without an end, are refused", async () => {
  const { until: _, ...endless } = recovery;
  await expect(onMockStack(() => new PolicyException("tls", { ...endless, reason: " " }))).rejects.toMatchObject({
    errors: [{ propertyPath: "reason" }, { propertyPath: "until" }],
  });
});
