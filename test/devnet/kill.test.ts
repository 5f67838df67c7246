import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressesOf } from "../../devnet/addresses.ts";
import { devnetStatus } from "../../devnet/devnet.ts";
import { CommandProcess, killEverythingOf, listenersIn, processesOf } from "../support/demo-process.ts";
import { dial } from "../support/dial.ts";
import { isMaking, locksIn } from "../support/engine-state.ts";
import { OperatorsDevnet } from "../support/operators-devnet.ts";
import { randomFrom } from "../support/random.ts";

// One party with a public address, its peers elsewhere: the machine dies while the engine works, and the next update is as
// good as the first. `npm run soak` kills whole demos of four, wherever it hurts.
const seed = Number(process.env.QUORATE_SEED ?? 3);
const random = randomFrom(seed);
let net: OperatorsDevnet;

beforeAll(async () => {
  net = await OperatorsDevnet.create("kill");
  for (const id of [2, 3, 4]) await rm(join(net.folder, `stacks/Pulumi.party-${id}.yaml`));
});
afterAll(async () => {
  await net[Symbol.asyncDispose]();
});

async function startDevnet(): Promise<void> {
  const up = await net.command("devnet", "up", "--transport", "kubeip");
  expect(up, up.stderr).toMatchObject({ code: 0 });
}

test(`an update that is killed while its cluster is made, with the whole machine, and begun again (QUORATE_SEED=${seed})`, async () => {
  await startDevnet();
  const stackFile = join(net.folder, ".quorate/devnet/stacks/Pulumi.party-1.yaml");
  await using asItWas = await open(stackFile);
  const building = new CommandProcess(net.folder, "up", "--party", "1", "--yes");
  // Made and not written down: the one thing that the next engine would be told exists already.
  await isMaking(net.folder, "party-1", "aws:eks/cluster:Cluster");
  expect(await locksIn(net.folder)).toHaveLength(1);
  // The engine has written down how the stack's secrets are encrypted: beside the file, for a kill on the way would leave half of it.
  expect(await readFile(stackFile, "utf8")).toContain("encryptionsalt");
  const before = await asItWas.readFile("utf8");
  expect(before).toContain("quorate:party");
  expect(before).not.toContain("encryptionsalt");
  // At once: a little later the engine has written it down, and there is nothing to take over.
  await new Promise((resolve) => setTimeout(resolve, random() * 80));
  await building.kill(random() < 0.5 ? "group" : "command");
  killEverythingOf(net.folder);

  await startDevnet();
  const again = await net.command("up", "--party", "1", "--yes");
  expect(again, again.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("1 of 1 part") });
  expect(await locksIn(net.folder)).toEqual([]);
  const preview = await net.json("preview", "--party", "1");
  expect(preview).toMatchObject({ code: 0, report: { changed: 0 } });
});

test("then a stranger does not get in at its public address", async () => {
  const { internet } = addressesOf((await devnetStatus(net.folder)).k);
  expect(await dial(internet(0, 1), 50_001)).toBe("silence");
});

test("then `devnet down` leaves no process and no port behind", async () => {
  const { k } = await devnetStatus(net.folder);
  expect(listenersIn(k)).not.toEqual([]);
  expect(await net.command("devnet", "down")).toMatchObject({ code: 0 });
  expect(processesOf(net.folder)).toEqual([]);
  expect(listenersIn(k)).toEqual([]);
});
