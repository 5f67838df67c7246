import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { readPolicy, requireAccess } from "../access.ts";
import { type AwsAnswer, type AwsCall, type AwsService, type CloudContext, callerAccount } from "../aws-call.ts";
import { AwsError, notSimulated } from "../aws-error.ts";
import type { ObjectVersion } from "../object-store.ts";
import { isPublic } from "../policy.ts";
import { type AccountStore, BucketNameTaken, type StoredResource } from "../store.ts";
import { elementTexts, renderXml, type Xml } from "../xml.ts";
import { listObjects, listVersions } from "./s3-listing.ts";

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
export const bucketType = "aws:s3/bucket:Bucket";
const objectType = "aws:s3/bucketObjectv2:BucketObjectv2";
const versioningType = "aws:s3/bucketVersioning:BucketVersioning";
const policyType = "aws:s3/bucketPolicy:BucketPolicy";
const publicAccessType = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock";
const encryptionType = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration";
/** Go with their bucket. */
const settingsTypes = [
  versioningType,
  policyType,
  publicAccessType,
  encryptionType,
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
  "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
];

/** Simple Storage Service: REST with XML, path style and virtual-host style. */
export const s3: AwsService = {
  async handle(call, cloud) {
    const target = readTarget(call);
    if (target.bucket === undefined) {
      if (call.method === "GET") return listBuckets(call, cloud);
      throw notSimulated("s3", `${call.method} of the service`);
    }
    if (call.method === "PUT" && target.key === undefined && target.subresource === undefined)
      return createBucket(target.bucket, call, cloud);
    const account = cloud.store.bucketOwner(target.bucket);
    const record = account?.get(bucketType, target.bucket);
    if (!account || !record) throw new AwsError("NoSuchBucket", "The specified bucket does not exist", 404);
    const request: BucketCall = { ...target, name: target.bucket, account, record, call, cloud };
    const table = target.key === undefined ? bucketActions : objectActions;
    const name = [call.method, target.subresource].filter((part) => part !== undefined).join(" ");
    const action = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!action) throw notSimulated("s3", `${name} of ${target.key === undefined ? "a bucket" : "an object"}`);
    return action(request);
  },
  renderError(error, call) {
    // A HEAD has no body: the SDK goes by the status.
    const content = { Code: errorCode(error), Message: error.message, Resource: call.path, RequestId: call.requestId };
    const headers = { "content-type": "application/xml" };
    return call.method === "HEAD"
      ? { status: error.status }
      : { status: error.status, headers, body: renderXml("Error", content) };
  },
};

function errorCode({ code }: AwsError): string {
  if (code === "InvalidClientTokenId") return "InvalidAccessKeyId";
  return code === "InvalidAction" ? "NotImplemented" : code;
}

interface Target {
  bucket: string | undefined;
  key: string | undefined;
  /** The `?policy` of a request: what it is about, if not the bucket or object itself. */
  subresource: string | undefined;
}

interface BucketCall extends Target {
  /** Name of the bucket. */
  name: string;
  account: AccountStore;
  record: StoredResource;
  call: AwsCall;
  cloud: CloudContext;
}

type Action = (request: BucketCall) => AwsAnswer | Promise<AwsAnswer>;

// @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
const subresources = [
  ...["accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering"],
  ...["inventory", "legal-hold", "lifecycle", "location", "logging", "metadataTable", "metrics", "notification"],
  ...["object-lock", "ownershipControls", "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication"],
  ...["requestPayment", "restore", "retention", "select", "tagging", "torrent", "uploads", "uploadId", "versioning"],
  ...["versions", "website"],
];

function readTarget(call: AwsCall): Target {
  const path = call.path.slice(1);
  const subresource = subresources.find((name) => call.query.has(name));
  const host = String(call.headers.host ?? "").replace(/:\d+$/, "");
  const [, hostBucket] =
    /^(.+)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com$|^(.+)\.localhost$/.exec(host)?.filter(Boolean) ?? [];
  const slash = path.indexOf("/");
  const [bucket, rest] =
    hostBucket !== undefined
      ? [hostBucket, path]
      : slash < 0
        ? [path, ""]
        : [path.slice(0, slash), path.slice(slash + 1)];
  try {
    const key = rest === "" ? undefined : decodeURIComponent(rest);
    return { bucket: bucket === "" ? undefined : decodeURIComponent(bucket), key, subresource };
  } catch {
    throw new AwsError("InvalidURI", "Couldn't parse the specified URI.");
  }
}

