import { randomBytes } from "node:crypto";
import { OperatorError } from "../../contract/operator-error.ts";
import type { ValidateReport } from "../../contract/validate-report.ts";
import type { PartyChange, WatchHistory } from "../../contract/watch-history.ts";
import { gaps, isChange, type LinkValue, secondsIn, seenIn, trim } from "./history.ts";
import type { HistoryLog, RoundTime } from "./history-file.ts";

/** What came of one round: a report with its evidence, or why there is none. */
export type RoundResult =
  | { report: ValidateReport; evidence: Evidence | null }
  | { reason: string; evidence: Evidence | null };

/** A run's folder, which stays only where it tells of something new. */
export interface Evidence {
  runId: string;
  keep(): Promise<void>;
  drop(): Promise<void>;
}

export interface WatchOptions {
  network: string;
  environment: string;
  stage: "link" | "network";
  intervalMs: number;
  keepMs: number;
  /** A round that has no end by then is given up. */
  roundLimitMs: number;
}

/** What a watch needs of the world. */
export interface WatchHost {
  log: HistoryLog;
  clock: { now(): Date };
  /** Milliseconds that no one sets back. */
  elapsed(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Validates once. Whatever it throws is why the round could not be run. */
  round(signal: AbortSignal): Promise<RoundResult>;
  /** Something changed; the watch goes on meanwhile. */
  say(event: WatchEvent): void;
  /** A round is over, and the next begins after so long. */
  rest(ms: number): void;
}

export interface LinkChange {
  from: number;
  to: number;
  state: "up" | LinkValue[0];
  why: string | null;
  /** How long it was otherwise; null where that is not known. */
  afterSeconds: number | null;
}

/** What is told as it happens. */
export type WatchEvent =
  | {
      kind: "change";
      at: string;
      verdict: WatchHistory["verdicts"][number]["verdict"];
      words: string;
      /** The first round, or the first after one that could not be run. */
      isFirst: boolean;
      links: LinkChange[];
      parties: PartyChange[];
      /** Findings that the round before did not have. */
      findings: ValidateReport["findings"];
      run: string | null;
    }
  | { kind: "lost"; at: string; reason: string; run: string | null }
  | { kind: "late"; at: string; tookSeconds: number; intervalSeconds: number }
  | { kind: "unwritten"; at: string; reason: string | null };

/** What is known at a moment, for whoever asks. */
export interface WatchStatus {
  options: WatchOptions;
  /** Another process is another watch. */
  boot: string;
  startedAt: string;
  rounds: WatchHistory["rounds"];
  lastRound: WatchHistory["lastRound"];
  /** Of the last round that could be run. */
  report: ValidateReport | null;
  /** Since the last round began; null before there is one. */
  ageSeconds: number | null;
  /** Since the last round that told something of a link. */
  goodAgeSeconds: number | null;
}

/** So many intervals without a good round, and the watch itself is not well. */
export const staleAfterIntervals = 3;

const lateAgainMs = 3_600_000;
/** So many rounds within an hour stay as runs. */
export const mostRunsAnHour = 20;

/** Validates again and again. One round at a time: what takes longer than the interval makes the next one late. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #host: WatchHost;
  readonly #boot = randomBytes(8).toString("hex");
  readonly #startedAt: string;
  readonly #rounds = { ok: 0, fail: 0, unknown: 0, lost: 0 };
  #lastRound: WatchHistory["lastRound"] = null;
  #report: ValidateReport | null = null;
  #last: Moment | null = null;
  #good: Moment | null = null;
  #findings = new Set<string>();
  #keptAt: number[] = [];
  #saidLateAt = Number.NEGATIVE_INFINITY;
  #unwritten: string | null = null;

  constructor(options: WatchOptions, host: WatchHost) {
    this.#options = options;
    this.#host = host;
    this.#startedAt = host.clock.now().toISOString();
  }

  /** Goes on until it is stopped. */
  async run(signal: AbortSignal): Promise<void> {
    const { elapsed, sleep, rest } = this.#host;
    while (!signal.aborted) {
      const begun = elapsed();
      await this.#round(signal);
      if (signal.aborted) return;
      const took = elapsed() - begun;
      this.#sayLate(took);
      const restMs = Math.max(0, this.#options.intervalMs - took);
      rest(restMs);
      await sleep(restMs, signal).catch((failure) => {
        if (!signal.aborted) throw failure;
      });
    }
  }

  status(): WatchStatus {
    const now = this.#now();
    return {
      options: this.#options,
      boot: this.#boot,
      startedAt: this.#startedAt,
      rounds: { ...this.#rounds },
      lastRound: this.#lastRound,
      report: this.#report,
      ageSeconds: this.#last === null ? null : secondsBetween(this.#last, now),
      goodAgeSeconds: this.#good === null ? null : secondsBetween(this.#good, now),
    };
  }

  /** All that is kept, as programs read it. */
  history(): WatchHistory {
    const { network, environment, stage, intervalMs, keepMs } = this.#options;
    const { log, clock } = this.#host;
    const { history } = log;
    trim(history, new Date(clock.now().getTime() - keepMs).toISOString());
    const { until, watched, verdicts, links, changes, notes, isWatching, open } = history;
    return {
      schema: "quorate/watch/v1",
      network,
      environment,
      stage,
      intervalSeconds: intervalMs / 1000,
      startedAt: this.#startedAt,
      rounds: { ...this.#rounds },
      lastRound: this.#lastRound,
      since: watched[0]?.since ?? null,
      until,
      watchedSeconds: secondsIn(watched),
      notWatched: gaps(history),
      verdicts: verdicts.map((span, index) => ({ ...span, ongoing: isWatching && index === verdicts.length - 1 })),
      links: links.map((span) => ({ ...span, ongoing: open.get(`${span.from}>${span.to}`) === span })),
      changes: [...changes],
      notes: [...notes],
      unwritten: log.unwritten,
    };
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { roundLimitMs } = this.#options;
    const { clock, elapsed, round } = this.#host;
    const [at, begun] = [clock.now(), elapsed()];
    const ended = new AbortController();
    const limit = AbortSignal.any([signal, ended.signal]);
    const late = this.#host.sleep(roundLimitMs, limit).then(
      () => "late" as const,
      () => "over" as const,
    );
    const given = new AbortController();
    const running = round(AbortSignal.any([signal, given.signal])).catch((failure: unknown): RoundResult => {
      if (!(failure instanceof OperatorError) && !isRefusedByFiles(failure)) throw failure;
      return { reason: reasonOf(failure), evidence: null };
    });
    if ((await Promise.race([running, late])) === "late") given.abort(new Error("the round took too long"));
    const result = await running.finally(() => ended.abort());
    // What was stopped half way says nothing about the network.
    if (signal.aborted) return await result.evidence?.drop();
    const time = { at, durationMs: Math.round(elapsed() - begun) };
    this.#last = { at: at.getTime(), elapsed: begun };
    if ("report" in result) await this.#take(time, result.report, result.evidence);
    else {
      const tooLate = given.signal.aborted ? `it had no end within ${Math.round(roundLimitMs / 1000)} s: ` : "";
      await this.#lose(time, `${tooLate}${result.reason}`, result.evidence);
    }
    this.#sayUnwritten();
  }

  async #take(time: RoundTime, report: ValidateReport, evidence: Evidence | null): Promise<void> {
    const { log, say } = this.#host;
    const seen = seenIn(report);
    const since = new Map([...log.history.open].map(([key, span]) => [key, span.since]));
    const change = log.compare(time, seen);
    const before = this.#findings;
    this.#findings = new Set(report.findings.map(findingKey));
    const findings = report.findings.filter((finding) => !before.has(findingKey(finding)));
    const isNews = isChange(change) || findings.length > 0 || before.size !== this.#findings.size;
    const run = await settle(evidence, isNews && this.#mayKeep());
    const known = log.history.changes.length;
    await log.round(time, seen, run);
    this.#rounds[lower[report.verdict]] += 1;
    this.#report = report;
    if (report.links.some(({ verdict }) => verdict.status !== "UNKNOWN")) this.#good = this.#last;
    const at = time.at.toISOString();
    const { durationMs } = time;
    this.#lastRound = { at, durationMs, verdict: report.verdict, lost: false, words: seen.words };
    if (!isNews) return;
    say({
      kind: "change",
      at,
      verdict: report.verdict,
      words: seen.words,
      isFirst: change.isFirst,
      links: Object.entries(change.links).map(([key, value]): LinkChange => {
        const [from = 0, to = 0] = key.split(">").map(Number);
        const began = since.get(key);
        const afterSeconds = began === undefined ? null : Math.max(0, (time.at.getTime() - Date.parse(began)) / 1000);
        return { from, to, state: value?.[0] ?? "up", why: value?.[1] ?? null, afterSeconds };
      }),
      parties: log.history.changes.slice(known),
      findings,
      run,
    });
  }

  async #lose(time: RoundTime, reason: string, evidence: Evidence | null): Promise<void> {
    const { log, say } = this.#host;
    const isNew = await log.lost(time, reason);
    const run = await settle(evidence, isNew && this.#mayKeep());
    const at = time.at.toISOString();
    const { durationMs } = time;
    this.#rounds.lost += 1;
    this.#lastRound = { at, durationMs, verdict: "UNKNOWN", lost: true, words: reason };
    if (isNew) say({ kind: "lost", at, reason, run });
  }

  /** A network that flaps is not to fill the disk with evidence that it does: the history tells of it. */
  #mayKeep(): boolean {
    const now = this.#host.elapsed();
    this.#keptAt = this.#keptAt.filter((at) => now - at < 3_600_000);
    if (this.#keptAt.length >= mostRunsAnHour) return false;
    this.#keptAt.push(now);
    return true;
  }

  /** Said once in a while: a machine that is too slow is so in most rounds. */
  #sayLate(tookMs: number): void {
    const { intervalMs } = this.#options;
    const now = this.#host.elapsed();
    if (tookMs <= intervalMs || now - this.#saidLateAt < lateAgainMs) return;
    this.#saidLateAt = now;
    this.#host.say({
      kind: "late",
      at: this.#host.clock.now().toISOString(),
      tookSeconds: tookMs / 1000,
      intervalSeconds: intervalMs / 1000,
    });
  }

