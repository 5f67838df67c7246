import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nearestWord } from "../../contract/nearest-word.mjs";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { catalogue } from "../../runbooks/catalogue.mjs";
import { interruptSignal } from "../../runbooks/interrupt.ts";
import { renderPlanMarkdown, shortDigest } from "../../runbooks/plan.ts";
import { redactor } from "../../runbooks/redact.ts";
import { executeRun, planRunbook, type RunHost, type RunResult, readRun, resumeRun } from "../../runbooks/run.ts";
import type { Runbook } from "../../runbooks/runbook.ts";
import { openTerminal } from "../../runbooks/terminal.ts";
import { baselineFiles } from "../baseline-files.ts";
import { halfReader } from "../half-reader.ts";
import { listRunbooks } from "../list-runbooks.mjs";
import { openPartyAccess } from "../party-access.ts";
import { publicReader } from "../public-reader.ts";
import { renderRunbookHelp } from "../runbook-help.ts";
import { parseInputs, type Spelling } from "../runbook-inputs.ts";
import { openSession, type Session } from "../session.ts";
import { confirmCommand } from "../shell-quote.ts";
import { terminal } from "../terminal.ts";
import { chooseFormat } from "./stacks.ts";

const commonOptions = {
  network: { type: "string" },
  plan: { type: "boolean" },
  confirm: { type: "string" },
  format: { type: "string" },
} as const;

const formats = ["table", "json", "markdown", "junit", "html", "prometheus"] as const;
/** A plan has no cases that pass or fail, and nothing was measured. */
const planFormats = ["table", "json", "markdown"] as const;

/** `quorate validate` is short for `quorate run validate`. */
export async function validate(args: string[]): Promise<number> {
  return await runRunbook(await loadRunbook("validate"), args, {
    command: "validate",
    options: { timeout: "timeout-ms", wait: "wait-minutes", party: "parties" },
  });
}

/** `quorate report` is short for `quorate run report`. */
export async function report(args: string[]): Promise<number> {
  return await runRunbook(await loadRunbook("report"), args, {
    command: "report",
    options: { timeout: "timeout-ms", wait: "wait-minutes", "max-age": "max-age-minutes" },
  });
}

/** `quorate doctor` is short for `quorate run doctor`, and what stands there besides options is what somebody says about it. */
export async function doctor(args: string[]): Promise<number> {
  return await runRunbook(await loadRunbook("doctor"), withSymptom(args), {
    command: "doctor",
    options: { timeout: "timeout-ms", party: "parties" },
  });
}

/** Words as the input they are: `doctor party 3 hangs` is `--symptom "party 3 hangs"`. */
export function withSymptom(args: readonly string[]): string[] {
  const text = { type: "string" } as const;
  const { tokens } = parseArgs({
    args: [...args],
    options: { party: text, parties: text, timeout: text, "timeout-ms": text, symptom: text, ...commonOptions },
    ...{ allowPositionals: true, strict: false, tokens: true },
  });
  const words = tokens.filter((token) => token.kind === "positional");
  const taken = new Set(tokens.filter(({ kind }) => kind !== "option").map(({ index }) => index));
  const rest = args.filter((_, index) => !taken.has(index));
  return words.length === 0 ? rest : [...rest, `--symptom=${words.map(({ value }) => value).join(" ")}`];
}

export async function run(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  return await runRunbook(await loadRunbook(name), rest);
}

/** The list of the runbooks, where it was not asked for in the words that are answered before anything is loaded. */
export async function list(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { format: { type: "string", default: "table" } } });
  terminal.print(listRunbooks(chooseFormat(values.format, ["table", "json"])));
  return exitCodes.ok;
}

async function runRunbook(runbook: Runbook, rest: string[], spelling?: Spelling): Promise<number> {
  if (rest.includes("--help") || rest.includes("-h")) {
    terminal.print(renderRunbookHelp(runbook));
    return exitCodes.ok;
  }
  const { values, inputs } = parseInputs(runbook, rest, commonOptions, spelling);
  const format = chooseFormat(String(values.format ?? "table"), values.plan === true ? planFormats : formats);
  const session = await openSession({ network: values.network as string | undefined });
  const interrupt = interruptSignal();
  try {
    await using access = await openPartyAccess(session, runbook);
    const host = runHost(session, interrupt.signal, format);
    const planned = await planRunbook(runbook, given(session, access.parties, interrupt.signal), inputs);
    if (values.plan === true && format !== "table") {
      const plan = redactor([], { named: true })(planned.plan);
      terminal.print(format === "json" ? JSON.stringify(plan, null, 2) : renderPlanMarkdown(plan));
      return exitCodes.ok;
    }
    const result = await executeRun(planned, host, {
      planOnly: values.plan === true,
      quiet: planned.plan.risk === "read-only",
      ...(typeof values.confirm === "string" ? { confirm: values.confirm } : {}),
    });
    if (values.plan === true)
      terminal.print(
        `next  ${confirmCommand(spelling?.command ?? `run ${runbook.name}`, rest, shortDigest(planned.plan.digest))}`,
      );
    return conclude(session, result, format);
  } finally {
    interrupt.dispose();
  }
}

