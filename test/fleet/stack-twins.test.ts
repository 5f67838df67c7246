import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { refuseTwin } from "../../fleet/stack-twins.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-twins-"));
  vi.stubEnv("PULUMI_BACKEND_URL", `file://${folder}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

function keep(stackName: string, outputs: object | undefined): void {
  const stacks = join(folder, ".pulumi", "stacks", "quorate");
  mkdirSync(stacks, { recursive: true });
  const latest = outputs && { resources: [{ type: "pulumi:pulumi:Stack", outputs }] };
  writeFileSync(join(stacks, `${stackName}.json`), JSON.stringify({ checkpoint: { latest } }));
}

const stack = { workspace: { workDir: "/nonexistent" } } as Parameters<typeof refuseTwin>[0];
const party = {
  partyId: 1,
  stackName: "renamed",
  configPath: "/x/Pulumi.renamed.yaml",
  config: { network: "zama-mainnet" },
} as Parameters<typeof refuseTwin>[1];

test("a party that was brought up under another name is not built a second time", async () => {
  keep("party-1", { network: "zama-mainnet", partyId: 1 });
  await expect(refuseTwin(stack, party)).rejects.toMatchObject({
    problem: { code: "PARTY_HAS_STACK", exitCode: 3, next: expect.stringContaining("/x/Pulumi.party-1.yaml") },
  });
});

test("other parties, other networks and stacks without outputs are in nobody's way", async () => {
  await refuseTwin(stack, party);
  keep("party-2", { network: "zama-mainnet", partyId: 2 });
  keep("testnet-1", { network: "zama-testnet", partyId: 1 });
  keep("backup-1", { contract: "backup/v1" });
  keep("party-3", undefined);
  keep("renamed", { network: "zama-mainnet", partyId: 1 });
  await refuseTwin(stack, party);
});
