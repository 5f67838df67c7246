import * as aws from "@pulumi/aws";
import * as random from "@pulumi/random";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestCloud, testAccount, testCloud } from "./support/providers-stack.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await testCloud();
});
afterAll(() => cloud[Symbol.asyncDispose]());

const providerFor = (partyId: number) =>
  new aws.Provider("party", {
    profile: testAccount(partyId).profile,
    region: "eu-west-1",
    allowedAccountIds: [testAccount(partyId).accountId],
    defaultTags: { tags: { party: String(partyId) } },
  });

/** Lists make a better diff than an error's five screens. */
const changes = (summary: { resourceChanges?: object | undefined }) => summary.resourceChanges ?? {};

describe("one stack through its life", () => {
  test("a bucket is previewed, made, left alone, changed, replaced, found changed and destroyed", async () => {
    const settings = { tags: { step: "one" } as Record<string, string>, bucket: undefined as string | undefined };
    const stack = await cloud.stack("life", async () => {
      const provider = providerFor(1);
      const id = new random.RandomId("suffix", { byteLength: 4 });
      const password = new random.RandomPassword("password", { length: 20 });
      const bucket = new aws.s3.Bucket("Vault", { ...settings }, { provider });
      const parameters = { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } };
      new aws.s3.BucketVersioning("versioning", parameters, { provider });
      const caller = aws.getCallerIdentityOutput({}, { provider });
      return {
        bucket: bucket.bucket,
        arn: bucket.arn,
        tagsAll: bucket.tagsAll,
        hex: id.hex,
        account: caller.accountId,
        password: password.result,
      };
    });

    const preview = await stack.preview();
    expect(preview.changeSummary).toEqual({ create: 6 });

    const first = await stack.up();
    expect(changes(first.summary)).toEqual({ create: 6 });
    const name = first.outputs.bucket?.value as string;
    expect(name).toMatch(/^vault-[0-9a-f]{7}$/);
    expect(first.outputs.arn?.value).toBe(`arn:aws:s3:::${name}`);
    expect(first.outputs.tagsAll?.value).toEqual({ party: "1", step: "one" });
    expect(first.outputs.hex?.value).toMatch(/^[0-9a-f]{8}$/);
    expect(first.outputs.account?.value).toBe("111111111111");
    expect(first.outputs.password?.secret).toBe(true);
    expect(cloud.state("life").includes(first.outputs.password?.value)).toBe(false);

    expect(changes((await stack.up()).summary)).toEqual({ same: 6 });

    settings.tags = { step: "two" };
    expect(changes((await stack.up()).summary)).toEqual({ same: 5, update: 1 });
    expect(cloud.store.account("111111111111").get("aws:s3/bucket:Bucket", name)?.props.tagsAll).toEqual({
      party: "1",
      step: "two",
    });

    settings.bucket = "another-name-of-the-vault";
    expect(changes((await stack.up()).summary)).toEqual({ same: 4, replace: 2 });
    expect(cloud.store.account("111111111111").get("aws:s3/bucket:Bucket", name)).toBeUndefined();

    const account = cloud.store.account("111111111111");
    const versioning = "aws:s3/bucketVersioning:BucketVersioning";
    const found = account.get(versioning, settings.bucket);
    expect(found).toBeDefined();
    await account.put({
      type: versioning,
      id: settings.bucket,
      props: { ...found?.props, versioningConfiguration: { status: "Suspended" } },
    });
    expect(changes((await stack.refresh()).summary)).toEqual({ same: 5, update: 1 });
    const repair = await stack.preview();
    expect(repair.changeSummary).toEqual({ same: 5, update: 1 });
    await stack.up();
    expect(account.get(versioning, settings.bucket)?.props.versioningConfiguration).toEqual({ status: "Enabled" });

    await account.objects.put(settings.bucket, "PUB/key", Buffer.from("x"));
    await expect(stack.destroy()).rejects.toThrow(/BucketNotEmpty/);
    for (const { version } of account.objects.versions(settings.bucket))
      await account.objects.delete(settings.bucket, version.key, version.versionId);
    await stack.destroy();
    expect(account.list("aws:s3/bucket:Bucket")).toEqual([]);
  }, 120_000);
});

