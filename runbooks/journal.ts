import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { canonicalJson } from "../contract/manifest-digest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Failure = z.strictObject({
  code: z.string(),
  what: z.string(),
  found: z.string().nullable(),
  expected: z.string().nullable(),
  next: z.string(),
});
export type Failure = z.infer<typeof Failure>;

/** What happened, one line each. `intent` comes before a step that runs once acts; nothing may act after a line that failed to be written. */
const Event = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("start"), runId: z.string(), planDigest: z.string(), approval: z.string() }),
  z.strictObject({ kind: z.literal("resume"), tornBytes: z.int() }),
  /** As whom AWS knows the process that acts on a party, once for each that it acts on; or why that could not be told. */
  z.strictObject({
    kind: z.literal("caller"),
    partyId: z.int(),
    arn: z.string().nullable(),
    reason: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal("begin"), step: z.string() }),
  z.strictObject({ kind: z.literal("intent"), step: z.string() }),
  z.strictObject({
    kind: z.literal("command"),
    step: z.string(),
    partyId: z.int(),
    args: z.array(z.string()),
    stdinSha256: Sha256.nullable(),
    exitCode: z.int(),
    ended: z.string(),
    durationMs: z.number(),
    /** The beginning, or nothing where it is not for keeping; the hash is of all of it, after secrets were taken out. */
    stdout: z.string(),
    stdoutSha256: Sha256,
    stderr: z.string(),
  }),
  z.strictObject({ kind: z.literal("done"), step: z.string(), durationMs: z.number(), evidence: z.unknown() }),
  z.strictObject({ kind: z.literal("skip"), step: z.string(), why: z.string(), evidence: z.unknown() }),
  z.strictObject({ kind: z.literal("failed"), step: z.string(), durationMs: z.number(), failure: Failure }),
  z.strictObject({ kind: z.literal("unknown"), step: z.string(), reason: z.string(), next: z.string() }),
  z.strictObject({ kind: z.literal("interrupted"), step: z.string() }),
  /** The end of one process's work on the run; after `finished: true` there is nothing left to resume. */
  z.strictObject({
    kind: z.literal("end"),
    finished: z.boolean(),
    verdict: z.enum(["OK", "FAIL", "UNKNOWN"]),
    exitCode: z.int(),
    reportSha256: Sha256.nullable(),
  }),
]);
export type JournalEvent = z.infer<typeof Event>;

const Frame = z.object({ seq: z.int(), at: z.iso.datetime(), by: z.string(), previous: Sha256, sum: Sha256 });
export type JournalLine = z.infer<typeof Frame> & { event: JournalEvent };

/** Where lines go. A seam for tests of full disks and of kills between a write and its flush. */
export interface JournalFile {
  write(text: string): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the file of a journal for appending; `create` demands that it is not there yet. */
export async function openJournalFile(path: string, create: boolean): Promise<JournalFile> {
  const flags = constants.O_WRONLY | constants.O_APPEND | (create ? constants.O_CREAT | constants.O_EXCL : 0);
  const file = await open(path, flags, 0o600);
  if (create) await flushFolder(dirname(path));
  return {
    write: async (text) => void (await file.writeFile(text)),
    flush: () => file.datasync(),
    close: () => file.close(),
  };
}

/** A name in a folder survives a power cut only once the folder itself is flushed. */
export async function flushFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, constants.O_RDONLY);
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

