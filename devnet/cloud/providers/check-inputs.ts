import { createHash } from "node:crypto";
import type { CheckResult, Failure } from "./package-server.ts";
import { type Properties, Secret, unknown } from "./property-values.ts";
import type { ResourceShape, Shape } from "./resource-table.ts";

/** Names of the inputs that the provider filled in. The engine keeps it in the state, as the real providers' bridge has it. */
const filledIn = "__defaults";

/**
 * Inputs as the table wants them: fields that are missing, unknown or of the wrong shape become failures with their path, scalars are converted,
 * documents become text, and a resource without a name gets one.
 */
export function checkInputs(
  shape: ResourceShape,
  request: { name: string; olds: Properties; news: Properties; randomSeed: Uint8Array },
): CheckResult {
  const { [filledIn]: _dropped, ...news } = request.news;
  const failures: Failure[] = [];
  const inputs = checkFields(shape.inputs, news, "", failures);
  const field = shape.name;
  if (field && inputs[field] === undefined) {
    const wasFilledIn = ((request.olds[filledIn] as string[] | undefined) ?? []).includes(field);
    inputs[field] = wasFilledIn
      ? request.olds[field]
      : autoName(inputs[`${field}Prefix`], request.name, request.randomSeed);
    inputs[filledIn] = [field];
  }
  return { inputs, failures };
}

function autoName(prefix: unknown, logicalName: string, randomSeed: Uint8Array): unknown {
  if (prefix === unknown || prefix instanceof Secret) return unknown;
  const hex = createHash("sha256").update(randomSeed).update(logicalName).digest("hex").slice(0, 7);
  return typeof prefix === "string" ? `${prefix}${hex}` : `${logicalName}-${hex}`;
}

function checkFields(fields: { readonly [name: string]: Shape }, value: Properties, path: string, failures: Failure[]) {
  const known = new Map(Object.entries(fields).map(([name, shape]) => [name.replace("!", ""), shape]));
  const result: Properties = {};
  for (const [name, field] of Object.entries(value)) {
    const at = path ? `${path}.${name}` : name;
    const shape = known.get(name);
    if (field === null || field === undefined) continue;
    if (shape === undefined)
      failures.push({ property: at, reason: `unexpected argument: the type has no field ${at}` });
    else result[name] = checkValue(shape, field, at, failures);
  }
  for (const name of Object.keys(fields).filter((field) => field.endsWith("!"))) {
    const bare = name.slice(0, -1);
    const at = path ? `${path}.${bare}` : bare;
    if (result[bare] === undefined)
      failures.push({
        property: at,
        reason: `Missing required argument. The argument "${at}" is required, but no definition was found.`,
      });
  }
  return result;
}

function checkValue(shape: Shape, value: unknown, path: string, failures: Failure[]): unknown {
  if (value instanceof Secret) return new Secret(checkValue(shape, value.value, path, failures));
  if (value === unknown || shape === "any") return value;
  const wrong = (expected: string) => {
    failures.push({ property: path, reason: `expected ${expected} for ${path}, found ${describe(value)}` });
    return value;
  };
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return wrong("a list");
    return value.map((item, index) => checkValue((shape as readonly [Shape])[0], item, `${path}[${index}]`, failures));
  }
  if (typeof shape === "object")
    return isObject(value)
      ? checkFields(shape as { readonly [name: string]: Shape }, value, path, failures)
      : wrong("an object");
  switch (shape as Extract<Shape, string>) {
    case "string":
      return typeof value === "object" ? wrong("text") : String(value);
    case "number":
      return typeof value === "object" || value === "" || Number.isNaN(Number(value))
        ? wrong("a number")
        : Number(value);
    case "boolean":
      return value === true || value === "true"
        ? true
        : value === false || value === "false"
          ? false
          : wrong("a boolean");
    case "json":
      return checkDocument(value, path, failures);
    case "map":
      return isObject(value) ? value : wrong("an object");
    case "strings":
    case "numbers":
      if (!Array.isArray(value)) return wrong("a list");
      return value.map((item, index) =>
        checkValue(shape === "strings" ? "string" : "number", item, `${path}[${index}]`, failures),
      );
    default:
      return Array.isArray(value) ? value : wrong("a list");
  }
}

/** An object with an unknown in it can't be written out yet: the whole document is unknown. */
function checkDocument(value: unknown, path: string, failures: Failure[]): unknown {
  if (typeof value !== "string") {
    let secret = false;
    let pending = false;
    const text = JSON.stringify(value, (_key, inner) => {
      if (inner === unknown) pending = true;
      if (!(inner instanceof Secret)) return inner;
      secret = true;
      return inner.value;
    });
    const document = pending ? unknown : text;
    return secret ? new Secret(document) : document;
  }
  try {
    JSON.parse(value);
  } catch (error) {
    failures.push({ property: path, reason: `"${path}" contains an invalid JSON: ${(error as Error).message}` });
  }
  return value;
}

const isObject = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Never the value itself: it may be a secret. */
function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value === null) return "null";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
