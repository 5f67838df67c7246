import { once } from "node:events";
import { CreateKeyCommand, PutKeyPolicyCommand } from "@aws-sdk/client-kms";
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { expect, test, vi } from "vitest";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import { clients, operatorKeys, region, startCloud } from "../cloud/support/cloud.ts";
import { LoopbackNetwork, oldRelease, otherRelease } from "./loopback-network.ts";

const accountId = "100000000001";
const sealedObject = `PRV-p1/SigningKey/${signingKeyHandle}`;

/** A key policy that gives the key to enclaves of this PCR0 alone, as the party stack's does. */
function policyFor(pcr0: string): string {
  const root = { AWS: `arn:aws:iam::${accountId}:root` };
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: root, Action: ["kms:Describe*", "kms:Put*", "kms:Get*"], Resource: "*" },
      {
        Effect: "Allow",
        Principal: root,
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: "*",
        Condition: { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": pcr0 } },
      },
    ],
  });
}

test("the signing key is sealed for the release that the key policy names, and for no other", async () => {
  await using network = await LoopbackNetwork.empty(246, 4);
  await using cloud = await startCloud({ attestationRootSha256: network.rootSha256 });
  const operator = clients(cloud.endpoint, operatorKeys(1));
  const buckets = { public: "p1-public-vault", private: "p1-private-vault" };
  for (const Bucket of Object.values(buckets))
    await operator.s3.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: region } }),
    );
  const { KeyMetadata } = await operator.kms.send(new CreateKeyCommand({ Policy: policyFor(oldRelease.pcr0) }));
  const keyId = KeyMetadata?.KeyId ?? "";
  const withAws = (release: object) => (config: Record<string, unknown>) => {
    config.release = release;
    config.aws = { endpoint: cloud.endpoint, region, ...operatorKeys(1) };
    config.env = {
      KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET: buckets.public,
      KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET: buckets.private,
      KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID: keyId,
    };
  };
  const keys = async () => {
    const { Contents = [] } = await operator.s3.send(new ListObjectsV2Command({ Bucket: buckets.public }));
    return Contents.map(({ Key }) => Key);
  };
  const stop = async ({ child }: ReturnType<LoopbackNetwork["spawnNode"]>) => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };

  const first = network.spawnNode(1, withAws(oldRelease));
  await vi.waitFor(() => expect(first.held().at(-1)).toContain("waiting for the CA certificate of party 2"), 15_000);
  await stop(first);
  const object = await operator.s3.send(new GetObjectCommand({ Bucket: buckets.private, Key: sealedObject }));
  const sealed = JSON.parse((await object.Body?.transformToString()) ?? "");
  expect(Object.keys(sealed).sort()).toEqual(["ciphertext", "dataKey", "iv", "keyId", "tag"]);
  expect((await keys()).sort()).toEqual(
    ["CACert", "VerfAddress", "VerfKey"].map((type) => `PUB-p1/${type}/${signingKeyHandle}`),
  );

  // The new release before the key policy allows it: locked out, and it says why.
  const early = network.spawnNode(1, withAws(otherRelease));
  expect(await once(early.child, "exit")).toEqual([1, null]);
  expect(early.held()).toEqual([expect.stringContaining("AWS KMS refuses Decrypt to this enclave")]);
  expect(early.log()).toMatch(
    /Error loading signing key: Could not decrypt data key: service error: unhandled error \(AccessDeniedException\).*not authorized to perform: kms:Decrypt/,
  );

  await operator.kms.send(new PutKeyPolicyCommand({ KeyId: keyId, Policy: policyFor(otherRelease.pcr0) }));
  const allowed = network.spawnNode(1, withAws(otherRelease));
  await vi.waitFor(() => expect(allowed.held().at(-1)).toContain("waiting for the CA certificate of party 2"), 15_000);
  await stop(allowed);
}, 60_000);

test("a core whose cloud does not answer waits for it", async () => {
  await using network = await LoopbackNetwork.empty(247, 4);
  const { child, held } = network.spawnNode(1, (config) => {
    config.aws = { endpoint: "http://127.0.0.1:1", region, ...operatorKeys(1) };
    config.env = {
      KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET: "public",
      KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET: "private",
      KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID: "key",
    };
  });
  await vi.waitFor(() => expect(held().at(-1)).toContain("the vaults do not answer yet"), 15_000);
  expect(child.exitCode).toBeNull();
}, 30_000);
