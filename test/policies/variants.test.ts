import { expect, test } from "vitest";
import { keyNeedsAttestation } from "../../policies/key-needs-attestation.ts";
import { keyRootNeverDecrypts } from "../../policies/key-root-never-decrypts.ts";
import { networkPolicyEnforced } from "../../policies/network-policy-enforced.ts";
import { noSpotOnMainnet } from "../../policies/no-spot-on-mainnet.ts";
import { nodeImageDecided } from "../../policies/node-image-decided.ts";
import { publicVaultReadOnly } from "../../policies/public-vault-read-only.ts";
import { tlsNeverOff } from "../../policies/tls-never-off.ts";
import { vaultKeepsVersions } from "../../policies/vault-keeps-versions.ts";
import { asked, type Made, unknownText } from "./asking.ts";

const pcr0 = "ab".repeat(48);
const core = "arn:aws:iam::111122223333:role/core";

const key = (statement: object): Made => ({
  type: "aws:kms/key:Key",
  props: { policy: JSON.stringify({ Statement: { Effect: "Allow", Resource: "*", ...statement } }) },
});
const decrypting = (Condition: object, Principal: object | string = { AWS: core }) =>
  key({ Principal, Action: "kms:Decrypt", Condition });
const sha384 = "kms:RecipientAttestation:ImageSha384";

test.for([
  ["an all-zero PCR0", { StringEqualsIgnoreCase: { [sha384]: "0".repeat(96) } }],
  ["zeros among the PCR0s", { StringEqualsIgnoreCase: { [sha384]: [pcr0, "0".repeat(96)] } }],
  ["no PCR0 at all", { StringEqualsIgnoreCase: { [sha384]: [] } }],
  ["a pattern", { StringLike: { [sha384]: "*" } }],
  ["…IfExists, which asks nobody without a document", { StringEqualsIgnoreCaseIfExists: { [sha384]: pcr0 } }],
  ["the opposite", { StringNotEquals: { [sha384]: pcr0 } }],
  ["another measurement only", { StringEqualsIgnoreCase: { "kms:RecipientAttestation:PCR1": pcr0 } }],
  ["a service, for a key that seals", { StringEquals: { "kms:ViaService": "s3.eu-west-1.amazonaws.com" } }],
] as const)("a key is not bound to an enclave by %s", ([, condition]) => {
  const sealing = { ...decrypting(condition), within: "quorate:aws:AttestedKey" };
  expect(asked(keyNeedsAttestation, [sealing])).toHaveLength(1);
});

test("a key is bound by PCR0 under either of its names, and a service's key by its service", () => {
  expect(asked(keyNeedsAttestation, [decrypting({ StringEquals: { "kms:RecipientAttestation:PCR0": pcr0 } })])).toEqual(
    [],
  );
  const forService = decrypting({ StringEquals: { "kms:ViaService": "eks.eu-west-1.amazonaws.com" } });
  expect(asked(keyNeedsAttestation, [forService])).toEqual([]);
});

test("the key of a cluster's Secrets may be given to EKS by a grant, and lets nobody decrypt", () => {
  const root = { AWS: "arn:aws:iam::111122223333:root" };
  const of = (Action: string, Principal: unknown = root, more: object = {}) => [
    { ...key({ Principal, Action, ...more }), within: "quorate:aws:ClusterSecretsKey" },
  ];
  for (const rule of [keyNeedsAttestation, keyRootNeverDecrypts]) {
    expect(asked(rule, of("kms:CreateGrant"))).toEqual([]);
    expect(asked(rule, of("kms:Decrypt"))).toHaveLength(1);
    expect(asked(rule, of("kms:CreateGrant", "*")).length).toBeGreaterThan(0);
    expect(asked(rule, [key({ Principal: root, Action: "kms:CreateGrant" })])).toHaveLength(1);
  }
});

test("a cluster whose network policies nobody reads is refused", () => {
  const cluster: Made = { type: "aws:eks/cluster:Cluster", props: { name: "kms" } };
  const cni = (configurationValues?: string): Made => ({
    type: "aws:eks/addon:Addon",
    props: { clusterName: "kms", addonName: "vpc-cni", ...(configurationValues && { configurationValues }) },
  });
  for (const one of [cni(), cni("{}"), cni('{"enableNetworkPolicy":"false"}')])
    expect(asked(networkPolicyEnforced, [cluster, one])).toHaveLength(1);
  expect(asked(networkPolicyEnforced, [cni()])).toEqual([]);
});

test("a key without a policy of its own, a grant, and whatever a wildcard covers are refused", () => {
  expect(asked(keyNeedsAttestation, [{ type: "aws:kms/key:Key", props: {} }])).toHaveLength(1);
  expect(
    asked(keyNeedsAttestation, [{ type: "aws:kms/grant:Grant", props: { operations: ["Decrypt"] } }]),
  ).toHaveLength(1);
  for (const Action of ["kms:*", "kms:De*", "kms:Generate*", "kms:ReEncrypt*", "*"])
    expect(asked(keyNeedsAttestation, [key({ Principal: { AWS: core }, Action })]), Action).toHaveLength(1);
  expect(asked(keyNeedsAttestation, [key({ Principal: { AWS: core }, NotAction: "kms:PutKeyPolicy" })])).toHaveLength(
    1,
  );
});

