import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { findsCluster, looksAtCloud } from "../../components/aws/audience-role.ts";
import { attested, coreStatements, existingRole, forKeyUser, keyPolicyText } from "../../components/aws/key-policy.ts";
import { CloudSights } from "../../contract/cloud-sights.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { cloudSights, whatItRefuses, whoDecrypts, whoTakes } from "../../fleet/cloud-sights.ts";
import { partyOutputs } from "../runbooks/network/fake-parties.ts";
import { clients, operatorKeys, startCloud } from "./support/cloud.ts";

const accountId = "100000000001";
const pcr0 = "b2".repeat(48);
const keyId = "0a1b2c3d-0000-4000-8000-000000000001";
const keyArn = `arn:aws:kms:eu-west-1:${accountId}:key/${keyId}`;
const coreArn = `arn:aws:iam::${accountId}:role/core-party-1`;
const own = "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000001";
const peers = "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002";
const trust = {
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Federated: "arn:aws:iam::100000000001:oidc-provider/issuer.example" },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: {
        StringEquals: {
          "issuer.example:sub": "system:serviceaccount:kms-decentralized:mpc-party",
          "issuer.example:aud": "sts.amazonaws.com",
        },
      },
    },
  ],
};

let cloud: Awaited<ReturnType<typeof startCloud>>;
beforeAll(async () => {
  cloud = await startCloud({ endpointServices: { [own]: 1, [peers]: 2 } });
  const put = (n: number, type: string, id: string, props: Record<string, unknown>) =>
    cloud.store.account(`10000000000${n}`).put({ type, id, props });
  const endpoint = (more: object) => ({ vpcEndpointType: "Interface", state: "available", ...more });
  const administers = {
    Sid: "Administrators",
    Effect: "Allow" as const,
    Principal: { AWS: `arn:aws:iam::${accountId}:root` },
    Action: ["kms:GetKeyPolicy"],
    Resource: "*",
  };
  await Promise.all([
    put(1, "aws:ec2/vpcEndpoint:VpcEndpoint", "vpce-2", {
      ...endpoint({ serviceName: peers, state: "pendingAcceptance", securityGroupIds: ["sg-ends"] }),
      tagsAll: { Name: "party-1-links-party-2" },
    }),
    put(1, "aws:ec2/vpcEndpoint:VpcEndpoint", "vpce-s3", endpoint({ serviceName: "s3", securityGroupIds: ["sg-x"] })),
    put(2, "aws:ec2/vpcEndpoint:VpcEndpoint", "vpce-1", endpoint({ serviceName: own, state: "rejected" })),
    ...[
      ["sg-ends", 50_001, "tcp", { referencedSecurityGroupId: "sg-nodes" }],
      ["sg-ends", 443, "tcp", { cidrIpv4: "10.0.0.0/8" }],
      ["sg-nodes", -1, "-1", { cidrIpv4: "10.1.0.0/16" }],
      ["sg-x", 50_001, "tcp", { cidrIpv4: "0.0.0.0/0" }],
    ].map(([securityGroupId, port, ipProtocol, others], at) =>
      put(1, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", `sgr-${at}`, {
        ...{ securityGroupId, fromPort: port, toPort: port, ipProtocol },
        ...(others as object),
      }),
    ),
    put(1, "aws:kms/key:Key", keyId, {
      arn: keyArn,
      policy: keyPolicyText([
        ...forKeyUser(existingRole(coreArn), coreStatements("symm", [pcr0 as never])),
        administers,
      ]),
    }),
    put(1, "aws:iam/role:Role", "core-party-1", { arn: coreArn, assumeRolePolicy: JSON.stringify(trust) }),
    put(1, "aws:iam/role:Role", "sre", {
      arn: `arn:aws:iam::${accountId}:role/sre`,
      assumeRolePolicy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" }],
      }),
    }),
  ]);
  await configure({ operator: operatorKeys(1) });
  vi.stubEnv("AWS_ENDPOINT_URL", cloud.endpoint);
  vi.stubEnv("AWS_CONFIG_FILE", join(cloud.dir, "none"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await cloud[Symbol.asyncDispose]();
});

/** Profiles with their keys; each in a file of its own, since the SDK remembers what it read. */
async function configure(profiles: Record<string, ReturnType<typeof operatorKeys>>): Promise<void> {
  const path = join(cloud.dir, `credentials-${Object.keys(profiles).join("-")}`);
  const lines = Object.entries(profiles).flatMap(([name, { accessKeyId, secretAccessKey, sessionToken }]) => [
    ...[`[${name}]`, `aws_access_key_id=${accessKeyId}`, `aws_secret_access_key=${secretAccessKey}`],
    ...(sessionToken ? [`aws_session_token=${sessionToken}`] : []),
  ]);
  await writeFile(path, `${lines.join("\n")}\n`);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", path);
}

