import { z } from "zod";
import { nearestWord } from "./nearest-word.mjs";
import { OperatorError } from "./operator-error.ts";

/** Where an untrusted value comes from, for the error about it. */
export interface Source {
  code: string;
  what: string;
  next: string;
  /** The line of the file on which what lies under a path is written, where it came from a file. */
  lineOf?: (path: readonly PropertyKey[]) => number | undefined;
}

/**
 * Untrusted → typed, at an edge. What does not fit becomes one OperatorError that names the source and every field; rejected values are
 * left out, because they may be secrets.
 */
export function parse<T extends z.ZodType>(schema: T, value: unknown, source: Source): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues
    .flatMap(meantIssues)
    .map((issue) => ({ ...issue, message: explain(issue, schema, source) }));
  throw new OperatorError({
    code: source.code,
    what: source.what,
    found: z.prettifyError({ issues }),
    expected: "values that fit the contract",
    next: source.next,
  });
}

/**
 * Of a choice among several shapes, what is wrong with the one that is meant: the only one that has all the keys that are there, and none of whose
 * fixed words is another. Where that is none, or more than one, the choice itself.
 */
function meantIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const meant = issue.errors.filter((issues) => !issues.some(isOfAnother));
  const [only] = meant;
  if (only === undefined || meant.length > 1) return [issue];
  return only.flatMap((inner) => meantIssues({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue));
}

/** Whether a problem says that a value was meant for another shape. */
function isOfAnother({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 || (path.length === 1 && code === "invalid_value");
}

/** What zod says, and what it leaves out: on which line that is, and which key a mistyped one may stand for. */
function explain(issue: z.core.$ZodIssue, schema: z.ZodType, { lineOf }: Source): string {
  const unknown = issue.code === "unrecognized_keys" ? issue.keys : [];
  const places = unknown.length === 0 ? [issue.path] : unknown.map((key) => [...issue.path, key]);
  const lines = places.flatMap((path) => lineOf?.(path) ?? []);
  const known = unknown.length === 0 ? [] : keysAt(schema, issue.path);
  const meant = unknown.flatMap((key) => nearestWord(key, known) ?? []);
  return [
    issue.message,
    lines.length === 0 ? "" : ` (line ${[...new Set(lines)].join(", ")})`,
    meant.length === 0 ? "" : `: did you mean ${meant.join(", ")}?`,
  ].join("");
}

/** The keys that a contract has at a path; none where that is no object, or one of several. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at = unwrapped(schema);
  for (const step of path) at = unwrapped(at?.def.element ?? at?.def.shape?.[String(step)]);
  return Object.keys(at?.def.shape ?? {});
}

interface Inner {
  def: { innerType?: unknown; in?: unknown; shape?: Record<string, unknown>; element?: unknown };
}

/** The contract inside of defaults, options and transformations. */
function unwrapped(schema: unknown): Inner | undefined {
  const { def } = (schema ?? {}) as Partial<Inner>;
  const inner = def?.innerType ?? def?.in;
  return inner === undefined ? def && { def } : unwrapped(inner);
}
