import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { rules } from "../../policies/rules.ts";
import { asked } from "./asking.ts";
import { cases } from "./cases.ts";

/** `resource: field | found | expected`, as the four parts of a message say it. */
function inShort(text: string): string {
  const [, what, ...parts] = text.split("\n");
  const part = (name: string) => parts.find((line) => line.startsWith(`  ${name} `))?.slice(12) ?? "nothing";
  return [what, part("found"), part("expected")].join(" | ");
}

test("there is a case for each rule, and a rule for each case", () => {
  expect(Object.keys(cases).sort()).toEqual(rules.map(({ id }) => id).sort());
});

test("each rule lies in a file of its name, and is run", async () => {
  const files = (await readdir(new URL("../../policies/", import.meta.url))).map((file) => file.replace(/\.ts$/, ""));
  expect(files).toEqual(expect.arrayContaining(rules.map(({ id }) => id)));
});

for (const rule of rules) {
  const { refused, says, passes, environment } = cases[rule.id] ?? { refused: [], says: [], passes: [] };

  test(`${rule.id} refuses its violating program: what, found, expected, and where to mend it`, () => {
    const said = asked(rule, refused, environment);
    expect(said.map(inShort)).toEqual(says);
    for (const text of said) {
      expect(text.split("\n")[0]).toBe(`${rule.severity} ${rule.id}`);
      expect(text).toContain(`\n  next      ${rule.fix}`);
    }
  });

  test(`${rule.id} lets its passing program through`, () => {
    expect(asked(rule, passes, environment)).toEqual([]);
  });
}