const outputs = (more: object = {}) =>
  ({
    ...partyOutputs(1),
    ...{ awsProfile: "operator", partyKeyArn: keyArn, endpointServiceName: own },
    ...{ securityGroupIds: ["sg-ends", "sg-nodes"], ...more },
  }) as PartyOutputs;
const asking = { timeoutMs: 10_000, signal: new AbortController().signal };
const look = async (more: object = {}) => CloudSights.parse(await cloudSights(outputs(more), asking));

const all = {
  partyId: 1,
  endpoints: {
    status: "seen",
    value: [
      {
        peerId: 2,
        endpointId: "vpce-2",
        serviceName: peers,
        state: "pendingAcceptance",
        securityGroupIds: ["sg-ends"],
      },
    ],
  },
  connections: {
    status: "seen",
    value: [{ endpointId: "vpce-1", ownerAccount: "100000000002", state: "rejected" }],
  },
  groupRules: {
    status: "seen",
    value: expect.arrayContaining([
      { groupId: "sg-ends", of: "endpoints", direction: "in", others: "sg-nodes", fromPort: 50_001, toPort: 50_001 },
      { groupId: "sg-nodes", of: "nodes", direction: "in", others: "10.1.0.0/16", fromPort: 0, toPort: 65_535 },
    ]),
  },
  keyPolicy: { status: "seen", value: { pcr0s: [pcr0], unattested: false } },
  coreTrust: {
    status: "seen",
    value: {
      providers: ["arn:aws:iam::100000000001:oidc-provider/issuer.example"],
      subjects: ["system:serviceaccount:kms-decentralized:mpc-party"],
      audiences: ["sts.amazonaws.com"],
    },
  },
};

