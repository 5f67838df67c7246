import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "../../contract/operator-error.ts";
import { type ObjectChange, ObjectStore } from "./object-store.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

/** One resource of an account, as the Pulumi schema of its type describes it, outputs included. */
export interface StoredResource {
  /** Pulumi type token: `aws:s3/bucket:Bucket`. */
  type: string;
  id: string;
  props: Record<string, unknown>;
}

type Change = { put: StoredResource } | { delete: { type: string; id: string } } | { object: ObjectChange };

export type StoreEvent =
  | { accountId: string; change: "put" | "delete"; type: string; id: string }
  | { accountId: string; change: "putObject" | "deleteObject"; bucket: string; key: string };

/** What an account needs of the others. */
interface Cloud {
  bucketOwner(bucket: string): AccountStore | undefined;
  emit(event: StoreEvent): void;
  fail(error: Error): void;
}

const bucketType = "aws:s3/bucket:Bucket";

/** Resources and bucket objects of one account. Reads are from memory; a write is on disk when its promise resolves. */
export class AccountStore {
  readonly accountId: string;
  /** Directory for what must not be in the log: key material. */
  readonly keysDir: string;
  readonly objects: ObjectStore;
  readonly #resources = new Map<string, Map<string, StoredResource>>();
  readonly #cloud: Cloud;
  readonly #dir: string;
  #log: Promise<WriteAheadLog<Change>> | undefined;
  #appending: Promise<unknown> = Promise.resolve();

  constructor(accountId: string, dir: string, cloud: Cloud) {
    if (!/^\d{12}$/.test(accountId)) throw new Error(`not an AWS account id: ${accountId}`);
    this.accountId = accountId;
    this.#dir = dir;
    this.#cloud = cloud;
    this.keysDir = join(dir, "keys");
    mkdirSync(this.keysDir, { recursive: true, mode: 0o700 });
    this.objects = new ObjectStore(join(dir, "objects"), {
      isVersioned: (bucket) => this.#isVersioned(bucket),
      commit: async (change) => {
        await this.#append({ object: change });
        const { bucket, key } = change;
        cloud.emit({ accountId, change: change.delete ? "deleteObject" : "putObject", bucket, key });
      },
    });
  }

  /** Replays the log. Called once, by the cloud store, before the first read; for a new account it may be left out. */
  async load(): Promise<void> {
    await this.#opened();
    await this.objects.sweep();
  }

  /** The stored value itself, frozen: copy it to change it. */
  get(type: string, id: string): StoredResource | undefined {
    return this.#resources.get(type)?.get(id);
  }

  /** All of one type, in order of creation. */
  list(type: string): StoredResource[] {
    return [...(this.#resources.get(type)?.values() ?? [])];
  }

  /** Every type of which there is at least one resource. */
  types(): string[] {
    return [...this.#resources].filter(([, byId]) => byId.size > 0).map(([type]) => type);
  }

  /** Replaces the whole resource. Readers see it at once; it survives a kill when the promise resolves. */
  async put(resource: StoredResource): Promise<void> {
    if (resource.type === bucketType) {
      const owner = this.#cloud.bucketOwner(resource.id);
      if (owner && owner !== this) throw new BucketNameTaken(resource.id);
    }
    // A copy through JSON: what is in memory is what a restart will read back.
    const copy = freeze(JSON.parse(JSON.stringify(resource))) as StoredResource;
    this.#apply({ put: copy });
    await this.#append({ put: copy });
    this.#cloud.emit({ accountId: this.accountId, change: "put", type: resource.type, id: resource.id });
  }

  /** No error where there is nothing to delete. */
  async delete(type: string, id: string): Promise<void> {
    if (!this.get(type, id)) return;
    this.#apply({ delete: { type, id } });
    await this.#append({ delete: { type, id } });
    this.#cloud.emit({ accountId: this.accountId, change: "delete", type, id });
  }

  async close(): Promise<void> {
    await this.#appending.catch(() => undefined);
    await (await this.#log)?.close();
  }

  #isVersioned(bucket: string): boolean {
    const props = this.get("aws:s3/bucketVersioning:BucketVersioning", bucket)?.props;
    return (props?.versioningConfiguration as { status?: string } | undefined)?.status === "Enabled";
  }

  #apply(change: Change): void {
    if ("put" in change) {
      const { type, id } = change.put;
      const byId = this.#resources.get(type) ?? new Map<string, StoredResource>();
      byId.set(id, freeze(change.put));
      this.#resources.set(type, byId);
    } else if ("delete" in change) {
      this.#resources.get(change.delete.type)?.delete(change.delete.id);
    } else {
      this.objects.apply(change.object);
    }
  }

  *#everything(): Iterable<Change> {
    for (const byId of this.#resources.values()) for (const resource of byId.values()) yield { put: resource };
    for (const change of this.objects.everything()) yield { object: change };
  }

  #opened(): Promise<WriteAheadLog<Change>> {
    this.#log ??= WriteAheadLog.open<Change>(this.#dir, {
      apply: (change) => this.#apply(change),
      everything: () => this.#everything(),
    });
    return this.#log;
  }

  #append(change: Change): Promise<void> {
    const written = this.#opened().then((log) => log.append(change));
    written.catch((error: Error) => this.#cloud.fail(error));
    this.#appending = Promise.allSettled([this.#appending, written]);
    return written;
  }
}

