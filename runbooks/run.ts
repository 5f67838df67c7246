import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileError } from "../contract/file-error.ts";
import { readJson } from "../contract/json-text.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { parse } from "../contract/parse.ts";
import { exitCodeFor, exitCodes } from "../contract/verdict.ts";
import { confirm } from "./confirm.ts";
import type { PartyAccess } from "./context.ts";
import {
  flushFolder,
  Journal,
  type JournalEvent,
  type JournalFile,
  type JournalLine,
  journalUnwritable,
  openJournalFile,
  readJournal,
  sha256,
} from "./journal.ts";
import { networkLine } from "./network-line.ts";
import {
  type GivenContext,
  type PlannedRun,
  planDigest,
  planRunbook,
  RunPlan,
  renderPlan,
  shortDigest,
} from "./plan.ts";
import { type Redact, redactor } from "./redact.ts";
import { lockRun } from "./run-lock.ts";
import { runReport, type StepRecord, seconds, stepLine, stepRecords } from "./run-report.ts";
import type { Finished, Report, Runbook, Step } from "./runbook.ts";
import type { Terminal } from "./terminal.ts";
import { within } from "./within.ts";

export { planRunbook, renderPlan } from "./plan.ts";

/** What a run needs from the machine that it runs on. */
export interface RunHost {
  /** Holds one folder per run: `.quorate/runs`. */
  runsDir: string;
  /** Who runs it, for the record. */
  operator: string;
  terminal: Terminal;
  clock: { now(): Date };
  /** Aborted by Ctrl-C or TERM. */
  signal: AbortSignal;
  /** Values that must not be written anywhere. */
  secrets?: readonly string[];
  /** How a journal is opened. @default the file system */
  openJournal?: (path: string, create: boolean) => Promise<JournalFile>;
}

export interface RunOptions {
  /** Stop after showing the plan. */
  planOnly?: boolean;
  /** Digest of a plan that was reviewed: runs that plan and no other, without asking. */
  confirm?: string;
  /** Print neither plan nor steps as long as all goes well. For read-only runbooks, whose report says it all. */
  quiet?: boolean;
}

export interface RunResult {
  /** Null where nothing was started. */
  runId: string | null;
  dir: string | null;
  verdict: "OK" | "FAIL" | "UNKNOWN" | null;
  exitCode: number;
  report: Report | null;
  /** What a step threw that was no OperatorError: a bug. */
  bug: unknown;
}

/** A run as its folder tells it. */
export interface RunRecord {
  runId: string;
  dir: string;
  plan: RunPlan;
  lines: JournalLine[];
  steps: StepRecord[];
  /** The last `end` line, if the run is over for good. */
  finished: { verdict: "OK" | "FAIL" | "UNKNOWN"; exitCode: number } | null;
}

/** What is written down of a run stays for years, and whatever a command printed may be in it: as strict as for bundles. */
const redactorOf = ({ secrets = [] }: RunHost): Redact => redactor(secrets, { named: true });

const graceAfterAbortMs = 5_000;
const outputKept = 4_096;
/** A run does not wait for AWS's word on who runs it: it goes on meanwhile, and this long at the most at its end. */
const callerMs = 3_000;

/** Confirms a plan and carries it out. Nothing is written before it is confirmed; nothing is done before that is on record. */
export async function executeRun(planned: PlannedRun, host: RunHost, options: RunOptions = {}): Promise<RunResult> {
  const { plan } = planned;
  const redact = redactorOf(host);
  const asks = plan.risk === "irreversible" && host.terminal.interactive && options.confirm === undefined;
  if (options.planOnly || !options.quiet)
    host.terminal.print(
      redact(renderPlan(plan, { withDigest: options.planOnly === true || !asks, columns: host.terminal.columns })),
    );
  if (options.planOnly)
    return { runId: null, dir: null, verdict: null, exitCode: exitCodes.ok, report: null, bug: null };
  const approval = await confirm({ plan, terminal: host.terminal, signal: host.signal }, options.confirm);
  const { runId, dir, planSha256 } = await createRun(plan, host, redact);
  const lock = await lockRun(dir, runId);
  try {
    const journal = await createJournal(runId, dir, host, planSha256);
    try {
      const start: JournalEvent = { kind: "start", runId, planDigest: plan.digest, approval };
      const run = new Run({ runId, dir, planned, host, journal, redact, lines: [], quiet: options.quiet ?? false });
      await run.append(start).catch(async (failure) => {
        await rm(dir, { recursive: true, force: true });
        throw failure;
      });
      return await run.carryOn();
    } finally {
      await journal.close();
    }
  } finally {
    await lock.release();
  }
}

