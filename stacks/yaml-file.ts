import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { Source } from "../contract/parse.ts";
import { readYamlText, type YamlSource } from "../contract/yaml-text.ts";

/** What one of our YAML files is, and what helps where it is missing. */
export interface YamlFile extends YamlSource {
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
  return readYamlText(text, parseDocument, { path, code, what });
}
