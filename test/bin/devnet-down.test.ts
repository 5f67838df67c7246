import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { toolsFolder } from "../../bin/session.ts";
import { Operator } from "../support/refusal.ts";

// Without a devnet, an engine would take a rehearsal's stacks for what lies in the operator's own backend.
let operator: Operator;
let engine: string;
beforeEach(async () => {
  operator = await Operator.create();
  engine = join(operator.folder, "tools", "pulumi");
  await mkdir(dirname(engine));
  await writeFile(engine, `#!/bin/sh\necho started >> ${engine}.log\nexit 1\n`);
  await chmod(engine, 0o755);
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

/** An environment in which an engine that is started leaves a trace, and has credentials for the wrong place. */
const environment = () => ({
  PATH: [dirname(engine), toolsFolder, process.env.PATH].join(delimiter),
  PULUMI_ACCESS_TOKEN: "pul-0123456789abcdef",
});
const commands = [
  ["preview", "--party", "1"],
  ["up", "--all", "--yes"],
  ["outputs", "--all"],
  ["kubeconfig", "--party", "2"],
  ["validate"],
  ["run", "validate", "--plan"],
];

async function allRefused(found: string, which = commands): Promise<void> {
  for (const args of which) {
    const said = await operator.refused("DEVNET_DOWN", args, environment());
    expect(said).toContain(`  found     ${found}\n`);
    expect(said).toContain("  next      npx quorate devnet up --network devnet\n");
  }
}

test("right after a clone, or after `devnet down`, no command starts an engine", async () => {
  await allRefused("no devnet was started");
});

test("a network that was named is named in the hint: the chosen one may be no rehearsal", async () => {
  const networks = join(operator.folder, "stacks/networks");
  const manifest = await readFile(join(networks, "devnet.yaml"), "utf8");
  await writeFile(
    join(networks, "live.yaml"),
    manifest.replace("environment: devnet", "environment: testnet").replace("network: devnet", "network: live"),
  );
  await mkdir(join(operator.folder, ".quorate"));
  await writeFile(join(operator.folder, ".quorate/current"), "live\n");
  const said = await operator.refused("DEVNET_DOWN", ["outputs", "--all", "--network", "devnet"], environment());
  expect(said).toContain("  next      npx quorate devnet up --network devnet\n");
});

test("what a devnet that was killed has left is no devnet", async () => {
  const quorate = join(operator.folder, ".quorate");
  await mkdir(join(quorate, "env"), { recursive: true });
  await mkdir(join(quorate, "devnet"));
  const state = {
    contract: "devnet-state/v1",
    network: "devnet",
    k: 253,
    token: "t".repeat(32),
    mark: "m".repeat(32),
    devnetd: { pid: 1, started: "long ago" },
    children: [],
  };
  await writeFile(join(quorate, "devnet", "state.json"), JSON.stringify(state));
  const common = { PULUMI_BACKEND_URL: `file://${quorate}`, PULUMI_DEBUG_PROVIDERS: "aws:1" };
  await writeFile(join(quorate, "env", "devnet.json"), JSON.stringify({ common, parties: {} }));
  await allRefused("no devnetd that answers", commands.slice(0, 2));
  await writeFile(join(quorate, "devnet", "state.json"), JSON.stringify({ ...state, network: "other" }));
  await allRefused("a devnet of network other", commands.slice(1, 2));
});

test("of a network that is no rehearsal, no devnet is asked for", async () => {
  const file = join(operator.folder, "stacks/networks/devnet.yaml");
  await writeFile(file, (await readFile(file, "utf8")).replace("environment: devnet", "environment: testnet"));
  const { stderr } = await operator.runHere(["preview", "--party", "1"], environment());
  expect(stderr).not.toContain("DEVNET_DOWN");
  expect(await readFile(`${engine}.log`, "utf8")).toContain("started");
});

test("`devnet up` is about the network that every other command would choose", async () => {
  const networks = join(operator.folder, "stacks/networks");
  const manifest = (await readFile(join(networks, "devnet.yaml"), "utf8")).replace(
    "environment: devnet",
    "environment: testnet",
  );
  const write = (name: string) =>
    writeFile(join(networks, `${name}.yaml`), manifest.replace(/^network: .*/m, `network: ${name}`));
  // None is a rehearsal, so that each is refused by its name before anything starts.
  const refused = async (network: string, options: string[] = [], env: Record<string, string> = {}) => {
    const said = await operator.refused("NOT_A_DEVNET", ["devnet", "up", ...options], { ...environment(), ...env });
    expect(said).toContain(`the network ${network} is no rehearsal`);
  };
  await rm(join(networks, "devnet.yaml"));
  await write("only");
  await refused("only");
  await write("other");
  expect(await operator.refused("NETWORK_NOT_CHOSEN", ["devnet", "up"])).toContain("manifests of only, other");
  await refused("other", ["--network", "other"]);
  await refused("other", [], { QUORATE_NETWORK: "other" });
  await mkdir(join(operator.folder, ".quorate"));
  await writeFile(join(operator.folder, ".quorate/current"), "only\n");
  await refused("only");
});
