import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import { type RunPlan, sameDigest, shortDigest, shortDigestLength } from "./plan.ts";
import type { Risk } from "./runbook.ts";
import type { Terminal } from "./terminal.ts";

interface Asking {
  plan: RunPlan;
  terminal: Terminal;
  signal: AbortSignal;
}

/** One rule per word of risk: what has to be typed before anything happens. Gives how it was approved, for the record. */
const rules: Record<Risk, (asking: Asking) => Promise<string>> = {
  "read-only": async () => "read-only: none needed",
  reversible: async (asking) => {
    const answer = await answered(asking, "run it? y/N: ");
    if (!/^y(es)?$/i.test(answer)) throw notConfirmed(asking.plan, answer, "y");
    return "answered yes";
  },
  disruptive: async (asking) => {
    await typed(asking, `type "${asking.plan.network}" to run it: `, asking.plan.network);
    return "typed the network's name";
  },
  irreversible: async (asking) => {
    const target = planTarget(asking.plan);
    await typed(
      asking,
      `this cannot be undone; type the network's name, "${asking.plan.network}": `,
      asking.plan.network,
    );
    if (target !== null) await typed(asking, `type what it acts on, "${target}": `, target);
    const digest = await answered(asking, "type the plan digest that a second operator reads out: ");
    if (!sameDigest(asking.plan.digest, digest))
      throw notConfirmed(asking.plan, digest, `at least ${shortDigestLength} hex digits of the plan's digest`);
    return "typed network and target; digest from a second operator";
  },
};

/** Asks as the risk demands, or takes `--confirm`. Throws unless the plan is approved. */
export async function confirm(asking: Asking, digest: string | undefined): Promise<string> {
  const { plan, terminal } = asking;
  if (digest !== undefined) {
    if (sameDigest(plan.digest, digest)) return "--confirm with the plan's digest";
    throw new OperatorError({
      code: "PLAN_CHANGED",
      what: `the plan of ${plan.runbook} is not the one that was approved`,
      found: `plan ${shortDigest(plan.digest)}`,
      expected: `plan ${digest}`,
      next: `look at the plan again: npx quorate run ${plan.runbook} --plan`,
      exitCode: exitCodes.refused,
    });
  }
  if (plan.risk !== "read-only" && !terminal.interactive)
    throw new OperatorError({
      code: "CONFIRMATION_NEEDED",
      what: `${plan.runbook} is ${plan.risk}, and nobody can be asked here`,
      found: "no terminal",
      expected: "a person's answer, or the digest of a plan that was reviewed",
      next: `review it with --plan, then add: --confirm ${shortDigest(plan.digest)}`,
      exitCode: exitCodes.refused,
    });
  return rules[plan.risk](asking);
}

/** What all steps act on together, for the operator to type. */
function planTarget(plan: RunPlan): string | null {
  const targets = [...new Set(plan.steps.flatMap((step) => step.target ?? []))];
  return targets.length === 0 ? null : targets.join(", ");
}

async function typed(asking: Asking, question: string, expected: string): Promise<void> {
  const answer = await answered(asking, question);
  if (answer !== expected) throw notConfirmed(asking.plan, answer, `"${expected}", exactly`);
}

async function answered({ plan, terminal, signal }: Asking, question: string): Promise<string> {
  const answer = await terminal.ask(question, signal);
  if (answer !== null) return answer.trim();
  throw new OperatorError({
    code: signal.aborted ? "INTERRUPTED" : "NOT_CONFIRMED",
    what: `${plan.runbook} was not started`,
    found: "no answer: the input ended, or it was interrupted",
    expected: "an answer",
    next: "run it again",
    exitCode: signal.aborted ? exitCodes.interrupted : exitCodes.refused,
  });
}

function notConfirmed(plan: RunPlan, found: string, expected: string): OperatorError {
  return new OperatorError({
    code: "NOT_CONFIRMED",
    what: `${plan.runbook} was not started`,
    found: found === "" ? "an empty answer" : `"${found}"`,
    expected,
    next: "nothing has changed; run it again if you meant it",
    exitCode: exitCodes.refused,
  });
}
