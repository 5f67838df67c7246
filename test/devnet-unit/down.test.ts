import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { devnetDown } from "../../devnet/devnet.ts";
import { devnetFiles } from "../../devnet/files.ts";
import { writeState } from "../../devnet/supervision/state.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "quorate-down-"));
  const [token, mark] = ["t".repeat(32), "m".repeat(32)];
  writeState(devnetFiles(root), {
    ...{ contract: "devnet-state/v1", network: "devnet", k: 253, token, mark },
    ...{ devnetd: null, children: [] },
  });
  for (const file of [
    "access/devnet/kubeconfig-2",
    "access/devnet-Ab3dEf/kubeconfig-1",
    "access/devnet-two/kubeconfig-1",
    "access/testnet/kubeconfig-1",
    "engine/devnet/Pulumi.yaml",
    "engine/testnet/Pulumi.yaml",
    "env/devnet.json",
    "runs/20261120-184901-validate-7f3a/report.json",
  ]) {
    mkdirSync(join(root, ".quorate", dirname(file)), { recursive: true });
    writeFileSync(join(root, ".quorate", file), "");
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const left = () =>
  readdirSync(join(root, ".quorate"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || readdirSync(join(entry.parentPath, entry.name)).length === 0)
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + "/.quorate/".length))
    .sort();

test("nothing of a devnet stays but the evidence of its runs; of other networks all does", async () => {
  await devnetDown({ root });
  expect(left()).toEqual([
    "access/devnet-two/kubeconfig-1",
    "access/testnet/kubeconfig-1",
    "engine/testnet/Pulumi.yaml",
    "runs/20261120-184901-validate-7f3a/report.json",
  ]);
});

test("of a devnet that is kept, tokens go all the same", async () => {
  await devnetDown({ root, keep: true });
  expect(left()).not.toEqual(expect.arrayContaining([expect.stringMatching(/^access\/devnet(-Ab3dEf)?\//)]));
  expect(left()).toEqual(expect.arrayContaining(["devnet/state.json", "engine/devnet/Pulumi.yaml", "env/devnet.json"]));
});
