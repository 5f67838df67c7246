import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runbookPages, runbookPagesDir } from "../../bin/runbook-pages.ts";
import { catalogue } from "../../runbooks/catalogue.mjs";

test("the runbooks' pages are what their declarations print: run node bin/runbook-pages.ts after a change", async () => {
  const pages = await runbookPages();
  for (const [name, text] of Object.entries(pages))
    expect(await readFile(join(runbookPagesDir, name), "utf8"), name).toBe(text);
  expect((await readdir(runbookPagesDir)).toSorted()).toEqual(Object.keys(pages).toSorted());
});

test("each runbook has a page, with every input and every step of it, and no row is broken", async () => {
  const pages = await runbookPages();
  expect(Object.keys(pages).toSorted()).toEqual(["README.md", ...catalogue.map(({ name }) => `${name}.md`)].toSorted());
  for (const [name, text] of Object.entries(pages)) {
    const tables = text.split(/\n(?!\|)/).filter((block) => block.includes("\n|"));
    for (const table of tables) {
      const widths = table
        .split("\n")
        .filter((line) => line.startsWith("|"))
        .map((line) => line.split(/(?<!\\)\|/).length);
      expect(new Set(widths).size, `${name}: ${table}`).toBeLessThan(2);
    }
  }
  expect(pages["validate.md"]).toContain("| `--stage` | `link` or `network` | `link` |");
  expect(pages["cluster-check.md"]).toContain("| `look` | ask the clusters of 1 of 4 parties (1)");
});
