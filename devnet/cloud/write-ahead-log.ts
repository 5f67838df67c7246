import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { OperatorError } from "../../contract/operator-error.ts";

const compactionFloorBytes = 1024 * 1024;

interface Entry<T> {
  sequence: number;
  change: T;
}

/**
 * An append-only log of changes with a snapshot beside it. A change is on disk when `append` resolves; changes that arrive while the
 * disk is busy share the next fsync. Each line carries a checksum, so the half line that a kill leaves is recognised and cut off.
 */
export class WriteAheadLog<T> {
  readonly #dir: string;
  readonly #everything: () => Iterable<T>;
  #file: FileHandle;
  #sequence: number;
  #bytes: number;
  #compactAtBytes = compactionFloorBytes;
  #waiting: { line: string; resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(dir: string, everything: () => Iterable<T>, file: FileHandle, sequence: number, bytes: number) {
    this.#dir = dir;
    this.#everything = everything;
    this.#file = file;
    this.#sequence = sequence;
    this.#bytes = bytes;
  }

  /** Replays what is on disk through `apply`, then is ready to append. `everything` names the state as changes, for the snapshot. */
  static async open<T>(
    dir: string,
    options: { apply: (change: T) => void; everything: () => Iterable<T> },
  ): Promise<WriteAheadLog<T>> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    let sequence = 0;
    const snapshot = await readOrEmpty(join(dir, "snapshot.jsonl"));
    const { entries, validBytes } = readLines<T>(snapshot);
    // The snapshot got its name only once it was whole, so a bad line here is damage, not a crash.
    if (validBytes !== snapshot.length) throw damaged(join(dir, "snapshot.jsonl"), validBytes);
    for (const entry of entries) {
      options.apply(entry.change);
      sequence = entry.sequence;
    }
    const path = join(dir, "wal.jsonl");
    const text = await readOrEmpty(path);
    const tail = readLines<T>(text);
    if (holdsLineAfter(text, tail.validBytes)) throw damaged(path, tail.validBytes);
    for (const entry of tail.entries) {
      // A kill between snapshot and truncation leaves changes here that the snapshot has.
      if (entry.sequence <= sequence) continue;
      options.apply(entry.change);
      sequence = entry.sequence;
    }
    const file = await open(path, "a", 0o600);
    if (tail.validBytes < text.length) {
      await file.truncate(tail.validBytes);
      await file.datasync();
    }
    await syncDirectory(dir);
    return new WriteAheadLog(dir, options.everything, file, sequence, tail.validBytes);
  }

  /** Durable when it resolves. After a failed write nothing is accepted any more: memory is ahead of the disk then. */
  append(change: T): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#sequence += 1;
    const line = frame({ sequence: this.#sequence, change });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    this.#failure ??= new Error("the log is closed");
    await this.#file.close();
  }

  async #drain(): Promise<void> {
    // One turn of the event loop gathers the changes of callers that run at the same moment.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const bytes = Buffer.from(batch.map((item) => item.line).join(""));
        await this.#file.appendFile(bytes);
        await this.#file.datasync();
        this.#bytes += bytes.length;
        for (const item of batch) item.resolve();
        if (this.#bytes > this.#compactAtBytes) await this.#writeSnapshot();
      } catch (cause) {
        this.#failure = new Error(`can't write to ${this.#dir}: ${(cause as Error).message}`, { cause });
        for (const item of [...batch, ...this.#waiting]) item.reject(this.#failure);
        this.#waiting = [];
      }
    }
    this.#writing = undefined;
  }

  /** Writes everything to a snapshot and empties the log. */
  async #writeSnapshot(): Promise<void> {
    // Taken in one go, before the first await: the state and the sequence belong together.
    const sequence = this.#sequence;
    const text = [...this.#everything()].map((change) => frame({ sequence, change })).join("");
    const path = join(this.#dir, "snapshot.jsonl");
    const file = await open(`${path}.new`, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    await syncDirectory(this.#dir);
    await this.#file.truncate(0);
    await this.#file.datasync();
    this.#bytes = 0;
    this.#compactAtBytes = Math.max(compactionFloorBytes, 4 * Buffer.byteLength(text));
  }
}

function frame<T>(entry: Entry<T>): string {
  const json = JSON.stringify(entry);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
}

function readLines<T>(text: Buffer): { entries: Entry<T>[]; validBytes: number } {
  const entries: Entry<T>[] = [];
  let start = 0;
  for (;;) {
    const end = text.indexOf(0x0a, start);
    if (end < 0) return { entries, validBytes: start };
    const json = unframe(text.subarray(start, end));
    if (json === undefined) return { entries, validBytes: start };
    entries.push(JSON.parse(json));
    start = end + 1;
  }
}

function unframe(line: Buffer): string | undefined {
  if (line.length < 10 || line[8] !== 0x20) return undefined;
  const json = line.subarray(9);
  return crc32(json).toString(16).padStart(8, "0") === line.subarray(0, 8).toString("latin1")
    ? json.toString("utf8")
    : undefined;
}

/** A torn tail is the last thing in a log. A whole line behind it means that the disk, not a kill, changed the log. */
function holdsLineAfter(text: Buffer, offset: number): boolean {
  let start = text.indexOf(0x0a, offset) + 1;
  while (start > 0 && start < text.length) {
    const end = text.indexOf(0x0a, start);
    if (end < 0) return false;
    if (unframe(text.subarray(start, end)) !== undefined) return true;
    start = end + 1;
  }
  return false;
}

async function readOrEmpty(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

/** Makes a rename or a new file in the directory survive a power cut. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function damaged(path: string, offset: number): OperatorError {
  return new OperatorError({
    code: "CLOUD_STATE_DAMAGED",
    what: `the simulated cloud's state ${path} is damaged`,
    found: `a line with a wrong checksum at byte ${offset}, and whole lines after it`,
    expected: "only the last line may be incomplete",
    next: "npx quorate devnet down, then npx quorate devnet up, builds a new one",
  });
}
