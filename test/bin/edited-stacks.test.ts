import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { type DevnetFiles, devnetFiles, writeWhole } from "../../devnet/files.ts";
import { copyStacks, settleFolders, writeEnvironment } from "../../devnet/hand-out.ts";
import type { DevnetdConfig } from "../../devnet/supervision/config.ts";
import { readTopology } from "../../devnet/topology.ts";
import { Operator } from "../support/refusal.ts";

// A devnet works on copies. Whoever edits a stack file means the file that they edit, and is to read its name.
let operator: Operator;
let files: DevnetFiles;
beforeEach(async () => {
  operator = await Operator.create();
  const root = operator.folder;
  files = devnetFiles(root);
  settleFolders(files);
  const topology = readTopology(root, "devnet");
  copyStacks(files, root, topology, "a".repeat(64));
  const config: DevnetdConfig = {
    ...{ root, network: "devnet", k: 7, token: "", mark: "", operators: {}, manifestFile: topology.manifestFile },
    ports: { grpc: 1, peer: 2, metrics: 3 },
    parties: topology.parties,
    attestationRoot: { cert: "", key: "" },
    attestationRootSha256: "a".repeat(64),
  };
  writeWhole(files.devnetdConfig, JSON.stringify(config));
  writeEnvironment(files, config, { aws: 1, eks: 2, kubernetes: 3, random: 4 });
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

const preview = ["preview", "--party", "3"];
const edit = (from: string, to: string) => {
  const file = join(operator.folder, "stacks/Pulumi.party-3.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
};

test("a release that nobody trusts is refused at the next preview, by the name of the file that was edited", async () => {
  edit("quorate:release: 0.13.20", "quorate:release: 0.14.0");
  const { code, stderr } = await operator.runHere(preview);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^stacks\/Pulumi\.party-3\.yaml was edited: /);
  expect(stderr).toContain("found     quorate:release: 0.14.0 in stacks/Pulumi.party-3.yaml\n");
  expect(stderr).toContain("trusted in stacks/networks/devnet.yaml\n");
  expect(stderr).toContain("next      correct quorate:release in stacks/Pulumi.party-3.yaml,");
  expect(stderr).not.toContain(".quorate");
  expect((await operator.runHere(preview)).stderr).toMatch(/^RELEASE_NOT_IN_MANIFEST {2}/);
});

test.each([
  ["quorate:region", "quorate:regoin", "STACK_INVALID"],
  ["config:", "config: {", "STACK_UNREADABLE"],
])("%s changed to %s is refused, and the copies stay as they were", async (from, to, code) => {
  edit(from, to);
  const said = await operator.refused(code, preview);
  expect(said).toContain("stacks/Pulumi.party-3.yaml");
  expect(said).not.toContain(".quorate");
});

test("what is in order is taken over before anything else is asked", async () => {
  edit("quorate:release: 0.13.20", "quorate:release: 0.13.10");
  const { stderr } = await operator.runHere(preview);
  expect(stderr).toContain("DEVNET_DOWN");
  expect(readFileSync(join(files.stacks, "Pulumi.party-3.yaml"), "utf8")).toContain("quorate:release: 0.13.10");
});

test("a party's kubeconfig is about the namespace that its core is in", () => {
  const { contexts } = parse(readFileSync(join(files.party(2), "kubeconfig"), "utf8"));
  expect(contexts[0].context.namespace).toBe(readTopology(operator.folder, "devnet").manifest.namespace);
});
