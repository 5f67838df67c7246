import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { StackState, StateResource } from "../../fleet/checkpoint.ts";
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

function keep(stackName: string, outputs: object | undefined, rest: StackState = {}): void {
  const stacks = join(folder, ".pulumi", "stacks", "quorate");
  mkdirSync(stacks, { recursive: true });
  const root: StateResource = {
    type: "pulumi:pulumi:Stack",
    urn: "urn:root",
    ...(outputs && { outputs: { ...outputs } }),
  };
  const latest = { ...rest, resources: [root, ...(rest.resources ?? [])] };
  writeFileSync(join(stacks, `${stackName}.json`), JSON.stringify({ checkpoint: { latest } }));
}

/** What the engine has written down of a party's provider before anything was made, and of a key. */
const provider = (network: string, partyId: number, accountId: string): StateResource => ({
  type: "pulumi:providers:aws",
  urn: "urn:aws",
  custom: true,
  inputs: {
    allowedAccountIds: JSON.stringify([accountId]),
    defaultTags: JSON.stringify({ tags: { network, party: String(partyId), "managed-by": "quorate" } }),
  },
});
const key: StateResource = { type: "aws:kms/key:Key", urn: "urn:key", custom: true };

const stack = { workspace: { workDir: "/nonexistent" } } as Parameters<typeof refuseTwin>[0];
const party = {
  partyId: 1,
  stackName: "renamed",
  configPath: "/x/Pulumi.renamed.yaml",
  config: { network: "zama-mainnet", accountId: "111122223333" },
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

test.each([
  ["with what was made", { resources: [provider("zama-mainnet", 1, "111122223333"), key] }],
  [
    "with what a killed engine had begun to make",
    {
      resources: [provider("zama-mainnet", 1, "111122223333")],
      pending_operations: [{ type: "creating", resource: key }],
    },
  ],
])("a party whose first update under another name never ended is known too: %s", async (_, state) => {
  keep("party-1", undefined, state);
  await expect(refuseTwin(stack, party)).rejects.toMatchObject({
    problem: {
      code: "PARTY_HAS_STACK",
      exitCode: 3,
      what: expect.stringContaining("the update that was to bring it up never ended"),
      next: expect.stringContaining("/x/Pulumi.party-1.yaml"),
    },
  });
});

test("half a stack of another party, of the backup account, or one in which nothing was made yet is in nobody's way", async () => {
  keep("party-2", undefined, { resources: [provider("zama-mainnet", 2, "111122223333"), key] });
  keep("testnet-1", undefined, { resources: [provider("zama-testnet", 1, "111122223333"), key] });
  keep("backup-1", undefined, { resources: [provider("zama-mainnet", 1, "444455556666"), key] });
  keep("party-1", undefined, { resources: [provider("zama-mainnet", 1, "111122223333")] });
  await refuseTwin(stack, party);
});
