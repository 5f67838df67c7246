import { createHash, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "./write-ahead-log.ts";

/** One version of an object; its bytes are in a file named after their hash. */
export interface ObjectVersion {
  key: string;
  /** `null` for an object written while the bucket had no versioning, as in S3. */
  versionId: string;
  sha256: string;
  /** MD5 of the bytes in quotes, as S3 gives for a single-part upload. */
  etag: string;
  size: number;
  lastModified: string;
  contentType: string;
  metadata: Record<string, string>;
  /** A deletion in a versioned bucket: hides the versions below it. */
  deleteMarker: boolean;
}

export interface ObjectChange {
  bucket: string;
  key: string;
  put?: ObjectVersion;
  /** Version that is removed for good. */
  delete?: string;
}

/** Objects of one account's buckets: versions in the account's log, bytes in files. */
export class ObjectStore {
  readonly #dir: string;
  readonly #options: { isVersioned: (bucket: string) => boolean; commit: (change: ObjectChange) => Promise<void> };
  /** Bucket → key → versions, newest last. */
  readonly #buckets = new Map<string, Map<string, ObjectVersion[]>>();

  constructor(
    dir: string,
    options: { isVersioned: (bucket: string) => boolean; commit: (change: ObjectChange) => Promise<void> },
  ) {
    this.#dir = dir;
    this.#options = options;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** The current version, or the one that is named; a delete marker only where it is named. */
  head(bucket: string, key: string, versionId?: string): ObjectVersion | undefined {
    const versions = this.#buckets.get(bucket)?.get(key) ?? [];
    if (versionId !== undefined) return versions.find((version) => version.versionId === versionId);
    const current = versions.at(-1);
    return current?.deleteMarker ? undefined : current;
  }

  async get(
    bucket: string,
    key: string,
    versionId?: string,
  ): Promise<{ version: ObjectVersion; bytes: Buffer } | undefined> {
    const version = this.head(bucket, key, versionId);
    if (!version || version.deleteMarker) return undefined;
    return { version, bytes: await readFile(this.#path(version.sha256)) };
  }

  /** Durable when it resolves: first the bytes, then the version that names them. */
  async put(
    bucket: string,
    key: string,
    bytes: Uint8Array,
    about: { contentType?: string | undefined; metadata?: Record<string, string> } = {},
  ): Promise<ObjectVersion> {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    await this.#writeBytes(sha256, bytes);
    const version: ObjectVersion = {
      key,
      versionId: this.#newVersionId(bucket),
      sha256,
      etag: `"${createHash("md5").update(bytes).digest("hex")}"`,
      size: bytes.byteLength,
      lastModified: new Date().toISOString(),
      contentType: about.contentType ?? "application/octet-stream",
      metadata: about.metadata ?? {},
      deleteMarker: false,
    };
    await this.#commit({ bucket, key, put: version });
    return version;
  }

  /** Current objects, sorted by key as S3 sorts (by UTF-8 bytes). */
  list(bucket: string, prefix = ""): ObjectVersion[] {
    return this.#keys(bucket, prefix).flatMap((key) => this.head(bucket, key) ?? []);
  }

  /** All versions and delete markers by key, newest first. */
  versions(bucket: string, prefix = ""): { version: ObjectVersion; isLatest: boolean }[] {
    return this.#keys(bucket, prefix).flatMap((key) =>
      (this.#buckets.get(bucket)?.get(key) ?? [])
        .map((version, index, all) => ({ version, isLatest: index === all.length - 1 }))
        .reverse(),
    );
  }

  isEmpty(bucket: string): boolean {
    return (this.#buckets.get(bucket)?.size ?? 0) === 0;
  }

  /** Without a version id a versioned bucket gets a delete marker, which is returned; else the version is removed for good. */
  async delete(bucket: string, key: string, versionId?: string): Promise<ObjectVersion | undefined> {
    if (versionId === undefined && this.#options.isVersioned(bucket)) {
      const marker: ObjectVersion = {
        key,
        versionId: this.#newVersionId(bucket),
        sha256: "",
        etag: "",
        size: 0,
        lastModified: new Date().toISOString(),
        contentType: "",
        metadata: {},
        deleteMarker: true,
      };
      await this.#commit({ bucket, key, put: marker });
      return marker;
    }
    const removed = this.#buckets
      .get(bucket)
      ?.get(key)
      ?.find((version) => version.versionId === (versionId ?? "null"));
    if (removed) await this.#commit({ bucket, key, delete: removed.versionId });
    return removed;
  }

  /** For the account's log only: one change, already decided. */
  apply(change: ObjectChange): void {
    const byKey = this.#buckets.get(change.bucket) ?? new Map<string, ObjectVersion[]>();
    this.#buckets.set(change.bucket, byKey);
    const gone = change.delete ?? change.put?.versionId;
    const versions = (byKey.get(change.key) ?? []).filter((version) => version.versionId !== gone);
    if (change.put) versions.push(change.put);
    if (versions.length > 0) byKey.set(change.key, versions);
    else byKey.delete(change.key);
  }

  /** For the account's snapshot: the state as changes. */
  *everything(): Iterable<ObjectChange> {
    for (const [bucket, byKey] of this.#buckets)
      for (const [key, versions] of byKey) for (const version of versions) yield { bucket, key, put: version };
  }

  /** Removes bytes that no version names: what a kill between bytes and version left. Only before the first write. */
  async sweep(): Promise<void> {
    const named = new Set([...this.everything()].map((change) => change.put?.sha256));
    for (const file of await readdir(this.#dir)) if (!named.has(file)) await rm(join(this.#dir, file), { force: true });
  }

  async #commit(change: ObjectChange): Promise<void> {
    this.apply(change);
    await this.#options.commit(change);
  }

  async #writeBytes(sha256: string, bytes: Uint8Array): Promise<void> {
    const partial = this.#path(`${sha256}.${randomBytes(6).toString("hex")}.new`);
    const file = await open(partial, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(partial, this.#path(sha256));
    await syncDirectory(this.#dir);
  }

  #keys(bucket: string, prefix: string): string[] {
    return [...(this.#buckets.get(bucket)?.keys() ?? [])]
      .filter((key) => key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  #newVersionId(bucket: string): string {
    return this.#options.isVersioned(bucket) ? randomBytes(24).toString("base64url") : "null";
  }

  #path(name: string): string {
    return join(this.#dir, name);
  }
}
