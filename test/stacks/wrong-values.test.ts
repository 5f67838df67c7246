import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { OperatorError, type Problem } from "../../contract/operator-error.ts";
import { editorSchemas } from "../../stacks/editor-schemas.ts";
import { parseManifest } from "../../stacks/manifest-file.ts";
import { stacksDir } from "../../stacks/project.ts";
import { parseStackConfig } from "../../stacks/stack-file.ts";

// Made from the schemas themselves: every place that they know, with everything that does not belong there.

/** A node of a JSON Schema, as far as ours go. */
interface Node {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Node[];
  oneOf?: Node[];
  properties?: Record<string, Node>;
  required?: string[];
  additionalProperties?: boolean | Node;
  propertyNames?: Node;
  items?: Node;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

interface Case {
  /** The place that is wrong, as our errors write it. */
  path: (string | number)[];
  /** The choice among shapes that may be named in its place. */
  choice?: Case["path"];
  /** What is wrong there, for the test's own report. */
  wrong: string;
  document: unknown;
}

const branches = ({ anyOf, oneOf }: Node): Node[] | undefined => anyOf ?? oneOf;
const compiled = new WeakMap<Node, z.ZodType>();
function fits(node: Node, value: unknown): boolean {
  const schema = compiled.get(node) ?? z.fromJSONSchema(node as never);
  compiled.set(node, schema);
  return schema.safeParse(value).success;
}
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value that fits, as small as may be. */
function sample(node: Node): unknown {
  const [branch] = branches(node) ?? [];
  if (branch) return sample(branch);
  if (node.const !== undefined) return node.const;
  if (node.enum) return node.enum[0];
  if (node.type === "object")
    return Object.fromEntries((node.required ?? []).map((key) => [key, sample(node.properties?.[key] ?? {})]));
  if (node.type === "array") return Array.from({ length: node.minItems ?? 0 }, () => sample(node.items ?? {}));
  if (node.type === "boolean") return true;
  if (node.type === "integer" || node.type === "number") return node.minimum ?? (node.exclusiveMinimum ?? 0) + 1;
  if (node.pattern) {
    const text = fc.stringMatching(new RegExp(node.pattern));
    return fc.sample(
      text.filter((value) => fits(node, value)),
      { numRuns: 1, seed: 1 },
    )[0];
  }
  return "x".repeat(Math.max(1, node.minLength ?? 1));
}

/** What does not belong at a place: all types but its own, and what is just out of its range. */
function strangers(node: Node): unknown[] {
  const values: unknown[] = [null, true, 12.5, -1, "", "!", "\u0001", [], ["!"], [null], {}, { "no such key": 1 }];
  for (const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, maxLength, maxItems } of [
    node,
    ...(branches(node) ?? []),
  ]) {
    if (minimum !== undefined) values.push(minimum - 1);
    if (maximum !== undefined) values.push(maximum + 1);
    if (exclusiveMinimum !== undefined) values.push(exclusiveMinimum);
    if (exclusiveMaximum !== undefined) values.push(exclusiveMaximum);
    if (maxLength !== undefined) values.push("a".repeat(maxLength + 1));
    if (maxItems !== undefined) values.push(Array.from({ length: maxItems + 1 }, () => sample(node.items ?? {})));
  }
  return values.filter((value) => !fits(node, value));
}

/** All cases at a place and below it. `make` gives the document that has a value there; `here` is what a right one has. */
function* cases(node: Node, path: Case["path"], here: unknown, make: (value: unknown) => unknown): Generator<Case> {
  for (const value of strangers(node)) yield { path, wrong: JSON.stringify(value).slice(0, 60), document: make(value) };
  yield* below(node, path, here, make);
}

