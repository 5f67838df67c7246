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
  }, 60_000);
});