  #sayUnwritten(): void {
    const { unwritten } = this.#host.log;
    if ((unwritten === null) === (this.#unwritten === null)) return;
    this.#unwritten = unwritten;
    this.#host.say({ kind: "unwritten", at: this.#host.clock.now().toISOString(), reason: unwritten });
  }

  #now(): Moment {
    return { at: this.#host.clock.now().getTime(), elapsed: this.#host.elapsed() };
  }
}

/** By both clocks: one is set back, the other stands still while the machine sleeps. */
interface Moment {
  at: number;
  elapsed: number;
}

function secondsBetween(from: Moment, to: Moment): number {
  return Math.max(0, to.at - from.at, to.elapsed - from.elapsed) / 1000;
}

const lower = { OK: "ok", FAIL: "fail", UNKNOWN: "unknown" } as const;

function findingKey({ code, party, field }: ValidateReport["findings"][number]): string {
  return `${code} ${party} ${field}`;
}

/** The run's id where its evidence stays. That it can not be kept is no reason to stop watching. */
async function settle(evidence: Evidence | null, stays: boolean): Promise<string | null> {
  if (evidence === null) return null;
  try {
    await (stays ? evidence.keep() : evidence.drop());
  } catch (failure) {
    if (!isRefusedByFiles(failure)) throw failure;
    return null;
  }
  return stays ? evidence.runId : null;
}

function isRefusedByFiles(failure: unknown): boolean {
  const { code, syscall } = failure as NodeJS.ErrnoException;
  return failure instanceof Error && code !== undefined && syscall !== undefined;
}

/** One line for why a round could not be run. */
export function reasonOf(failure: unknown): string {
  if (failure instanceof OperatorError) {
    const { code, what, found } = failure.problem;
    return `${code}  ${what}: ${found.split("\n", 1)[0]}`;
  }
  return failure instanceof Error ? failure.message : String(failure);
}
