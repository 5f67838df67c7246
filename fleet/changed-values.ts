import type { StepEventMetadata } from "@pulumi/pulumi/automation/index.js";

/** One property that an update changes, as an operator reads it: both values short, secrets masked. */
export interface ChangedValue {
  /** As the engine writes it: `values.kmsCore.image.tag`, `policy.Statement[0].Sid`. */
  path: string;
  /** Null where there was nothing. */
  old: string | null;
  /** Null where nothing will be. */
  new: string | null;
  /** The resource can not be changed in this, so it is made again. */
  replaces: boolean;
}

/** Enough for what an edit of a stack file changes; a new manifest can change thousands. */
const mostValues = 20;
const longestText = 80;
/** How much of what two long values have in common is shown before they part. */
const shownBefore = 20;

/* How the engine writes what is not plain JSON. */
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const laterValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const unknownValues = new Set([
  laterValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);
/** Whatever the provider says of them. */
const secretNames = /(password|passphrase|private_?key|secret_?key|access_?key|^token|^secret)$/i;

type Segment = string | number;
type Side = { value: unknown; isSecret: boolean };

/** What a step changes, property by property, at most twenty of them; and how many more there are. */
export function changedValues(metadata: StepEventMetadata): { values: ChangedValue[]; leftOut: number } {
  const { detailedDiff, diffs } = metadata;
  const paths = detailedDiff
    ? Object.entries(detailedDiff).map(([path, { diffKind, inputDiff }]) => ({
        path,
        inputDiff,
        isGone: String(diffKind).startsWith("delete"),
        replaces: String(diffKind).endsWith("replace"),
      }))
    : (diffs ?? []).map((path) => ({
        path,
        inputDiff: true,
        isGone: true,
        replaces: metadata.keys?.includes(path) ?? false,
      }));
  const found = paths.flatMap(({ path, inputDiff, isGone, replaces }) => {
    const segments = segmentsOf(path);
    const asked = lookUp(metadata.new?.inputs, segments);
    const inputs = lookUp(metadata.old?.inputs, segments);
    const outputs = lookUp(metadata.old?.outputs, segments);
    // What nobody asked for, before or now, is for the provider to say, once it has.
    const isComputed = !isGone && asked.value === undefined && inputs.value === undefined;
    const next = isComputed ? { value: laterValue, isSecret: outputs.isSecret } : asked;
    // Where the program asks for the same as before, somebody else changed what is there.
    const before = inputDiff || !(isComputed || isSame(inputs.value, next.value)) ? inputs : outputs;
    const isSecret = [before, next, inputs, outputs].some((side) => side.isSecret);
    return leaves(path, { ...before, isSecret }, { ...next, isSecret }).map((leaf) => ({ ...leaf, replaces }));
  });
  return { values: found.slice(0, mostValues), leftOut: Math.max(0, found.length - mostValues) };
}

/** Where two values part: a property for each leaf that differs. Documents in a string, as policies are, are looked into. */
function leaves(path: string, old: Side, next: Side): Omit<ChangedValue, "replaces">[] {
  const [a, b] = [asDocument(old.value), asDocument(next.value)];
  const isSecret = old.isSecret || next.isSecret || isSecretName(path) || holdsSecret(a) || holdsSecret(b);
  if (!isBranch(a) || !isBranch(b) || Array.isArray(a) !== Array.isArray(b) || isSecretValue(a) || isSecretValue(b))
    return [{ path, ...texts(old.value, next.value, isSecret) }];
  // A secret inside leaves its siblings readable; one above hides them all.
  const inherited = old.isSecret || next.isSecret || isSecretName(path);
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const parted = keys.filter((key) => !isSame(a[key as keyof typeof a], b[key as keyof typeof b]));
  const found = parted.flatMap((key) =>
    leaves(
      joined(path, Array.isArray(a) ? Number(key) : key),
      { value: a[key as keyof typeof a], isSecret: inherited },
      { value: b[key as keyof typeof b], isSecret: inherited },
    ),
  );
  return found.length > 0 ? found : [{ path, ...texts(old.value, next.value, isSecret) }];
}

function texts(old: unknown, next: unknown, isSecret: boolean): { old: string | null; new: string | null } {
  const [a, b] = [textOf(old, isSecret), textOf(next, isSecret)];
  if (a === null || b === null) return { old: a && shortened(a, 0), new: b && shortened(b, 0) };
  let common = 0;
  while (common < a.length && a[common] === b[common]) common++;
  const from = Math.max(a.length, b.length) > longestText ? Math.max(0, common - shownBefore) : 0;
  return { old: shortened(a, from), new: shortened(b, from) };
}

function textOf(value: unknown, isSecret: boolean): string | null {
  if (value === undefined || value === null) return null;
  if (isSecret || isSecretValue(value)) return "[secret]";
  if (typeof value === "string") {
    if (unknownValues.has(value)) return "(known later)";
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
    return value === "" || value !== value.trim() || /[\u0000-\u001f]/.test(value) ? JSON.stringify(value) : value;
  }
  return JSON.stringify(value);
}

function shortened(text: string, from: number): string {
  const part = text.slice(from, from + longestText);
  return `${from > 0 ? "…" : ""}${part}${from + longestText < text.length ? "…" : ""}`;
}

function lookUp(properties: unknown, segments: readonly Segment[]): Side {
  let value = properties;
  let isSecret = false;
  for (const segment of segments) {
    if (isSecretValue(value)) isSecret = true;
    value = isBranch(value) ? (value as Record<Segment, unknown>)[segment] : undefined;
  }
  return { value, isSecret: isSecret || isSecretValue(value) };
}

/** `a.b[0]["c.d"]` in its parts. */
function segmentsOf(path: string): Segment[] {
  return [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, name]) =>
    index === undefined ? (quoted?.replace(/\\(.)/g, "$1") ?? name ?? "") : Number(index),
  );
}

function joined(path: string, segment: Segment): string {
  if (typeof segment === "number") return `${path}[${segment}]`;
  return /^[\w-]+$/.test(segment) ? `${path}.${segment}` : `${path}[${JSON.stringify(segment)}]`;
}

function asDocument(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    // Only looks like one.
    return value;
  }
}

const isBranch = (value: unknown): value is Record<string, unknown> | unknown[] =>
  typeof value === "object" && value !== null;

const isSecretValue = (value: unknown): boolean =>
  isBranch(value) && (value as Record<string, unknown>)[signature] === secretSignature;

function holdsSecret(value: unknown): boolean {
  return (
    isBranch(value) &&
    (isSecretValue(value) || Object.entries(value).some(([key, inner]) => isSecretName(key) || holdsSecret(inner)))
  );
}

function isSecretName(path: string): boolean {
  const last = segmentsOf(path).at(-1);
  return typeof last === "string" && secretNames.test(last);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
