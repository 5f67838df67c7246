/**
 * An error that someone can act on, in the same four parts as the product's own `OperatorError`. Set-up can't use that
 * one: it runs on machines whose Node can't read TypeScript yet.
 */
export class SetupError extends Error {
  /** @param {{ code: string, what: string, found: string, expected: string, next: string }} problem */
  constructor(problem, options) {
    super(`${problem.code}  ${problem.what}`, options);
    this.name = "SetupError";
    this.problem = problem;
  }

  render() {
    const { code, what, found, expected, next } = this.problem;
    const part = (name, text) => `  ${name.padEnd(9)} ${text.trimEnd().replaceAll("\n", "\n            ")}`;
    return [`${code}  ${what}`, part("found", found), part("expected", expected), part("next", next)].join("\n");
  }
}
