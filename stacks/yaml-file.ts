import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";

/** What one of our YAML files is, for the errors about it. */
export interface YamlFile {
  path: string;
  /** Prefix of the error codes: `MANIFEST`, `STACK`. */
  code: string;
  /** In words: "network manifest". */
  what: string;
  /** What to do when the file is not there. */
  whenMissing: string;
}

/** The plain value of a YAML file; a file that is missing or does not parse is an OperatorError with the line. */
export async function readYamlFile({ path, code, what, whenMissing }: YamlFile): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw fileError(cause, path) ?? cause;
    throw new OperatorError(
      {
        code: `${code}_MISSING`,
        what: `the ${what} ${path} can't be read`,
        found: "no such file",
        expected: `a ${what}`,
        next: whenMissing,
      },
      { cause },
    );
  });
  const document = parseDocument(text, { prettyErrors: true, strict: true, uniqueKeys: true });
  const problem = document.errors[0];
  if (problem)
    throw new OperatorError({
      code: `${code}_UNREADABLE`,
      what: `the ${what} ${path} is not valid YAML`,
      found: `line ${problem.linePos?.[0].line ?? "?"}: ${problem.message.trimEnd()}`,
      expected: "YAML 1.2",
      next: `correct line ${problem.linePos?.[0].line ?? "?"} of ${path}`,
    });
  return document.toJS();
}