test("an account's root stands for a role that is yet to come only if the role is named", () => {
  const root = { AWS: "arn:aws:iam::111122223333:root" };
  const attested = { StringEqualsIgnoreCase: { [sha384]: pcr0 } };
  expect(asked(keyRootNeverDecrypts, [decrypting(attested, root)])).toHaveLength(1);
  const named = { ...attested, ArnEquals: { "aws:PrincipalArn": core } };
  expect(asked(keyRootNeverDecrypts, [decrypting(named, root)])).toEqual([]);
  const anyRole = { ...attested, ArnEquals: { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/*" } };
  expect(asked(keyRootNeverDecrypts, [decrypting(anyRole, root)])).toHaveLength(1);
});

test("a value that is not known yet is neither a violation nor clean: it is said to be unknown", () => {
  const policy: Made = { type: "aws:s3/bucketPolicy:BucketPolicy", props: { policy: unknownText } };
  expect(asked(publicVaultReadOnly, [policy])).toEqual([
    [
      "advisory public-vault-read-only",
      "it: policy",
      "  found     not known yet: it is made from what AWS has not made",
      `  expected  ${publicVaultReadOnly.guarantees}`,
      "  next      nothing: `up` asks again once it is known",
    ].join("\n"),
  ]);
});

test("before buckets have names, what stands beside one is found by what it is made from", () => {
  const bucket: Made = { type: "aws:s3/bucket:Bucket", name: "vault", props: { bucket: unknownText } };
  const versioning: Made = {
    type: "aws:s3/bucketVersioning:BucketVersioning",
    name: "versioning",
    props: { bucket: unknownText, versioningConfiguration: { status: "Enabled" } },
    madeFrom: { bucket: "vault" },
  };
  expect(asked(vaultKeepsVersions, [bucket, versioning])).toEqual([]);
  expect(asked(vaultKeepsVersions, [bucket, { ...versioning, madeFrom: {} }])).toHaveLength(1);
});

test("what is for the mainnet alone leaves other networks be, and a stack that does not say is taken for one", () => {
  const spot: Made = { type: "aws:eks/nodeGroup:NodeGroup", props: { capacityType: "SPOT" } };
  expect(asked(noSpotOnMainnet, [spot], "testnet")).toEqual([]);
  expect(asked(noSpotOnMainnet, [spot], "mainnet")).toHaveLength(1);
  expect(asked(noSpotOnMainnet, [spot], undefined as never)).toHaveLength(1);
});

test("an image of one's own has no release beside it", () => {
  const group: Made = {
    type: "aws:eks/nodeGroup:NodeGroup",
    props: { releaseVersion: "1.33.8-20260304" },
    madeFrom: { launchTemplate: "template" },
  };
  const template: Made = {
    type: "aws:ec2/launchTemplate:LaunchTemplate",
    name: "template",
    props: { imageId: "ami-0123456789abcdef0" },
  };
  expect(asked(nodeImageDecided, [template, group])).toEqual([expect.stringContaining("beside an image of one's own")]);
});

const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toISOString();
const withoutTls: Made = {
  type: "kubernetes:helm.sh/v3:Release",
  name: "core",
  props: { values: { kmsCore: { thresholdMode: { tls: { enabled: false } } } } },
};
const exception = (props: object): Made => ({
  type: "quorate:policies:PolicyException",
  name: "exception",
  props: { rule: "tls-never-off", ...props },
});

test.for([
  ["development, on a devnet", "devnet", { kind: "development", reason: "a laptop" }, 0],
  ["development, on a testnet", "testnet", { kind: "development", reason: "a laptop" }, 1],
  ["a recovery with an end", "mainnet", { kind: "custodian-recovery", reason: "lost", until: hours(12) }, 0],
  ["a recovery that has ended", "mainnet", { kind: "custodian-recovery", reason: "lost", until: hours(-1) }, 1],
  ["a recovery of weeks", "mainnet", { kind: "custodian-recovery", reason: "lost", until: hours(500) }, 1],
  ["a recovery without an end", "mainnet", { kind: "custodian-recovery", reason: "lost" }, 1],
  ["a recovery without a reason", "mainnet", { kind: "custodian-recovery", reason: " ", until: hours(1) }, 1],
  ["a kind that nobody knows", "devnet", { kind: "because", reason: "so" }, 1],
  ["another rule's exception", "devnet", { rule: "other", kind: "development", reason: "a laptop" }, 1],
] as const)("TLS off, by the exception of %s", ([, environment, props, violations]) => {
  expect(asked(tlsNeverOff, [withoutTls, exception(props)], environment)).toHaveLength(violations);
});
