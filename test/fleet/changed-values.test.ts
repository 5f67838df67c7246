import type { StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { expect, test } from "vitest";
import { changedValues } from "../../fleet/changed-values.ts";

const secret = (ciphertext: string) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext,
});

/** What the engine says of an update from some inputs to others. */
function update(
  old: Record<string, unknown>,
  next: Record<string, unknown>,
  diff: Record<string, string> | string[],
  outputs?: Record<string, unknown>,
): StepEventMetadata {
  const details = Array.isArray(diff)
    ? { diffs: diff }
    : {
        detailedDiff: Object.fromEntries(
          Object.entries(diff).map(([path, diffKind]) => [path, { diffKind, inputDiff: outputs === undefined }]),
        ),
      };
  return {
    op: "update",
    old: { inputs: old, outputs: outputs ?? {} },
    new: { inputs: next, outputs: {} },
    ...details,
  } as unknown as StepEventMetadata;
}

const rows = (metadata: StepEventMetadata) =>
  changedValues(metadata).values.map(({ path, old, new: next }) => [path, old, next]);

test("every changed property has its old and its new value", () => {
  const old = { values: { image: { tag: "v1" }, tunnel: { enabled: true }, "a.b": 1 }, ports: [1, 2] };
  const next = { values: { image: { tag: "v2" }, "a.b": 2 }, ports: [1, 3, 4] };
  expect(
    rows(
      update(old, next, {
        "values.image.tag": "update",
        "values.tunnel": "delete",
        'values["a.b"]': "update",
        "ports[1]": "update",
        "ports[2]": "add",
      }),
    ),
  ).toEqual([
    ["values.image.tag", "v1", "v2"],
    ["values.tunnel", '{"enabled":true}', null],
    ['values["a.b"]', "1", "2"],
    ["ports[1]", "2", "3"],
    ["ports[2]", null, "4"],
  ]);
});

test("where the provider names a property as a whole, what differs inside it is found, in documents too", () => {
  const policy = (pcr0: string) =>
    JSON.stringify({ Statement: [{ Sid: "own" }, { Condition: { StringEquals: { "kms:PCR0": pcr0 } } }] });
  expect(
    rows(
      update({ policy: policy("aa"), tags: { a: "1", b: "2" } }, { policy: policy("bb"), tags: { a: "1" } }, [
        "policy",
        "tags",
      ]),
    ),
  ).toEqual([
    ['policy.Statement[1].Condition.StringEquals["kms:PCR0"]', "aa", "bb"],
    ["tags.b", "2", null],
  ]);
});

test("a change that somebody else made is told from what is there", () => {
  expect(rows(update({ size: 1 }, { size: 1 }, { size: "update" }, { size: 9 }))).toEqual([["size", "9", "1"]]);
  expect(rows(update({ size: 1 }, { size: 2 }, { size: "update" }, { size: 1, more: 1 }))).toEqual([
    ["size", "1", "2"],
  ]);
});

test("what the provider computes is known later, and not gone", () => {
  const tags = { tagsAll: { managed: "by us" } };
  expect(rows(update({}, {}, { tagsAll: "update" }, tags))).toEqual([
    ["tagsAll", '{"managed":"by us"}', "(known later)"],
  ]);
  expect(rows(update({}, {}, { tagsAll: "delete" }, tags))).toEqual([["tagsAll", '{"managed":"by us"}', null]]);
  expect(rows(update({}, {}, { key: "update" }, { key: secret("hunter") }))).toEqual([["key", "[secret]", "[secret]"]]);
});

test("no secret is shown: not as a whole, not a part of one, not beside a plain value, not by its name alone", () => {
  const old = {
    whole: secret("hunter1"),
    inside: { user: "a", credentials: secret("hunter2"), password: "hunter3" },
    gained: "hunter4",
    above: secret("hunter5"),
    document: JSON.stringify({ password: "hunter6", user: "a" }),
    removed: { deep: secret("hunter7") },
  };
  const next = {
    whole: secret("hunter11"),
    inside: { user: "b", credentials: secret("hunter12"), password: "hunter13" },
    gained: secret("hunter14"),
    above: { part: "hunter15" },
    document: JSON.stringify({ password: "hunter16", user: "b" }),
  };
  const { values } = changedValues(update(old, next, ["whole", "inside", "gained", "above", "document", "removed"]));
  expect(JSON.stringify(values)).not.toContain("hunter");
  expect(values.map(({ path, old, new: next }) => [path, old, next])).toEqual([
    ["whole", "[secret]", "[secret]"],
    ["inside.user", "a", "b"],
    ["inside.credentials", "[secret]", "[secret]"],
    ["inside.password", "[secret]", "[secret]"],
    ["gained", "[secret]", "[secret]"],
    ["above", "[secret]", "[secret]"],
    ["document.password", "[secret]", "[secret]"],
    ["document.user", "a", "b"],
    ["removed", "[secret]", null],
  ]);
  expect(rows(update({ above: secret("x") }, { above: { part: "hunter" } }, { "above.part": "update" }))).toEqual([
    ["above.part", null, "hunter"].map((cell) => (cell === "hunter" ? "[secret]" : cell)),
  ]);
});

test("long values are cut to where they part, and many are counted", () => {
  const head = "x".repeat(500);
  const [[, old, next] = []] = rows(update({ data: `${head}old` }, { data: `${head}new` }, ["data"]));
  expect(old).toBe(`…${"x".repeat(20)}old`);
  expect(next).toBe(`…${"x".repeat(20)}new`);
  const [[, , added] = []] = rows(update({}, { data: head }, ["data"]));
  expect(added).toHaveLength(81);
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key${index}`, index]));
  const { values, leftOut } = changedValues(update({ many: {} }, { many }, ["many"]));
  expect([values.length, leftOut]).toEqual([20, 30]);
});

test("what is known only later, or would not be seen, is said", () => {
  const later = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
  expect(rows(update({ arn: "a", text: "" }, { arn: later, text: "a\nb" }, ["arn", "text"]))).toEqual([
    ["arn", "a", "(known later)"],
    ["text", '""', '"a\\nb"'],
  ]);
});

test("what makes a resource anew is marked", () => {
  const { values } = changedValues(update({ name: "a" }, { name: "b" }, { name: "update-replace" }));
  expect(values).toEqual([{ path: "name", old: "a", new: "b", replaces: true }]);
});
