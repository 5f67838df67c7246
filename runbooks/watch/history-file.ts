import { copyFile, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { readJson } from "../../contract/json-text.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { HistoryLine, historySchema } from "../../contract/watch-history.ts";
import { flushFolder } from "../journal.ts";
import {
  advance,
  type Change,
  changeOf,
  emptyHistory,
  type History,
  isChange,
  keptLine,
  type Seen,
  tooLongBefore,
  trim,
} from "./history.ts";

/** A file to append to. A seam for tests of full disks. */
export interface HistoryFile {
  append(text: string): Promise<void>;
  /** Cuts off what a write that failed left behind. */
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

export interface HistoryOptions {
  folder: string;
  network: string;
  /** Who watches, for the record. */
  by: string;
  now: Date;
  /** Longer than this between two rounds is a time that nobody watched. */
  gapMs: number;
  keepMs: number;
  /** As long as nothing changes, this often it is written down that it does not. */
  aliveMs: number;
  openFile?: (path: string) => Promise<HistoryFile>;
  /** Has the disk keep what a folder lists. @default fsync */
  flush?: (folder: string) => Promise<void>;
}

/** A round's time: by the clock when it began, and how long it took. */
export interface RoundTime {
  at: Date;
  durationMs: number;
}

/** At this size a file is written anew, unless what is kept is larger already. */
const smallFile = 256 * 1024;

/** The history of one network on the disk, and in memory. What can not be written stays in memory, and is written when it can be. */
export class HistoryLog {
  readonly history: History;
  readonly path: string;
  /** What an operator is to know of how it began. */
  readonly said: string[];
  /** Why it is not all on the disk; null where it is. */
  unwritten: string | null = null;
  readonly #options: HistoryOptions;
  #file: HistoryFile | undefined;
  #soundBytes: number;
  #compactAt: number;
  #pending: HistoryLine[] = [];
  /** Time of the last line, and up to when it is known that nothing changed since. */
  #writtenUntil: string | null;

  private constructor(
    options: HistoryOptions,
    read: { path: string; history: History; said: string[]; soundBytes: number },
  ) {
    this.#options = options;
    this.path = read.path;
    this.history = read.history;
    this.said = read.said;
    this.#soundBytes = read.soundBytes;
    this.#compactAt = Math.max(smallFile, 2 * read.soundBytes);
    this.#writtenUntil = read.history.until;
  }

  /** Takes up what is kept of this network. To be called by who holds the folder. */
  static async open(options: HistoryOptions): Promise<HistoryLog> {
    const path = join(options.folder, "history.jsonl");
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const read = await readHistory(path, options);
    const log = new HistoryLog(options, { path, ...read });
    if (read.tornBytes > 0)
      log.said.push(`history: the last ${read.tornBytes} bytes were cut off by a crash, and are left out`);
    await log.#compact(options.now);
    const at = options.now.toISOString();
    await log.#mind(at);
    await log.#take({ kind: "start", at, by: options.by, gapMs: options.gapMs });
    return log;
  }

  /** What a round that found this would change. */
  compare({ at }: RoundTime, seen: Seen): Change {
    return changeOf(this.history, this.#time(at), seen);
  }

  /** Takes in what a round found. */
  async round(time: RoundTime, seen: Seen, run: string | null): Promise<Change> {
    await this.#mind(time.at.toISOString());
    const at = this.#time(time.at);
    const until = new Date(Date.parse(at) + time.durationMs).toISOString();
    const change = changeOf(this.history, at, seen);
    const { links, facts } = change;
    if (isChange(change))
      await this.#take({ kind: "round", at, until, verdict: seen.verdict, words: seen.words, links, facts, run });
    else await this.#goOn(until);
    return change;
  }

  /** Takes in that a round could not be run. True where the one before could be. */
  async lost(time: RoundTime, words: string): Promise<boolean> {
    await this.#mind(time.at.toISOString());
    const at = this.#time(time.at);
    const until = new Date(Date.parse(at) + time.durationMs).toISOString();
    const last = this.history.verdicts.at(-1);
    const isNew = !this.history.isWatching || !last?.lost;
    const isLate = Date.parse(at) - Date.parse(this.history.until ?? at) > this.history.gapMs;
    if (isNew || isLate) await this.#take({ kind: "lost", at, until, words: words.slice(0, 500) });
    else await this.#goOn(until);
    return isNew;
  }

  async close(): Promise<void> {
    if (this.history.until !== null && this.history.until !== this.#writtenUntil && this.history.isWatching)
      await this.#write({ kind: "alive", until: this.history.until });
    await this.#file?.close();
    this.#file = undefined;
  }

  /** The clock's time, or, where that was set back a little, the end of the last look. */
  #time(at: Date): string {
    const time = at.toISOString();
    const { until } = this.history;
    return until !== null && until > time ? until : time;
  }

  /** Where the clock was set back by more than a moment: the file is kept as it is, and what it tells of times to come is left out. */
  async #mind(at: string): Promise<void> {
    const { until, gapMs } = this.history;
    if (until === null) return;
    const backMs = Date.parse(until) - Date.parse(at);
    if (backMs <= Math.min(gapMs, 60_000)) return;
    const beside = join(dirname(this.path), `history-until-${until.replace(/[-:]|\.\d+/g, "")}.jsonl`);
    const kept = await copyFile(this.path, beside).then(
      () => `, and is kept in ${beside}`,
      () => "",
    );
    const text = `the clock was set back by ${Math.round(backMs / 1000)} s: what had been written of times after ${at} is left out${kept}`;
    this.said.push(`history: ${text}`);
    await this.#take({ kind: "clock", at, text });
  }

  async #goOn(until: string): Promise<void> {
    advance(this.history, { kind: "alive", until });
    const written = this.#writtenUntil;
    if (written !== null && Date.parse(until) - Date.parse(written) < this.#options.aliveMs && this.unwritten === null)
      return;
    await this.#write({ kind: "alive", until });
  }

  async #take(line: HistoryLine): Promise<void> {
    // What went on until now is on record before what ends it: a gap begins where somebody last looked.
    const { until, isWatching } = this.history;
    if (isWatching && until !== null && until !== this.#writtenUntil) await this.#write({ kind: "alive", until });
    advance(this.history, line);
    await this.#write(line);
    if (this.#soundBytes > this.#compactAt || tooLongBefore(this.history) !== null)
      await this.#compact(new Date(this.history.until ?? this.#options.now));
  }

  async #write(line: HistoryLine): Promise<void> {
    this.#pending.push(line);
    this.#writtenUntil = this.history.until;
    try {
      this.#file ??= await (this.#options.openFile ?? openHistoryFile)(this.path);
      if (this.unwritten !== null) await this.#file.truncate(this.#soundBytes);
      const text = this.#pending.map((one) => `${JSON.stringify(one)}\n`).join("");
      await this.#file.append(text);
      this.#soundBytes += Buffer.byteLength(text);
      this.#pending = [];
      this.unwritten = null;
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : String(failure);
      this.unwritten = `${this.path} can not be written: ${why}`;
      // Everything is in memory; a long failure is not to be there twice.
      if (this.#pending.length > 10_000) this.#pending = [keptLine(this.history) ?? line];
    }
  }

  /** Writes what is to be kept into a new file, in the old one's place all at once. */
  async #compact(now: Date): Promise<void> {
    trim(this.history, new Date(now.getTime() - this.#options.keepMs).toISOString());
    const begin = tooLongBefore(this.history);
    if (begin !== null) {
      trim(this.history, begin);
      this.history.notes.push({ at: begin, text: "so much has changed since that what was before is left out" });
      this.history.notes.sort((a, b) => (a.at < b.at ? -1 : 1));
    }
    const kept = keptLine(this.history);
    const header: HistoryLine = { kind: "history", schema: historySchema, network: this.#options.network };
    const text = [header, ...(kept === null ? [] : [kept])].map((line) => `${JSON.stringify(line)}\n`).join("");
    const beside = `${this.path}.${process.pid}.new`;
    try {
      const file = await open(beside, "w", 0o600);
      try {
        await file.writeFile(text);
        await file.datasync();
      } finally {
        await file.close();
      }
      await this.#file?.close();
      this.#file = undefined;
      await rename(beside, this.path);
      this.#soundBytes = Buffer.byteLength(text);
      this.#pending = [];
      await (this.#options.flush ?? flushFolder)(dirname(this.path));
      this.unwritten = null;
    } catch (failure) {
      await rm(beside, { force: true });
      this.unwritten = `${this.path} can not be written: ${failure instanceof Error ? failure.message : String(failure)}`;
      // A file without its first line could not be read back.
      if (this.#soundBytes === 0) this.#pending = [header];
    }
    this.#compactAt = Math.max(smallFile, 2 * this.#soundBytes);
  }
}

async function openHistoryFile(path: string): Promise<HistoryFile> {
  const file = await open(path, "a", 0o600);
  return {
    async append(text) {
      await file.writeFile(text);
      await file.datasync();
    },
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  };
}

const Header = z.object({ kind: z.literal("history"), schema: z.string(), network: z.string() });

/** The lines of a file, one after the other. A last line without its end is what a kill in the middle of a write leaves. */
export async function readHistory(
  path: string,
  { network, gapMs }: Pick<HistoryOptions, "network" | "gapMs">,
): Promise<{ history: History; said: string[]; soundBytes: number; tornBytes: number }> {
  const history = emptyHistory(gapMs);
  const bytes = await readFile(path).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === "ENOENT") return Buffer.alloc(0);
    throw failure;
  });
  const soundBytes = bytes.lastIndexOf(0x0a) + 1;
  const rows = soundBytes === 0 ? [] : bytes.toString("utf8", 0, soundBytes - 1).split("\n");
  rows.forEach((row, index) => {
    const value = readJson(row);
    if (index === 0) refuseOther(path, value, network);
    const line = HistoryLine.safeParse(value);
    if (!line.success) throw unreadable(path, index + 1);
    advance(history, line.data);
  });
  return { history, said: [], soundBytes, tornBytes: bytes.length - soundBytes };
}

function refuseOther(path: string, value: unknown, network: string): void {
  const header = Header.safeParse(value);
  if (!header.success) throw unreadable(path, 1);
  const { schema, network: found } = header.data;
  if (schema !== historySchema)
    throw new OperatorError({
      code: "HISTORY_NEWER",
      what: `${path} was written by another version of this program`,
      found: schema.slice(0, 100),
      expected: historySchema,
      next: `use that version, or begin anew: ${aside(path)}`,
      exitCode: exitCodes.refused,
    });
  if (found !== network)
    throw new OperatorError({
      code: "HISTORY_OF_OTHER_NETWORK",
      what: `${path} tells of another network`,
      found: found.slice(0, 100),
      expected: network,
      next: `put it back where it belongs, or begin anew: ${aside(path)}`,
      exitCode: exitCodes.refused,
    });
}

function unreadable(path: string, line: number): OperatorError {
  return new OperatorError({
    code: "HISTORY_UNREADABLE",
    what: `${path}, line ${line}: the history of this network can not be read`,
    found: "a line that was not written by this program, or was changed",
    expected: `lines of ${historySchema}`,
    next: `begin anew: ${aside(path)}`,
    exitCode: exitCodes.refused,
  });
}

function aside(path: string): string {
  return `mv ${path} ${path}.old`;
}