/** Carries on a run that was interrupted, killed or failed. What is done is skipped; what may have been done is asked of the world. */
export async function resumeRun(
  runId: string,
  find: (plan: RunPlan) => Promise<{ runbook: Runbook; given: GivenContext }>,
  host: RunHost,
): Promise<RunResult> {
  const redact = redactorOf(host);
  const dir = await runDir(host.runsDir, runId);
  const lock = await lockRun(dir, runId);
  try {
    const { record, journalText } = await readRunFolder(dir, runId);
    const { runbook, given } = await find(record.plan);
    if (record.finished) return repeatReport(record, runbook, host, redact);
    const planned = await planRunbook(runbook, given, record.plan.inputs);
    refuseOtherPlan(record.plan, planned.plan);
    const path = join(dir, "journal.jsonl");
    if (journalText.tornBytes > 0) await truncate(path, journalText.soundBytes);
    const journal = new Journal(path, await openJournal(path, false, host), {
      by: author(host),
      clock: host.clock,
      resume: resumeCommand(runId),
      seq: record.lines.length,
      previous: journalText.head,
    });
    try {
      const run = new Run({ runId, dir, planned, host, journal, redact, lines: record.lines, quiet: false });
      host.terminal.print(`${networkLine(record.plan)}\nresume ${runId}   plan ${shortDigest(record.plan.digest)}`);
      await run.append({ kind: "resume", tornBytes: journalText.tornBytes });
      return await run.carryOn();
    } finally {
      await journal.close();
    }
  } finally {
    await lock.release();
  }
}

/** Reads a run back and checks its chain. */
export async function readRun(runsDir: string, runId: string): Promise<RunRecord> {
  return (await readRunFolder(await runDir(runsDir, runId), runId)).record;
}

/** Ids of all runs, oldest first. */
export async function listRuns(runsDir: string): Promise<string[]> {
  try {
    return (await readdir(runsDir)).filter((name) => runIdShape.test(name)).sort();
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw failure;
  }
}

/** The command that carries a run on. */
export function resumeCommand(runId: string): string {
  return `npx quorate resume ${runId}`;
}

type StepEnd = { verdict: "OK" } | { verdict: "FAIL" | "UNKNOWN"; exitCode: number; error: unknown };

/** One process's work on one run. */
class Run {
  readonly runId: string;
  readonly dir: string;
  readonly planned: PlannedRun;
  readonly host: RunHost;
  readonly journal: Journal;
  readonly redact: Redact;
  readonly lines: JournalLine[];
  readonly quiet: boolean;
  readonly callers = new Map<number, Promise<void>>();

  constructor(given: {
    runId: string;
    dir: string;
    planned: PlannedRun;
    host: RunHost;
    journal: Journal;
    redact: Redact;
    lines: JournalLine[];
    quiet: boolean;
  }) {
    this.runId = given.runId;
    this.dir = given.dir;
    this.planned = given.planned;
    this.host = given.host;
    this.journal = given.journal;
    this.redact = given.redact;
    this.lines = [...given.lines];
    this.quiet = given.quiet;
  }

  async append(event: JournalEvent, options?: { flush: boolean }): Promise<void> {
    const clean = this.redact(event);
    const line = await this.journal.append(clean, options);
    this.lines.push(line);
  }

  /** Every step that is not done, in order, until one stops the run; then the report. */
  async carryOn(): Promise<RunResult> {
    const { planned } = this;
    planned.recorder.phase = "run";
    planned.recorder.touch = (party) => this.askCaller(party);
    if (!this.quiet) this.print(`run ${this.runId}`);
    for (const [index, step] of planned.steps.entries()) {
      const record = stepRecords(planned.plan, this.lines)[index];
      if (record?.state === "DONE" || record?.state === "SKIP") {
        this.say(index, "SKIP", `done in this run at ${record.at}${record.why === null ? "" : `: ${record.why}`}`);
        continue;
      }
      const end = await this.take(step, index, record?.mayHaveActed ?? false);
      if (end.verdict !== "OK") return this.stop(end);
    }
    return this.finish();
  }

