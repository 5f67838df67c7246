import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killEverythingOf, runQuorate } from "../support/demo-process.ts";
import { createRehearsalFolder } from "../support/rehearsal.ts";

// One party of Zama's mainnet, complete, through the command: what its arguments are is held against the reference in test/stacks.
let folder: string;

beforeAll(async () => {
  folder = await createRehearsalFolder(await mkdtemp(join(tmpdir(), "quorate-mainnet-")));
  expect(await runQuorate(folder, "devnet", "up")).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await runQuorate(folder, "devnet", "down");
  killEverythingOf(folder);
  await rm(folder, { recursive: true, force: true });
});

async function changesOf(...words: string[]) {
  const { code, stdout, stderr } = await runQuorate(folder, ...words, "--party", "1", "--format", "json");
  expect(code, stderr).toBe(0);
  return { ...JSON.parse(stdout).parties[0], said: stderr };
}

test("a mainnet party is previewed and brought up, resource by resource as it was announced", async () => {
  const planned = await changesOf("preview");
  expect(planned.counts.create).toBeGreaterThan(150);
  expect(planned.resources).toHaveLength(planned.counts.create);
  const made = await changesOf("up", "--yes");
  expect(made.counts).toEqual({ create: planned.counts.create });
  expect(made.said).toContain("the core is held back until every peer's CA certificate is there");
});

test("and again it changes nothing", async () => {
  const { counts, resources } = await changesOf("up", "--yes");
  expect(resources).toEqual([]);
  expect(Object.keys(counts)).toEqual(["same"]);
});
