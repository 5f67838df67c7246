import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { readJson } from "../../contract/json-text.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { ValidateReport } from "../../contract/validate-report.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { interruptSignal } from "../../runbooks/interrupt.ts";
import { flushFolder } from "../../runbooks/journal.ts";
import report from "../../runbooks/network/report.ts";
import validate, { timeoutMs, validateStage } from "../../runbooks/network/validate.ts";
import { executeRun, planRunbook, type RunHost, type RunResult } from "../../runbooks/run.ts";
import { howToFree, lockFolder } from "../../runbooks/run-lock.ts";
import type { Runbook } from "../../runbooks/runbook.ts";
import { HistoryLog } from "../../runbooks/watch/history-file.ts";
import { serveWatch } from "../../runbooks/watch/server.ts";
import { renderWatchEvent, renderWatchSummary, watchSummary } from "../../runbooks/watch/text.ts";
import {
  type Evidence,
  type RoundResult,
  staleAfterIntervals,
  Watch,
  type WatchEvent,
} from "../../runbooks/watch/watch.ts";
import { duration } from "../../runbooks/watch/words.ts";
import { openPartyAccess } from "../party-access.ts";
import { parseInputs } from "../runbook-inputs.ts";
import { openSession, type Session } from "../session.ts";
import { terminal } from "../terminal.ts";
import { given } from "./runbooks.ts";
import { chooseFormat } from "./stacks.ts";

const number = () => z.coerce.number<number>().int();
const Inputs = z.strictObject({
  intervalSeconds: number().min(1).max(86_400).default(60),
  stage: validateStage,
  timeoutMs,
  parties: z.array(number().min(1)).min(1).optional(),
  maxAgeMinutes: number().min(1).max(10_080).default(15),
  published: z.boolean().default(false),
  from: z.string().min(1).optional(),
  port: number().min(0).max(65_535).default(0),
  keepHours: number().min(1).max(8_760).default(168),
});
type Inputs = z.infer<typeof Inputs>;

const spelling = {
  command: "watch",
  options: {
    interval: "interval-seconds",
    timeout: "timeout-ms",
    party: "parties",
    "max-age": "max-age-minutes",
    keep: "keep-hours",
  },
};
/** As long as nothing changes, the history says so this often. */
const aliveMs = 5 * 60_000;
/** What asking every cluster may take beside the links' own deadline. */
const roundSlackMs = 120_000;

/** Validates again and again until it is stopped, and shows what it finds to this machine. */
export async function watch(args: string[]): Promise<number> {
  const common = { network: { type: "string" }, format: { type: "string" } } as const;
  const { values, inputs: typed } = parseInputs({ name: "watch", inputs: Inputs }, args, common, spelling);
  const inputs = Inputs.parse(typed);
  refuseNonsense(inputs, typed);
  const format = chooseFormat(String(values.format ?? "table"), ["table", "json"]);
  const session = await openSession({ network: values.network as string | undefined });
  // What is wrong from the beginning is said at once, and not in each round anew.
  await planRound(session, inputs);
  const folder = join(session.root, ".quorate", "watch", session.network);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(folder, async (other) => await inUse(session.network, folder, other));
  const interrupt = interruptSignal();
  try {
    return await watchUntil(interrupt.signal, { session, inputs, folder, format });
  } finally {
    interrupt.dispose();
    await rm(join(folder, "address"), { force: true });
    await lock.release();
  }
}

interface Work {
  session: Session;
  inputs: Inputs;
  folder: string;
  format: "table" | "json";
}

async function watchUntil(signal: AbortSignal, { session, inputs, folder, format }: Work): Promise<number> {
  const { manifest, network } = session;
  const intervalMs = inputs.intervalSeconds * 1000;
  const keepMs = inputs.keepHours * 3_600_000;
  const gapMs = staleAfterIntervals * intervalMs;
  const by = `${userInfo().username}@${hostname()} (process ${process.pid})`;
  const log = await HistoryLog.open({ folder, network, by, now: new Date(), gapMs, keepMs, aliveMs });
  // What a watch that was killed left behind is no evidence of anything new.
  await rm(join(folder, "rounds"), { recursive: true, force: true });
  const options = {
    network,
    environment: manifest.environment,
    stage: inputs.stage,
    intervalMs,
    keepMs,
    roundLimitMs: Math.max(gapMs, roundSlackMs + 2 * inputs.timeoutMs),
  };
  const ids = manifest.parties.map(({ id }) => id);
  const print = (lines: string[], json: object) =>
    terminal.print(format === "json" ? JSON.stringify(json) : lines.join("\n"));
  const watch: Watch = new Watch(options, {
    log,
    clock: { now: () => new Date() },
    elapsed: () => performance.now(),
    sleep: async (ms, given) => await pause(ms, undefined, { signal: given }),
    round: async (given) => await oneRound(session, inputs, folder, given),
    say: (event: WatchEvent) => print(renderWatchEvent(event, ids, terminal.colour), event),
    rest: (ms) => sayNext(watch.status().lastRound, ms),
  });
  try {
    await using server = await serveWatch(watch, inputs.port);
    await writeFile(join(folder, "address"), JSON.stringify({ pid: process.pid, address: server.address }));
    const file = log.path.replace(`${session.root}/`, "");
    const { address } = server;
    print(
      [
        `watching ${network} every ${duration(inputs.intervalSeconds)}, at ${address}   (history ${file}; Ctrl-C ends it)`,
        ...log.said,
        ...(log.unwritten === null ? [] : [`history: ${log.unwritten}`]),
      ],
      {
        kind: "started",
        at: new Date().toISOString(),
        network,
        address,
        pid: process.pid,
        intervalSeconds: inputs.intervalSeconds,
        history: file,
        said: log.said,
      },
    );
    await watch.run(signal);
  } finally {
    await log.close();
  }
  const history = watch.history();
  const at = new Date().toISOString();
  print([`stopped: ${renderWatchSummary(history)}`], { kind: "stopped", at, ...watchSummary(history) });
  return exitCodes.ok;
}

