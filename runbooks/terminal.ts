import { createInterface } from "node:readline";
import { printable } from "../contract/printable.ts";

/** How the engine talks with the person who runs it. */
export interface Terminal {
  /** Whether a person can answer. */
  interactive: boolean;
  /** How wide it is; undefined where nobody looks, and lines are as long as they are. */
  columns?: number | undefined;
  print(text: string): void;
  /** What was typed, or null if no answer came: input closed, or interrupted. Null is never a yes. */
  ask(question: string, signal: AbortSignal): Promise<string | null>;
}

/** A terminal on streams; the process's own unless told otherwise. */
export function openTerminal(
  options: {
    input?: NodeJS.ReadableStream & { isTTY?: boolean };
    output?: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
    /** @default both streams are terminals */
    interactive?: boolean;
  } = {},
): Terminal {
  const input = options.input ?? process.stdin;
  const output = options.output ?? process.stdout;
  return {
    interactive: options.interactive ?? (input.isTTY === true && output.isTTY === true),
    columns: output.isTTY === true ? output.columns : undefined,
    print: (text) => void output.write(`${printable(text, { colours: true })}\n`),
    ask: (question, signal) => ask(input, output, question, signal),
  };
}

function ask(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  question: string,
  signal: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(null);
    const lines = createInterface({ input, output });
    let answer: string | null = null;
    const stop = () => lines.close();
    signal.addEventListener("abort", stop, { once: true });
    lines.once("line", (line) => {
      answer = line;
      lines.close();
    });
    lines.once("SIGINT", stop);
    // End of input closes the interface without a line; then the answer stays null.
    lines.once("close", () => {
      signal.removeEventListener("abort", stop);
      if (answer === null) output.write("\n");
      resolve(answer);
    });
    lines.setPrompt(question);
    lines.prompt();
  });
}
