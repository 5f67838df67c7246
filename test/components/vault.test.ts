import { expect, test } from "vitest";
import { Vault, type VaultArgs } from "../../components/aws/vault.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const vault = (args: Partial<VaultArgs> = {}) =>
  onMockStack(() => new Vault("v", { role: "private", bucketName: "store", region: "eu-west-1", ...args }));

test("a vault needs a role, a bucket name and a region, and cleans incomplete uploads after 7 days", async () => {
  const stack = await vault();
  expect(await settled(stack.result.bucketName)).toBe("store");
  expect(await settled(stack.result.url)).toBe("https://store.s3.eu-west-1.amazonaws.com");
  expect(stack.get("v-lifecycle").inputs.rules[0].abortIncompleteMultipartUpload.daysAfterInitiation).toBe(7);
});

test("a private vault is closed, versioned, encrypted, protected and never emptied", async () => {
  const stack = await vault();
  const component = stack.get("v");
  for (const resource of stack.resources.filter(({ name }) => name !== "v"))
    expect([resource.name, resource.parent]).toEqual([resource.name, component.urn]);
  expect(stack.get("v-bucket")).toMatchObject({ protect: true, inputs: { forceDestroy: false } });
  expect(stack.get("v-versioning").inputs.versioningConfiguration.status).toBe("Enabled");
  expect(stack.get("v-ownership").inputs.rule.objectOwnership).toBe("BucketOwnerEnforced");
  expect(stack.get("v-access-block").inputs).toMatchObject({
    blockPublicAcls: true,
    ignorePublicAcls: true,
    blockPublicPolicy: true,
    restrictPublicBuckets: true,
  });
  const { Statement } = JSON.parse(stack.get("v-policy").inputs.policy);
  expect(Statement).toEqual([expect.objectContaining({ Sid: "TlsOnly", Effect: "Deny" })]);
  expect(stack.ofType("aws:s3/bucketCorsConfiguration:BucketCorsConfiguration")).toEqual([]);
});

test("the current version of an object never goes, and neither do the ten before it", async () => {
  const { rules } = (await vault()).get("v-lifecycle").inputs;
  expect(rules).toHaveLength(2);
  for (const rule of rules) expect(rule).not.toHaveProperty("expiration");
  expect(rules[1]).toMatchObject({
    status: "Enabled",
    noncurrentVersionExpiration: { noncurrentDays: 365, newerNoncurrentVersions: 10 },
  });
});

test("accesses are written down in the log bucket, apart for each vault", async () => {
  expect((await vault()).ofType("aws:s3/bucketLogging:BucketLogging")).toEqual([]);
  const stack = await vault({ logBucketName: "logs" });
  expect(stack.get("v-logging").inputs).toMatchObject({ targetBucket: "logs", targetPrefix: "access/private-vault/" });
});

test("a public vault lets everybody read and list, over TLS, and nobody write", async () => {
  const stack = await vault({ role: "public" });
  const { Statement } = JSON.parse(stack.get("v-policy").inputs.policy);
  const allowed = Statement.filter(({ Effect }: { Effect: string }) => Effect === "Allow");
  expect(allowed).toEqual([
    { Sid: "PublicRead", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::store/*" },
    { Sid: "PublicList", Effect: "Allow", Principal: "*", Action: "s3:ListBucket", Resource: "arn:aws:s3:::store" },
  ]);
  expect(stack.get("v-policy").dependsOn).toContain(stack.get("v-access-block").urn);
  expect(stack.get("v-cors").inputs.corsRules[0].allowedMethods).toEqual(["GET", "HEAD"]);
});

test("a vault refuses to clean uploads at once", async () => {
  await expect(vault({ incompleteUploadDays: 0 })).rejects.toMatchObject({
    errors: [{ propertyPath: "incompleteUploadDays" }],
  });
});
