import { execFile } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chooseParties } from "../../bin/party-choice.ts";
import { parseInputs } from "../../bin/runbook-inputs.ts";
import { openSession } from "../../bin/session.ts";
import { Operator } from "../support/refusal.ts";

// Every case through the real command: one error in four parts, exit code 2, and not one file more than before.
const checkout = fileURLToPath(new URL("../..", import.meta.url));
let operator: Operator;
let folder: string;
let manifest: string;
beforeEach(async () => {
  operator = await Operator.create();
  folder = operator.folder;
  manifest = join(folder, "stacks/networks/devnet.yaml");
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

async function refused(code: string, args: string[]): Promise<string> {
  return await operator.refused(code, args);
}

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await readFile(file, "utf8");
  const edited = text.replace(from, to);
  expect(edited).not.toBe(text);
  await writeFile(file, edited);
}

// The program's own way to a manifest, and the devnet's.
const readers = [
  ["preview", "--party", "1"],
  ["devnet", "up"],
];

describe("a manifest", () => {
  test.each([
    ["with an id twice", /- id: 2\n/, "- id: 1\n", "party id 1 is already taken"],
    ["with a threshold that is not for its n", "threshold: 1", "threshold: 2", "4 parties need threshold 1"],
    ["with an unknown key", "threshold: 1", "threshold: 1\ncolour: red", 'Unrecognized key: "colour"'],
    ["with a PCR of 95 digits", /pcr0: ./, "pcr0: ", "a PCR is 96 hex digits (SHA-384), found 95"],
  ])("%s", async (_, from, to, words) => {
    await edit(manifest, from, to);
    for (const reader of readers) expect(await refused("MANIFEST_INVALID", reader)).toContain(words);
  });

  test("that is not YAML", async () => {
    await edit(manifest, "threshold: 1", "threshold: [1");
    for (const reader of readers) expect(await refused("MANIFEST_UNREADABLE", reader)).toMatch(/line \d+/);
  });

  test("that multiplies itself, or is too large to be read", async () => {
    const lines = ["a: &a [x, x, x, x, x, x, x, x, x]"];
    for (const [index, name] of [..."bcdefgh"].entries())
      lines.push(`${name}: &${name} [${Array(9).fill(`*${"abcdefg"[index]}`).join(", ")}]`);
    await writeFile(manifest, lines.join("\n"));
    for (const reader of readers) expect(await refused("MANIFEST_UNREADABLE", reader)).toContain("alias");
    await writeFile(manifest, "- x\n".repeat(12_000_000));
    for (const reader of readers) expect(await refused("MANIFEST_UNREADABLE", reader)).toContain("48000000 characters");
  });

  test("with something in it that would steer a terminal", async () => {
    await edit(manifest, "threshold: 1", 'threshold: 1\n"\\e[2J\\nBUG  x": 1');
    for (const reader of readers) expect(await refused("MANIFEST_INVALID", reader)).not.toContain("\u001b");
    await edit(manifest, "name: party-1", 'name: "\\e[31mred"');
    for (const reader of readers) expect(await refused("MANIFEST_INVALID", reader)).toContain("no control characters");
  });

  test("that is not there", async () => {
    await rm(manifest);
    expect(await refused("NETWORK_UNKNOWN", ["preview", "--party", "1", "--network", "devnet"])).toContain(manifest);
    expect(await refused("MANIFEST_MISSING", ["devnet", "up", "--network", "devnet"])).toContain(manifest);
  });

  test("one of several, and none is named", async () => {
    await cp(manifest, join(folder, "stacks/networks/testnet.yaml"));
    const said = await refused("NETWORK_NOT_CHOSEN", ["preview", "--all"]);
    expect(said).toContain("manifests of devnet, testnet");
    expect(said).toContain("npx quorate use devnet");
  });
});

describe("a stack file", () => {
  test.each([["--party", "5"], ["--all"]])(
    "of a party that the manifest does not have, chosen by %s",
    async (...choice) => {
      const stack = join(folder, "stacks/Pulumi.party-5.yaml");
      await cp(join(folder, "stacks/Pulumi.party-1.yaml"), stack);
      await edit(stack, "quorate:party: 1", "quorate:party: 5");
      for (const command of [["preview"], ["up", "--yes"]])
        expect(await refused("PARTY_NOT_IN_MANIFEST", [...command, ...choice])).toContain("one of 1, 2, 3, 4");
    },
  );

  test.each([
    ["- 1\n", "STACK_INVALID"],
    ["config: [a]\n", "STACK_INVALID"],
    ["config: {\n", "STACK_UNREADABLE"],
  ])("that holds %j", async (text, code) => {
    await writeFile(join(folder, "stacks/Pulumi.party-1.yaml"), text);
    for (const reader of readers) expect(await refused(code, reader)).toContain("Pulumi.party-1.yaml");
  });

  test("with a mistyped key names its line, and the key that is meant", async () => {
    const stack = join(folder, "stacks/Pulumi.party-1.yaml");
    await edit(stack, "quorate:region:", "quorate:regoin:");
    await edit(stack, /accountId: "1/, 'accountId: "');
    const lineOf = async (key: string) =>
      (await readFile(stack, "utf8")).split("\n").findIndex((line) => line.includes(key)) + 1;
    for (const reader of readers) {
      const said = await refused("STACK_INVALID", reader);
      expect(said).toContain(`"regoin" (line ${await lineOf("regoin")}): did you mean region?`);
      expect(said).toContain(`(line ${await lineOf("accountId")})`);
    }
  });

  test("whose account is not the one agreed on", async () => {
    await edit(join(folder, "stacks/Pulumi.party-1.yaml"), /accountId: "1/, 'accountId: "2');
    expect(await refused("MANIFEST_MISMATCH", ["preview", "--party", "1"])).toContain("accountId");
  });
});

test("a chart that was changed", async () => {
  await writeFile(join(folder, "devnet/charts/kms-core/values.yaml"), "replicas: 2\n");
  expect(await refused("CHART_CHANGED", ["preview", "--party", "1"])).toContain("sha256:");
});

test("tools that are nowhere", async () => {
  // A copy of the checkout without the tools that set-up puts beside it.
  const copy = join(folder, "copy");
  await mkdir(copy);
  for (const name of [
    "bin",
    "contract",
    "fleet",
    "stacks",
    "devnet",
    "components",
    "policies",
    "runbooks",
    "package.json",
  ])
    await cp(join(checkout, name), join(copy, name), { recursive: true });
  await symlink(join(checkout, "node_modules"), join(copy, "node_modules"));
  const before = await operator.files();
  const ended = await new Promise<{ code: number; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [join(copy, "bin/quorate.mjs"), "devnet", "up"],
      { cwd: folder, env: { HOME: folder, PATH: "/nowhere" } },
      (failure, _, stderr) => resolve({ code: Number(failure?.code ?? 0), stderr }),
    );
  });
  expect(ended.stderr).toContain("TOOL_MISSING  ");
  expect(ended.stderr).toContain("npx quorate setup");
  expect(ended.code).toBe(2);
  expect(await operator.files()).toEqual(before);
});

test("a port that is taken leaves nothing half-made, and names who has it", async () => {
  const holder = createServer().listen(0, "0.0.0.0");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await edit(manifest, "threshold: 1", `threshold: 1\nports: { peer: ${port} }`);
  try {
    const before = await operator.files();
    const { code, stderr } = await operator.runHere(["devnet", "up"]);
    expect({ code, head: stderr.split("  ")[0] }, stderr).toEqual({ code: 2, head: "PORT_TAKEN" });
    expect(stderr).toContain(`process ${process.pid}`);
    expect(await operator.files()).toEqual([".quorate", ...before]);
  } finally {
    holder.close();
  }
});

test.each([["preview", "--party", "1\u001b[2J"], ["x\u001b[2J"], ["preview", "--\u001b[2J"], ["run", "\u001b[2J"]])(
  "an argument that would steer a terminal: %j",
  async (...args) => {
    const { code, stdout, stderr } = await operator.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).not.toContain("\u001b");
    expect(stderr).toContain("\\u001b[2J");
  },
);

