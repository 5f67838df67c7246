import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AccessRequest,
  administratorAccess,
  authorize,
  isPublic,
  keepsControl,
  MalformedPolicy,
  type PolicyDocument,
  type Principal,
  parsePolicy,
} from "../../devnet/cloud/policy.ts";

const own = "100000000001";
const other = "100000000002";
const operator: Principal = { kind: "user", accountId: own, arn: `arn:aws:iam::${own}:user/operator` };
const stranger: Principal = { kind: "user", accountId: other, arn: `arn:aws:iam::${other}:user/operator` };
const roleArn = `arn:aws:iam::${own}:role/mpc-party`;
const core: Principal = {
  kind: "assumed-role",
  accountId: own,
  arn: `arn:aws:sts::${own}:assumed-role/mpc-party/core`,
  roleArn,
};
const anonymous: Principal = { kind: "anonymous" };
const bucket = "arn:aws:s3:::vault";
const key = `arn:aws:kms:eu-west-1:${own}:key/11111111-2222-3333-4444-555555555555`;
const pcr0 = "ab".repeat(48);

const document = (kind: "identity" | "resource" | "trust", ...statements: object[]) =>
  parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements }), kind);
const request = (principal: Principal, action: string, resource: string, context: AccessRequest["context"] = {}) => ({
  principal,
  action,
  resource,
  resourceAccountId: own,
  context,
});

