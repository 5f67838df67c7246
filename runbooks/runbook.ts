import type { z } from "zod";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import type { Finding } from "../contract/verdict.ts";
import type { RunbookContext } from "./context.ts";

/** How much a run may hurt; each word has one rule of confirmation. */
export const risks = ["read-only", "reversible", "disruptive", "irreversible"] as const;
export type Risk = (typeof risks)[number];

/** How a step may be repeated: at will; after asking the world; or never without the world's word that it did not happen. */
export const repeats = ["safe", "check-first", "once"] as const;
export type Repeat = (typeof repeats)[number];

export type System = NetworkManifest["system"];

/** The world's answer to "is this done already?". Evidence may come along for the steps that follow. */
export type Done = { done: true; why: string; evidence?: unknown } | { done: false } | { done: "unknown"; why: string };

/** What a step gets while it acts. */
export interface Acting {
  signal: AbortSignal;
  /** Evidence of an earlier step of this run, also of one that ran before the run was interrupted. */
  evidence<E extends z.ZodType>(stepId: string, schema: E): z.output<E>;
}

interface StepBase<E extends z.ZodType> {
  /** Lower-case words joined by dashes, unique in the plan. */
  id: string;
  /** One sentence, as the plan shows it. */
  does: string;
  /** What it acts on: a party, a resource. */
  target?: string;
  /** The exact commands, for the plan's reader. */
  commands?: readonly string[];
  /** What the step proves, as it is recorded. Never a secret. */
  evidence: E;
  run(acting: Acting): Promise<z.output<E>>;
}

/** One thing that a runbook does. */
export type Step<E extends z.ZodType = z.ZodType> = StepBase<E> &
  ({ repeat: "safe" | "once"; done?(): Promise<Done> } | { repeat: "check-first"; done(): Promise<Done> });

/** How text is to look. */
export interface TextStyle {
  colour: boolean;
  columns: number;
}

/** What a runbook makes of its evidence; a pure function of it, so that a resumed run gives the same. */
export interface Report {
  /** The machine-readable form: `{ schema, network, verdict, findings, … }`. */
  json: { schema: string; network: string; verdict: "OK" | "FAIL" | "UNKNOWN"; findings: readonly Finding[] };
  text(style: TextStyle): string;
  markdown(): string;
  /** For CI, where the report is made of cases that pass or fail. */
  junit?(): string;
  /** One file for a browser: for people, for the record. */
  html?(): string;
  /** For a textfile collector. */
  prometheus?(): string;
}

/** Evidence of a run all of whose steps are done. */
export interface Finished {
  network: string;
  evidence<E extends z.ZodType>(stepId: string, schema: E): z.output<E>;
}

/** A declaration: importing one does nothing, the engine reads it and runs it. */
export interface Runbook<I extends z.ZodType = z.ZodType> {
  name: string;
  summary: string;
  risk: Risk;
  /** Inputs with which it may hurt more: set, they raise the run's risk to theirs. */
  riskWith?: Readonly<Record<string, Risk>>;
  /** Inputs with which it does something else: set, their sentence heads the plan. */
  summaryWith?: Readonly<Record<string, string>>;
  systems: readonly System[];
  inputs: I;
  /** It rests on what all parties publish, and has something to say where none of one's own was brought up. @default false */
  joinsOthers?: boolean;
  /** Only reads. With the same inputs and manifest it gives the same steps, so that a run can be resumed. */
  plan(context: RunbookContext<z.output<I>>): Promise<Step[]> | Step[];
  report?(run: Finished): Report;
}

/** How much a run with these inputs may hurt. */
export function riskOf({ risk, riskWith = {} }: Runbook, inputs: Readonly<Record<string, unknown>>): Risk {
  const raised = Object.entries(riskWith).flatMap(([name, more]) => (inputs[name] ? [more] : []));
  return [risk, ...raised].reduce((most, one) => (risks.indexOf(one) > risks.indexOf(most) ? one : most));
}

/** What a run with these inputs is for. */
export function summaryOf({ summary, summaryWith = {} }: Runbook, inputs: Readonly<Record<string, unknown>>): string {
  return Object.entries(summaryWith).find(([name]) => inputs[name])?.[1] ?? summary;
}

/** Declares a runbook; the types of its inputs reach `plan`. */
export function runbook<I extends z.ZodObject>(declaration: Runbook<I>): Runbook<I> {
  return declaration;
}

/** Declares a step; what `run` returns has to fit `evidence`. */
export function step<E extends z.ZodType>(declaration: Step<E>): Step<E> {
  return declaration;
}
