import { AwsError } from "../aws-error.ts";
import type { ObjectVersion } from "../object-store.ts";
import type { Xml } from "../xml.ts";

const pageLimit = 1000;

/** ListObjectsV2, and the first version where `list-type` is absent. `objects` are sorted by key. */
export function listObjects(bucket: string, query: URLSearchParams, objects: ObjectVersion[]): Xml {
  const v2 = query.get("list-type") === "2";
  const token = query.get(v2 ? "continuation-token" : "marker") ?? undefined;
  const after = token === undefined ? (query.get("start-after") ?? "") : v2 ? readToken(token) : token;
  const page = takePage(objects, query, after);
  const last = page.isTruncated ? page.last : undefined;
  return {
    Name: bucket,
    Prefix: query.get("prefix") ?? "",
    Delimiter: query.get("delimiter"),
    MaxKeys: page.maxKeys,
    IsTruncated: page.isTruncated,
    ...(v2
      ? {
          KeyCount: page.entries.length + page.commonPrefixes.length,
          ContinuationToken: token,
          NextContinuationToken: last === undefined ? undefined : Buffer.from(last).toString("base64url"),
          StartAfter: query.get("start-after") ?? undefined,
        }
      : { Marker: token ?? "", NextMarker: last }),
    Contents: page.entries.map((each) => ({
      Key: each.key,
      LastModified: each.lastModified,
      ETag: each.etag,
      Size: each.size,
      StorageClass: "STANDARD",
    })),
    CommonPrefixes: page.commonPrefixes.map((Prefix) => ({ Prefix })),
  };
}

/** ListObjectVersions, in one page: a devnet's buckets are small, and one that isn't is refused aloud. */
export function listVersions(
  bucket: string,
  query: URLSearchParams,
  versions: { version: ObjectVersion; isLatest: boolean }[],
): Xml {
  const prefix = query.get("prefix") ?? "";
  const found = versions.filter(({ version }) => version.key.startsWith(prefix));
  if (found.length > pageLimit || query.get("delimiter") || query.get("key-marker"))
    throw new AwsError(
      "InvalidAction",
      "ListObjectVersions with more than 1000 versions, delimiter or marker: not simulated",
      501,
    );
  const common = ({ version, isLatest }: { version: ObjectVersion; isLatest: boolean }) => ({
    Key: version.key,
    VersionId: version.versionId,
    IsLatest: isLatest,
    LastModified: version.lastModified,
  });
  return {
    Name: bucket,
    Prefix: prefix,
    MaxKeys: pageLimit,
    IsTruncated: false,
    Version: found
      .filter(({ version }) => !version.deleteMarker)
      .map((each) => ({ ...common(each), ETag: each.version.etag, Size: each.version.size, StorageClass: "STANDARD" })),
    DeleteMarker: found.filter(({ version }) => version.deleteMarker).map(common),
  };
}

function takePage(objects: ObjectVersion[], query: URLSearchParams, after: string) {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const maxKeys = Math.min(Number(query.get("max-keys") ?? pageLimit), pageLimit);
  const entries: ObjectVersion[] = [];
  const commonPrefixes: string[] = [];
  let last = "";
  for (const object of objects) {
    if (!object.key.startsWith(prefix) || Buffer.compare(Buffer.from(object.key), Buffer.from(after)) <= 0) continue;
    const end = delimiter === "" ? -1 : object.key.indexOf(delimiter, prefix.length);
    const group = end < 0 ? undefined : object.key.slice(0, end + delimiter.length);
    // A group that an earlier page has returned, or this one.
    if (group !== undefined && (group === commonPrefixes.at(-1) || after.startsWith(group))) {
      last = object.key;
      continue;
    }
    if (entries.length + commonPrefixes.length >= maxKeys)
      return { entries, commonPrefixes, maxKeys, isTruncated: true, last };
    if (group === undefined) entries.push(object);
    else commonPrefixes.push(group);
    last = object.key;
  }
  return { entries, commonPrefixes, maxKeys, isTruncated: false, last };
}

function readToken(token: string): string {
  return Buffer.from(token, "base64url").toString("utf8");
}
