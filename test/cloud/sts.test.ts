import { generateKeyPairSync } from "node:crypto";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Credentials } from "../../devnet/cloud/credentials.ts";
import { accountOf, clients, operatorKeys, region, startCloud } from "./support/cloud.ts";

const accountId = "100000000001";
const issuer = "oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF";
const provider = `arn:aws:iam::${accountId}:oidc-provider/${issuer}`;
const clusterKey = generateKeyPairSync("rsa", { modulusLength: 2048 });
const strangeKey = generateKeyPairSync("rsa", { modulusLength: 2048 });

let cloud: Awaited<ReturnType<typeof startCloud>>;
beforeAll(async () => {
  const serviceAccountPublicKeyPem = clusterKey.publicKey.export({ format: "pem", type: "spki" }).toString();
  cloud = await startCloud({ accounts: [accountOf(1, { serviceAccountPublicKeyPem }), accountOf(2)] });
  await cloud.store.account(accountId).put({
    type: "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    id: provider,
    props: { arn: provider, url: issuer, clientIdLists: ["sts.amazonaws.com"], thumbprintLists: [] },
  });
});
afterAll(() => cloud[Symbol.asyncDispose]());

const operator = (n = 1) => clients(cloud.endpoint, operatorKeys(n));

async function putRole(name: string, trust: object): Promise<string> {
  const arn = `arn:aws:iam::${accountId}:role/${name}`;
  const assumeRolePolicy = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...trust }] });
  await cloud.store
    .account(accountId)
    .put({ type: "aws:iam/role:Role", id: name, props: { name, arn, assumeRolePolicy } });
  return arn;
}

const keysOf = (
  from:
    | { AccessKeyId?: string | undefined; SecretAccessKey?: string | undefined; SessionToken?: string | undefined }
    | undefined,
) => ({
  accessKeyId: from?.AccessKeyId ?? "",
  secretAccessKey: from?.SecretAccessKey ?? "",
  sessionToken: from?.SessionToken ?? "",
});

describe("who calls", () => {
  test("is told from its keys", async () => {
    const identity = await operator(2).sts.send(new GetCallerIdentityCommand({}));
    expect([identity.Account, identity.Arn]).toEqual(["100000000002", "arn:aws:iam::100000000002:user/operator"]);
  });

  test.each([
    ["an unknown key", { ...operatorKeys(1), accessKeyId: "AKIAUNKNOWN000000000" }, "InvalidClientTokenId"],
    ["a wrong secret", { ...operatorKeys(1), secretAccessKey: "w".repeat(40) }, "SignatureDoesNotMatch"],
    ["a made-up token", { ...operatorKeys(1), sessionToken: "bm90aGluZw.bm90aGluZw" }, "InvalidClientTokenId"],
  ])("with %s is refused", async (_what, keys, name) => {
    const sts = new STSClient({ endpoint: cloud.endpoint, region, credentials: keys, maxAttempts: 1 });
    await expect(sts.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ name });
  });

  test("has a clock that agrees, within five minutes", async () => {
    const options = { endpoint: cloud.endpoint, region, credentials: operatorKeys(1), maxAttempts: 1 };
    const late = new STSClient({ ...options, systemClockOffset: -10 * 60_000 });
    await expect(late.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ name: "RequestTimeTooSkewed" });
    const fine = new STSClient({ ...options, systemClockOffset: -4 * 60_000 });
    expect((await fine.send(new GetCallerIdentityCommand({}))).Account).toBe(accountId);
  });

  test("asks for something that is not simulated and is told", async () => {
    await expect(operator().sts.send(new GetSessionTokenCommand({}))).rejects.toMatchObject({
      message: "The simulated cloud does not implement sts GetSessionToken",
    });
  });
});