/** All accounts of the simulated cloud, each in its own directory. One process at a time. */
export class CloudStore {
  readonly #dir: string;
  readonly #accounts = new Map<string, AccountStore>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  readonly #failureListeners = new Set<(error: Error) => void>();
  #isClosed = false;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Reads what an earlier process left, whether it was closed or killed. */
  static async open(dir: string): Promise<CloudStore> {
    mkdirSync(join(dir, "accounts"), { recursive: true, mode: 0o700 });
    takeLock(join(dir, "lock"));
    const store = new CloudStore(dir);
    const existing = readdirSync(join(dir, "accounts")).filter((name) => /^\d{12}$/.test(name));
    await Promise.all(existing.map((accountId) => store.account(accountId).load()));
    return store;
  }

  /** The account's store; made at first use. */
  account(accountId: string): AccountStore {
    const known = this.#accounts.get(accountId);
    if (known) return known;
    const account = new AccountStore(accountId, join(this.#dir, "accounts", accountId), {
      bucketOwner: (bucket) => this.bucketOwner(bucket),
      emit: (event) => this.#emit(event),
      fail: (error) => this.#fail(error),
    });
    this.#accounts.set(accountId, account);
    return account;
  }

  accounts(): AccountStore[] {
    return [...this.#accounts.values()];
  }

  /** Bucket names are global: the one account that holds this name. */
  bucketOwner(bucket: string): AccountStore | undefined {
    return this.accounts().find((account) => account.get(bucketType, bucket));
  }

  /** Called after a change is durable. Returns how to stop listening. */
  onChange(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when a write failed: memory is ahead of the disk then, so whoever hears it should end the process. */
  onFailure(listener: (error: Error) => void): void {
    this.#failureListeners.add(listener);
  }

  /** Waits for writes under way, then lets go of the directory. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.accounts().map((account) => account.close()));
    rmSync(join(this.#dir, "lock"), { force: true });
  }

  #fail(error: Error): void {
    if (!this.#isClosed) for (const listener of this.#failureListeners) listener(error);
  }

  #emit(event: StoreEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** S3 bucket names are global across accounts. */
export class BucketNameTaken extends Error {
  constructor(bucket: string) {
    super(`The requested bucket name is not available: ${bucket} belongs to another account.`);
    this.name = "BucketNameTaken";
  }
}

function freeze<T>(value: T): T {
  if (value === null || typeof value !== "object" || Object.isFrozen(value)) return value;
  for (const field of Object.values(value)) freeze(field);
  return Object.freeze(value);
}

/** A pid alone may have been reused since; with its start time it names one process. */
function takeLock(path: string): void {
  const own = `${process.pid} ${startTime(process.pid)}`;
  let holder = "";
  try {
    holder = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const pid = Number(holder.split(" ")[0]);
  if (holder !== own && pid > 0 && holder === `${pid} ${startTime(pid)}`)
    throw new OperatorError({
      code: "CLOUD_STATE_IN_USE",
      what: `another process has the simulated cloud's state open (${path})`,
      found: `process ${pid}, running`,
      expected: "no other process",
      next: "npx quorate devnet down, then npx quorate devnet up",
    });
  writeFileSync(path, own, { mode: 0o600 });
}

function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; field 22 is the 20th after it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "unknown";
  } catch {
    return "gone";
  }
}
