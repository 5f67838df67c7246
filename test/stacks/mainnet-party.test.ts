import { log, runtime } from "@pulumi/pulumi";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { paritySections } from "../../stacks/parity-page.ts";
import { mainnetManifest, mainnetParty, stacksWith } from "../support/mainnet.ts";
import type { MockStack, Registered } from "../support/mocks.ts";
import { runProgramIn } from "../support/run-program.ts";
import { type Fact, partyFacts, pcr0 } from "./mainnet-facts.ts";
import { backupFacts, consumerFacts, pauserFacts, providerFacts } from "./mainnet-facts-of-peers.ts";

const backupConfig = {
  contract: "backup/v1",
  network: "zama-mainnet",
  party: 1,
  accountId: "200000000001",
  awsProfile: "backup",
  region: "eu-central-1",
  partyCluster: "kms",
  release: "0.13.10",
  allowedPcr0: [pcr0],
  replica: { region: "eu-west-1" },
};

let party: MockStack<Record<string, unknown>>;
let backup: MockStack<Record<string, unknown>>;
beforeAll(async () => {
  const more = { pauser: { createNamespace: true }, peerDomain: "mpc-partners.local" };
  party = await preview({ ...(await mainnetParty()), ...more });
  backup = await preview(backupConfig);
});

/** What the program of one stack registers. */
async function preview(config: object): Promise<MockStack<Record<string, unknown>>> {
  await using stacks = await stacksWith(await mainnetManifest());
  const said = [vi.spyOn(log, "warn").mockResolvedValue(), vi.spyOn(log, "info").mockResolvedValue()];
  try {
    return await runProgramIn(stacks.dir, config);
  } finally {
    for (const spy of said) spy.mockRestore();
    vi.unstubAllEnvs();
    runtime.setAllConfig({});
  }
}

/** The inputs, as a reader means them: policies as documents, user data as text. */
function readable({ inputs }: Registered): Record<string, unknown> {
  const read = ([key, value]: [string, unknown]) => {
    if (/^(policy|assumeRolePolicy)$/.test(key)) return [key, JSON.parse(String(value))];
    return [key, key === "userData" ? Buffer.from(String(value), "base64").toString("utf8") : value];
  };
  return Object.fromEntries(Object.entries(inputs).map(read));
}

const groups: [string, () => MockStack<unknown>, Fact[]][] = [
  ["mpc-party", () => party, partyFacts],
  ["vpc-endpoint-provider", () => party, providerFacts],
  ["vpc-endpoint-consumer", () => party, consumerFacts],
  ["zama-protocol-pauser-wallet", () => party, pauserFacts],
  ["mpc-backup-key, mpc-backup-vault", () => backup, backupFacts],
];

describe.each(groups)("a party of the mainnet has what %s makes", (_module, stack, facts) => {
  test.each(facts.map((one) => [one.ours, one.upstream, one] as const))(
    "%s is %s",
    (_ours, _upstream, { ours, inputs }) => {
      expect(readable(stack().get(ours))).toMatchObject(inputs);
    },
  );
});

/** Made only where a key is another account's, or where a peer's card is there: each has tests of its own. */
const elsewhere = [
  "mpc-party aws_iam_policy.mpc_core_kms_policy",
  "mpc-party aws_iam_policy.connector_kms_policy",
  "vpc-endpoint-consumer null_resource.sync_s3_bucket",
  "zama-protocol-pauser-wallet aws_iam_policy.app_kms_policy",
];

test("no resource of the modules is without a fact, unless the parity page leaves it out", async () => {
  const known = new Set([...groups.flatMap(([, , facts]) => facts.map(({ upstream }) => upstream)), ...elsewhere]);
  const missing = (await paritySections()).flatMap(({ title, tables }) =>
    (tables.resources ?? [])
      .filter(({ name, references }) => references.length > 0 && !name.startsWith("data."))
      .map(({ name }) => `${title.replace("Terraform module ", "")} ${name}`)
      .filter((name) => !known.has(name)),
  );
  expect(missing).toEqual([]);
});

test("the core's values are those of the committed helm values, with this party's own", () => {
  const { chart, values } = party.get("party-1-kms-release").inputs;
  expect(chart).toMatch(/^oci:\/\/hub\.zama\.org\/zama-protocol\/zama-ai\/kms\/charts\/kms-core@sha256:/);
  expect(values).toMatchObject({
    kmsPeers: { id: 1 },
    kmsCore: {
      nameOverride: "kms-core",
      addressOverride: "mpc-node",
      serviceAccountName: "mpc-party",
      envFrom: { configmap: { name: "mpc-party" } },
      thresholdMode: {
        enabled: true,
        thresholdValue: 4,
        tls: { enabled: true },
        peersList: Array.from({ length: 13 }, (_, index) => ({
          id: index + 1,
          host: `mpc-node-${index + 1}`,
          port: 50_001,
        })),
      },
      nitroEnclave: { enabled: true, cpuCount: 48, memoryGiB: 96 },
      publicVault: { s3: { enabled: true, prefix: "PUB-p1" } },
      privateVault: { s3: { enabled: true, prefix: "PRV-p1" }, awskms: { enabled: true } },
      backupVault: { s3: { enabled: true, prefix: "backup" }, awskms: { enabled: true, rootKeySpec: "asymm" } },
      aws: { region: "eu-central-1" },
    },
  });
  const { image, thresholdMode } = values.kmsCore;
  expect(`${image.name}:${image.tag}`).toMatch(/kms\/core-service-enclave:v0\.13\.10@sha256:/);
  expect(thresholdMode.tls.trustedReleases).toHaveLength(4);
  expect(thresholdMode.tls.trustedReleases[1].pcr0).toBe(pcr0);
});

test("keys whose material is imported begin without any", () => {
  const imported = party.ofType("aws:kms/externalKey:ExternalKey");
  expect(imported.map(({ name }) => name).sort()).toEqual(["party-1-pauser-wallet-key", "party-1-tx-sender-key"]);
  for (const { inputs } of imported) expect(inputs).not.toHaveProperty("keyMaterialBase64");
});

test("nothing that holds keys can be destroyed by accident", () => {
  const kept = [...party.resources, ...backup.resources].filter(({ protect }) => protect).map(({ name }) => name);
  expect(kept.sort()).toEqual([
    "party-1-backup-seal-key",
    "party-1-backup-seal-replica",
    "party-1-backup-vault-bucket",
    "party-1-backup-vault-replica-bucket",
    "party-1-database-instance",
    "party-1-pauser-wallet-key",
    "party-1-private-vault-bucket",
    "party-1-public-vault-bucket",
    "party-1-signing-key",
    "party-1-tx-sender-key",
    "party-1-vault-key",
  ]);
});