const bucketActions: Record<string, Action> = {
  HEAD(request) {
    authorizeBucket(request, "s3:ListBucket");
    return { status: 200, headers: { "x-amz-bucket-region": regionOf(request) } };
  },
  GET(request) {
    const { query } = request.call;
    authorizeBucket(request, "s3:ListBucket", { "s3:prefix": query.get("prefix") ?? "" });
    return xml("ListBucketResult", listObjects(request.name, query, request.account.objects.list(request.name)));
  },
  "GET versions"(request) {
    const { query } = request.call;
    authorizeBucket(request, "s3:ListBucketVersions", { "s3:prefix": query.get("prefix") ?? "" });
    return xml("ListVersionsResult", listVersions(request.name, query, request.account.objects.versions(request.name)));
  },
  async DELETE(request) {
    authorizeBucket(request, "s3:DeleteBucket");
    const { account, name } = request;
    if (!account.objects.isEmpty(name))
      throw new AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409);
    for (const type of settingsTypes) await account.delete(type, name);
    await account.delete(bucketType, name);
    return { status: 204 };
  },
  async "POST delete"(request) {
    const deleted: Xml[] = [];
    const errors: Xml[] = [];
    for (const object of request.call.body.toString("utf8").match(/<Object>[\s\S]*?<\/Object>/g) ?? []) {
      const [key = ""] = elementTexts(object, "Key");
      const [versionId] = elementTexts(object, "VersionId");
      try {
        authorizeObject(request, key, versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion");
        await request.account.objects.delete(request.name, key, versionId);
        deleted.push({ Key: key, VersionId: versionId });
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        errors.push({ Key: key, VersionId: versionId, Code: error.code, Message: error.message });
      }
    }
    return xml("DeleteResult", { Deleted: deleted, Error: errors });
  },
  "GET location"(request) {
    authorizeBucket(request, "s3:GetBucketLocation");
    const region = regionOf(request);
    return xml("LocationConstraint", region === "us-east-1" ? "" : region);
  },
  "GET versioning"(request) {
    authorizeBucket(request, "s3:GetBucketVersioning");
    const { status } = (setting(request, versioningType)?.versioningConfiguration as { status?: string }) ?? {};
    return xml("VersioningConfiguration", { Status: status === "Disabled" ? undefined : status });
  },
  async "PUT versioning"(request) {
    authorizeBucket(request, "s3:PutBucketVersioning");
    const [status] = elementTexts(request.call.body.toString("utf8"), "Status");
    if (status !== "Enabled" && status !== "Suspended")
      throw new AwsError("MalformedXML", "Status has to be Enabled or Suspended");
    await putSetting(request, versioningType, { versioningConfiguration: { status } });
    return { status: 200 };
  },
  "GET policy"(request) {
    authorizeBucket(request, "s3:GetBucketPolicy");
    const policy = setting(request, policyType)?.policy;
    if (policy === undefined) throw new AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404);
    return { status: 200, headers: { "content-type": "application/json" }, body: String(policy) };
  },
  async "PUT policy"(request) {
    authorizeBucket(request, "s3:PutBucketPolicy");
    const policy = request.call.body.toString("utf8");
    checkBucketPolicy(request.account, request.name, policy);
    await putSetting(request, policyType, { policy });
    return { status: 204 };
  },
  async "DELETE policy"(request) {
    authorizeBucket(request, "s3:DeleteBucketPolicy");
    await request.account.delete(policyType, request.name);
    return { status: 204 };
  },
  "GET policyStatus"(request) {
    authorizeBucket(request, "s3:GetBucketPolicyStatus");
    const policy = setting(request, policyType)?.policy;
    if (policy === undefined) throw new AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404);
    return xml("PolicyStatus", { IsPublic: isPublic(readPolicy(policy, "resource")) });
  },
  "GET publicAccessBlock"(request) {
    authorizeBucket(request, "s3:GetBucketPublicAccessBlock");
    if (!setting(request, publicAccessType))
      throw new AwsError(
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
        404,
      );
    const block = publicAccessBlock(request.account, request.name);
    return xml("PublicAccessBlockConfiguration", {
      BlockPublicAcls: block.blockPublicAcls,
      IgnorePublicAcls: block.ignorePublicAcls,
      BlockPublicPolicy: block.blockPublicPolicy,
      RestrictPublicBuckets: block.restrictPublicBuckets,
    });
  },
  async "PUT publicAccessBlock"(request) {
    authorizeBucket(request, "s3:PutBucketPublicAccessBlock");
    const body = request.call.body.toString("utf8");
    const flag = (name: string) => elementTexts(body, name)[0] === "true";
    await putSetting(request, publicAccessType, {
      blockPublicAcls: flag("BlockPublicAcls"),
      ignorePublicAcls: flag("IgnorePublicAcls"),
      blockPublicPolicy: flag("BlockPublicPolicy"),
      restrictPublicBuckets: flag("RestrictPublicBuckets"),
    });
    return { status: 200 };
  },
  async "DELETE publicAccessBlock"(request) {
    authorizeBucket(request, "s3:PutBucketPublicAccessBlock");
    await request.account.delete(publicAccessType, request.name);
    return { status: 204 };
  },
  "GET encryption"(request) {
    authorizeBucket(request, "s3:GetEncryptionConfiguration");
    const rules = setting(request, encryptionType)?.rules as
      | {
          applyServerSideEncryptionByDefault?: { sseAlgorithm?: string; kmsMasterKeyId?: string };
          bucketKeyEnabled?: boolean;
        }[]
      | undefined;
    // What every bucket has since January 2023.
    const inForce = rules ?? [
      { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" }, bucketKeyEnabled: false },
    ];
    return xml("ServerSideEncryptionConfiguration", {
      Rule: inForce.map(({ applyServerSideEncryptionByDefault: byDefault, bucketKeyEnabled }) => ({
        ApplyServerSideEncryptionByDefault: {
          SSEAlgorithm: byDefault?.sseAlgorithm,
          KMSMasterKeyID: byDefault?.kmsMasterKeyId,
        },
        BucketKeyEnabled: bucketKeyEnabled ?? false,
      })),
    });
  },
};

