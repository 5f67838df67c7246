import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DemoProcess, killEverythingOf, processesOf, randomFrom, runQuorate } from "../support/demo-process.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";

// As many kills as there is time for: QUORATE_SOAK_ROUNDS says how many, QUORATE_SEED repeats a run.
const rounds = Number(process.env.QUORATE_SOAK_ROUNDS ?? 20);
const seed = Number(process.env.QUORATE_SEED ?? Date.now() % 1_000_000);
const random = randomFrom(seed);
/** Longer than a demo takes, so that the end of one is hit too. */
const longestSeconds = Number(process.env.QUORATE_SOAK_SECONDS ?? 45);
let folder: string;

beforeAll(async () => {
  folder = await createOperatorFolder(await mkdtemp(join(tmpdir(), "quorate-soak-")));
});
afterAll(async () => {
  killEverythingOf(folder);
  await rm(folder, { recursive: true, force: true });
});

const plan = Array.from({ length: rounds }, (_, index) => ({
  round: index + 1,
  seconds: Math.round(random() * longestSeconds * 10) / 10,
  whom: (["command", "group", "everything"] as const)[Math.floor(random() * 3)] ?? "group",
  fresh: random() < 0.5,
}));

test.each(plan)(`round $round (seed ${seed}): kill -9 of the $whom after $seconds s, fresh: $fresh`, async (kill) => {
  if (kill.fresh) {
    expect(await runQuorate(folder, "devnet", "down")).toMatchObject({ code: 0 });
    expect(processesOf(folder)).toEqual([]);
  }
  const killed = new DemoProcess(folder);
  await new Promise((resolve) => setTimeout(resolve, kill.seconds * 1000));
  await killed.kill(kill.whom === "command" ? "command" : "group");
  if (kill.whom === "everything") killEverythingOf(folder);
  const demo = await runQuorate(folder, "demo");
  expect(demo, demo.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("12 of 12 links up") });
});
