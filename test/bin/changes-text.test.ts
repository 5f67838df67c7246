import { expect, test } from "vitest";
import { changeList, changeRows } from "../../bin/changes-text.ts";
import type { ChangedResource } from "../../fleet/driver.ts";

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
