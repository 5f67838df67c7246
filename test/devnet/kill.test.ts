import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressesOf } from "../../devnet/addresses.ts";
import {
  DemoProcess,
  killEverythingOf,
  listenersIn,
  processesOf,
  randomFrom,
  runQuorate,
} from "../support/demo-process.ts";
import { dial } from "../support/dial.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";

// One story: a demo is killed where it hurts, everything is killed, and the next demo is as good as the first; so it can move. `npm run soak` tells it longer.
const seed = Number(process.env.QUORATE_SEED ?? 3);
const random = randomFrom(seed);
const pause = async (seconds: number) => await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
let folder: string;

beforeAll(async () => {
  folder = await createOperatorFolder(await mkdtemp(join(tmpdir(), "quorate-kill-")));
});
afterAll(async () => {
  killEverythingOf(folder);
  await rm(folder, { recursive: true, force: true });
});

async function locks(): Promise<string[]> {
  const dir = join(folder, ".quorate/devnet/backend/.pulumi/locks");
  const found = await readdir(dir, { recursive: true }).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === "ENOENT") return [];
    throw failure;
  });
  return found.filter((name) => name.endsWith(".json"));
}

/** Resolves once the state of a stack says that one of a type is being made. */
async function isMaking(stackName: string, type: string): Promise<void> {
  const file = join(folder, ".quorate/devnet/backend/.pulumi/stacks/quorate", `${stackName}.json`);
  for (const deadline = Date.now() + 180_000; Date.now() < deadline; await pause(0.02)) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (/"pending_operations":\s*\[[\s\S]*$/.exec(text)?.[0].includes(`"${type}"`)) return;
  }
  throw new Error(`no ${type} was begun in ${file}`);
}

test(`a demo that is killed while it starts, while engines work, and with the whole machine (seed ${seed})`, async () => {
  const starting = new DemoProcess(folder);
  await starting.hasSaid("starting 4 control planes");
  const second = await runQuorate(folder, "devnet", "up");
  expect(second).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^DEVNET_STARTING {2}/) });
  await pause(random() * 3);
  await starting.kill("group");

  const building = new DemoProcess(folder);
  await building.hasSaid("bringing up 4 parties");
  const stackFile = join(folder, ".quorate/devnet/stacks/Pulumi.party-1.yaml");
  await using asItWas = await open(stackFile);
  for (const deadline = Date.now() + 60_000; Date.now() < deadline && (await locks()).length < 4; ) await pause(0.05);
  expect(await locks()).toHaveLength(4);
  // The engine has written down how the stack's secrets are encrypted: beside the file, for a kill on the way would leave half of it.
  expect(await readFile(stackFile, "utf8")).toContain("encryptionsalt");
  const before = await asItWas.readFile("utf8");
  expect(before).toContain("quorate:party");
  expect(before).not.toContain("encryptionsalt");
  // Made and not written down: the one thing that the next engine would be told exists already.
  await isMaking("party-1", "aws:eks/cluster:Cluster");
  await pause(random());
  await building.kill(random() < 0.5 ? "group" : "command");
  killEverythingOf(folder);

  const demo = await runQuorate(folder, "demo");
  expect(demo, demo.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("12 of 12 links up") });
  expect(await locks()).toEqual([]);
});

/** Validates until every link is up: Helm does not wait for cores whose certificates others bring. */
async function proveEveryLink(): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { code, stdout } = await runQuorate(folder, "validate");
    if (code !== 0 && Date.now() < deadline) continue;
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("12 of 12 links up") });
    return;
  }
}

test("then the same four parties move to public addresses and back, with every link up; a stranger gets in neither way", async () => {
  const { k } = JSON.parse((await runQuorate(folder, "devnet", "status", "--format", "json")).stdout) as { k: number };
  const { internet, link } = addressesOf(k);
  const parties = [1, 2, 3, 4];
  const stranger = () => Promise.all(parties.map((party) => dial(internet(0, party), 50_001)));
  // What can be moved at all is moved at once: the whole network goes by one manifest.
  const move = async (transport: string) => {
    expect(await runQuorate(folder, "devnet", "up", "--transport", transport)).toMatchObject({ code: 0 });
  };
  const bringUp = async () => {
    const up = await runQuorate(folder, "up", "--all", "--yes");
    expect(up, up.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("4 of 4 parties changed") });
  };
  expect(await stranger()).toEqual(parties.map(() => "ECONNREFUSED"));

  await move("kubeip");
  const preview = await runQuorate(folder, "preview", "--party", "1");
  expect(preview).toMatchObject({ code: 0 });
  // The nodes, the ways to the peers, and their names; neither vaults nor keys.
  expect(preview.stdout).toMatch(/replace +party-1-enclaves-nodegroup /);
  for (const peer of [2, 3, 4]) {
    expect(preview.stdout).toMatch(new RegExp(`replace +party-1-hosts-party-${peer} `));
    expect(preview.stdout).toMatch(new RegExp(`delete +party-1-peers-party-${peer} +aws:ec2/vpcEndpoint:VpcEndpoint`));
  }
  expect(preview.stdout).not.toMatch(/aws:(s3|kms)\//);
  await bringUp();
  await proveEveryLink();
  // Every firewall lets the peers in, and nobody else.
  expect(await dial(internet(2, 1), 50_001)).toBe("connected");
  expect(await stranger()).toEqual(parties.map(() => "silence"));

  await move("privatelink");
  await bringUp();
  await proveEveryLink();
  // From the internet nobody gets in any more, peers neither: they come by their endpoints.
  expect(await dial(link(2, 1), 50_001)).toBe("connected");
  expect(await dial(internet(2, 1), 50_001)).toBe("ECONNREFUSED");
  expect(await stranger()).toEqual(parties.map(() => "ECONNREFUSED"));
}, 600_000);

test("then `devnet down` leaves no process and no port behind", async () => {
  const { k } = JSON.parse((await runQuorate(folder, "devnet", "status", "--format", "json")).stdout) as { k: number };
  expect(listenersIn(k)).not.toEqual([]);
  expect(await runQuorate(folder, "devnet", "down")).toMatchObject({ code: 0 });
  expect(processesOf(folder)).toEqual([]);
  expect(listenersIn(k)).toEqual([]);
  expect(await readdir(join(folder, ".quorate"))).not.toEqual(expect.arrayContaining(["devnet"]));
  expect(await readdir(join(folder, ".quorate"))).not.toEqual(expect.arrayContaining(["devnet.lock"]));
});