/** Exactly what `report` does, or `validate` where parties are named: everything is read anew, so that nothing runs out in a watch of days. */
async function oneRound(of: Session, inputs: Inputs, folder: string, signal: AbortSignal): Promise<RoundResult> {
  const session = await openSession({ root: of.root, network: of.network });
  const runbook = runbookOf(inputs);
  // In a log, what each round says again would hide what is new.
  const progress = process.stderr.isTTY ? (text: string) => terminal.progress(text) : () => {};
  await using access = await openPartyAccess(session, runbook, progress);
  const planned = await planRunbook(runbook, { ...given(session, access.parties, signal), progress }, askedOf(inputs));
  const result = await executeRun(planned, roundHost(folder, signal), { quiet: true });
  terminal.endProgress();
  const evidence = evidenceOf(result, session.root);
  if (result.bug !== null && result.bug !== undefined) {
    // It may be gone in the next round; who reads the log is to see all of it.
    const { bug } = result;
    process.stderr.write(`BUG  please report it with the lines below\n${bug instanceof Error ? bug.stack : bug}\n`);
    return { reason: `BUG  ${bug instanceof Error ? bug.message : String(bug)}`, evidence };
  }
  const found = ValidateReport.safeParse(result.report?.json);
  if (found.success) return { report: found.data, evidence };
  const [finding] = result.report?.json.findings ?? [];
  return { reason: finding === undefined ? "it gave no report" : `${finding.code}  ${finding.found}`, evidence };
}

/** Throws what a round would throw before it asks anybody. */
async function planRound(session: Session, inputs: Inputs): Promise<void> {
  await using access = await openPartyAccess(session, runbookOf(inputs));
  const { signal } = new AbortController();
  await planRunbook(runbookOf(inputs), given(session, access.parties, signal), askedOf(inputs));
}

function askedOf({ stage, timeoutMs: timeout, parties, maxAgeMinutes, published, from }: Inputs): object {
  const halves = { maxAgeMinutes, published, ...(from ? { from } : {}) };
  return { stage, timeoutMs: timeout, ...(parties === undefined ? halves : { parties }) };
}

function runbookOf({ parties }: Inputs): Runbook {
  return parties === undefined ? (report as Runbook) : (validate as Runbook);
}

function roundHost(folder: string, signal: AbortSignal): RunHost {
  return {
    runsDir: join(folder, "rounds"),
    operator: `${userInfo().username}@${hostname()}`,
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: { now: () => new Date() },
    signal,
  };
}

/** A run's folder lies aside until it is known whether it tells of anything new; then it is a run like any other. */
function evidenceOf({ runId, dir }: RunResult, root: string): Evidence | null {
  if (runId === null || dir === null) return null;
  const runs = join(root, ".quorate", "runs");
  return {
    runId,
    async keep() {
      await mkdir(runs, { recursive: true, mode: 0o700 });
      await rename(dir, join(runs, runId));
      await flushFolder(runs);
    },
    drop: async () => await rm(dir, { recursive: true, force: true }),
  };
}

/** Between two rounds, a terminal says when the next one is. */
function sayNext(last: { verdict: string; words: string } | null, ms: number): void {
  const next = new Date(Date.now() + ms).toISOString().slice(11, 19);
  if (last !== null && process.stderr.isTTY)
    terminal.progress(`${last.verdict}: ${last.words}; looks again at ${next}Z`);
}

function refuseNonsense({ published, parties }: Inputs, typed: Record<string, unknown>): void {
  const others = [
    ...(published ? ["--published"] : []),
    ...(typed.maxAgeMinutes === undefined ? [] : ["--max-age"]),
    ...(typed.from === undefined ? [] : ["--from"]),
  ];
  if (parties === undefined || others.length === 0) return;
  throw new OperatorError({
    code: "ARGUMENT_INVALID",
    what: "watch with --party asks those parties alone, and nobody's halves",
    found: `--party ${parties.join(",")} ${others.join(" ")}`,
    expected: "--party, or what is about halves",
    next: "leave one of the two away",
  });
}

const Address = z.object({ pid: z.int(), address: z.string().max(200) });

async function inUse(
  network: string,
  folder: string,
  other: { name: string; host: string; pid: number; started: string },
): Promise<OperatorError> {
  const text = await readFile(join(folder, "address"), "utf8").catch(() => "null");
  const told = Address.safeParse(readJson(text));
  const where = told.success && told.data.pid === other.pid ? `at ${told.data.address}` : "which serves nothing yet";
  return new OperatorError({
    code: "WATCH_IN_USE",
    what: `network ${network} is being watched from this folder already`,
    found: `process ${other.pid} on ${other.host}, ${where}`,
    expected: "one watch for each network",
    next: howToFree(folder, other),
    exitCode: exitCodes.refused,
  });
}