/** An object that a program made is a resource too: what others do to it is what its next refresh finds. */
async function noteObject({ account, name }: BucketCall, key: string, now: ObjectVersion | undefined): Promise<void> {
  const record = account.get(objectType, `${name}/${key}`);
  if (record === undefined) return;
  if (now === undefined) await account.delete(objectType, record.id);
  else await account.put({ ...record, props: { ...record.props, etag: now.etag.replaceAll('"', "") } });
}

const objectActions: Record<string, Action> = {
  HEAD: (request) => getObject(request),
  GET: (request) => getObject(request),
  async PUT(request) {
    const { call, account, name } = request;
    const key = String(request.key);
    authorizeObject(request, key, "s3:PutObject");
    const current = account.objects.head(name, key);
    if (call.headers["if-none-match"] === "*" && current) throw preconditionFailed();
    if (call.headers["if-match"] !== undefined && call.headers["if-match"] !== current?.etag)
      throw preconditionFailed();
    if (call.headers["x-amz-copy-source"] !== undefined) return copyObject(request, key);
    const bytes = readBody(call);
    const about = { contentType: header(call, "content-type"), metadata: userMetadata(call) };
    const version = await account.objects.put(name, key, bytes, about);
    await noteObject(request, key, version);
    return { status: 200, headers: { etag: version.etag, ...versionHeader(version) } };
  },
  async DELETE(request) {
    const { account, name, call } = request;
    const key = String(request.key);
    const versionId = call.query.get("versionId") ?? undefined;
    authorizeObject(request, key, versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion");
    const gone = await account.objects.delete(name, key, versionId);
    await noteObject(request, key, account.objects.head(name, key));
    return {
      status: 204,
      headers: {
        ...(gone ? versionHeader(gone) : {}),
        ...(gone?.deleteMarker ? { "x-amz-delete-marker": "true" } : {}),
      },
    };
  },
};

async function getObject(request: BucketCall): Promise<AwsAnswer> {
  const { account, name, call } = request;
  const key = String(request.key);
  const versionId = call.query.get("versionId") ?? undefined;
  authorizeObject(request, key, versionId === undefined ? "s3:GetObject" : "s3:GetObjectVersion");
  const found = await account.objects.get(name, key, versionId);
  if (!found) throw noSuchKey(request);
  const { version, bytes } = found;
  if (call.headers["if-match"] !== undefined && call.headers["if-match"] !== version.etag) throw preconditionFailed();
  const headers: Record<string, string> = {
    etag: version.etag,
    "last-modified": new Date(version.lastModified).toUTCString(),
    "content-type": version.contentType,
    "accept-ranges": "bytes",
    ...versionHeader(version),
    ...Object.fromEntries(Object.entries(version.metadata).map(([field, value]) => [`x-amz-meta-${field}`, value])),
  };
  if (call.headers["if-none-match"] === version.etag) return { status: 304, headers };
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(String(call.headers.range ?? "")) ?? [];
  if (first === undefined) return { status: 200, headers, body: bytes };
  if (Number(first) >= bytes.length) throw new AwsError("InvalidRange", "The requested range is not satisfiable", 416);
  const end = last ? Math.min(Number(last), bytes.length - 1) : bytes.length - 1;
  headers["content-range"] = `bytes ${first}-${end}/${bytes.length}`;
  return { status: 206, headers, body: bytes.subarray(Number(first), end + 1) };
}

async function copyObject(request: BucketCall, key: string): Promise<AwsAnswer> {
  const { call, cloud } = request;
  const [path = "", query = ""] = decodeURIComponent(String(call.headers["x-amz-copy-source"])).split("?");
  const [, bucketName, sourceKey] = /^\/?([^/]+)\/(.+)$/.exec(path) ?? [];
  const account = bucketName === undefined ? undefined : cloud.store.bucketOwner(bucketName);
  const record = account?.get(bucketType, bucketName ?? "");
  if (!bucketName || !sourceKey || !account || !record)
    throw new AwsError("NoSuchBucket", "The specified bucket does not exist", 404);
  const source: BucketCall = { ...request, name: bucketName, account, record, key: sourceKey };
  const versionId = new URLSearchParams(query).get("versionId") ?? undefined;
  authorizeObject(source, sourceKey, versionId === undefined ? "s3:GetObject" : "s3:GetObjectVersion");
  const found = await account.objects.get(bucketName, sourceKey, versionId);
  if (!found) throw noSuchKey(source);
  const replace = call.headers["x-amz-metadata-directive"] === "REPLACE";
  const version = await request.account.objects.put(request.name, key, found.bytes, {
    contentType: replace ? header(call, "content-type") : found.version.contentType,
    metadata: replace ? userMetadata(call) : found.version.metadata,
  });
  const answer = xml("CopyObjectResult", { ETag: version.etag, LastModified: version.lastModified });
  return { ...answer, headers: { ...answer.headers, ...versionHeader(version) } };
}

function listBuckets(call: AwsCall, cloud: CloudContext): AwsAnswer {
  if (call.principal.kind === "anonymous") throw new AwsError("AccessDenied", "Access Denied", 403);
  const { principal } = call;
  const resourceAccountId = principal.accountId;
  requireAccess(cloud.store, {
    principal,
    action: "s3:ListAllMyBuckets",
    resource: "arn:aws:s3:::*",
    resourceAccountId,
  });
  const buckets = cloud.store.account(resourceAccountId).list(bucketType);
  return xml("ListAllMyBucketsResult", {
    Owner: { ID: resourceAccountId },
    Buckets: {
      Bucket: buckets.map(({ id, props }) => ({
        Name: id,
        CreationDate: creationDate(props),
        BucketRegion: region(props),
      })),
    },
  });
}

async function createBucket(name: string, call: AwsCall, cloud: CloudContext): Promise<AwsAnswer> {
  const account = callerAccount(call, cloud);
  if (!account || call.principal.kind === "anonymous") throw new AwsError("AccessDenied", "Access Denied", 403);
  if (!/^(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
    throw new AwsError("InvalidBucketName", "The specified bucket is not valid.");
  const { principal } = call;
  const { accountId } = account;
  const resource = `arn:aws:s3:::${name}`;
  requireAccess(cloud.store, { principal, action: "s3:CreateBucket", resource, resourceAccountId: accountId });
  const owner = cloud.store.bucketOwner(name);
  if (owner?.accountId === accountId)
    throw new AwsError(
      "BucketAlreadyOwnedByYou",
      "Your previous request to create the named bucket succeeded and you already own it.",
      409,
    );
  const [constraint] = elementTexts(call.body.toString("utf8"), "LocationConstraint");
  try {
    await cloud.store.account(accountId).put({
      type: bucketType,
      id: name,
      props: {
        bucket: name,
        arn: resource,
        region: constraint ?? "us-east-1",
        bucketRegion: constraint ?? "us-east-1",
        bucketDomainName: `${name}.s3.amazonaws.com`,
        bucketRegionalDomainName: `${name}.s3.${constraint ?? "us-east-1"}.amazonaws.com`,
        forceDestroy: false,
        objectLockEnabled: false,
        tags: {},
        tagsAll: {},
      },
    });
  } catch (error) {
    if (error instanceof BucketNameTaken) throw new AwsError("BucketAlreadyExists", error.message, 409);
    throw error;
  }
  // Every new bucket is closed since April 2023.
  await cloud.store.account(accountId).put({
    type: publicAccessType,
    id: name,
    props: {
      bucket: name,
      region: constraint ?? "us-east-1",
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
  });
  return { status: 200, headers: { location: `/${name}` } };
}

/** What PutBucketPolicy refuses: bad text, others' resources, and public where that is blocked. */
function checkBucketPolicy(account: AccountStore, bucket: string, text: string): void {
  const policy = readPolicy(text, "resource");
  const own = `arn:aws:s3:::${bucket}`;
  for (const statement of policy.Statement)
    for (const resource of [...(statement.Resource ?? []), ...(statement.NotResource ?? [])])
      if (resource !== own && !resource.startsWith(`${own}/`))
        throw new AwsError("MalformedPolicy", `Policy has invalid resource: ${resource} is not in ${own}`);
  if (isPublic(policy) && publicAccessBlock(account, bucket).blockPublicPolicy)
    throw new AwsError(
      "AccessDenied",
      `Access Denied: public policies of bucket ${bucket} are prevented by the BlockPublicPolicy setting in S3 Block Public Access`,
      403,
    );
}

function publicAccessBlock(account: AccountStore, bucket: string) {
  const props = account.get(publicAccessType, bucket)?.props;
  const flag = (name: string) => props?.[name] === true;
  return {
    blockPublicAcls: flag("blockPublicAcls"),
    ignorePublicAcls: flag("ignorePublicAcls"),
    blockPublicPolicy: flag("blockPublicPolicy"),
    restrictPublicBuckets: flag("restrictPublicBuckets"),
  };
}

function authorizeBucket(request: BucketCall, action: string, context: Record<string, string> = {}): void {
  authorize(request, action, `arn:aws:s3:::${request.name}`, context);
}

function authorizeObject(request: BucketCall, key: string, action: string): void {
  authorize(request, action, `arn:aws:s3:::${request.name}/${key}`, {});
}

function authorize(request: BucketCall, action: string, resource: string, context: Record<string, string>): void {
  const { account, name, call, cloud } = request;
  const { principal } = call;
  const stored = account.get(policyType, name)?.props.policy;
  const policy = stored === undefined ? undefined : readPolicy(stored, "resource");
  const isStranger = principal.kind === "anonymous" || principal.accountId !== account.accountId;
  // RestrictPublicBuckets: a public policy opens the bucket to its own account only.
  if (isStranger && policy && isPublic(policy) && publicAccessBlock(account, name).restrictPublicBuckets)
    throw new AwsError("AccessDenied", "Access Denied", 403);
  try {
    const asked = { principal, action, resource, resourceAccountId: account.accountId, context };
    requireAccess(cloud.store, asked, { resource: policy });
  } catch (error) {
    // S3 tells strangers nothing.
    if (error instanceof AwsError && error.code === "AccessDenied" && principal.kind === "anonymous")
      throw new AwsError("AccessDenied", "Access Denied", 403);
    throw error;
  }
}

/** Who may not list must not learn which keys exist. */
function noSuchKey(request: BucketCall): AwsError {
  authorizeBucket(request, "s3:ListBucket");
  return new AwsError("NoSuchKey", `The specified key does not exist: ${request.key}`, 404);
}

function setting(request: BucketCall, type: string): Record<string, unknown> | undefined {
  return request.account.get(type, request.name)?.props;
}

async function putSetting(request: BucketCall, type: string, props: Record<string, unknown>): Promise<void> {
  const { account, name } = request;
  const before = account.get(type, name)?.props;
  await account.put({ type, id: name, props: { ...before, bucket: name, region: regionOf(request), ...props } });
}

/** The object's bytes: out of the chunks that the SDK wraps streams in, and checked against the checksum that it sent. */
function readBody(call: AwsCall): Buffer {
  const streamed = String(call.headers["x-amz-content-sha256"] ?? "").startsWith("STREAMING-");
  const { bytes, trailer } = streamed ? unchunk(call.body) : { bytes: call.body, trailer: {} };
  const checksum = (name: string) => trailer[`x-amz-checksum-${name}`] ?? header(call, `x-amz-checksum-${name}`);
  const crc = checksum("crc32");
  const sha256 = checksum("sha256");
  const ownCrc = Buffer.alloc(4);
  ownCrc.writeUInt32BE(crc32(bytes));
  const wrongCrc = crc !== undefined && crc !== ownCrc.toString("base64");
  const wrongSha = sha256 !== undefined && sha256 !== createHash("sha256").update(bytes).digest("base64");
  const md5 = header(call, "content-md5");
  const wrongMd5 = md5 !== undefined && md5 !== createHash("md5").update(bytes).digest("base64");
  if (wrongCrc || wrongSha || wrongMd5)
    throw new AwsError("BadDigest", "The checksum you specified did not match what we received.");
  return bytes;
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
function unchunk(body: Buffer): { bytes: Buffer; trailer: Record<string, string> } {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.subarray(at, lineEnd < 0 ? at : lineEnd).toString("latin1"), 16);
    if (lineEnd < 0 || Number.isNaN(size)) throw new AwsError("IncompleteBody", "The request body is not aws-chunked.");
    at = lineEnd + 2;
    if (size === 0) break;
    chunks.push(body.subarray(at, at + size));
    at += size + 2;
  }
  const lines = body.subarray(at).toString("latin1").split("\r\n");
  const trailer = Object.fromEntries(lines.filter(Boolean).map((line) => line.split(/:\s*/, 2) as [string, string]));
  return { bytes: Buffer.concat(chunks), trailer };
}

function userMetadata(call: AwsCall): Record<string, string> {
  const prefix = "x-amz-meta-";
  return Object.fromEntries(
    Object.entries(call.headers)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), String(value)]),
  );
}

function header(call: AwsCall, name: string): string | undefined {
  const value = call.headers[name];
  return typeof value === "string" ? value : undefined;
}

function versionHeader(version: ObjectVersion): Record<string, string> {
  return version.versionId === "null" ? {} : { "x-amz-version-id": version.versionId };
}

function preconditionFailed(): AwsError {
  return new AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412);
}

function regionOf(request: BucketCall): string {
  return region(request.record.props);
}

function region(props: Record<string, unknown>): string {
  return String(props.bucketRegion ?? props.region ?? "us-east-1");
}

function creationDate(props: Record<string, unknown>): string {
  return typeof props.creationDate === "string" ? props.creationDate : "2026-01-01T00:00:00.000Z";
}

function xml(root: string, content: Xml): AwsAnswer {
  return { status: 200, headers: { "content-type": "application/xml" }, body: renderXml(root, content, namespace) };
}
