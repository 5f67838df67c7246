import { printable, printableLine } from "./printable.ts";

/** The four parts of an error that someone can act on. */
export interface Problem {
  /** Stable, upper case: `MANIFEST_INVALID`. */
  code: string;
  /** Party and resource, in one sentence. */
  what: string;
  found: string;
  expected: string;
  /** The command or edit to do next. */
  next: string;
  /** @default 2 */
  exitCode?: number;
}

/** An error for the operator: printed in four parts, without a stack. Anything else that is thrown is a bug. */
export class OperatorError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(`${problem.code}  ${problem.what}`, options);
    this.name = "OperatorError";
    this.problem = problem;
  }

  /** The text for a terminal, without colour. */
  render(): string {
    const { code, what, found, expected, next } = this.problem;
    const part = (name: string, text: string) =>
      `  ${name.padEnd(9)} ${printable(text).trimEnd().replaceAll("\n", "\n            ")}`;
    return [
      `${code}  ${printableLine(what)}`,
      part("found", found),
      part("expected", expected),
      part("next", next),
    ].join("\n");
  }
}
