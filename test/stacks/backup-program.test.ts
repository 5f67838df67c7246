import { log, runtime } from "@pulumi/pulumi";
import { afterEach, describe, expect, test, vi } from "vitest";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import { Party } from "../../components/zama-kms/party.ts";
import { BackupConfig } from "../../contract/backup-config.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { stackFilesOf } from "../../devnet/topology.ts";
import { partyStacks } from "../../fleet/party-stacks.ts";
import { settleBackup } from "../../stacks/backup-program.ts";
import { readManifest } from "../../stacks/manifest-file.ts";
import { exampleSettings } from "../components/example.ts";
import { type MockStack, onMockStack, settled } from "../support/mocks.ts";
import { hex, rawStackConfig, StacksDir } from "../support/network.ts";
import { runProgramIn } from "../support/run-program.ts";

const account = "200000000001";

const rawBackup = (change: object = {}) => ({
  contract: "backup/v1",
  network: "devnet",
  party: 1,
  accountId: account,
  awsProfile: "backup",
  region: "eu-west-1",
  partyCluster: "kms-party-1",
  release: "0.13.20",
  ...change,
});

afterEach(() => {
  vi.unstubAllEnvs();
  runtime.setAllConfig({});
});

async function run(config: object): Promise<MockStack<Record<string, unknown>>> {
  await using stacks = await StacksDir.create();
  return await runProgramIn(stacks.dir, config);
}

test("either stack names what the other makes, before either is there", async () => {
  const backup = await run(rawBackup());
  const settings = exampleSettings({}, { backup: { accountId: account } });
  const said = [vi.spyOn(log, "warn").mockResolvedValue(), vi.spyOn(log, "info").mockResolvedValue()];
  const party = await onMockStack(() => {
    const { region, accountId, cluster } = settings.config;
    return new Party("party-1", { ...settings, cluster: new PartyCluster("eks", { region, accountId, cluster }) });
  });
  for (const spy of said) spy.mockRestore();
  const told = party.get("party-1-place-config").inputs.data;
  const bucket = backup.get("party-1-backup-vault-bucket").inputs.bucket;
  expect(told.KMS_CORE__BACKUP_VAULT__STORAGE__S3__BUCKET).toBe(bucket);
  const alias = backup.get("party-1-backup-seal-alias").inputs.name;
  expect(told.KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID).toBe(`arn:aws:kms:eu-west-1:${account}:${alias}`);
  const role = await settled(party.result.outputs.roles);
  expect(backup.get("party-1-backup-vault-policy").inputs.policy).toContain(role.core);
  expect(backup.get("party-1-backup-seal-key").inputs.policy).toContain(role.core);
  expect(party.get("party-1-core-backup-policy").inputs.policy).toContain(`arn:aws:s3:::${bucket}/*`);
});

test("a copy is made in another region of what is wished", async () => {
  const both = await run(rawBackup({ replica: { region: "eu-central-1" } }));
  expect(both.get("party-1-backup-vault-replica-bucket").inputs.region).toBe("eu-central-1");
  expect(both.get("party-1-backup-seal-replica").inputs.region).toBe("eu-central-1");
  const keyOnly = await run(rawBackup({ replica: { region: "eu-central-1", vault: false } }));
  expect(keyOnly.ofType("aws:s3/bucketReplicationConfig:BucketReplicationConfig")).toEqual([]);
});

test("a backup's stack file is no party's", async () => {
  await using stacks = await StacksDir.create();
  await stacks.writeStack("party-1", rawStackConfig());
  await stacks.writeStack("party-1-backup", rawBackup());
  expect((await partyStacks(stacks.dir, "devnet")).map(({ stackName }) => stackName)).toEqual(["party-1"]);
  expect(stackFilesOf(stacks.dir, "devnet").map(({ stack }) => stack)).toEqual(["party-1"]);
});

describe("refuses", () => {
  async function problem(change: object): Promise<unknown> {
    await using stacks = await StacksDir.create();
    const manifest = await readManifest(stacks.manifestPath);
    try {
      settleBackup(BackupConfig.parse(rawBackup(change)), manifest, "Pulumi.party-1-backup.yaml");
    } catch (failure) {
      if (failure instanceof OperatorError) return failure.problem;
      throw failure;
    }
    return undefined;
  }

  test.each([
    ["the party's own account", { accountId: "100000000001" }, "BACKUP_MISPLACED"],
    ["a party that the network does not have", { party: 9 }, "PARTY_NOT_IN_MANIFEST"],
    ["a release that nobody trusts", { release: "9.9.9" }, "RELEASE_NOT_IN_MANIFEST"],
    ["measurements without the party's release", { allowedPcr0: [hex(96, "1")] }, "RELEASE_LOCKED_OUT"],
    ["a measurement of no trusted release", { allowedPcr0: [hex(96, "2"), hex(96, "7")] }, "MEASUREMENT_NOT_TRUSTED"],
  ])("%s", async (_what, change, code) => {
    expect(await problem(change)).toMatchObject({ code, found: expect.stringContaining("Pulumi.party-1-backup.yaml") });
  });

  test.each([
    ["neither cluster nor role", { partyCluster: undefined }, "partyCluster"],
    ["a copy in the same region", { replica: { region: "eu-west-1" } }, "replica.region"],
  ])("%s", (_what, change, path) => {
    const { error } = BackupConfig.safeParse(rawBackup(change));
    expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});
