import { Readable } from "node:stream";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketEncryptionCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clients, operatorKeys, startCloud } from "./support/cloud.ts";

let cloud: Awaited<ReturnType<typeof startCloud>>;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud[Symbol.asyncDispose]());

const operator = (n: number) => clients(cloud.endpoint, operatorKeys(n)).s3;
const LocationConstraint = "eu-west-1";
let counter = 0;

async function newBucket(n = 1): Promise<string> {
  counter += 1;
  const Bucket = `bucket-${counter}`;
  await operator(n).send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } }));
  return Bucket;
}

const open = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: false, RestrictPublicBuckets: false };
const publicRead = (Bucket: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "PublicRead",
        Effect: "Allow",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
      { Sid: "ZamaList", Effect: "Allow", Principal: "*", Action: "s3:ListBucket", Resource: `arn:aws:s3:::${Bucket}` },
    ],
  });

async function makePublic(Bucket: string): Promise<void> {
  await operator(1).send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: open }));
  await operator(1).send(new PutBucketPolicyCommand({ Bucket, Policy: publicRead(Bucket) }));
}

describe("objects", () => {
  test("come back as they went in, whole, in part and by key with odd characters", async () => {
    const s3 = operator(1);
    const Bucket = await newBucket();
    const Key = "PUB-p1/a b+c(ü)/x.pem";
    const put = await s3.send(
      new PutObjectCommand({ Bucket, Key, Body: "hello vault", ContentType: "text/plain", Metadata: { party: "1" } }),
    );
    const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
    expect(await got.Body?.transformToString()).toBe("hello vault");
    expect([got.ContentType, got.Metadata, got.ETag]).toEqual(["text/plain", { party: "1" }, put.ETag]);
    const part = await s3.send(new GetObjectCommand({ Bucket, Key, Range: "bytes=6-" }));
    expect(await part.Body?.transformToString()).toBe("vault");
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head.ContentLength).toBe(11);
  });

  test("can be sent as a stream, which the SDK cuts into chunks with a trailer", async () => {
    const Bucket = await newBucket();
    const Body = Readable.from([Buffer.alloc(70_000, "a"), Buffer.alloc(30_000, "b")]);
    await operator(1).send(new PutObjectCommand({ Bucket, Key: "big", Body, ContentLength: 100_000 }));
    const got = await operator(1).send(new GetObjectCommand({ Bucket, Key: "big" }));
    const bytes = await got.Body?.transformToByteArray();
    expect([bytes?.length, bytes?.[0], bytes?.at(-1)]).toEqual([100_000, 97, 98]);
  });

  test("are listed by prefix, delimiter and page", async () => {
    const s3 = operator(1);
    const Bucket = await newBucket();
    for (const Key of ["a/1", "a/2", "b/1", "c"]) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const top = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
    expect(top.CommonPrefixes?.map((each) => each.Prefix)).toEqual(["a/", "b/"]);
    expect(top.Contents?.map((each) => each.Key)).toEqual(["c"]);
    const keys: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({ Bucket, MaxKeys: 2, ...(ContinuationToken && { ContinuationToken }) }),
      );
      keys.push(...(page.Contents?.map((each) => each.Key) ?? []));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    expect(keys).toEqual(["a/1", "a/2", "b/1", "c"]);
    const below = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "a/", StartAfter: "a/1" }));
    expect(below.Contents?.map((each) => each.Key)).toEqual(["a/2"]);
  });

  test("are copied, deleted one by one and many at once", async () => {
    const s3 = operator(1);
    const Bucket = await newBucket();
    await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
    await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k` }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
    await expect(s3.send(new GetObjectCommand({ Bucket, Key: "k" }))).rejects.toMatchObject({ name: "NoSuchKey" });
    const many = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "none" }] } }),
    );
    expect(many.Deleted?.map((each) => each.Key)).toEqual(["copy", "none"]);
    await s3.send(new DeleteBucketCommand({ Bucket }));
    await expect(s3.send(new HeadBucketCommand({ Bucket }))).rejects.toMatchObject({ name: "NotFound" });
  });

  test("If-None-Match: * never overwrites", async () => {
    const Bucket = await newBucket();
    const put = () => operator(1).send(new PutObjectCommand({ Bucket, Key: "once", Body: "x", IfNoneMatch: "*" }));
    await put();
    await expect(put()).rejects.toMatchObject({ name: "PreconditionFailed" });
  });

  test("keep their versions where versioning is enabled, whichever front end enabled it", async () => {
    const s3 = operator(1);
    const Bucket = await newBucket();
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined();
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    expect(cloud.store.account("100000000001").get("aws:s3/bucketVersioning:BucketVersioning", Bucket)?.props).toEqual({
      bucket: Bucket,
      region: "eu-west-1",
      versioningConfiguration: { status: "Enabled" },
    });
    const first = await s3.send(new PutObjectCommand({ Bucket, Key: "share", Body: "old" }));
    await s3.send(new PutObjectCommand({ Bucket, Key: "share", Body: "new" }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "share" }));
    await expect(s3.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({ name: "BucketNotEmpty" });
    const versions = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect([versions.Versions?.length, versions.DeleteMarkers?.length]).toEqual([2, 1]);
    const VersionId = String(first.VersionId);
    const old = await s3.send(new GetObjectCommand({ Bucket, Key: "share", VersionId }));
    expect(await old.Body?.transformToString()).toBe("old");
  });
});

describe("buckets", () => {
  test("have one owner in all accounts and say where they are", async () => {
    const Bucket = await newBucket(1);
    const again = (n: number) =>
      operator(n).send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } }));
    await expect(again(1)).rejects.toMatchObject({ name: "BucketAlreadyOwnedByYou" });
    await expect(again(2)).rejects.toMatchObject({ name: "BucketAlreadyExists" });
    const location = await operator(1).send(new GetBucketLocationCommand({ Bucket }));
    expect(location.LocationConstraint).toBe("eu-west-1");
    const mine = await operator(1).send(new ListBucketsCommand({}));
    const theirs = await operator(2).send(new ListBucketsCommand({}));
    expect(mine.Buckets?.map((each) => each.Name)).toContain(Bucket);
    expect(theirs.Buckets ?? []).toEqual([]);
  });

  test("are closed when new: encryption on, public access blocked, a public policy refused", async () => {
    const s3 = operator(1);
    const Bucket = await newBucket();
    const encryption = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
    const [rule] = encryption.ServerSideEncryptionConfiguration?.Rules ?? [];
    expect(rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm).toBe("AES256");
    const block = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
    expect(Object.values(block.PublicAccessBlockConfiguration ?? {})).toEqual([true, true, true, true]);
    await expect(s3.send(new PutBucketPolicyCommand({ Bucket, Policy: publicRead(Bucket) }))).rejects.toMatchObject({
      name: "AccessDenied",
      message: expect.stringContaining("BlockPublicPolicy"),
    });
  });

  test("with a public policy serve anybody, path style and virtual-host style, and take nothing from them", async () => {
    const Bucket = await newBucket();
    await makePublic(Bucket);
    await operator(1).send(new PutObjectCommand({ Bucket, Key: "PUB-p1/CACert/x", Body: "pem" }));
    const url = `${cloud.endpoint}/${Bucket}/PUB-p1/CACert/x`;
    expect(await (await fetch(url)).text()).toBe("pem");
    const listing = await fetch(`${cloud.endpoint}/${Bucket}?list-type=2&prefix=PUB-`);
    expect(await listing.text()).toContain("<Key>PUB-p1/CACert/x</Key>");
    expect((await fetch(url, { method: "PUT", body: "mine" })).status).toBe(403);
    expect((await fetch(url, { method: "DELETE" })).status).toBe(403);
    expect((await fetch(`${cloud.endpoint}/${Bucket}?policy`)).status).toBe(403);

    const { request } = await import("node:http");
    const status = await new Promise((resolve, reject) => {
      const headers = { host: `${Bucket}.s3.eu-west-1.amazonaws.com` };
      request(`${cloud.endpoint}/PUB-p1/CACert/x`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);

    const Policy = await operator(1).send(new GetBucketPolicyCommand({ Bucket }));
    expect(Policy.Policy).toBe(publicRead(Bucket));
    await operator(1).send(
      new PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: { ...open, RestrictPublicBuckets: true },
      }),
    );
    expect((await fetch(url)).status).toBe(403);
    await operator(1).send(new DeleteBucketPolicyCommand({ Bucket }));
    await expect(operator(1).send(new GetBucketPolicyCommand({ Bucket }))).rejects.toMatchObject({
      name: "NoSuchBucketPolicy",
    });
  });

  test("another account's operator gets AWS's own words, and nothing else", async () => {
    const Bucket = await newBucket(1);
    await operator(1).send(new PutObjectCommand({ Bucket, Key: "PRV-p1/share", Body: "secret" }));
    await expect(operator(2).send(new GetObjectCommand({ Bucket, Key: "PRV-p1/share" }))).rejects.toMatchObject({
      name: "AccessDenied",
      message: `User: arn:aws:iam::100000000002:user/operator is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::${Bucket}/PRV-p1/share because no resource-based policy allows the s3:GetObject action`,
      $metadata: { httpStatusCode: 403 },
    });
  });

  test("what is not simulated says so", async () => {
    const Bucket = await newBucket();
    await expect(operator(1).send(new GetBucketAclCommand({ Bucket }))).rejects.toMatchObject({
      name: "NotImplemented",
      message: "The simulated cloud does not implement s3 GET acl of a bucket",
      $metadata: { httpStatusCode: 501 },
    });
  });

  test("a policy about another bucket, or one that is not a policy, is refused", async () => {
    const Bucket = await newBucket();
    await expect(
      operator(1).send(new PutBucketPolicyCommand({ Bucket, Policy: publicRead("other") })),
    ).rejects.toMatchObject({ name: "MalformedPolicy" });
    await expect(operator(1).send(new PutBucketPolicyCommand({ Bucket, Policy: "{" }))).rejects.toMatchObject({
      name: "MalformedPolicy",
    });
  });
});
