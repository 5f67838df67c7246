import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { BackupConfig } from "../../contract/backup-config.ts";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import { docsDir, referencePages } from "../../stacks/reference-pages.ts";

test("the reference pages are what the contract prints: run node stacks/reference-pages.ts after a change", async () => {
  for (const [name, text] of Object.entries(await referencePages()))
    expect(await readFile(join(docsDir, name), "utf8"), name).toBe(text);
});

test("every key has a meaning, and no row is broken by what stands in it", async () => {
  for (const [name, text] of Object.entries(await referencePages())) {
    const rows = text.split("\n").filter((line) => line.startsWith("| `"));
    expect(rows.length, name).toBeGreaterThan(15);
    for (const row of rows) {
      const cells = row.slice(1, -1).split(/(?<!\\)\|/);
      expect(cells.length, row).toBe(5);
      expect(cells[4]?.trim(), row).not.toBe("");
    }
  }
});

test("the example of party outputs fits the contract", async () => {
  const text = await readFile(join(docsDir, "party-outputs.example.json"), "utf8");
  expect(PartyOutputs.safeParse(JSON.parse(text)).error).toBeUndefined();
});

test("the example of a backup account's stack file fits the contract", async () => {
  const { config } = parseYaml(await readFile(join(docsDir, "backup-config.example.yaml"), "utf8"));
  const fields = Object.entries(config).map(([key, value]) => [key.replace("quorate:", ""), value]);
  expect(BackupConfig.safeParse(Object.fromEntries(fields)).error).toBeUndefined();
});
