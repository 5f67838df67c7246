import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { PartyStack } from "./party-stacks.ts";

/**
 * What tells the engine to finish what it has begun and to write its state. A terminal's Ctrl-C reaches the engine without us, and a second one
 * would make it drop everything. The automation API does not see a signal that came before its engine, so that one is kept until it runs.
 */
export function engineStop(
  asked: AbortSignal | undefined,
  hasTerminal = process.stdin.isTTY === true,
): { signal: AbortSignal; engineRuns(): void } {
  const controller = new AbortController();
  let isRunning = false;
  const pass = () => {
    const isKnown = hasTerminal && String(asked?.reason).includes("SIGINT");
    if (asked?.aborted && isRunning && !isKnown) controller.abort(asked.reason);
  };
  asked?.addEventListener("abort", pass, { once: true });
  return {
    signal: controller.signal,
    engineRuns() {
      isRunning = true;
      pass();
    },
  };
}

/** What an operator reads who stopped the engine. */
export function interrupted(operation: "preview" | "up", party: PartyStack, signal: AbortSignal): OperatorError {
  const { partyId, stackName } = party;
  return new OperatorError({
    code: "INTERRUPTED",
    what: `party ${partyId}: pulumi ${operation} of stack ${stackName} was stopped before its end`,
    found: signal.reason instanceof Error ? signal.reason.message : "a signal",
    expected: operation === "up" ? "every change made; those that were are in the stack's state" : "a whole preview",
    next: `npx quorate ${operation} --party ${partyId}`,
    exitCode: exitCodes.interrupted,
  });
}
