import { z } from "zod";
import { Finding } from "../contract/verdict.ts";
import type { Failure, JournalLine } from "./journal.ts";
import { networkLine } from "./network-line.ts";
import { type RunPlan, shortDigest } from "./plan.ts";
import type { Report } from "./runbook.ts";

export const stepStates = ["DONE", "SKIP", "FAIL", "UNKNOWN", "INTERRUPTED", "NOT_STARTED"] as const;

/** Where one step stands, from the journal alone. */
export interface StepRecord {
  id: string;
  state: (typeof stepStates)[number];
  why: string | null;
  durationMs: number | null;
  evidence: unknown;
  at: string | null;
  failure: Failure | null;
  /** A `once` step said that it is about to act, and no line says what came of it. */
  mayHaveActed: boolean;
}

/** What is left of a run, for programs: the fallback where a runbook has no report of its own, or did not get that far. */
export const RunReport = z.strictObject({
  schema: z.literal("quorate/run/v1"),
  network: z.string(),
  verdict: z.enum(["OK", "FAIL", "UNKNOWN"]),
  findings: z.array(Finding),
  runId: z.string(),
  runbook: z.string(),
  risk: z.string(),
  planDigest: z.string(),
  manifestDigest: z.string(),
  approval: z.string().nullable(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  steps: z.array(
    z.strictObject({
      id: z.string(),
      does: z.string(),
      target: z.string().nullable(),
      state: z.enum(stepStates),
      why: z.string().nullable(),
      durationMs: z.number().nullable(),
      evidence: z.unknown(),
    }),
  ),
});
export type RunReport = z.infer<typeof RunReport>;

/** Folds the journal: the last word on each step counts, and what is done stays done. */
export function stepRecords(plan: RunPlan, lines: readonly JournalLine[]): StepRecord[] {
  const records = new Map<string, StepRecord>(
    plan.steps.map(({ id }) => [
      id,
      {
        id,
        state: "NOT_STARTED",
        why: null,
        durationMs: null,
        evidence: null,
        at: null,
        failure: null,
        mayHaveActed: false,
      },
    ]),
  );
  for (const { event, at } of lines) {
    const record = "step" in event ? records.get(event.step) : undefined;
    if (record === undefined) continue;
    record.at = at;
    switch (event.kind) {
      case "begin":
        // Until another line says otherwise, the process died here.
        Object.assign(record, { state: "INTERRUPTED", why: "the process ended during this step", failure: null });
        break;
      case "intent":
        record.mayHaveActed = true;
        break;
      case "done":
        Object.assign(record, { state: "DONE", why: null, durationMs: event.durationMs, evidence: event.evidence });
        record.mayHaveActed = false;
        break;
      case "skip":
        Object.assign(record, { state: "SKIP", why: event.why, evidence: event.evidence });
        record.mayHaveActed = false;
        break;
      case "failed":
        Object.assign(record, { state: "FAIL", why: `${event.failure.code}  ${event.failure.what}` });
        Object.assign(record, { durationMs: event.durationMs, failure: event.failure });
        break;
      case "unknown":
        Object.assign(record, { state: "UNKNOWN", why: event.reason });
        break;
      case "interrupted":
        Object.assign(record, { state: "INTERRUPTED", why: "stopped by the operator" });
        break;
    }
  }
  return [...records.values()];
}

/** The report of any run, from its plan and journal. */
export function runReport(
  runId: string,
  plan: RunPlan,
  lines: readonly JournalLine[],
  resume: string,
): Report & {
  json: RunReport;
} {
  const records = stepRecords(plan, lines);
  const start = lines.find((line) => line.event.kind === "start");
  const json: RunReport = {
    schema: "quorate/run/v1",
    network: plan.network,
    verdict: verdictOf(records),
    findings: records.flatMap((record) => findingOf(record, resume)),
    runId,
    runbook: plan.runbook,
    risk: plan.risk,
    planDigest: plan.digest,
    manifestDigest: plan.manifestDigest,
    approval: start?.event.kind === "start" ? start.event.approval : null,
    startedAt: start?.at ?? null,
    endedAt: lines.findLast((line) => line.event.kind !== "end")?.at ?? null,
    steps: records.map((record, index) => ({
      id: record.id,
      does: plan.steps[index]?.does ?? "",
      target: plan.steps[index]?.target ?? null,
      state: record.state,
      why: record.why,
      durationMs: record.durationMs,
      evidence: record.evidence,
    })),
  };
  return { json, text: () => renderText(plan, json), markdown: () => renderMarkdown(plan, json) };
}

function verdictOf(records: readonly StepRecord[]): RunReport["verdict"] {
  if (records.some((record) => record.state === "FAIL")) return "FAIL";
  return records.every((record) => record.state === "DONE" || record.state === "SKIP") ? "OK" : "UNKNOWN";
}

function findingOf(record: StepRecord, resume: string): Finding[] {
  const expected = "the step done";
  if (record.state === "FAIL" && record.failure) {
    const { code, what, found, expected: wanted, next } = record.failure;
    return [
      { code, party: null, field: `step ${record.id}`, found: found ?? what, expected: wanted ?? expected, next },
    ];
  }
  if (record.state === "UNKNOWN" || record.state === "INTERRUPTED") {
    const code = record.state === "UNKNOWN" ? "STEP_UNKNOWN" : "STEP_INTERRUPTED";
    return [{ code, party: null, field: `step ${record.id}`, found: record.why ?? "", expected, next: resume }];
  }
  return [];
}

/** One line per step, as it is printed while the run goes on. */
export function stepLine(
  position: { index: number; count: number; idWidth: number },
  id: string,
  state: string,
  rest: string,
): string {
  const number = String(position.index + 1).padStart(String(position.count).length + 2);
  return `${number}  ${id.padEnd(position.idWidth)}  ${state.padEnd(11)}  ${rest}`.trimEnd();
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function renderText(plan: RunPlan, json: RunReport): string {
  const idWidth = Math.max(...json.steps.map((step) => step.id.length));
  const steps = json.steps.map((step, index) => {
    const rest = step.why ?? (step.durationMs === null ? "" : seconds(step.durationMs));
    return stepLine({ index, count: json.steps.length, idWidth }, step.id, step.state.replace("_", " "), rest);
  });
  return [
    networkLine(plan),
    `${plan.runbook}   ${plan.summary}   ${plan.risk}`,
    `run ${json.runId}   plan ${shortDigest(plan.digest)}   approval: ${json.approval ?? "none on record"}`,
    ...steps,
    `verdict ${json.verdict}`,
  ].join("\n");
}

function renderMarkdown(plan: RunPlan, json: RunReport): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  return [
    `## ${plan.runbook}: ${json.verdict} on ${networkLine(plan)}`,
    "",
    `Run \`${json.runId}\`, plan \`${shortDigest(plan.digest)}\`, approval: ${json.approval ?? "none on record"}.`,
    "",
    "| step | does | state | why |",
    "|---|---|---|---|",
    ...json.steps.map((step) => `| ${step.id} | ${cell(step.does)} | ${step.state} | ${cell(step.why ?? "")} |`),
    "",
  ].join("\n");
}
