import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../contract/manifest-digest.ts";
import { Digest } from "../contract/names.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { parse } from "../contract/parse.ts";
import type { CommandResult, PartyAccess, RunbookContext } from "./context.ts";
import { networkLine } from "./network-line.ts";
import { wrap } from "./report-text.ts";
import { type Repeat, type Risk, type Runbook, repeats, riskOf, risks, type Step, summaryOf } from "./runbook.ts";

/** What was shown and approved; written once, before the first step, as `plan.json`. */
export const RunPlan = z.strictObject({
  schema: z.literal("quorate/plan/v1"),
  runbook: z.string(),
  summary: z.string(),
  risk: z.enum(risks),
  system: z.string(),
  network: z.string(),
  environment: z.string(),
  manifestDigest: Digest,
  inputs: z.record(z.string(), z.unknown()),
  steps: z.array(
    z.strictObject({
      id: z.string(),
      does: z.string(),
      target: z.string().nullable(),
      repeat: z.enum(repeats),
      commands: z.array(z.string()),
    }),
  ),
  digest: Digest,
});
export type RunPlan = z.infer<typeof RunPlan>;

/** A command that a party's kubectl ran, for the journal. */
export interface RecordedCommand {
  partyId: number;
  args: string[];
  stdinSha256: string | null;
  /** Whether what came is written down too, and not its hash alone. */
  isKept: boolean;
  result: CommandResult;
}

/** A plan with the steps behind it, ready to be confirmed and run. */
export interface PlannedRun {
  runbook: Runbook;
  plan: RunPlan;
  steps: Step[];
  /** Where commands are reported while a step acts, and whom it acts on before it does; the engine sets it. */
  recorder: {
    record(command: RecordedCommand): Promise<void>;
    touch(party: PartyAccess): void;
    phase: "plan" | "run";
  };
  progress(text: string): void;
}

/** What is given to a runbook beside its inputs. */
export type GivenContext = Omit<RunbookContext, "inputs">;

/** Parses the inputs, lets the runbook look around, and gives the plan. Changes nothing, writes nothing. */
export async function planRunbook(runbook: Runbook, given: GivenContext, rawInputs: unknown): Promise<PlannedRun> {
  if (!runbook.systems.includes(given.manifest.system))
    throw new OperatorError({
      code: "RUNBOOK_NOT_FOR_SYSTEM",
      what: `runbook ${runbook.name} is not for network ${given.manifest.network}`,
      found: `a network of system ${given.manifest.system}`,
      expected: `system ${runbook.systems.join(" or ")}`,
      next: "npx quorate runbooks",
    });
  const inputs = parse(runbook.inputs, rawInputs, {
    code: "INPUTS_INVALID",
    what: `inputs of runbook ${runbook.name}`,
    next: `npx quorate run ${runbook.name} --help`,
  });
  const risk = riskOf(runbook, inputs as Record<string, unknown>);
  const recorder: PlannedRun["recorder"] = { record: async () => {}, touch: () => {}, phase: "plan" };
  const parties = given.parties.map((party) => watchedParty(party, recorder, risk));
  const steps = await runbook.plan({ ...given, parties, inputs });
  refuseBadSteps(runbook, steps);
  const facts = {
    runbook: runbook.name,
    network: given.manifest.network as string,
    manifestDigest: given.manifestDigest,
    inputs: inputs as Record<string, unknown>,
    steps: steps.map((step) => ({
      id: step.id,
      does: step.does,
      target: step.target ?? null,
      repeat: step.repeat as Repeat,
      commands: [...(step.commands ?? [])],
    })),
  };
  const plan: RunPlan = {
    schema: "quorate/plan/v1",
    summary: summaryOf(runbook, inputs as Record<string, unknown>),
    risk,
    system: given.manifest.system,
    environment: given.manifest.environment,
    ...facts,
    digest: planDigest(facts),
  };
  return { runbook, plan, steps, recorder, progress: given.progress };
}

/** What an approval is bound to: runbook, network, manifest, inputs, and all that the steps say they do. */
export function planDigest(
  plan: Pick<RunPlan, "runbook" | "network" | "manifestDigest" | "inputs" | "steps">,
): z.infer<typeof Digest> {
  const { runbook, network, manifestDigest, inputs, steps } = plan;
  const text = canonicalJson({ runbook, network, manifestDigest, inputs, steps });
  return Digest.parse(`sha256:${createHash("sha256").update(text).digest("hex")}`);
}

/** Enough of a digest to read out over the telephone; shorter ones are not accepted. */
export const shortDigestLength = 16;

export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, shortDigestLength);
}

/** Whether what someone typed names this digest. */
export function sameDigest(digest: string, typed: string): boolean {
  const given = typed
    .trim()
    .toLowerCase()
    .replace(/^sha256:/, "");
  return given.length >= shortDigestLength && digest.replace(/^sha256:/, "").startsWith(given);
}

/**
 * The plan as an operator reads it. `withDigest: false` leaves the digest for the second operator to tell. Where `columns` are given it is
 * wrapped, commands so that they can still be copied.
 */