describe("a role", () => {
  test("is assumed by whom it trusts, can do what its policies say, and ends", async () => {
    const RoleArn = await putRole("reader", { Principal: { AWS: accountId }, Action: "sts:AssumeRole" });
    const { sts, s3 } = operator();
    const Bucket = "reader-bucket";
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
    await cloud.store.account(accountId).put({
      type: "aws:iam/policy:Policy",
      id: `arn:aws:iam::${accountId}:policy/read`,
      props: {
        arn: `arn:aws:iam::${accountId}:policy/read`,
        policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
        }),
      },
    });
    const session = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me", DurationSeconds: 900 }));
    expect(session.AssumedRoleUser?.Arn).toBe(`arn:aws:sts::${accountId}:assumed-role/reader/me`);
    const role = clients(cloud.endpoint, keysOf(session.Credentials));
    const get = new GetObjectCommand({ Bucket, Key: "k" });
    await expect(role.s3.send(get)).rejects.toMatchObject({
      name: "AccessDenied",
      message: /assumed-role\/reader\/me is not authorized to perform: s3:GetObject .* no identity-based policy/,
    });
    await cloud.store.account(accountId).put({
      type: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
      id: "reader-read",
      props: { role: "reader", policyArn: `arn:aws:iam::${accountId}:policy/read` },
    });
    expect(await (await role.s3.send(get)).Body?.transformToString()).toBe("x");
    await expect(role.s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "y" }))).rejects.toMatchObject({
      name: "AccessDenied",
    });

    cloud.advanceClock(16 * 60_000);
    const later = new STSClient({
      endpoint: cloud.endpoint,
      region,
      credentials: keysOf(session.Credentials),
      systemClockOffset: 16 * 60_000,
      maxAttempts: 1,
    });
    await expect(later.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ name: "ExpiredToken" });
    cloud.advanceClock(-16 * 60_000);
  });

  test("of another account needs to trust the caller by name", async () => {
    const RoleArn = await putRole("backup", {
      Principal: { AWS: "arn:aws:iam::100000000002:user/operator" },
      Action: "sts:AssumeRole",
    });
    const assume = (n: number) => operator(n).sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "backup" }));
    expect((await assume(2)).AssumedRoleUser?.Arn).toContain("assumed-role/backup/backup");
    await expect(assume(1)).rejects.toMatchObject({
      name: "AccessDenied",
      message: `User: arn:aws:iam::${accountId}:user/operator is not authorized to perform: sts:AssumeRole on resource: ${RoleArn} because no resource-based policy allows the sts:AssumeRole action`,
    });
  });

  test("that does not exist is refused like one that does not trust", async () => {
    const RoleArn = `arn:aws:iam::${accountId}:role/none`;
    await expect(operator().sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me" }))).rejects.toMatchObject({
      name: "AccessDenied",
    });
  });
});

describe("a service account", () => {
  const subject = "system:serviceaccount:kms-decentralized:mpc-party";
  const token = (
    change: { sub?: string; aud?: string; iss?: string; key?: typeof clusterKey; expiresIn?: string } = {},
  ) =>
    new SignJWT({})
      .setProtectedHeader({ alg: "RS256" })
      .setIssuer(change.iss ?? `https://${issuer}`)
      .setSubject(change.sub ?? subject)
      .setAudience(change.aud ?? "sts.amazonaws.com")
      .setExpirationTime(change.expiresIn ?? "10m")
      .sign((change.key ?? clusterKey).privateKey);
  const assume = async (WebIdentityToken: string, role = "mpc-party") =>
    new STSClient({ endpoint: cloud.endpoint, region, maxAttempts: 1 }).send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: `arn:aws:iam::${accountId}:role/${role}`,
        RoleSessionName: "kms-core-1",
        WebIdentityToken,
      }),
    );
  beforeAll(() =>
    putRole("mpc-party", {
      Principal: { Federated: provider },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals: { [`${issuer}:sub`]: subject } },
    }),
  );

  test("gets its role for its token, without any keys", async () => {
    const session = await assume(await token());
    expect([session.SubjectFromWebIdentityToken, session.Provider]).toEqual([subject, provider]);
    const identity = await clients(cloud.endpoint, keysOf(session.Credentials)).sts.send(
      new GetCallerIdentityCommand({}),
    );
    expect(identity.Arn).toBe(`arn:aws:sts::${accountId}:assumed-role/mpc-party/kms-core-1`);
  });

  test.each<[string, Parameters<typeof token>[0], string]>([
    ["another service account", { sub: "system:serviceaccount:kms-decentralized:default" }, "AccessDenied"],
    ["another audience", { aud: "kubernetes" }, "InvalidIdentityTokenException"],
    ["another issuer", { iss: "https://elsewhere.example" }, "InvalidIdentityTokenException"],
    ["another cluster's signature", { key: strangeKey }, "InvalidIdentityTokenException"],
    ["an expired token", { expiresIn: "-1m" }, "ExpiredTokenException"],
  ])("%s does not", async (_what, change, name) => {
    await expect(assume(await token(change))).rejects.toMatchObject({
      name,
      ...(name === "AccessDenied" && { message: "Not authorized to perform sts:AssumeRoleWithWebIdentity" }),
    });
  });

  test("nothing at all, or keys that are no JWT, do not", async () => {
    await expect(assume("not.a.jwt")).rejects.toMatchObject({ name: "InvalidIdentityTokenException" });
    const unsigned = await fetch(cloud.endpoint, {
      method: "POST",
      body: new URLSearchParams({ Action: "GetCallerIdentity" }),
    });
    expect(unsigned.status).toBe(403);
    expect(await unsigned.text()).toContain("<Code>MissingAuthenticationToken</Code>");
  });
});

test("a session outlives a restart of the cloud, and its secret is written nowhere", async () => {
  const RoleArn = await putRole("durable", { Principal: { AWS: accountId }, Action: "sts:AssumeRole" });
  const session = await operator().sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me" }));
  const { accessKeyId, sessionToken, secretAccessKey } = keysOf(session.Credentials);
  const restarted = new Credentials(cloud.config.dir, cloud.config.accounts, () => new Date());
  expect(restarted.holderOf(accessKeyId, sessionToken)).toMatchObject({
    secretAccessKey,
    principal: { roleArn: RoleArn },
  });
});
