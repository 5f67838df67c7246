import { expect, test } from "vitest";
import { changeList, changeRows, countText } from "../../bin/changes-text.ts";
import { exitCodeOf } from "../../bin/commands/stacks.ts";
import type { ChangedResource } from "../../fleet/driver.ts";
import { isCounted } from "../../fleet/driver.ts";

const resource = (operation: string, name: string, more: Partial<ChangedResource> = {}): ChangedResource => ({
  ...{ operation, name, type: "aws:s3/bucket:Bucket", changes: [], changesLeftOut: 0 },
  ...more,
});
const resources = [
  resource("create", "party-3-vault"),
  resource("update", "party-3-kms-release", {
    changes: [
      { path: "values.image.tag", old: "v1", new: "v2", replaces: false },
      { path: "values.tunnel", old: "true", new: null, replaces: false },
    ],
    changesLeftOut: 4,
  }),
  resource("replace", "party-3-key", { changes: [{ path: "name", old: "a`b", new: "c", replaces: true }] }),
];

test("under each resource stands what changes in it, from what to what", () => {
  expect(changeRows([{ partyId: 3, resources }]).join("\n")).toMatchInlineSnapshot(`
    "  party 3  create   party-3-vault        aws:s3/bucket:Bucket
      party 3  update   party-3-kms-release  aws:s3/bucket:Bucket
          values.image.tag  v1 → v2
          values.tunnel     true → nothing
          and 4 more
      party 3  replace  party-3-key          aws:s3/bucket:Bucket
          name  a\`b → c, which replaces it"
  `);
});

test("a pull request shows the same, and nothing in a value is taken for Markdown", () => {
  expect(changeList(resources).join("\n")).toMatchInlineSnapshot(`
    "- create \`party-3-vault\` (aws:s3/bucket:Bucket)
    - update \`party-3-kms-release\` (aws:s3/bucket:Bucket)
      - \`values.image.tag\`: \`v1\` → \`v2\`
      - \`values.tunnel\`: \`true\` → nothing
      - and 4 more
    - **replace** \`party-3-key\` (aws:s3/bucket:Bucket)
      - \`name\`: \`\`a\`b\`\` → \`c\`, which replaces it"
  `);
});

test("nothing to change is no row", () => {
  expect(changeRows([])).toEqual([]);
});

test("a new party is a count, beside what else changes; --verbose lists it", () => {
  const many = Array.from({ length: 30 }, (_, index) => resource("create", `party-4-${index}`));
  const changes = [
    { partyId: 3, resources: [resource("create", "party-3-vault")] },
    { partyId: 4, resources: [...many, resource("delete", "party-4-old")] },
  ];
  expect(changeRows(changes).join("\n")).toMatchInlineSnapshot(`
    "  party 4  create  30 resources; --verbose lists them
      party 3  create  party-3-vault  aws:s3/bucket:Bucket
      party 4  delete  party-4-old    aws:s3/bucket:Bucket"
  `);
  expect(changeRows(changes, { isDone: true }).join("\n")).not.toContain("--verbose");
  expect(changeRows(changes, { verbose: true })).toHaveLength(32);
});

test("counts say what would be before, and what is after", () => {
  const counts = { same: 70, update: 1 };
  expect(countText({ counts }, "preview")).toBe("1 update, 70 unchanged");
  expect(countText({ counts }, "up")).toBe("1 updated, 70 unchanged");
  expect(countText({ counts: {} }, "up")).toBe("nothing");
});

test("the providers that the engine makes up by itself are not counted, as in its own summary", () => {
  const type = "pulumi:providers:aws";
  expect(isCounted({ type, urn: `urn:pulumi:party-1::quorate::${type}::default_7_3_0` })).toBe(false);
  expect(isCounted({ type, urn: `urn:pulumi:party-1::quorate::${type}::party-1-aws` })).toBe(true);
  expect(isCounted({ type: "aws:s3/bucket:Bucket", urn: "urn:pulumi:party-1::quorate::a::default" })).toBe(true);
});

test("an update whose stack file could not be written did not end well, and nor did one that a rule refuses", () => {
  const party = { partyId: 1, stackName: "party-1", counts: {}, resources: [], policies: [], durationMs: 1 };
  const unwritten = { code: "FILE_UNUSABLE", what: "it can not be used", found: "x", expected: "y", next: "z" };
  expect([[party], [party, { ...party, unwritten }]].map(exitCodeOf)).toEqual([0, 1]);
});
