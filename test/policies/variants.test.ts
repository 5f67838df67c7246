import { expect, test } from "vitest";
import { apiServerClosed } from "../../policies/api-server-closed.ts";
import { grpcPortNeverExposed } from "../../policies/grpc-port-never-exposed.ts";
import { irreplaceableProtected } from "../../policies/irreplaceable-protected.ts";
import { keyNeedsAttestation } from "../../policies/key-needs-attestation.ts";
import { keyNeverLost } from "../../policies/key-never-lost.ts";
import { keyRootNeverDecrypts } from "../../policies/key-root-never-decrypts.ts";
import { networkPolicyEnforced } from "../../policies/network-policy-enforced.ts";
import { noIngressFromEverywhere } from "../../policies/no-ingress-from-everywhere.ts";
import { noSecretInState } from "../../policies/no-secret-in-state.ts";
import { noSpotOnMainnet } from "../../policies/no-spot-on-mainnet.ts";
import { noWildcardActions } from "../../policies/no-wildcard-actions.ts";
import { nodeImageDecided } from "../../policies/node-image-decided.ts";
import { publicVaultReadOnly } from "../../policies/public-vault-read-only.ts";
import { tlsNeverOff } from "../../policies/tls-never-off.ts";
import { vaultGrantsNoDelete } from "../../policies/vault-grants-no-delete.ts";
import { vaultKeepsVersions } from "../../policies/vault-keeps-versions.ts";
import { vaultNeverPublic } from "../../policies/vault-never-public.ts";
import { vaultTlsOnly } from "../../policies/vault-tls-only.ts";
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

const iamPolicy = (Action: string, Resource: string) =>
  JSON.stringify({ Statement: { Effect: "Allow", Action, Resource } });

