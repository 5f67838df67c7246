import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { Source } from "../contract/parse.ts";
import { yamlLines } from "../contract/yaml-lines.ts";

/** Far above what a thousand parties take; reading takes seconds for each megabyte. */
const largestFile = 2_000_000;

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

/** The plain value of a YAML file, and the lines that it is written on; a file that is missing or does not parse is an OperatorError with the line. */
export async function readYamlFile({
  path,
  code,
  what,
  whenMissing,
}: YamlFile): Promise<{ value: unknown; lineOf: NonNullable<Source["lineOf"]> }> {
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
  if (text.length > largestFile)
    throw new OperatorError({
      code: `${code}_UNREADABLE`,
      what: `the ${what} ${path} is too large to be one`,
      found: `${text.length} characters`,
      expected: `at most ${largestFile}`,
      next: `see what was written to ${path}`,
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
  try {
    return { value: document.toJS(), lineOf: yamlLines(document, text) };
  } catch (cause) {
    // Aliases of aliases: a few lines that would grow into more than the memory holds.
    throw new OperatorError(
      {
        code: `${code}_UNREADABLE`,
        what: `the ${what} ${path} can not be resolved`,
        found: cause instanceof Error ? cause.message : String(cause),
        expected: "YAML whose aliases do not multiply",
        next: `write out what the aliases in ${path} stand for`,
      },
      { cause },
    );
  }
}