/** The text of an update that has to fail. */
async function failure(update: Promise<unknown>): Promise<string> {
  try {
    await update;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("the update succeeded");
}

test("a missing field is refused in preview, with its name", async () => {
  const stack = await cloud.stack("missing", async () => {
    const args = { policy: "{}" } as unknown as aws.s3.BucketPolicyArgs;
    new aws.s3.BucketPolicy("policy", { ...args, bucket: undefined as never }, { provider: providerFor(1) });
  });
  expect(await failure(stack.preview())).toMatch(/Missing required property 'bucket'/);
  const nested = await cloud.stack("missing-nested", async () => {
    const versioningConfiguration = {} as { status: string };
    new aws.s3.BucketVersioning("v", { bucket: "b", versioningConfiguration }, { provider: providerFor(1) });
  });
  expect(await failure(nested.preview())).toMatch(
    /Missing required argument\. The argument "versioningConfiguration\.status" is required/,
  );
});

test("a provider without a profile, with an unknown one, or in a forbidden account makes nothing", async () => {
  const withProvider = (args: aws.ProviderArgs) => async () => {
    new aws.s3.Bucket("bucket", {}, { provider: new aws.Provider("p", { region: "eu-west-1", ...args }) });
  };
  const refused = async (name: string, args: aws.ProviderArgs) =>
    failure((await cloud.stack(name, withProvider(args))).preview());
  expect(await refused("no-profile", {})).toMatch(/No valid credential sources found/);
  expect(await refused("unknown-profile", { profile: "nobody" })).toMatch(
    /failed to get shared config profile, nobody/,
  );
  expect(await refused("forbidden", { profile: "test-party-1", allowedAccountIds: ["222222222222"] })).toMatch(
    /AWS account ID not allowed: 111111111111/,
  );
});

test("two stacks that run at once act in their own accounts, and names clash as in AWS", async () => {
  const partyProgram = (partyId: number) => async () => {
    const provider = providerFor(partyId);
    const trust = JSON.stringify({ Version: "2012-10-17", Statement: [] });
    const role = new aws.iam.Role("role", { name: "same-name", assumeRolePolicy: trust }, { provider });
    return { arn: role.arn };
  };
  const stacks = await Promise.all([1, 2].map((party) => cloud.stack(`party-${party}`, partyProgram(party))));
  const results = await Promise.all(stacks.map((stack) => stack.up()));
  expect(results.map(({ outputs }) => outputs.arn?.value)).toEqual([
    "arn:aws:iam::111111111111:role/same-name",
    "arn:aws:iam::222222222222:role/same-name",
  ]);
  const rival = await cloud.stack("rival", partyProgram(1));
  expect(await failure(rival.up())).toMatch(/EntityAlreadyExists: Role with name same-name already exists/);
}, 120_000);

test("a public policy needs the block of public access lifted first, and a key policy must not lock its account out", async () => {
  const settings = { blocked: true, action: "kms:*" };
  const stack = await cloud.stack("policies", async () => {
    const provider = providerFor(1);
    const bucket = new aws.s3.Bucket("public", {}, { provider });
    const flags = { blockPublicPolicy: settings.blocked, restrictPublicBuckets: settings.blocked };
    const block = new aws.s3.BucketPublicAccessBlock("block", { bucket: bucket.bucket, ...flags }, { provider });
    const statement = {
      Effect: "Allow",
      Principal: "*",
      Action: "s3:GetObject",
      Resource: "arn:aws:s3:::x/*",
      // Narrows nobody out: still public.
      Condition: { Bool: { "aws:SecureTransport": "true" } },
    };
    const policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
    new aws.s3.BucketPolicy("policy", { bucket: bucket.bucket, policy }, { provider, dependsOn: block });
    const root = { AWS: `arn:aws:iam::${testAccount(1).accountId}:root` };
    const ofRoot = { Effect: "Allow", Principal: root, Action: settings.action, Resource: "*" };
    const key = new aws.kms.Key(
      "key",
      { policy: JSON.stringify({ Version: "2012-10-17", Statement: [ofRoot] }) },
      { provider },
    );
    return { keyId: key.keyId };
  });
  expect(await failure(stack.up())).toMatch(/public policies are prevented by the BlockPublicPolicy setting/);
  Object.assign(settings, { blocked: false, action: "kms:Decrypt" });
  expect(await failure(stack.up())).toMatch(/The new key policy will not allow you to update the key policy/);
  settings.action = "kms:*";
  const { outputs } = await stack.up();
  await stack.destroy();
  const key = cloud.store.account("111111111111").get("aws:kms/key:Key", outputs.keyId?.value);
  expect(key?.props).toMatchObject({ keyState: "PendingDeletion" });
}, 120_000);

test("a name that is taken is refused as AWS refuses it, even for what a killed engine made itself", async () => {
  const trust = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const stack = await cloud.stack("taken", async () => {
    new aws.iam.Role("named", { name: "taken", assumeRolePolicy: trust }, { provider: providerFor(2) });
  });
  const before = await stack.exportStack();
  await stack.up();
  const made = await stack.exportStack();
  await stack.importStack(before);
  expect(await failure(stack.up())).toMatch(
    /CreateRole, .* 409, .* EntityAlreadyExists: Role with name taken already exists/,
  );
  await stack.importStack(made);
  await stack.destroy();
}, 120_000);
