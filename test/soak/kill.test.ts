import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { devnetFiles } from "../../devnet/files.ts";
import { readState } from "../../devnet/supervision/state.ts";
import { CommandProcess, killEverythingOf, processesOf, runQuorate } from "../support/demo-process.ts";
import { isMaking, locksIn } from "../support/engine-state.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";
import { randomFrom } from "../support/random.ts";

// Where it hurts first, then as many kills as there is time for: QUORATE_SOAK_ROUNDS says how many, QUORATE_SEED repeats a run.
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

const pause = async (seconds: number) => await new Promise((resolve) => setTimeout(resolve, seconds * 1000));

test(`a demo that is killed while it starts, while engines work, and with the whole machine (seed ${seed})`, async () => {
  const starting = new CommandProcess(folder, "demo");
  await starting.hasSaid("starting 4 control planes");
  const second = await runQuorate(folder, "devnet", "up");
  expect(second).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^DEVNET_STARTING {2}/) });
  await pause(random() * 3);
  await starting.kill("group");

  const building = new CommandProcess(folder, "demo");
  await building.hasSaid("bringing up 4 parties");
  for (const deadline = Date.now() + 60_000; Date.now() < deadline && (await locksIn(folder)).length < 4; )
    await pause(0.05);
  expect(await locksIn(folder)).toHaveLength(4);
  // Made and not written down: the one thing that the next engine would be told exists already.
  await isMaking(folder, "party-1", "aws:eks/cluster:Cluster");
  await pause(random());
  await building.kill(random() < 0.5 ? "group" : "command");
  killEverythingOf(folder);

  const demo = await runQuorate(folder, "demo");
  expect(demo, demo.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("12 of 12 links up") });
  expect(await locksIn(folder)).toEqual([]);
});

/** Devnetd is not in the group of the command that started it. */
const whoms = ["command", "group", "devnetd", "everything"] as const;
const plan = Array.from({ length: rounds }, (_, index) => ({
  round: index + 1,
  seconds: Math.round(random() * longestSeconds * 10) / 10,
  whom: whoms[Math.floor(random() * whoms.length)] ?? "group",
  fresh: random() < 0.5,
}));

test.each(plan)(`round $round (seed ${seed}): kill -9 of the $whom after $seconds s, fresh: $fresh`, async (kill) => {
  if (kill.fresh) {
    expect(await runQuorate(folder, "devnet", "down")).toMatchObject({ code: 0 });
    expect(processesOf(folder)).toEqual([]);
  }
  const killed = new CommandProcess(folder, "demo");
  await pause(kill.seconds);
  await killed.kill(kill.whom === "command" ? "command" : "group");
  const devnetd = readState(devnetFiles(folder))?.devnetd?.pid;
  if (kill.whom === "devnetd" && devnetd !== undefined && processesOf(folder).includes(devnetd))
    process.kill(devnetd, "SIGKILL");
  if (kill.whom === "everything") killEverythingOf(folder);
  const demo = await runQuorate(folder, "demo");
  expect(demo, demo.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("12 of 12 links up") });
});