  async take(step: Step, index: number, mayHaveActed: boolean): Promise<StepEnd> {
    if (this.host.signal.aborted) return this.interrupted(step, index);
    await this.append({ kind: "begin", step: step.id }, { flush: false });
    this.planned.recorder.record = (command) => this.recordCommand(step.id, command);
    const started = performance.now();
    try {
      const known = await this.alreadyDone(step, mayHaveActed);
      if (known.done === true) {
        const evidence = known.evidence === undefined ? null : step.evidence.parse(known.evidence);
        await this.append({ kind: "skip", step: step.id, why: known.why, evidence });
        this.say(index, "SKIP", known.why);
        return { verdict: "OK" };
      }
      if (known.done === "unknown") return await this.unknown(step, index, known.why, exitCodes.unknown);
      if (step.repeat === "once") await this.append({ kind: "intent", step: step.id });
      const evidence = step.evidence.parse(await this.actOrAbort(step));
      const durationMs = Math.round(performance.now() - started);
      await this.append({ kind: "done", step: step.id, durationMs, evidence: evidence ?? null });
      this.say(index, "OK", seconds(durationMs));
      return { verdict: "OK" };
    } catch (error) {
      if (isUnwritable(error)) throw error;
      if (this.host.signal.aborted) return this.interrupted(step, index);
      return this.failed(step, index, error, Math.round(performance.now() - started));
    } finally {
      this.planned.recorder.record = async () => {};
    }
  }

  /** What the world says, where it is asked; a step that may have acted and cannot ask is not repeated. */
  async alreadyDone(step: Step, mayHaveActed: boolean): Promise<Awaited<ReturnType<NonNullable<Step["done"]>>>> {
    if (step.done === undefined)
      return mayHaveActed
        ? {
            done: "unknown",
            why: "it may have acted before the run was interrupted, and nothing can tell whether it did",
          }
        : { done: false };
    try {
      const answer = await step.done();
      return answer.done === "unknown" && step.repeat === "safe" ? { done: false } : answer;
    } catch (error) {
      if (!(error instanceof OperatorError) || isUnwritable(error)) throw error;
      return step.repeat === "safe" ? { done: false } : { done: "unknown", why: error.message };
    }
  }

