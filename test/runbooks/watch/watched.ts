import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ValidateReport } from "../../../contract/validate-report.ts";
import { type HistoryFile, HistoryLog } from "../../../runbooks/watch/history-file.ts";
import { type RoundResult, Watch, type WatchEvent } from "../../../runbooks/watch/watch.ts";

/** Time that goes on when it is told to. */
export class FakeTime {
  wall = Date.parse("2026-11-20T19:00:00.000Z");
  elapsed = 0;
  #sleepers: { until: number; wake: () => void }[] = [];

  now(): Date {
    return new Date(this.wall);
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const sleeper = { until: this.elapsed + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal.reason);
      });
    });
  }

  advance(ms: number): void {
    this.elapsed += ms;
    this.wall += ms;
    const due = this.#sleepers.filter(({ until }) => until <= this.elapsed);
    this.#sleepers = this.#sleepers.filter((one) => !due.includes(one));
    for (const { wake } of due) wake();
  }

  get sleepers(): number {
    return this.#sleepers.length;
  }
}

export interface Watched extends AsyncDisposable {
  watch: Watch;
  time: FakeTime;
  events: WatchEvent[];
  log: HistoryLog;
  folder: string;
  /** What came of the runs' evidence. */
  evidence: { kept: string[]; dropped: string[] };
  /** The next round finds this, or fails with it. */
  round(found: ValidateReport | Error | RoundResult, options?: { tookMs?: number }): Promise<void>;
  stop(): Promise<void>;
}

/** A watch whose rounds find what a test says, in time that a test makes. */
export async function watched(
  options: {
    intervalMs?: number;
    keepMs?: number;
    folder?: string;
    network?: string;
    time?: FakeTime;
    openFile?: (path: string) => Promise<HistoryFile>;
  } = {},
): Promise<Watched> {
  const { intervalMs = 60_000, keepMs = 7 * 86_400_000, network = "devnet", time = new FakeTime() } = options;
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "quorate-watch-")));
  const gapMs = 3 * intervalMs;
  const log = await HistoryLog.open({
    folder,
    network,
    by: "a test",
    now: time.now(),
    gapMs,
    keepMs,
    aliveMs: 300_000,
    ...(options.openFile ? { openFile: options.openFile } : {}),
  });
  const events: WatchEvent[] = [];
  const evidence: Watched["evidence"] = { kept: [], dropped: [] };
  const stopped = new AbortController();
  let wanted = Promise.withResolvers<{ found: ValidateReport | Error | RoundResult; tookMs: number }>();
  let rested = Promise.withResolvers<void>();
  let count = 0;
  const watch = new Watch(
    { network, environment: "devnet", stage: "link", intervalMs, keepMs, roundLimitMs: 10 * intervalMs },
    {
      log,
      clock: time,
      elapsed: () => time.elapsed,
      sleep: (ms, signal) => time.sleep(ms, signal),
      say: (event) => events.push(event),
      rest: () => rested.resolve(),
      async round(signal) {
        const aborted = new Promise<never>((_, reject) =>
          signal.addEventListener("abort", () =>
            reject(Object.assign(new Error("aborted"), { code: "A", syscall: "b" })),
          ),
        );
        const { found, tookMs } = await Promise.race([wanted.promise, aborted]);
        wanted = Promise.withResolvers();
        time.advance(tookMs);
        if (found instanceof Error) throw found;
        if ("reason" in found || "evidence" in found) return found as RoundResult;
        const runId = `run-${++count}`;
        return {
          report: { ...found, startedAt: time.now().toISOString() },
          evidence: {
            runId,
            keep: async () => void evidence.kept.push(runId),
            drop: async () => void evidence.dropped.push(runId),
          },
        };
      },
    },
  );
  const running = watch.run(stopped.signal);
  let isFirst = true;
  const stop = async () => {
    stopped.abort(new Error("stopped"));
    await running;
    await log.close();
  };
  return {
    watch,
    time,
    events,
    log,
    folder,
    evidence,
    async round(found, { tookMs = 0 } = {}) {
      if (!isFirst) time.advance(intervalMs);
      isFirst = false;
      rested = Promise.withResolvers();
      wanted.resolve({ found, tookMs });
      await Promise.race([rested.promise, running]);
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