describe("what AWS says of a party", () => {
  test("an endpoint that was given another group is the party's still, by its tags, and that group's rules are asked for", async () => {
    const store = cloud.store.account(accountId);
    const [type, ruleType] = [
      "aws:ec2/vpcEndpoint:VpcEndpoint",
      "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ];
    const props = {
      vpcEndpointType: "Interface",
      serviceName: peers,
      state: "available",
      securityGroupIds: ["sg-new"],
    };
    const named = (network: string) => ({ Name: "party-1-links-party-3", network, party: "1" });
    await store.put({ type, id: "vpce-3", props: { ...props, tagsAll: named("devnet") } });
    await store.put({ type, id: "vpce-9", props: { ...props, tagsAll: named("other") } });
    const rule = {
      securityGroupId: "sg-new",
      fromPort: 50_001,
      toPort: 50_001,
      ipProtocol: "tcp",
      cidrIpv4: "10.1.0.0/16",
    };
    await store.put({ type: ruleType, id: "sgr-new", props: rule });
    try {
      const { endpoints, groupRules } = await look();
      if (endpoints.status !== "seen" || groupRules.status !== "seen") throw new Error("it was not seen");
      expect(endpoints.value.map(({ endpointId }) => endpointId)).toEqual(["vpce-2", "vpce-3"]);
      expect(groupRules.value).toContainEqual({
        ...{ groupId: "sg-new", of: "endpoints", direction: "in", others: "10.1.0.0/16" },
        ...{ fromPort: 50_001, toPort: 50_001 },
      });
    } finally {
      await store.delete(type, "vpce-3");
      await store.delete(type, "vpce-9");
      await store.delete(ruleType, "sgr-new");
    }
  });

  test("to whoever may ask all of it", async () => {
    const sights = await look();
    expect(sights).toMatchObject(all);
    expect(sights.groupRules.status === "seen" && sights.groupRules.value.length).toBe(2);
    expect(sights.vaults).toEqual({
      public: { status: "seen", value: "missing" },
      private: { status: "seen", value: "missing" },
    });
  });

  test("a vault's policy that keeps the core out is told with its statement; a vault without a policy refuses nothing", async () => {
    const { bucketName } = outputs().privateVault;
    const refusal = {
      ...{ Sid: "RoleRefused", Effect: "Deny", Principal: { AWS: coreArn }, Action: "s3:*" },
      Resource: [`arn:aws:s3:::${bucketName}`, `arn:aws:s3:::${bucketName}/*`],
    };
    const store = cloud.store.account(accountId);
    const [type, policyType] = ["aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"];
    await store.put({ type, id: bucketName, props: { bucket: bucketName } });
    const roles = { ...outputs().roles, core: coreArn };
    try {
      expect((await look({ roles })).vaultPolicies.private).toEqual({
        status: "seen",
        value: { refuses: [], unclear: [] },
      });
      const policy = JSON.stringify({ Version: "2012-10-17", Statement: [refusal] });
      await store.put({ type: policyType, id: bucketName, props: { bucket: bucketName, policy } });
      const actions = ["s3:ListBucket", "s3:GetObject", "s3:PutObject"];
      expect((await look({ roles })).vaultPolicies).toEqual({
        public: { status: "seen", value: { refuses: [], unclear: [] } },
        private: {
          status: "seen",
          value: { refuses: actions.map((action) => ({ action, statement: "RoleRefused" })), unclear: [] },
        },
      });
    } finally {
      await store.delete(policyType, bucketName);
      await store.delete(type, bucketName);
    }
  });

  test("to an SRE, with the rights of its role and no more; without them each answer names what is missing", async () => {
    const { sts } = clients(cloud.endpoint, operatorKeys(1));
    const RoleArn = `arn:aws:iam::${accountId}:role/sre`;
    const { Credentials: made } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "ann" }));
    const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = made ?? {};
    await configure({
      operator: operatorKeys(1),
      sre: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
    });
    const rights = (statements: object[]) =>
      cloud.store.account(accountId).put({
        ...{ type: "aws:iam/rolePolicy:RolePolicy", id: "sre:reads" },
        props: { role: "sre", policy: JSON.stringify({ Version: "2012-10-17", Statement: statements }) },
      });
    const cluster = findsCluster("arn:aws:eks:eu-west-1:100000000001:cluster/c");
    await rights([cluster]);
    const refused = await look({ awsProfile: "sre" });
    for (const [field, action] of [
      ["endpoints", "ec2:DescribeVpcEndpoints"],
      ["connections", "ec2:DescribeVpcEndpointConnections"],
      ["groupRules", "ec2:DescribeSecurityGroupRules"],
      ["keyPolicy", "kms:GetKeyPolicy"],
      ["coreTrust", "iam:GetRole"],
    ] as const)
      expect(refused[field]).toMatchObject({
        status: "unknown",
        reason: expect.stringContaining(`profile sre may not ${action} on `),
      });
    const vaults = [outputs().publicVault, outputs().privateVault].map(({ bucketName }) => bucketName);
    for (const id of vaults)
      await cloud.store.account(accountId).put({ type: "aws:s3/bucket:Bucket", id, props: { bucket: id } });
    for (const answer of Object.values((await look({ awsProfile: "sre" })).vaultPolicies))
      expect(answer).toMatchObject({
        status: "unknown",
        reason: expect.stringContaining("profile sre may not s3:GetBucketPolicy on "),
      });
    const keyArns = `arn:aws:kms:eu-west-1:${accountId}:key/*`;
    const vaultArns = vaults.map((name) => `arn:aws:s3:::${name}`);
    await rights([cluster, ...looksAtCloud({ keyArns, roleArn: coreArn, vaultArns })]);
    const allowed = await look({ awsProfile: "sre" });
    expect(allowed).toMatchObject(all);
    expect(Object.values(allowed.vaultPolicies).map(({ status }) => status)).toEqual(["seen", "seen"]);
    for (const id of vaults) await cloud.store.account(accountId).delete("aws:s3/bucket:Bucket", id);
  });

  test("nothing in time, nobody there, no credentials: each is a reason", async () => {
    const late = await cloudSights(outputs(), { ...asking, timeoutMs: 0 });
    expect(late.endpoints).toEqual({
      status: "unknown",
      reason: "no answer to ec2:DescribeVpcEndpoints within 0 s",
    });
    const stopped = new AbortController();
    stopped.abort();
    const interrupted = await cloudSights(outputs(), { ...asking, signal: stopped.signal });
    expect(interrupted.keyPolicy).toEqual({ status: "unknown", reason: "interrupted" });
    const strange = await look({ awsProfile: "nobody" });
    for (const answer of [strange.endpoints, strange.coreTrust, strange.vaults.private])
      expect(answer).toMatchObject({ status: "unknown", reason: expect.stringContaining("profile nobody") });
  });
});

test("without a service of its own a party has no connections", async () => {
  expect((await look({ endpointServiceName: null })).connections).toEqual({ status: "seen", value: [] });
});