export function renderPlan(
  plan: RunPlan,
  options: { withDigest?: boolean; columns?: number | undefined } = {},
): string {
  const { columns = Number.POSITIVE_INFINITY } = options;
  const hung = (head: string, text: string) =>
    wrap(text, columns - head.length, "")
      .map((line, index) => (index === 0 ? head : " ".repeat(head.length)) + line)
      .join("\n");
  const inputs = Object.entries(plan.inputs).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const idWidth = Math.max(...plan.steps.map((step) => step.id.length), 0);
  const numberWidth = String(plan.steps.length).length + 2;
  const lines = [hung("", networkLine(plan)), hung(`${plan.runbook}   `, `${plan.summary}   ${plan.risk}`)];
  if (inputs.length > 0) lines.push(hung("  with ", inputs.join(", ")));
  plan.steps.forEach((step, index) => {
    const number = String(index + 1).padStart(numberWidth);
    const target = step.target === null ? "" : `   (${step.target})`;
    lines.push(hung(`${number}  ${step.id.padEnd(idWidth)}  `, `${step.does}${target}${repeatNote(step.repeat)}`));
    for (const command of step.commands) lines.push(...commandLines(command, " ".repeat(numberWidth + 2), columns));
  });
  lines.push(
    options.withDigest === false
      ? hung("", "the plan's digest is what a second operator reads out, who runs the same command with --plan")
      : `plan ${shortDigest(plan.digest)}`,
  );
  return lines.join("\n");
}

/** The plan for a pull request or a ticket: what it does, and the exact commands. */
export function renderPlanMarkdown(plan: RunPlan): string {
  const inputs = Object.entries(plan.inputs).map(([name, value]) => `\`${name}=${JSON.stringify(value)}\``);
  return [
    `### Plan of ${plan.runbook}: network ${plan.network}, ${plan.risk}`,
    "",
    `${plan.summary}`,
    "",
    `plan \`${shortDigest(plan.digest)}\`, manifest \`${plan.manifestDigest}\`${inputs.length > 0 ? `, with ${inputs.join(", ")}` : ""}`,
    ...plan.steps.flatMap((step, index) => [
      "",
      `${index + 1}. **${step.id}**: ${step.does}${step.target === null ? "" : ` (${step.target})`}${repeatNote(step.repeat)}`,
      ...(step.commands.length > 0
        ? ["", "   ```sh", ...step.commands.map((command) => `   ${command}`), "   ```"]
        : []),
    ]),
  ].join("\n");
}

/** A command in as few lines as it takes. In a comment a shell knows no continued line, so one that does not fit stands before its command. */
function commandLines(command: string, indent: string, columns: number): string[] {
  if (indent.length + 2 + command.length <= columns) return [`${indent}$ ${command}`];
  const [words = "", comment] = command.split(/ {3}# /, 2);
  const commentLines = comment === undefined ? [] : wrap(comment, columns - indent.length - 2, "");
  const wrapped = wrap(words, columns - indent.length - 4, "").map(
    (line, index, all) => `${indent}${index === 0 ? "$ " : "  "}${line}${index === all.length - 1 ? "" : " \\"}`,
  );
  return [...commentLines.map((line) => `${indent}# ${line}`), ...wrapped];
}

function repeatNote(repeat: Repeat): string {
  return repeat === "once" ? "   [runs once]" : "";
}

function refuseBadSteps(runbook: Runbook, steps: readonly Step[]): void {
  const seen = new Set<string>();
  if (steps.length === 0) throw new Error(`runbook ${runbook.name} planned no step`);
  for (const { id } of steps) {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) throw new Error(`runbook ${runbook.name}: "${id}" is no step id`);
    if (seen.has(id)) throw new Error(`runbook ${runbook.name}: two steps are called "${id}"`);
    seen.add(id);
  }
}

const reads = new Set(["get", "describe", "logs", "version", "auth", "api-resources", "top", "events", "explain"]);

/** Holds a runbook to its word: a plan reads, a read-only runbook too (with `exec`, which its probes need). */
function watchedParty(party: PartyAccess, recorder: PlannedRun["recorder"], risk: Risk): PartyAccess {
  return {
    ...party,
    readObject(bucket, key) {
      recorder.touch(party);
      return party.readObject(bucket, key);
    },
    async kubectl(args, options) {
      const verb = args[0] ?? "";
      const readOnly = recorder.phase === "plan" || risk === "read-only";
      if (readOnly && !reads.has(verb) && !(recorder.phase === "run" && verb === "exec"))
        throw new Error(
          `kubectl ${verb} changes things, and ${recorder.phase === "plan" ? "a plan" : "this runbook"} only reads`,
        );
      recorder.touch(party);
      const result = await party.kubectl(args, options);
      await recorder.record({
        partyId: party.outputs.partyId,
        args,
        stdinSha256: options?.stdin === undefined ? null : createHash("sha256").update(options.stdin).digest("hex"),
        isKept: options?.unrecorded !== true,
        result,
      });
      return result;
    },
  };
}