test.for([
  ["secretsmanager:GetSecretValue", "*", 1],
  ["secretsmanager:Get*", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rpc", 1],
  ["secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:*", 1],
  ["s3:getobject", "*", 1],
  ["s3:Get*", "arn:aws:s3:::v/*", 1],
  ["kms:Decrypt", "arn:aws:kms:*:*:key/*", 1],
  ["sts:AssumeRole", "arn:aws:iam::111122223333:role/*", 1],
  ["ssm:GetParameter", "*", 1],
  ["s3:GetObject", "arn:aws:s3:::v/*", 0],
  ["iam:GetRole", "*", 0],
  ["s3:GetBucketPolicy", "*", 0],
  ["ec2:Describe*", "*", 0],
] as const)("a role that may %s on %s: %i violations, wherever its policy stands", ([action, resource, violations]) => {
  const policy = iamPolicy(action, resource);
  const rolePolicy: Made = { type: "aws:iam/rolePolicy:RolePolicy", props: { policy } };
  const groupPolicy: Made = { type: "aws:iam/groupPolicy:GroupPolicy", props: { policy } };
  const role: Made = { type: "aws:iam/role:Role", props: { inlinePolicies: [{ policy }] } };
  for (const one of [rolePolicy, groupPolicy, role])
    expect(asked(noWildcardActions, [one]), one.type).toHaveLength(violations);
});

test("a role's managed policies are judged where the role names them", () => {
  const managedPolicyArns = [
    "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
    "arn:aws:iam::aws:policy/AmazonS3FullAccess",
  ];
  expect(asked(noWildcardActions, [{ type: "aws:iam/role:Role", props: { managedPolicyArns } }])).toEqual([
    expect.stringContaining("managedPolicyArns[1]"),
  ]);
});

test.for([
  ["half of the internet, written as a private range", { cidrIpv4: "10.0.0.0/1" }, 1],
  ["a provider's whole range of IPv6", { cidrIpv6: "2001:db8::/32" }, 1],
  ["a prefix list, of which nobody sees here what is in it", { prefixListId: "pl-0123456789abcdef0" }, 1],
  ["one address", { cidrIpv6: "2001:db8::1/128" }, 0],
  ["a private range", { cidrIpv4: "172.16.0.0/12" }, 0],
] as const)("whom a security group lets in: %s", ([, source, violations]) => {
  const rule: Made = {
    type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    props: { ipProtocol: "tcp", fromPort: 50_001, toPort: 50_100, ...source },
  };
  expect(asked(noIngressFromEverywhere, [rule])).toHaveLength(violations);
  expect(asked(grpcPortNeverExposed, [rule])).toHaveLength(1);
});

test("50100 is found behind a target's own port, and a port by name is not taken for another one", () => {
  const service = (targetPort: unknown, type = "LoadBalancer"): Made => ({
    type: "kubernetes:core/v1:Service",
    props: { spec: { type, ports: [{ port: 443, targetPort }] } },
  });
  const target: Made = { type: "aws:lb/targetGroupAttachment:TargetGroupAttachment", props: { port: 50_100 } };
  for (const one of [target, service(50_100), service("50100"), service("grpc")])
    expect(asked(grpcPortNeverExposed, [one])).toHaveLength(1);
  for (const one of [service(50_001), service(undefined), service("grpc", "ClusterIP")])
    expect(asked(grpcPortNeverExposed, [one])).toEqual([]);
});

test("of two companions of a bucket each is asked: the last one that is made counts", () => {
  const bucket: Made = { type: "aws:s3/bucket:Bucket", name: "vault", props: { bucket: "v" } };
  const beside = (type: string, name: string, props: object): Made => ({
    type: `aws:s3/${type[0]?.toLowerCase()}${type.slice(1)}:${type}`,
    name,
    props: { bucket: "v", ...props },
  });
  const block = (name: string, on: boolean) =>
    beside("BucketPublicAccessBlock", name, {
      ...{ blockPublicAcls: on, ignorePublicAcls: on, blockPublicPolicy: on, restrictPublicBuckets: on },
    });
  expect(asked(vaultNeverPublic, [bucket, block("good", true), block("bad", false)])).toHaveLength(4);
  const denied = {
    ...{ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: ["arn:aws:s3:::v", "arn:aws:s3:::v/*"] },
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
  const policy = (name: string, ...Statement: object[]) =>
    beside("BucketPolicy", name, { policy: JSON.stringify({ Statement }) });
  expect(asked(vaultTlsOnly, [bucket, policy("good", denied), policy("bad")])).toHaveLength(1);
});

test("imported key material is neither in a state, nor does it end, nor is its key disabled", () => {
  const external = (props: object): Made => ({ type: "aws:kms/externalKey:ExternalKey", props });
  expect(asked(noSecretInState, [external({ keyMaterialBase64: "c2VjcmV0" })])).toHaveLength(1);
  expect(
    asked(keyNeverLost, [external({ enabled: false }), external({ validTo: "2027-01-01T00:00:00Z" })]),
  ).toHaveLength(2);
  const replica: Made = { type: "aws:kms/replicaExternalKey:ReplicaExternalKey", props: {} };
  expect(asked(irreplaceableProtected, [replica])).toHaveLength(1);
});

test("two halves of the internet are all of it to an API server", () => {
  const cluster = (...publicAccessCidrs: string[]): Made => ({
    type: "aws:eks/cluster:Cluster",
    props: { vpcConfig: { endpointPublicAccess: true, publicAccessCidrs } },
  });
  expect(asked(apiServerClosed, [cluster("0.0.0.0/1", "128.0.0.0/1")])).toHaveLength(1);
  expect(asked(apiServerClosed, [cluster("198.51.100.0/24")])).toEqual([]);
});

test.for(["s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketPublicAccessBlock", "s3:ReplicateDelete"])(
  "a bucket's policy gives nobody %s",
  (Action) => {
    const policy = JSON.stringify({ Statement: { Effect: "Allow", Principal: { AWS: core }, Action, Resource: "*" } });
    expect(asked(vaultGrantsNoDelete, [{ type: "aws:s3/bucketPolicy:BucketPolicy", props: { policy } }])).toHaveLength(
      1,
    );
  },
);
