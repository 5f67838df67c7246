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

const ofFiles = ["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EEXIST", "ELOOP", "ENAMETOOLONG"];

/** The operator's error behind what the operating system refused to do with a file; undefined where it is something else. */
export function fileError(error) {
  if (!ofFiles.includes(error?.code) || error.path === undefined) return undefined;
  return new SetupError(
    {
      code: "FILE_UNUSABLE",
      what: `set-up can not use ${error.path}`,
      found: error.message,
      expected: "a folder that can be written, with room for the tools",
      next: `make room or give yourself the right to write there, or keep the tools elsewhere: XDG_CACHE_HOME=<folder>`,
    },
    { cause: error },
  );
}
