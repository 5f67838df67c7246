import { OperatorError } from "./operator-error.ts";
import type { Source } from "./parse.ts";
import { type YamlDocument, yamlLines } from "./yaml-lines.ts";

/** Far above what a thousand parties take; reading takes seconds for each megabyte. */
const largestFile = 2_000_000;

/** What YAML does not allow, and what stands for bytes that were none of UTF-8. */
const notText = /(?![\t\n\r\u0085])[\p{Cc}\ufffd]/u;

/** What one of our YAML files is, for the errors about it. */
export interface YamlSource {
  path: string;
  /** Prefix of the error codes: `MANIFEST`, `STACK`. */
  code: string;
  /** In words: "network manifest". */
  what: string;
}

/** What is needed of a parsed document. */
interface ParsedYaml extends YamlDocument {
  errors: readonly { message: string; linePos?: readonly { line: number }[] | undefined }[];
  toJS(): unknown;
}

/** The plain value of a YAML text, and the lines that it is written on; what is too large or does not parse is an OperatorError with the line. */
export function readYamlText(
  text: string,
  parseDocument: (text: string) => ParsedYaml,
  { path, code, what }: YamlSource,
): { value: unknown; lineOf: NonNullable<Source["lineOf"]> } {
  if (text.length > largestFile)
    throw new OperatorError({
      code: `${code}_UNREADABLE`,
      what: `the ${what} ${path} is too large to be one`,
      found: `${text.length} characters`,
      expected: `at most ${largestFile}`,
      next: `see what was written to ${path}`,
    });
  refuseUnreadable(text, { path, code, what });
  const document = parseDocument(text);
  const problem = document.errors[0];
  if (problem) {
    const line = problem.linePos?.[0]?.line ?? "?";
    throw new OperatorError({
      code: `${code}_UNREADABLE`,
      what: `the ${what} ${path} is not valid YAML`,
      found: `line ${line}: ${problem.message.trimEnd()}`,
      expected: "YAML 1.2",
      next: `correct line ${line} of ${path}`,
    });
  }
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

/** Refuses what is not text: a byte that was no UTF-8 is U+FFFD by now, in a name or an address, and no one would see it until it is used. */
function refuseUnreadable(text: string, { path, code, what }: YamlSource): void {
  const stranger = notText.exec(text);
  if (stranger === null) return;
  const line = text.slice(0, stranger.index).split("\n").length;
  const point = `U+${(stranger[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  throw new OperatorError({
    code: `${code}_UNREADABLE`,
    what: `the ${what} ${path} is not a text file in UTF-8`,
    found: `line ${line}: ${point === "U+FFFD" ? "a byte that is not UTF-8" : `the control character ${point}`}`,
    expected: "UTF-8, without control characters",
    next: `save ${path} as UTF-8, and see what stands in line ${line}`,
  });
}
