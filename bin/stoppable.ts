import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import { interruptSignal } from "../runbooks/interrupt.ts";
import { terminal } from "./terminal.ts";

/** What is under way, in words: "fetching the cards of network devnet", and what stopping it leaves. */
export interface Work {
  what: string;
  /** What would have been so at the end, and whether anything is half done. */
  expected: string;
  next: string;
}

/** Work that one Ctrl-C, TERM or HUP stops in order: `act` gives up by its signal, unless it is past what could be given up. */
export async function stoppable<T>(
  { what, expected, next }: Work,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, dispose } = interruptSignal();
  signal.addEventListener("abort", () => terminal.progress("stopping; once more to stop at once"));
  try {
    return await act(signal);
  } catch (failure) {
    if (!signal.aborted) throw failure;
    throw new OperatorError(
      {
        code: "INTERRUPTED",
        what: `${what} was stopped before its end`,
        found: signal.reason instanceof Error ? signal.reason.message : "a signal",
        expected,
        next,
        exitCode: exitCodes.interrupted,
      },
      { cause: failure },
    );
  } finally {
    dispose();
  }
}
