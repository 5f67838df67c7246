import { type Document, isScalar, parseDocument, type Scalar, visit, YAMLParseError } from "yaml";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { Source } from "../contract/parse.ts";
import { readYamlText, type YamlSource } from "../contract/yaml-text.ts";
import { readRegular } from "./text-file.ts";

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
  const text = await readRegular(path).catch((cause: NodeJS.ErrnoException) => {
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
  return readYamlText(text, parseAsEngine, { path, code, what });
}

/** Parses, and refuses what the engine would read otherwise: by YAML 1.1, it merges `<<` and takes 010 for 8. */
function parseAsEngine(text: string): Document.Parsed {
  const document = parseDocument(text);
  if (!/<<|\b0\d/.test(text)) return document;
  const refuse = ({ range }: Scalar, message: string) => {
    const start = range?.[0] ?? 0;
    const error = new YAMLParseError([start, start], "UNEXPECTED_TOKEN", message);
    error.linePos = [{ line: text.slice(0, start).split("\n").length, col: 1 }];
    document.errors.push(error);
  };
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === "<<" && key.type === "PLAIN")
        refuse(key, "a merge key, which YAML 1.2 does not have: write out what it stands for");
    },
    Scalar: (_, scalar) => {
      if (typeof scalar.value === "number" && /^[-+]?0\d/.test(scalar.source ?? ""))
        refuse(
          scalar,
          `${scalar.source}, which is ${scalar.value} to some readers and octal to others: quote it, or leave the zeros out`,
        );
    },
  });
  return document;
}
