import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminKubeconfigPath } from "../../devnet/clusters/control-plane.ts";
import { devnetFiles } from "../../devnet/files.ts";
import { toolPath } from "../../devnet/tool-path.ts";
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

/** As the cluster's administrator, in the party's namespace. */
async function kubectl(...words: string[]): Promise<void> {
  const kubeconfig = adminKubeconfigPath(devnetFiles(folder), 1);
  const place = ["--kubeconfig", kubeconfig, "--namespace", "kms-decentralized"];
  await promisify(execFile)(toolPath("kubectl"), [...place, ...words]);
}

test("a mainnet party is previewed and brought up, resource by resource as it was announced, but for a core whose Secret is missing", async () => {
  const planned = await changesOf("preview");
  expect(planned.counts.create).toBeGreaterThan(150);
  expect(planned.resources).toHaveLength(planned.counts.create);
  expect(planned.said).toContain("the core is made only where Secret registry-credentials is there");
  await kubectl("delete", "secret", "registry-credentials");
  const made = await changesOf("up", "--yes");
  const core = 2;
  expect(made.counts).toEqual({ create: planned.counts.create - core });
  expect(made.said).toContain("the core is held back, its keys and its certificate with it: registry-credentials");
  expect(made.said).toContain("kubectl --namespace kms-decentralized create secret generic registry-credentials");

  const file = join(folder, "registry.json");
  await writeFile(file, '{"auths":{}}');
  const type = "--type=kubernetes.io/dockerconfigjson";
  await kubectl("create", "secret", "generic", "registry-credentials", type, `--from-file=.dockerconfigjson=${file}`);
  const released = await changesOf("up", "--yes");
  expect(released.counts).toMatchObject({ create: core });
  expect(released.said).toContain("the core is held back until every peer's CA certificate is there");
});

test("and again it changes nothing", async () => {
  const { counts, resources } = await changesOf("up", "--yes");
  expect(resources).toEqual([]);
  expect(Object.keys(counts)).toEqual(["same"]);
});