const publicRead = document(
  "resource",
  { Sid: "PublicRead", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `${bucket}/*` },
  { Sid: "ZamaList", Effect: "Allow", Principal: "*", Action: "s3:ListBucket", Resource: bucket },
);
const objectActions = document("identity", { Effect: "Allow", Action: "s3:*Object", Resource: `${bucket}/*` });
const attestedKey = document(
  "resource",
  {
    Effect: "Allow",
    Principal: { AWS: roleArn },
    Action: ["kms:Decrypt", "kms:GenerateDataKey"],
    Resource: "*",
    Condition: { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [pcr0, "cd".repeat(48)] } },
  },
  {
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${own}:root` },
    Action: ["kms:Describe*", "kms:Put*"],
    Resource: "*",
  },
);

describe("buckets", () => {
  test.each<[string, Principal, string, string, PolicyDocument[], PolicyDocument | undefined, boolean]>([
    ["anybody reads a public object", anonymous, "s3:GetObject", `${bucket}/PUB-p1/CACert/x`, [], publicRead, true],
    ["anybody lists", anonymous, "s3:ListBucket", bucket, [], publicRead, true],
    ["nobody writes anonymously", anonymous, "s3:PutObject", `${bucket}/k`, [], publicRead, false],
    ["list is of the bucket, not of its objects", anonymous, "s3:ListBucket", `${bucket}/k`, [], publicRead, false],
    ["no policy, no anonymous read", anonymous, "s3:GetObject", `${bucket}/k`, [], undefined, false],
    [
      "the party role writes by its identity policy",
      core,
      "s3:PutObject",
      `${bucket}/k`,
      [objectActions],
      undefined,
      true,
    ],
    ["s3:*Object leaves versioning alone", core, "s3:PutBucketVersioning", bucket, [objectActions], undefined, false],
    ["actions are matched whatever their case", core, "S3:getobject", `${bucket}/k`, [objectActions], undefined, true],
    [
      "an administrator elsewhere is nobody here",
      stranger,
      "s3:GetObject",
      `${bucket}/k`,
      [administratorAccess],
      undefined,
      false,
    ],
    [
      "across accounts both sides allow",
      stranger,
      "s3:GetObject",
      `${bucket}/k`,
      [administratorAccess],
      publicRead,
      true,
    ],
    ["across accounts the bucket alone is not enough", stranger, "s3:GetObject", `${bucket}/k`, [], publicRead, false],
  ])("%s", (_name, principal, action, resource, identity, policy, allowed) => {
    expect(authorize(request(principal, action, resource), { identity, resource: policy }).allowed).toBe(allowed);
  });

  test("a bucket policy that names the account leaves it to the caller's own policies", () => {
    const policy = document("resource", {
      Effect: "Allow",
      Principal: { AWS: own },
      Action: "s3:*",
      Resource: `${bucket}/*`,
    });
    const get = request(core, "s3:GetObject", `${bucket}/k`);
    expect(authorize(get, { identity: [], resource: policy }).allowed).toBe(false);
    expect(authorize(get, { identity: [objectActions], resource: policy }).allowed).toBe(true);
  });

  test("a deny that applies to all but one principal spares only that one", () => {
    const policy = document("resource", {
      Effect: "Deny",
      NotPrincipal: { AWS: [roleArn] },
      Action: "s3:*",
      Resource: [bucket, `${bucket}/*`],
    });
    const identity = [administratorAccess];
    expect(authorize(request(core, "s3:GetObject", `${bucket}/k`), { identity, resource: policy }).allowed).toBe(true);
    expect(authorize(request(operator, "s3:GetObject", `${bucket}/k`), { identity, resource: policy })).toEqual({
      allowed: false,
      explicit: true,
      reason: `User: ${operator.kind === "user" ? operator.arn : ""} is not authorized to perform: s3:GetObject on resource: ${bucket}/k with an explicit deny in a resource-based policy`,
    });
  });

  test("everybody means public unless a condition narrows it to named callers", () => {
    expect(isPublic(publicRead)).toBe(true);
    const narrowed = (Condition: object) =>
      document("resource", {
        Effect: "Allow",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: `${bucket}/*`,
        Condition,
      });
    expect(isPublic(narrowed({ ArnEquals: { "aws:PrincipalArn": roleArn } }))).toBe(false);
    expect(isPublic(narrowed({ Bool: { "aws:SecureTransport": "true" } }))).toBe(true);
    expect(isPublic(narrowed({ StringLike: { "aws:PrincipalArn": "*" } }))).toBe(true);
  });
});

describe("keys", () => {
  test("whoever sets a policy keeps control unless it denies that or leaves it to others", () => {
    const root = { AWS: `arn:aws:iam::${own}:root` };
    const change = { Action: "kms:PutKeyPolicy", Resource: "*" };
    const holds = (...statements: object[]) =>
      keepsControl(document("resource", ...statements), { arn: key, accountId: own }, operator);
    expect(holds({ Effect: "Allow", Principal: root, ...change })).toBe(true);
    expect(holds({ Effect: "Allow", Principal: { AWS: roleArn }, ...change })).toBe(false);
    expect(holds({ Effect: "Allow", Principal: root, ...change }, { Effect: "Deny", Principal: "*", ...change })).toBe(
      false,
    );
  });

  const judge = (principal: Principal, action: string, context = {}, identity: PolicyDocument[] = []) =>
    authorize(request(principal, action, key, context), { identity, resource: attestedKey }, "resource-only").allowed;

  test("the role decrypts only from an enclave with a measurement of the list, in either case", () => {
    const from = (value: string) => ({ "kms:recipientattestation:imagesha384": value });
    expect(judge(core, "kms:Decrypt", from(pcr0))).toBe(true);
    expect(judge(core, "kms:Decrypt", from(pcr0.toUpperCase()))).toBe(true);
    expect(judge(core, "kms:Decrypt", from("ef".repeat(48)))).toBe(false);
    expect(judge(core, "kms:Decrypt")).toBe(false);
  });

  test("an identity policy counts only for what the key policy hands to the account", () => {
    expect(judge(operator, "kms:DescribeKey", {}, [administratorAccess])).toBe(true);
    expect(judge(operator, "kms:DescribeKey", {}, [])).toBe(false);
    expect(judge(operator, "kms:Decrypt", {}, [administratorAccess])).toBe(false);
    expect(judge(stranger, "kms:DescribeKey", {}, [administratorAccess])).toBe(false);
  });
});

describe("conditions", () => {
  const allows = (Condition: object, context: Record<string, string | string[]>) =>
    authorize(request(operator, "s3:GetObject", `${bucket}/k`, context), {
      identity: [document("identity", { Effect: "Allow", Action: "*", Resource: "*", Condition })],
    }).allowed;

  test.each<[object, Record<string, string | string[]>, boolean]>([
    [{ Bool: { "aws:SecureTransport": "false" } }, { "aws:securetransport": "true" }, false],
    [{ Bool: { "aws:SecureTransport": true } }, { "aws:securetransport": "true" }, true],
    [{ StringLike: { "s3:prefix": ["PUB-*", "x"] } }, { "s3:prefix": "PUB-p1/" }, true],
    [{ StringLike: { "s3:prefix": "PUB-*" } }, {}, false],
    [{ StringLikeIfExists: { "s3:prefix": "PUB-*" } }, {}, true],
    [{ StringNotEquals: { "a:b": "x" } }, {}, true],
    [{ StringNotEquals: { "a:b": ["x", "y"] } }, { "a:b": "y" }, false],
    [{ Null: { "kms:RecipientAttestation:PCR0": "true" } }, {}, true],
    [{ Null: { "kms:RecipientAttestation:PCR0": "false" } }, {}, false],
    [{ ArnLike: { "aws:PrincipalArn": "arn:aws:iam::*:role/mpc-*" } }, { "aws:principalarn": roleArn }, true],
    [{ ArnLike: { "aws:PrincipalArn": "arn:aws:iam:*" } }, { "aws:principalarn": roleArn }, false],
    [{ ArnEquals: { "aws:PrincipalArn": roleArn } }, { "aws:principalarn": `${roleArn}x` }, false],
    [{ "ForAnyValue:StringEquals": { "a:b": "x" } }, { "a:b": ["y", "x"] }, true],
    [{ "ForAllValues:StringEquals": { "a:b": "x" } }, { "a:b": ["y", "x"] }, false],
    [{ NumericLessThan: { "s3:TlsVersion": "1.2" } }, { "s3:tlsversion": "1.1" }, true],
    [{ StringEquals: { "a:b": "x", "c:d": "y" } }, { "a:b": "x" }, false],
  ])("%j with %j is %s", (condition, context, allowed) => {
    expect(allows(condition, context)).toBe(allowed);
  });
});

describe("documents", () => {
  test.each<[string, "identity" | "resource" | "trust", string]>([
    ["not JSON", "identity", "{"],
    ["no effect", "identity", '{"Statement":[{"Action":"*","Resource":"*"}]}'],
    [
      "an operator we can't evaluate",
      "identity",
      '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}',
    ],
    ["an unknown element", "identity", '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}}}'],
    [
      "a principal in an identity policy",
      "identity",
      '{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}',
    ],
    ["no principal in a bucket policy", "resource", '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'],
    [
      "both Action and NotAction",
      "identity",
      '{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}}',
    ],
    [
      "a resource in a trust policy",
      "trust",
      '{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}',
    ],
  ])("%s is refused", (_name, kind, text) => {
    expect(() => parsePolicy(text, kind)).toThrow(MalformedPolicy);
  });

  test("a web identity needs its provider in the trust policy, and its subject", () => {
    const provider = `arn:aws:iam::${own}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/AB`;
    const trust = document("trust", {
      Effect: "Allow",
      Principal: { Federated: provider },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals: { "oidc.eks.eu-west-1.amazonaws.com/id/AB:sub": "system:serviceaccount:ns:sa" } },
    });
    const judge = (sub: string, from = provider) =>
      authorize(
        request(
          { kind: "federated", accountId: own, arn: sub, provider: from },
          "sts:AssumeRoleWithWebIdentity",
          roleArn,
          { "oidc.eks.eu-west-1.amazonaws.com/id/ab:sub": sub },
        ),
        { identity: [], resource: trust },
        "resource-only",
      ).allowed;
    expect(judge("system:serviceaccount:ns:sa")).toBe(true);
    expect(judge("system:serviceaccount:ns:other")).toBe(false);
    expect(judge("system:serviceaccount:ns:sa", `${provider}CD`)).toBe(false);
  });
});

describe("properties", () => {
  const statement = fc.record({
    Effect: fc.constantFrom("Allow", "Deny"),
    Action: fc.constantFrom("s3:GetObject", "s3:*", "kms:Decrypt", "*", "s3:Get?bject"),
    Resource: fc.constantFrom("*", bucket, `${bucket}/*`, `${bucket}/k`),
  });
  const withPrincipal = fc
    .tuple(statement, fc.constantFrom<unknown>("*", { AWS: own }, { AWS: roleArn }, { AWS: other }))
    .map(([each, Principal]) => ({ ...each, Principal }));
  const caller = fc.constantFrom(operator, core, stranger, anonymous);
  const delegation = fc.constantFrom("identity-or-resource" as const, "resource-only" as const);

  test("adding a deny of everything denies everybody; adding any deny never allows more", () => {
    fc.assert(
      fc.property(
        fc.array(statement),
        fc.array(withPrincipal),
        statement,
        caller,
        delegation,
        (mine, theirs, extra, who, how) => {
          const ask = (identity: object[], resource: object[]) =>
            authorize(
              request(who, "s3:GetObject", `${bucket}/k`),
              { identity: [document("identity", ...identity)], resource: document("resource", ...resource) },
              how,
            ).allowed;
          const before = ask(mine, theirs);
          expect(ask(mine, [...theirs, { Effect: "Deny", Principal: "*", Action: "*", Resource: "*" }])).toBe(false);
          if (!before) expect(ask([...mine, { ...extra, Effect: "Deny" }], theirs)).toBe(false);
        },
      ),
    );
  });

  test("the order of statements does not matter", () => {
    fc.assert(
      fc.property(fc.array(withPrincipal), caller, delegation, (statements, who, how) => {
        const ask = (resource: object[]) =>
          authorize(
            request(who, "s3:GetObject", `${bucket}/k`),
            { identity: [administratorAccess], resource: document("resource", ...resource) },
            how,
          ).allowed;
        expect(ask(statements.toReversed())).toBe(ask(statements));
      }),
    );
  });

  test("wildcards match as the regular expression that they stand for", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "/", ":", "."), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?", "."), maxLength: 8, minLength: 1 });
    fc.assert(
      fc.property(pattern, text, (wild, plain) => {
        const regex = new RegExp(`^${wild.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".")}$`);
        const identity = [document("identity", { Effect: "Allow", Action: "*", Resource: wild })];
        expect(authorize(request(operator, "s3:GetObject", plain), { identity }).allowed).toBe(regex.test(plain));
      }),
    );
  });
});