export async function resume(args: string[]): Promise<number> {
  const [runId, ...rest] = args;
  if (runId === undefined || runId.startsWith("-") || rest.length > 0)
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: "`resume` takes one run",
      found: args.join(" ") || "nothing",
      expected: "npx quorate resume <run-id>",
      next: "ls .quorate/runs",
    });
  const session = await openSession();
  const interrupt = interruptSignal();
  try {
    const host = runHost(session, interrupt.signal, "table");
    const { plan: recorded } = await readRun(host.runsDir, runId);
    await using access = await openPartyAccess(session, await loadRunbook(recorded.runbook));
    const result = await resumeRun(
      runId,
      async (plan) => ({
        runbook: await loadRunbook(plan.runbook),
        given: given(await sameNetwork(session, plan.network), access.parties, interrupt.signal),
      }),
      host,
    );
    return conclude(session, result, "table");
  } finally {
    interrupt.dispose();
  }
}

async function sameNetwork(session: Session, network: string): Promise<Session> {
  if (session.network === network) return session;
  throw new OperatorError({
    code: "NETWORK_MISMATCH",
    what: "the run is about another network",
    found: session.network,
    expected: network,
    next: `npx quorate use ${network}`,
    exitCode: exitCodes.refused,
  });
}

async function loadRunbook(name: string | undefined): Promise<Runbook> {
  const entry = catalogue.find((runbook) => runbook.name === name);
  const names = catalogue.map((runbook) => runbook.name);
  if (entry === undefined)
    throw new OperatorError({
      code: "RUNBOOK_UNKNOWN",
      what: name === undefined ? "which runbook?" : `there is no runbook "${name}"`,
      found: name ?? "none named",
      expected: (name && nearestWord(name, names)) ?? names.join(", "),
      next: "npx quorate runbooks",
    });
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return ((await import(`../../runbooks/${entry.file}.${extension}`)) as { default: Runbook }).default;
}

/** What every runbook is given of a network. */
export function given(session: Session, parties: Parameters<typeof planRunbook>[1]["parties"], signal: AbortSignal) {
  const { manifest, manifestDigest } = session;
  const held = parties.map(({ outputs }) => outputs);
  return {
    manifest,
    manifestDigest,
    parties,
    clock: { now: () => new Date() },
    readHalf: halfReader(session, held, signal),
    readPublished: publicReader(session, held, signal),
    baseline: baselineFiles(session),
    signal,
    progress: (text: string) => terminal.progress(text),
  };
}

function runHost(session: Session, signal: AbortSignal, format: (typeof formats)[number]): RunHost {
  // With a machine-readable format, standard output holds the report and nothing else.
  const output = format === "table" ? process.stdout : process.stderr;
  return {
    runsDir: join(session.root, ".quorate", "runs"),
    operator: `${userInfo().username}@${hostname()}`,
    terminal: openTerminal({ output }),
    clock: { now: () => new Date() },
    signal,
  };
}

function conclude(session: Session, result: RunResult, format: (typeof formats)[number]): number {
  terminal.endProgress();
  if (result.bug !== null && result.bug !== undefined) throw result.bug;
  const { report } = result;
  if (report) {
    const style = { colour: terminal.colour, columns: terminal.width };
    const text = {
      table: () => report.text(style),
      json: () => JSON.stringify(report.json, null, 2),
      markdown: () => report.markdown(),
      junit: () => report.junit?.() ?? withoutForm("junit"),
      html: () => report.html?.() ?? withoutForm("html"),
      prometheus: () => report.prometheus?.() ?? withoutForm("prometheus"),
    };
    terminal.print(text[format]());
  }
  if (result.dir && format === "table") {
    const path = join(result.dir, "report.json").replace(`${session.root}/`, "");
    // Whole, so that it can be copied.
    const isNarrow = "report ".length + path.length > terminal.width;
    terminal.print(isNarrow ? `\nreport\n${path}` : `\nreport ${path}`);
  }
  return result.exitCode;
}

function withoutForm(format: "junit" | "html" | "prometheus"): never {
  throw new OperatorError({
    code: "FORMAT_UNKNOWN",
    what: `this runbook's report has no form "${format}"`,
    found: `--format ${format}`,
    expected: "table, json or markdown",
    next: "repeat the command with --format json",
  });
}
