import type { S3Client } from "@aws-sdk/client-s3";
import type { PartyTopology } from "../topology.ts";
import { cloudUrl } from "./cloud-program.ts";
import type { DevnetdConfig } from "./config.ts";
import type { VaultObject } from "./taken.ts";

/** S3 as a party's operator. */
export async function operatorS3(config: DevnetdConfig, party: PartyTopology): Promise<S3Client> {
  const { S3Client } = await import("@aws-sdk/client-s3");
  const credentials = config.operators[String(party.id)];
  if (credentials === undefined) throw new Error(`no keys for the operator of party ${party.id}`);
  return new S3Client({
    endpoint: cloudUrl(config.k),
    region: party.region,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
  });
}

/** The objects below a prefix of one of the party's buckets, with their bytes. */
export async function readObjects(s3: S3Client, bucket: string, prefix: string): Promise<VaultObject[]> {
  const { GetObjectCommand, ListObjectsV2Command } = await import("@aws-sdk/client-s3");
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  return await Promise.all(
    Contents.map(async ({ Key: key = "" }) => {
      const { Body, ContentType } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return { key, body: (await Body?.transformToString("base64")) ?? "", contentType: ContentType ?? null };
    }),
  );
}

/** Puts an object where none is: one that is there again was put there by somebody who knew. */
export async function putMissingObject(s3: S3Client, bucket: string, object: VaultObject): Promise<void> {
  const { PutObjectCommand } = await import("@aws-sdk/client-s3");
  const there = await readObjects(s3, bucket, object.key);
  if (there.some(({ key }) => key === object.key)) return;
  const about = object.contentType === null ? {} : { ContentType: object.contentType };
  const Body = Buffer.from(object.body, "base64");
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: object.key, Body, ...about }));
}

export async function deleteObject(s3: S3Client, bucket: string, key: string): Promise<void> {
  const { DeleteObjectCommand } = await import("@aws-sdk/client-s3");
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
}
