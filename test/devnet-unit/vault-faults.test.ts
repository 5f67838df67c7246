import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseFault } from "../../devnet/fault.ts";
import { type CloudResource, TakenThings, type TakenWorld, type VaultObject } from "../../devnet/supervision/taken.ts";
import { isVaultFault, thingsOfVault, type VaultSources } from "../../devnet/supervision/vault-faults.ts";

// A party's account as maps, taken from and put back without a devnet.
const accountId = "100000000002";
const keyType = "aws:kms/key:Key";
const policyType = "aws:s3/bucketPolicy:BucketPolicy";
const recordType = "aws:s3/bucketObjectv2:BucketObjectv2";
const pcr0 = "a1".repeat(48);
const roleArn = "arn:aws:iam::100000000002:role/mpc-party";
const copyOf3 = { key: "PUB-p3/CACert/60b7", body: Buffer.from("certificate").toString("base64"), contentType: null };

let folder: string;
let resources: Map<string, CloudResource>;
let objects: Map<string, VaultObject>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-vault-"));
  const allow = {
    Effect: "Allow",
    Principal: { AWS: roleArn },
    Action: ["kms:Decrypt", "kms:GenerateDataKey"],
    Resource: "*",
    Condition: { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [pcr0] } },
  };
  const admin = {
    Effect: "Allow",
    Principal: { AWS: "arn:aws:iam::100000000002:root" },
    Action: "kms:Put*",
    Resource: "*",
  };
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: [admin, allow] });
  resources = new Map([
    ["key-1", { type: keyType, id: "key-1", props: { policy, description: "vault" } }],
    ["public/PUB-p3/CACert/60b7", { type: recordType, id: "public/PUB-p3/CACert/60b7", props: { etag: "e" } }],
  ]);
  objects = new Map([[copyOf3.key, copyOf3]]);
});

afterEach(() => rm(folder, { recursive: true }));

const sources = (): VaultSources => ({
  accountId,
  environment: {
    KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET: "public",
    KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET: "private",
    KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID: `arn:aws:kms:eu-west-1:${accountId}:key/key-1`,
  },
  serviceAccount: async () => ({
    metadata: { name: "mpc-party", annotations: { "eks.amazonaws.com/role-arn": roleArn } },
  }),
  resources: async () => [...resources.values()],
  objects: async (_bucket, prefix) => [...objects.values()].filter(({ key }) => key.startsWith(prefix)),
});

/** As a devnet that is started anew has it: what was taken is in the file alone. */
const taken = () =>
  new TakenThings(join(folder, "taken.json"), {
    resources: async () => [...resources.values()],
    putResource: async (_account, resource) => void resources.set(resource.id, resource),
    deleteResource: async (_account, { id }) => void resources.delete(id),
    putObject: async (_party, _bucket, object) => void objects.set(object.key, object),
    deleteObject: async (_party, _bucket, key) => void objects.delete(key),
  } as Partial<TakenWorld> as TakenWorld);

async function take(...words: string[]) {
  const fault = parseFault(words);
  if (!isVaultFault(fault)) throw new Error(`${words[0]} is none of these`);
  await taken().take(fault, await thingsOfVault(fault, sources()));
}

const snapshot = () => JSON.parse(JSON.stringify([[...resources], [...objects]]));
const policyOf = (id: string) => JSON.parse(String(resources.get(id)?.props.policy));

test.each([[["lose-peer-cert", "2", "3"]], [["wrong-pcr", "2"]], [["deny-vault", "2"]]])(
  "what %j takes is put back by a devnet that knows of it from the file alone",
  async (words) => {
    const before = snapshot();
    await take(...words);
    expect(snapshot()).not.toEqual(before);
    expect(taken().faults).toEqual([parseFault(words)]);
    await taken().putBack();
    expect(Object.fromEntries(snapshot()[0])).toEqual(Object.fromEntries(before[0]));
    expect(snapshot()[1]).toEqual(before[1]);
    expect(JSON.parse(readFileSync(join(folder, "taken.json"), "utf8"))).toEqual([]);
  },
);

test("the key policy names another enclave, and is as it was in all else", async () => {
  await take("wrong-pcr", "2");
  const [admin, allow] = policyOf("key-1").Statement;
  expect(allow.Condition.StringEqualsIgnoreCase["kms:RecipientAttestation:ImageSha384"]).not.toContain(pcr0);
  expect([admin.Action, allow.Action]).toEqual(["kms:Put*", ["kms:Decrypt", "kms:GenerateDataKey"]]);
});

test("the vault's policy refuses the core's role, beside what it said before", async () => {
  const policy = JSON.stringify({ Statement: [{ Sid: "TlsOnly" }] });
  resources.set("private", { type: policyType, id: "private", props: { bucket: "private", policy } });
  await take("deny-vault", "2");
  expect(policyOf("private").Statement).toMatchObject([
    { Sid: "TlsOnly" },
    { Effect: "Deny", Principal: { AWS: roleArn }, Resource: ["arn:aws:s3:::private", "arn:aws:s3:::private/*"] },
  ]);
});

test("the peer's certificate is gone, also for the program that put it there", async () => {
  await take("lose-peer-cert", "2", "3");
  expect([objects.size, resources.has("public/PUB-p3/CACert/60b7")]).toEqual([0, false]);
});

test("what an operator has mended meanwhile stays as they made it", async () => {
  await take("wrong-pcr", "2");
  const mended = JSON.stringify({ Statement: [{ Sid: "Mended" }] });
  resources.set("key-1", { type: keyType, id: "key-1", props: { policy: mended } });
  await taken().putBack();
  expect(policyOf("key-1")).toEqual({ Statement: [{ Sid: "Mended" }] });
});

test("where there is nothing to take, nothing is, and it is said", async () => {
  await expect(take("lose-peer-cert", "2", "4")).rejects.toThrow(/has no CA certificate of party 4/);
  resources.clear();
  await expect(take("wrong-pcr", "2")).rejects.toThrow(/names no enclave/);
  expect(taken().faults).toEqual([]);
});