  /** The step's own end; or, some time after an interruption, no longer waiting for a step that does not listen to it. */
  async actOrAbort(step: Step): Promise<unknown> {
    const { signal } = this.host;
    const ended = new AbortController();
    const overdue = new Promise<never>((_resolve, reject) => {
      const giveUp = async () => {
        const waited = await sleep(graceAfterAbortMs, true, { signal: ended.signal }).catch(() => false);
        if (waited) reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true, signal: ended.signal });
    });
    try {
      const acting = { signal, evidence: evidenceOf(this.planned.plan, this.lines) };
      return await Promise.race([step.run(acting), overdue]);
    } finally {
      ended.abort();
    }
  }

  askCaller(party: PartyAccess): void {
    const { partyId } = party.outputs;
    if (this.callers.has(partyId)) return;
    const recorded = within(callerMs, party.caller())
      .then(
        (arn) => ({ arn, reason: null }),
        (failure: unknown) => ({ arn: null, reason: failure instanceof Error ? failure.message : String(failure) }),
      )
      .then((caller) => this.append({ kind: "caller", partyId, ...caller }, { flush: false }));
    // Waited for at the run's end; until then nobody listens.
    recorded.catch(() => {});
    this.callers.set(partyId, recorded);
  }

  async recordCommand(step: string, command: Parameters<PlannedRun["recorder"]["record"]>[0]): Promise<void> {
    const { partyId, args, stdinSha256, isKept, result } = command;
    const stdout = isKept ? this.redactPrinted(result.stdout) : this.redact(result.stdout);
    const stderr = this.redact(result.stderr);
    const event: JournalEvent = {
      kind: "command",
      step,
      partyId,
      args,
      stdinSha256,
      exitCode: result.exitCode,
      ended: result.ended ?? "exited",
      durationMs: Math.round(result.durationMs),
      stdout: isKept ? stdout.slice(0, outputKept) : "",
      stdoutSha256: sha256(stdout),
      stderr: stderr.slice(0, outputKept),
    };
    await this.append(event, { flush: false });
  }

  /** In JSON as text a variable's name and its value stand apart. */
  redactPrinted(text: string): string {
    const json = /^\s*[[{]/.test(text) ? readJson(text) : undefined;
    return json === undefined || json === null ? this.redact(text) : JSON.stringify(this.redact(json));
  }

  async unknown(step: Step, index: number, reason: string, exitCode: number): Promise<StepEnd> {
    const next = `find out whether it happened, then: ${resumeCommand(this.runId)}`;
    await this.append({ kind: "unknown", step: step.id, reason, next });
    this.say(index, "UNKNOWN", reason, true);
    return { verdict: "UNKNOWN", exitCode, error: null };
  }

  async interrupted(step: Step, index: number): Promise<StepEnd> {
    await this.append({ kind: "interrupted", step: step.id });
    this.say(index, "INTERRUPTED", "", true);
    return { verdict: "UNKNOWN", exitCode: exitCodes.interrupted, error: null };
  }

  async failed(step: Step, index: number, error: unknown, durationMs: number): Promise<StepEnd> {
    if (error instanceof OperatorError && error.problem.exitCode === exitCodes.unknown)
      return this.unknown(step, index, error.message, exitCodes.unknown);
    const { code, what, found, expected, next, exitCode } =
      error instanceof OperatorError
        ? { exitCode: exitCodes.failed, ...error.problem }
        : { ...bugProblem(step, error), exitCode: exitCodes.bug };
    const failure = { code, what, found, expected, next };
    await this.append({ kind: "failed", step: step.id, durationMs, failure });
    this.say(index, "FAIL", `${code}  ${what}`, true);
    if (error instanceof OperatorError) this.print(error.render());
    return { verdict: "FAIL", exitCode, error: error instanceof OperatorError ? null : error };
  }

  /** The run stops before its end: what was done, what was not, and how it goes on. */
  async stop(end: Exclude<StepEnd, { verdict: "OK" }>): Promise<RunResult> {
    const report = runReport(this.runId, this.planned.plan, this.lines, resumeCommand(this.runId));
    const left = stepRecords(this.planned.plan, this.lines).filter((record) => record.state === "NOT_STARTED");
    if (left.length > 0) this.print(`not started: ${left.map((record) => record.id).join(", ")}`);
    this.print(`resume: ${resumeCommand(this.runId)}`);
    await this.close(report, { finished: false, verdict: end.verdict, exitCode: end.exitCode });
    return this.result(end.verdict, end.exitCode, report, end.error);
  }

  async finish(): Promise<RunResult> {
    const { plan, runbook } = this.planned;
    const report = finishedReport(this.runId, plan, runbook, this.lines);
    const { verdict } = report.json;
    await this.close(report, { finished: true, verdict, exitCode: exitCodeFor(verdict) });
    return this.result(verdict, exitCodeFor(verdict), report, null);
  }

  async close(
    report: Report,
    end: { finished: boolean; verdict: "OK" | "FAIL" | "UNKNOWN"; exitCode: number },
  ): Promise<void> {
    await Promise.all(this.callers.values());
    const reportSha256 = await writeReports(this.dir, report, this.redact);
    await this.append({ kind: "end", ...end, reportSha256 });
  }

  result(verdict: "OK" | "FAIL" | "UNKNOWN", exitCode: number, report: Report, bug: unknown): RunResult {
    return { runId: this.runId, dir: this.dir, verdict, exitCode, report: cleanReport(report, this.redact), bug };
  }

  say(index: number, state: string, rest: string, always = false): void {
    const { steps } = this.planned;
    const idWidth = Math.max(...steps.map((step) => step.id.length));
    const line = stepLine({ index, count: steps.length, idWidth }, steps[index]?.id ?? "", state, rest);
    if (always || !this.quiet) this.print(line);
  }

  print(text: string): void {
    this.host.terminal.print(this.redact(text));
  }
}

function evidenceOf(plan: RunPlan, lines: readonly JournalLine[]): Finished["evidence"] {
  return (stepId, schema) => {
    const record = stepRecords(plan, lines).find(({ id }) => id === stepId);
    if (record === undefined || record.evidence === null) throw new Error(`there is no evidence of step ${stepId} yet`);
    return schema.parse(record.evidence);
  };
}

function finishedReport(runId: string, plan: RunPlan, runbook: Runbook, lines: readonly JournalLine[]): Report {
  return (
    runbook.report?.({ network: plan.network, evidence: evidenceOf(plan, lines) }) ??
    runReport(runId, plan, lines, resumeCommand(runId))
  );
}

/** A run that is over does nothing when it is resumed but say so. */
function repeatReport(record: RunRecord, runbook: Runbook, host: RunHost, redact: Redact): RunResult {
  const { runId, dir, plan, finished } = record;
  if (finished === null) throw new Error(`run ${runId} is not finished`);
  const idWidth = Math.max(...plan.steps.map((step) => step.id.length));
  const lines = record.steps.map((step, index) =>
    stepLine({ index, count: plan.steps.length, idWidth }, step.id, "SKIP", `done in this run at ${step.at}`),
  );
  host.terminal.print(
    redact([networkLine(plan), `run ${runId} is finished: ${finished.verdict}`, ...lines].join("\n")),
  );
  const report = cleanReport(finishedReport(runId, plan, runbook, record.lines), redact);
  return { runId, dir, verdict: finished.verdict, exitCode: finished.exitCode, report, bug: null };
}

function cleanReport(report: Report, redact: Redact): Report {
  return {
    json: redact(report.json),
    text: (style) => redact(report.text(style)),
    markdown: () => redact(report.markdown()),
    ...(report.junit ? { junit: () => redact(report.junit?.() ?? "") } : {}),
    ...(report.html ? { html: () => redact(report.html?.() ?? "") } : {}),
    ...(report.prometheus ? { prometheus: () => redact(report.prometheus?.() ?? "") } : {}),
  };
}

function bugProblem(step: Step, error: unknown) {
  return {
    code: "BUG",
    what: `step ${step.id} failed in a way that nobody foresaw`,
    found: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    expected: "evidence, or an error that names what to do",
    next: "report it, with the run's folder",
  };
}

function isUnwritable(error: unknown): boolean {
  return error instanceof OperatorError && error.problem.code === "JOURNAL_UNWRITABLE";
}

/* The run's folder. */

/** Tries of a name that is free. */
const mostNames = 10;

const runIdShape = /^\d{8}-\d{6}-[a-z0-9-]+-[0-9a-f]{4}$/;

function newRunId(runbook: string, now: Date): string {
  const time = now.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${time}-${runbook}-${randomBytes(2).toString("hex")}`;
}

async function createRun(
  plan: RunPlan,
  host: RunHost,
  redact: Redact,
): Promise<{ runId: string; dir: string; planSha256: string }> {
  const { runId, dir } = await newRunFolder(host.runsDir, () => newRunId(plan.runbook, host.clock.now()));
  const text = `${JSON.stringify(redact(plan), null, 2)}\n`;
  try {
    await writeWhole(join(dir, "plan.json"), text);
    await flushFolder(host.runsDir);
  } catch (cause) {
    await rm(dir, { recursive: true, force: true });
    throw journalUnwritable(join(dir, "plan.json"), cause);
  }
  return { runId, dir, planSha256: sha256(text) };
}

/** Of the runs that begin in one second, some may come to the same name: nobody's folder is taken, and nobody is refused for it. */
export async function newRunFolder(runsDir: string, newId: () => string): Promise<{ runId: string; dir: string }> {
  for (let attempt = 1; ; attempt += 1) {
    const runId = newId();
    const dir = join(runsDir, runId);
    try {
      await mkdir(runsDir, { recursive: true, mode: 0o700 });
      await mkdir(dir, { mode: 0o700 });
      return { runId, dir };
    } catch (cause) {
      const { code, path } = cause as NodeJS.ErrnoException;
      if (code !== "EEXIST" || path !== dir || attempt === mostNames) throw journalUnwritable(dir, cause);
    }
  }
}

async function createJournal(runId: string, dir: string, host: RunHost, planSha256: string): Promise<Journal> {
  const path = join(dir, "journal.jsonl");
  try {
    const file = await openJournal(path, true, host);
    return new Journal(path, file, {
      by: author(host),
      clock: host.clock,
      resume: resumeCommand(runId),
      seq: 0,
      previous: planSha256,
    });
  } catch (failure) {
    await rm(dir, { recursive: true, force: true });
    throw failure;
  }
}

async function openJournal(path: string, create: boolean, host: RunHost): Promise<JournalFile> {
  try {
    return await (host.openJournal ?? openJournalFile)(path, create);
  } catch (cause) {
    throw journalUnwritable(path, cause);
  }
}

function author(host: RunHost): string {
  return `${host.operator} (process ${process.pid})`;
}

async function runDir(runsDir: string, runId: string): Promise<string> {
  const known = await listRuns(runsDir);
  if (known.includes(runId)) return join(runsDir, runId);
  throw new OperatorError({
    code: "RUN_UNKNOWN",
    what: `there is no run "${runId}" here`,
    found: known.length === 0 ? `no run in ${runsDir}` : `the latest ones: ${known.slice(-3).join(", ")}`,
    expected: "the id that the run printed",
    next: known.length === 0 ? "npx quorate runbooks" : resumeCommand(known.at(-1) ?? ""),
  });
}

async function readRunFolder(
  dir: string,
  runId: string,
): Promise<{ record: RunRecord; journalText: ReturnType<typeof readJournal> }> {
  const [planText, journalBytes] = await Promise.all([
    readIfThere(join(dir, "plan.json")),
    readIfThere(join(dir, "journal.jsonl")),
  ]);
  const journalText =
    planText && journalBytes ? readJournal(join(dir, "journal.jsonl"), journalBytes, sha256(planText)) : null;
  if (planText === null || journalText === null || journalText.lines.length === 0)
    throw new OperatorError({
      code: "RUN_NOT_STARTED",
      what: `run ${runId} ended before it began`,
      found: "no first line in its journal, so nothing was done",
      expected: "plan.json and a journal",
      next: "start it again",
    });
  const plan = parse(RunPlan, JSON.parse(planText.toString("utf8")), {
    code: "PLAN_INVALID",
    what: `${join(dir, "plan.json")} does not hold a plan`,
    next: "start a new run",
  });
  const { lines } = journalText;
  const last = lines.findLast((line) => line.event.kind === "end")?.event;
  const finished = last?.kind === "end" && last.finished ? { verdict: last.verdict, exitCode: last.exitCode } : null;
  return { record: { runId, dir, plan, lines, steps: stepRecords(plan, lines), finished }, journalText };
}

function refuseOtherPlan(recorded: RunPlan, now: RunPlan): void {
  if (recorded.digest === now.digest && planDigest(recorded) === recorded.digest) return;
  const different = (["manifestDigest", "network", "inputs", "steps"] as const).filter(
    (field) => JSON.stringify(recorded[field]) !== JSON.stringify(now[field]),
  );
  throw new OperatorError({
    code: "PLAN_CHANGED",
    what: `the plan of ${recorded.runbook} is no longer the one that was approved`,
    found: `plan ${shortDigest(now.digest)}; it differs in: ${different.join(", ") || "its digest"}`,
    expected: `plan ${shortDigest(recorded.digest)}`,
    next: `start a new run: npx quorate run ${recorded.runbook} --plan`,
    exitCode: exitCodes.refused,
  });
}

async function writeReports(dir: string, report: Report, redact: Redact): Promise<string> {
  const clean = cleanReport(report, redact);
  const json = `${JSON.stringify(clean.json, null, 2)}\n`;
  const files = {
    "report.json": json,
    "report.txt": `${clean.text({ colour: false, columns: 120 })}\n`,
    "report.md": clean.markdown(),
    ...(clean.junit ? { "report.junit.xml": clean.junit() } : {}),
    ...(clean.html ? { "report.html": clean.html() } : {}),
    ...(clean.prometheus ? { "report.prom": clean.prometheus() } : {}),
  };
  await Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      const path = join(dir, name);
      await writeWhole(path, text).catch((cause) => Promise.reject(journalUnwritable(path, cause)));
    }),
  );
  return sha256(json);
}

/** All of a file or nothing of it: written beside, flushed, renamed. */
async function writeWhole(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  try {
    const file = await open(beside, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (failure) {
    await rm(beside, { force: true });
    throw failure;
  }
}

/** Nobody writes into a pipe that lies in a file's place: reading it would wait for ever. */
async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    if ((await stat(path)).isFile()) return await readFile(path);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw fileError(failure, path) ?? failure;
  }
  throw new OperatorError({
    code: "FILE_UNUSABLE",
    what: `${path} can not be used`,
    found: "a folder, a pipe or a device",
    expected: "a file",
    next: `move ${path} away`,
  });
}
