import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as tar from "tar";
import type { CollectEntry, CollectManifest } from "../contract/collect-manifest.ts";
import { fileError } from "../contract/file-error.ts";
import type { Redact } from "../runbooks/redact.ts";
import type { Collection } from "../runbooks/zama-kms/collect-party.ts";

export interface WrittenBundle {
  path: string;
  bytes: number;
  sha256: string;
}

const stagingPrefix = ".quorate-collect-";
const dayMs = 86_400_000;

/**
 * A `.tar.gz` in the making: parts are redacted, then written below a folder beside where it is to lie, so that no secret ever gets to the disk and
 * the last step is a rename. What goes wrong with the disk is kept for `finish`, and stops the rest by `signal`.
 */
export class Bundle implements AsyncDisposable {
  readonly #folder: string;
  readonly #name: string;
  readonly #staging: string;
  readonly #redact: Redact;
  readonly #entries: CollectEntry[] = [];
  readonly #stop = new AbortController();
  #failure: unknown;

  private constructor(folder: string, name: string, staging: string, redact: Redact) {
    this.#folder = folder;
    this.#name = name;
    this.#staging = staging;
    this.#redact = redact;
  }

  /** In `folder`, which is made where it is not there; no bundle of that name is written over. */
  static async begin(folder: string, name: string, redact: Redact): Promise<Bundle> {
    try {
      await mkdir(folder, { recursive: true });
      await sweep(folder);
      const staging = await mkdtemp(join(folder, stagingPrefix));
      return new Bundle(folder, await freeName(folder, name), staging, redact);
    } catch (failure) {
      throw fileError(failure, folder) ?? failure;
    }
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Of a part of the bundle, which lies below `prefix`. */
  part(prefix: string): Collection {
    return {
      text: async (path, text, truncated = false) => await this.#put(prefix + path, this.#redact(text), truncated),
      json: async (path, value) =>
        await this.#put(prefix + path, `${JSON.stringify(this.#redact(value), null, 2)}\n`, false),
      missing: (path, reason) =>
        void this.#entries.push({ status: "missing", path: prefix + path, reason: this.#redact(reason) }),
    };
  }

  skipped(path: string, reason: string): void {
    this.#entries.push({ status: "skipped", path, reason });
  }

  /** What was collected and what was not, in the order of paths. */
  get entries(): CollectEntry[] {
    return this.#entries.toSorted((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
  }

  /** Packs everything, and puts it where it belongs with its digest beside it. */
  async finish(manifest: CollectManifest): Promise<WrittenBundle> {
    await this.#put("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`, false);
    if (this.#failure !== undefined) throw fileError(this.#failure, this.#folder) ?? this.#failure;
    const [packed, sum] = [join(this.#staging, "bundle.tar.gz"), join(this.#staging, "bundle.sha256")];
    const path = join(this.#folder, `${this.#name}.tar.gz`);
    try {
      // Neither owner nor inode of this machine is anybody's business.
      await tar.create({ gzip: true, file: packed, cwd: this.#staging, portable: true }, [this.#name]);
      await chmod(packed, 0o600);
      const { sha256, bytes } = await digestOf(packed);
      await writeFile(sum, `${sha256}  ${this.#name}.tar.gz\n`, { mode: 0o600 });
      await Promise.all([packed, sum].map(flush));
      await rename(packed, path);
      await rename(sum, `${path}.sha256`);
      return { path, bytes, sha256 };
    } catch (failure) {
      throw fileError(failure, path) ?? failure;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#staging, { recursive: true, force: true });
  }

  async #put(path: string, text: string, truncated: boolean): Promise<void> {
    if (this.#failure !== undefined) return;
    const full = join(this.#staging, this.#name, path);
    try {
      await mkdir(dirname(full), { recursive: true, mode: 0o700 });
      await writeFile(full, text, { mode: 0o600, flag: "wx" });
    } catch (failure) {
      this.#failure ??= failure;
      this.#stop.abort(failure);
      return;
    }
    const sha256 = createHash("sha256").update(text).digest("hex");
    const entry = { status: "collected", path, sha256, bytes: Buffer.byteLength(text), truncated } as const;
    if (path !== "manifest.json") this.#entries.push(entry);
  }
}

/** Removes what collections that were killed left behind; no living one takes that long. */
async function sweep(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((each) => each.startsWith(stagingPrefix))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > dayMs) await rm(path, { recursive: true, force: true });
  }
}

async function freeName(folder: string, name: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const tried = count === 1 ? name : `${name}-${count}`;
    const taken = await access(join(folder, `${tried}.tar.gz`)).then(
      () => true,
      () => false,
    );
    if (!taken) return tried;
  }
}

async function digestOf(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  await pipeline(createReadStream(path), async (chunks) => {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { sha256: hash.digest("hex"), bytes };
}

async function flush(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