function* below(node: Node, path: Case["path"], here: unknown, make: (value: unknown) => unknown): Generator<Case> {
  for (const branch of branches(node) ?? [])
    for (const each of below(branch, path, fits(branch, here) ? here : sample(branch), make)) {
      const key = each.path[path.length];
      const isWhich = each.wrong === "left out" || branch.properties?.[String(key)]?.const !== undefined;
      // Without what tells the shapes apart, it is the choice among them that is wrong.
      yield isWhich && each.path.length === path.length + 1 ? { ...each, choice: path } : each;
    }
  if (node.items) {
    const [first] = Array.isArray(here) && here.length > 0 ? here : [sample(node.items)];
    yield* cases(node.items, [...path, 0], first, (value) =>
      make(Array.isArray(here) ? [value, ...here.slice(1)] : [value]),
    );
  }
  if (node.type !== "object") return;
  const object = isPlain(here) ? here : (sample(node) as Record<string, unknown>);
  const known = Object.entries(node.properties ?? {});
  if (isPlain(node.additionalProperties) && node.additionalProperties.type)
    known.push([String(sample(node.propertyNames ?? {})), node.additionalProperties]);
  for (const [key, property] of known) {
    const right = object[key] ?? sample(property);
    yield* cases(property, [...path, key], right, (value) => make({ ...object, [key]: value }));
  }
  for (const key of node.required ?? []) {
    const { [key]: _, ...rest } = object;
    yield { path: [...path, key], wrong: "left out", document: make(rest) };
  }
}

/** What is wrong with the answer to a document that is wrong at one place; undefined where it is as it should be. */
function fault({ path, choice, wrong, document }: Case, file: string, check: (document: unknown) => unknown) {
  const place = z.core.toDotPath(path);
  const problem = problemIn(() => check(document));
  if (typeof problem === "string") return `${place}: ${wrong}: ${problem}`;
  const { what, found, expected, next } = problem;
  if (!what.includes(file) || !next.includes(file) || !expected)
    return `${place}: ${wrong}: no file in ${what}, ${next}`;
  const named = found.split("\n").flatMap((line) => /^\s*→ at (.+)$/.exec(line)?.[1] ?? []);
  const isNamed = named.some((at) => at.startsWith(place) || (choice && at === z.core.toDotPath(choice)));
  return isNamed ? undefined : `${place}: ${wrong}: not named in ${found}`;
}

function problemIn(act: () => unknown): Problem | string {
  try {
    act();
    return "taken";
  } catch (failure) {
    if (!(failure instanceof OperatorError)) return String(failure);
    return /_(INVALID|UNFINISHED)$/.test(failure.problem.code) ? failure.problem : failure.problem.code;
  }
}

function faults(all: Iterable<Case>, file: string, check: (document: unknown) => unknown): string[] {
  return [...all].flatMap((each) => fault(each, file, check) ?? []);
}

const example = (file: string): object => parse(readFileSync(join(stacksDir({}), file), "utf8"));

test("every key of a stack file refuses every wrong type and range, by its file and its name", () => {
  const { properties } = editorSchemas()["stack-config.schema.json"] as { properties: { config: Node } };
  const { config } = example("Pulumi.party-1.yaml") as { config: object };
  const bare = (key: string | number) => String(key).replace(/^quorate:/, "");
  const values = (document: object) =>
    Object.fromEntries(Object.entries(document).map(([key, each]) => [bare(key), each]));
  const own = ([first = "", ...rest]: Case["path"]) => [bare(first), ...rest];
  const all = [...below(properties.config, [], config, (value) => values(value as object))].map((each) => ({
    ...each,
    path: own(each.path),
    ...(each.choice && { choice: own(each.choice) }),
  }));
  const file = "Pulumi.x.yaml";
  expect(faults(all, file, (document) => parseStackConfig(document as Record<string, unknown>, file))).toEqual([]);
  expect(all.length).toBeGreaterThan(1000);
});

test("every key of a network manifest refuses every wrong type and range, by its file and its name", () => {
  const node = editorSchemas()["network-manifest.schema.json"] as Node;
  // One system so far: no choice.
  const [only = node] = branches(node) ?? [];
  const all = [...below(only, [], example("networks/devnet.yaml"), (value) => value)];
  expect(faults(all, "devnet.yaml", (document) => parseManifest(document, "devnet.yaml"))).toEqual([]);
  expect(all.length).toBeGreaterThan(500);
});