describe("policies", () => {
  const decrypts = (Condition?: object) =>
    JSON.stringify({ Statement: { Effect: "Allow", Action: "kms:Decrypt", ...(Condition && { Condition }) } });
  const statements = (text: string) => JSON.stringify({ Statement: [JSON.parse(text).Statement] });

  test("who decrypts with no proof of its enclave is told apart", () => {
    expect(whoDecrypts(statements(decrypts(attested([pcr0 as never]))))).toEqual({ pcr0s: [pcr0], unattested: false });
    expect(whoDecrypts(statements(decrypts()))).toEqual({ pcr0s: [], unattested: true });
    const upper = { StringEqualsIgnoreCase: { "kms:RecipientAttestation:PCR0": pcr0.toUpperCase() } };
    expect(whoDecrypts(decrypts(upper))).toEqual({ pcr0s: [pcr0], unattested: false });
    // That there is a measurement at all is no proof of which.
    const any = { Null: { "kms:RecipientAttestation:PCR0": "false" } };
    expect(whoDecrypts(decrypts(any))).toEqual({ pcr0s: [], unattested: true });
  });

  const vault = { bucketName: "private-1", prefix: "PRIV-p1", roleArn: coreArn };
  const all3 = ["s3:ListBucket", "s3:GetObject", "s3:PutObject"];
  const bucket = "arn:aws:s3:::private-1";
  const role = { AWS: coreArn };
  test.each<[string, object, string[], string[]]>([
    ["by its name", { Principal: role, Action: "s3:*", Resource: [bucket, `${bucket}/*`] }, all3, []],
    [
      "by its account",
      { Principal: { AWS: [accountId] }, Action: ["S3:Get*"], Resource: `${bucket}/*` },
      ["s3:GetObject"],
      [],
    ],
    ["as everybody", { Principal: "*", Action: "s3:PutObject", Resource: `${bucket}/PRIV-p1/*` }, ["s3:PutObject"], []],
    ["of another prefix", { Principal: "*", Action: "s3:*", Resource: `${bucket}/PRIV-p2/*` }, [], []],
    ["of another bucket", { Principal: "*", Action: "s3:*", Resource: "arn:aws:s3:::private-12" }, [], []],
    ["what it never does", { Principal: role, Action: "s3:DeleteObject", Resource: `${bucket}/*` }, [], []],
    ["another role", { Principal: { AWS: `${coreArn}-sre` }, Action: "s3:*", Resource: `${bucket}/*` }, [], []],
    [
      "a service",
      { Principal: { Service: "logging.s3.amazonaws.com" }, Action: "s3:*", Resource: `${bucket}/*` },
      [],
      [],
    ],
    [
      "without TLS",
      {
        Principal: "*",
        Action: "s3:*",
        Resource: `${bucket}/*`,
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
      ...([[], []] as [string[], string[]]),
    ],
    [
      "on a condition",
      {
        Principal: "*",
        Action: "s3:*",
        Resource: `${bucket}/*`,
        Condition: { NotIpAddress: { "aws:SourceIp": "10.0.0.0/8" } },
      },
      ...([[], ["No"]] as [string[], string[]]),
    ],
    ["all but somebody", { NotPrincipal: role, Action: "s3:*", Resource: `${bucket}/*` }, [], ["No"]],
    ["all but something", { Principal: "*", NotAction: "s3:Put*", Resource: `${bucket}/*` }, [], ["No"]],
    ["all but somewhere", { Principal: "*", Action: "s3:*", NotResource: "arn:aws:s3:::x" }, [], ["No"]],
  ])("a vault's that refuses %s", (_what, statement, actions, unclear) => {
    const refuse = (more: object) =>
      JSON.stringify({ Statement: [{ Sid: "No", Effect: "Deny", ...statement, ...more }] });
    expect(whatItRefuses(refuse({}), vault)).toEqual({
      refuses: actions.map((action) => ({ action, statement: "No" })),
      unclear,
    });
    expect(whatItRefuses(refuse({ Effect: "Allow" }), vault)).toEqual({ refuses: [], unclear: [] });
  });

  test("one that can not be read is an error, not one that allows nothing", () => {
    for (const text of ["", "{}", '{"Statement":[{"Effect":"Allow","Action":5}]}'])
      for (const read of [whoDecrypts, whoTakes, (policy: string) => whatItRefuses(policy, vault)])
        expect(() => read(text)).toThrow(/policy/);
  });
});
