import type { DiffKind, DiffResult } from "./package-server.ts";
import { type Properties, Secret, same, unknown } from "./property-values.ts";
import type { ResourceShape } from "./resource-table.ts";

/** What changed between two checked sets of inputs, by path; a field that the table names replaces the resource. */
export function diffInputs(
  shape: Pick<ResourceShape, "replaces" | "replacesWithout" | "inputs" | "name">,
  olds: Properties,
  news: Properties,
  ignoreChanges: readonly string[] = [],
): DiffResult {
  const detailed: { [path: string]: DiffKind } = {};
  const walk = (old: unknown, now: unknown, path: string, replaces: boolean) => {
    if (ignoreChanges.includes(path) || equal(old, now)) return;
    const suffix = replaces ? "-replace" : "";
    if (old === undefined || old === null) detailed[path] = `add${suffix}`;
    else if (now === undefined || now === null) detailed[path] = `delete${suffix}`;
    else if (isObject(old) && isObject(now)) {
      for (const key of new Set([...Object.keys(old), ...Object.keys(now)]))
        walk(old[key], now[key], /^[\w$-]+$/.test(key) ? `${path}.${key}` : `${path}["${key}"]`, replaces);
    } else if (Array.isArray(old) && Array.isArray(now)) {
      for (let index = 0; index < Math.max(old.length, now.length); index++)
        walk(old[index], now[index], `${path}[${index}]`, replaces);
    } else detailed[path] = `update${suffix}`;
  };
  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (name.startsWith("__")) continue;
    const without = news[name] === undefined && shape.replacesWithout?.includes(name) === true;
    walk(olds[name], news[name], name, without || shape.replaces.includes(name));
  }
  return { detailed };
}

/** Documents are equal when they say the same: white space and the order of keys don't count. */
export function sameDocument(a: unknown, b: unknown): boolean {
  const left = a instanceof Secret ? a.value : a;
  const right = b instanceof Secret ? b.value : b;
  if (typeof left !== "string" || typeof right !== "string" || !/^\s*[{[]/.test(left) || !/^\s*[{[]/.test(right))
    return false;
  try {
    return same(JSON.parse(left), JSON.parse(right));
  } catch {
    return false;
  }
}

const equal = (a: unknown, b: unknown): boolean => a !== unknown && b !== unknown && (same(a, b) || sameDocument(a, b));

const isObject = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Secret);