describe("a choice of parties", () => {
  test.each([
    [["outputs", "--party", "1,x"], "ARGUMENT_INVALID", "--party 1,x"],
    [["preview", "--party", "1", "--party", "0"], "ARGUMENT_INVALID", "--party 1,0"],
    [["preview", "--party", ""], "ARGUMENT_INVALID", "--party 3"],
    [["kubeconfig", "--party", "1,2"], "ARGUMENT_INVALID", "one id"],
    [["outputs", "--party", "2,7", "--party", "8"], "PARTY_UNKNOWN", "party 7, 8"],
    [["preview", "--all", "--party", "1"], "PARTY_CHOICE", "--all --party 1"],
    [["preview"], "PARTY_NOT_CHOSEN", "--party <id>,…, or --all"],
  ])("that can not be meant is refused: %j", async (args, code, words) => {
    expect(await refused(code, args)).toContain(words);
  });

  test("names no option that the command does not take", async () => {
    expect(await refused("PARTY_NOT_CHOSEN", ["kubeconfig"])).not.toContain("--all");
  });

  test("may be a list, an option for each, or both, for every command about parties", async () => {
    const session = await openSession({ root: folder, network: "devnet" });
    const chosen = async (party: string[]) => (await chooseParties(session, { party })).map(({ partyId }) => partyId);
    expect(await chosen(["3,1"])).toEqual([1, 3]);
    expect(await chosen(["4", "1, 3", "4"])).toEqual([1, 3, 4]);
    const validate = (await import("../../runbooks/network/validate.ts")).default;
    const spelling = { command: "validate", options: { party: "parties" } };
    const { inputs } = parseInputs(validate, ["--party", "1,3", "--party=4"], {}, spelling);
    expect(inputs).toEqual({ parties: [1, 3, 4] });
  });
});
