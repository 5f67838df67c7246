import { OperatorError } from "../contract/operator-error.ts";
import type { Source } from "../contract/parse.ts";

/** Which file it is that may have places to fill in. */
export interface OpenFile {
  code: "MANIFEST_UNFINISHED" | "STACK_UNFINISHED";
  what: string;
  /** What the person does who fills them in. */
  next: string;
  lineOf?: Source["lineOf"];
}

/**
 * Refuses a file in which a text of the form `<what belongs here>` is left. Our examples have them where a value is not
 * public: an invented one would look like any other.
 */
export function requireFilledIn(value: unknown, { code, what, next, lineOf }: OpenFile): void {
  const places = openPlaces(value, []);
  if (places.length === 0) return;
  throw new OperatorError({
    code,
    what: `${what} has ${places.length} ${places.length === 1 ? "place" : "places"} that nobody filled in yet`,
    found: places.map(({ path, text }) => `${written(path)}: ${text}${line(lineOf?.(path))}`).join("\n"),
    expected: "a value in the place of each <…>",
    next,
  });
}

function openPlaces(value: unknown, path: readonly (string | number)[]): { path: typeof path; text: string }[] {
  if (typeof value === "string") return /^<.+>$/s.test(value) ? [{ path, text: value }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => openPlaces(item, [...path, index]));
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, item]) => openPlaces(item, [...path, key]));
}

function written(path: readonly (string | number)[]): string {
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");
}

function line(number: number | undefined): string {
  return number === undefined ? "" : ` (line ${number})`;
}
