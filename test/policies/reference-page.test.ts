import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { coverage } from "../../policies/coverage.ts";
import { pagePath, referencePage } from "../../policies/reference-page.ts";
import { rules } from "../../policies/rules.ts";

test("docs/policies.md is what the rules say of themselves: run node policies/reference-page.ts after a change", async () => {
  expect(await readFile(pagePath, "utf8")).toBe(referencePage());
});

test("every rule says all of it, in sentences where it should", () => {
  for (const { id, guarantees, why, source, fix } of rules) {
    for (const text of [guarantees, why]) expect(text, id).toMatch(/^[A-Z`\d].*\.$/s);
    for (const text of [source, fix]) expect(text.trim(), id).not.toBe("");
  }
});

test("every upstream fact has rules that there are, or a reason; and every rule a fact", () => {
  const facts = Object.values(coverage).flat();
  const known = new Set(rules.map(({ id }) => id));
  for (const { fact, rules: named, note } of facts) {
    expect(
      named.filter((id) => !known.has(id)),
      fact,
    ).toEqual([]);
    expect(named.length > 0 || note !== undefined, fact).toBe(true);
  }
  const named = new Set(facts.flatMap(({ rules }) => rules));
  expect([...known].filter((id) => !named.has(id))).toEqual([]);
});