/** Append-only, hash-chained, and on the disk before `append` resolves. */
export class Journal {
  readonly path: string;
  readonly #file: JournalFile;
  readonly #by: string;
  readonly #clock: { now(): Date };
  readonly #resume: string;
  #seq: number;
  #previous: string;
  #broken: OperatorError | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    path: string,
    file: JournalFile,
    options: { by: string; clock: { now(): Date }; resume: string; seq: number; previous: string },
  ) {
    this.path = path;
    this.#file = file;
    this.#by = options.by;
    this.#clock = options.clock;
    this.#resume = options.resume;
    this.#seq = options.seq;
    this.#previous = options.previous;
  }

  /** Writes one line. `flush: false` leaves it to the next line's flush, for evidence that no action depends on. */
  append(event: JournalEvent, options: { flush: boolean } = { flush: true }): Promise<JournalLine> {
    const written = this.#queue.then(() => this.#write(event, options.flush));
    // Whoever waits for `written` sees the failure; the queue itself only keeps the order.
    this.#queue = written.catch(() => {});
    return written;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#file.close();
  }

  async #write(event: JournalEvent, flush: boolean): Promise<JournalLine> {
    if (this.#broken) throw this.#broken;
    const body = {
      seq: this.#seq,
      at: this.#clock.now().toISOString(),
      by: this.#by,
      previous: this.#previous,
      event,
    };
    const text = sealLine(body);
    try {
      await this.#file.write(`${text}\n`);
      if (flush) await this.#file.flush();
    } catch (cause) {
      this.#broken = journalUnwritable(this.path, cause, this.#resume);
      throw this.#broken;
    }
    this.#seq += 1;
    this.#previous = sha256(text);
    // As it will be read back: what JSON cannot hold is not evidence.
    return JSON.parse(text) as JournalLine;
  }
}

/** "No evidence, no action": the one answer to a full disk, a read-only folder, a file that is gone. */
export function journalUnwritable(path: string, cause: unknown, then = "start again"): OperatorError {
  const error = cause as NodeJS.ErrnoException;
  return new OperatorError(
    {
      code: "JOURNAL_UNWRITABLE",
      what: `${path} cannot be written, so nothing more is done`,
      // Node's own errors begin with their code; others may not.
      found:
        error.code === undefined || error.message.startsWith(error.code)
          ? error.message
          : `${error.code}: ${error.message}`,
      expected: "every step on record before the next one begins",
      next: `make room, or give yourself the right to write there; then ${then}`,
      exitCode: exitCodes.usage,
    },
    { cause },
  );
}

/** A journal as it was read back. */
export interface JournalRead {
  lines: JournalLine[];
  /** Bytes after the last full line: what a kill in the middle of a write leaves. They were never acted on. */
  tornBytes: number;
  /** Bytes of all full lines. */
  soundBytes: number;
  /** What the next line has to name as its predecessor. */
  head: string;
}

/** Checks the whole chain. A torn last line is what a kill leaves; anything else that does not fit was changed by someone. */
export function readJournal(path: string, text: Buffer, planSha256: string): JournalRead {
  const end = text.lastIndexOf(0x0a) + 1;
  const lines: JournalLine[] = [];
  let head = planSha256;
  const rows =
    end === 0
      ? []
      : text
          .subarray(0, end - 1)
          .toString("utf8")
          .split("\n");
  rows.forEach((row, index) => {
    const line = openLine(row);
    if (line === null) throw tampered(path, index + 1, "a line that was not written by this program, or was changed");
    if (line.previous !== head || line.seq !== index)
      throw tampered(path, index + 1, "a line that does not follow the one before it");
    lines.push(line);
    head = sha256(row);
  });
  return { lines, tornBytes: text.length - end, soundBytes: end, head };
}

function tampered(path: string, line: number, found: string): OperatorError {
  return new OperatorError({
    code: "JOURNAL_TAMPERED",
    what: `${path}, line ${line}: the record of this run was changed`,
    found,
    expected: "an unbroken chain of hashes from plan.json to the last line",
    next: "keep the folder as it is, find out who changed it, and start a new run",
    exitCode: exitCodes.refused,
  });
}

function sealLine(body: Omit<JournalLine, "sum">): string {
  const text = canonicalJson(body);
  return `${text.slice(0, -1)},"sum":"${sha256(text)}"}`;
}

function openLine(row: string): JournalLine | null {
  const match = /^(.*),"sum":"([0-9a-f]{64})"\}$/s.exec(row);
  if (match === null || sha256(`${match[1]}}`) !== match[2]) return null;
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
  const line = Frame.extend({ event: Event }).safeParse(value);
  return line.success ? line.data : null;
}

export function sha256(bytes: string | Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
