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

test.each([
  [
    'resource "urn:pulumi:party-2::quorate::aws:kms/key:Key::party-2-key" cannot be deleted\nbecause it is protected. To unprotect the resource, either remove the `protect` flag',
    "aws:kms/key:Key party-2-key",
  ],
  [
    'unable to replace resource "urn:pulumi:party-2::quorate::aws:eks/cluster:Cluster::eks"\nas it is currently marked for protection. To unprotect the resource, remove the `protect` flag',
    "aws:eks/cluster:Cluster eks",
  ],
])("nobody is advised to take a protection away", (said, found) => {
  const { problem } = engineError("up", party, [said], new Error("code: 255"));
  expect(problem).toMatchObject({ code: "RESOURCE_PROTECTED", found, exitCode: 3 });
  expect(JSON.stringify(problem)).not.toMatch(/unprotect|`protect`/);
  expect(problem.next).toContain("Pulumi.party-2.yaml");
  // The engine stops before it has a plan: another preview would say the same.
  expect(problem.next).toContain("manifest");
  expect(problem.next).not.toContain("quorate preview");
});
