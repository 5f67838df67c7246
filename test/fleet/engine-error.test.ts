import { expect, test } from "vitest";
import { engineError } from "../../fleet/engine-error.ts";

const party = {
  partyId: 2,
  stackName: "party-2",
  configPath: "/x/Pulumi.party-2.yaml",
  config: { awsProfile: "org-2" },
} as Parameters<typeof engineError>[1];

test.each([
  ["PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions", "pulumi login"],
  ["get stack secrets manager: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: permission denied", "_PASSPHRASE_FILE to"],
  ["AWS account ID not allowed: 1", "--profile org-2"],
  [
    "api error AccessDenied: User: arn:aws:iam::1:user/x is not authorized to perform: kms:CreateKey",
    "--profile org-2",
  ],
  ["* PodEvictionFailure: Reached max retries while trying to evict pods", "quorate:coreEviction: allowed in"],
  ["something else", "npx quorate preview --party 2"],
])("after %j the next step is one that helps", (said, next) => {
  const { problem } = engineError("preview", party, [said], new Error("code: 255"));
  expect(problem).toMatchObject({ code: "ENGINE_FAILED", found: said, exitCode: 1 });
  expect(problem.next).toContain(next);
  expect(problem.expected).toBeDefined();
});
