import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { Operator } from "../support/refusal.ts";

// A missing right is the operator's to give, so it is told like any other error, and nobody is asked to report a bug.
const command = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
let user: OrdinaryUser;
let operator: Operator;
let quorate: string;
beforeAll(() => {
  user = new OrdinaryUser();
});
afterAll(() => user[Symbol.dispose]());
beforeEach(async () => {
  operator = await Operator.create(user);
  quorate = join(operator.folder, ".quorate");
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

const refused = async (args: string[]) => await operator.refused("FILE_UNUSABLE", args);
// A network that needs no devnet, so that its commands come as far as writing.
const preview = ["preview", "--party", "1", "--network", "testnet"];
const devnetUp = ["devnet", "up", "--network", "devnet"];
const writers = [["use", "devnet"], preview, ["validate", "--network", "testnet"], devnetUp];
const readers = [["preview", "--party", "1", "--network", "devnet"], devnetUp];

async function addTestnet(): Promise<void> {
  const stacks = join(operator.folder, "stacks");
  const copy = async (from: string, to: string, edit: (text: string) => string) =>
    await writeFile(join(stacks, to), edit(await readFile(join(stacks, from), "utf8")));
  await copy("networks/devnet.yaml", "networks/testnet.yaml", (text) =>
    text.replace("network: devnet", "network: testnet").replace("environment: devnet", "environment: testnet"),
  );
  await copy("Pulumi.party-1.yaml", "Pulumi.testnet-party-1.yaml", (text) =>
    text.replace("quorate:network: devnet", "quorate:network: testnet"),
  );
}

/** All of them at once: what is refused leaves nothing behind that another could meet. */
async function allRefused(commands: string[][], words: string): Promise<void> {
  await Promise.all(commands.map(async (args) => expect(await refused(args)).toContain(words)));
}

describe("a .quorate", () => {
  test("that can not be written stops whoever would write there, and says how to open it", async () => {
    await addTestnet();
    await mkdir(quorate, { mode: 0o500 });
    await allRefused(writers, `next      chmod u+rwX ${quorate}\n`);
  });

  test("that can not be entered is named, not what lies in it", async () => {
    await mkdir(quorate);
    const file = join(quorate, "current");
    await writeFile(file, "devnet\n");
    await chmod(quorate, 0);
    const { code, stderr } = await operator.runHere(["preview", "--party", "1"]);
    expect({ code, head: stderr.split("  ")[0] }, stderr).toEqual({ code: 2, head: "FILE_UNUSABLE" });
    expect(stderr).toContain(`next      chmod u+rwX ${quorate}\n`);
  });

  test("that is a file, or a link to nowhere or to itself", async () => {
    await addTestnet();
    await writeFile(quorate, "");
    await allRefused(readers, `move ${quorate} away`);
    await rm(quorate);
    await symlink(join(operator.folder, "nowhere"), quorate);
    await allRefused([preview, devnetUp], quorate);
    await rm(quorate);
    await symlink(".quorate", quorate);
    await allRefused([["use", "devnet"]], `remove ${quorate}`);
  });

  test("is made for its user alone, whichever command makes it", async () => {
    await operator.runHere(["use", "devnet"]);
    expect((await stat(quorate)).mode & 0o777).toBe(0o700);
    await rm(quorate, { recursive: true });
    await addTestnet();
    await operator.runHere(preview);
    expect((await stat(quorate)).mode & 0o777).toBe(0o700);
  });
});

test("a project that can not be written", async () => {
  await addTestnet();
  await chmod(operator.folder, 0o500);
  await allRefused(writers, `next      chmod u+rwX ${operator.folder}\n`);
});

test.each(["stacks/networks/devnet.yaml", "stacks/networks", "stacks", "stacks/Pulumi.party-1.yaml"])(
  "%s that can not be read",
  async (name) => {
    const path = join(operator.folder, name);
    await chmod(path, 0);
    const ended = await Promise.all(readers.map(async (args) => await operator.runHere(args)));
    for (const { code, stderr } of ended) {
      expect({ code, head: stderr.split("  ")[0] }, stderr).toEqual({ code: 2, head: "FILE_UNUSABLE" });
      expect(stderr).toContain(`next      chmod u+rwX ${path}\n`);
    }
  },
);

test("a chart that can not be read is not taken for one that is not there", async () => {
  const values = join(operator.folder, "devnet/charts/kms-core/values.yaml");
  await chmod(values, 0);
  expect(await refused(["preview", "--party", "1"])).toContain(`chmod u+rwX ${values}`);
});

test("a manifest that is a folder", async () => {
  const path = join(operator.folder, "stacks/networks/odd.yaml");
  await mkdir(path);
  await allRefused(
    readers.map((args) => [...args, "--network", "odd"]),
    `move ${path} away`,
  );
});

test("a working folder that was removed", async () => {
  const gone = join(operator.folder, "gone");
  await mkdir(gone);
  const script = `cd ${gone} && rmdir ${gone} && exec "$0" "$@"`;
  const { status, stderr } = spawnSync("sh", ["-c", script, process.execPath, command, "preview"], {
    encoding: "utf8",
  });
  expect({ status, head: stderr.split("  ")[0] }, stderr).toEqual({ status: 2, head: "PROJECT_MISSING" });
});
