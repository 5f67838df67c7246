import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AuditTrail, trailArnOf } from "../../components/aws/audit-trail.ts";
import { BackupKey } from "../../components/aws/backup-key.ts";
import { BackupVault } from "../../components/aws/backup-vault.ts";
import { ImportedKey } from "../../components/aws/imported-key.ts";
import { LogBucket } from "../../components/aws/log-bucket.ts";
import { Vault } from "../../components/aws/vault.ts";
import { Pcr } from "../../contract/trusted-release.ts";
import { type TestCloud, testAccount, testCloud } from "./support/providers-stack.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await testCloud();
});
afterAll(() => cloud[Symbol.asyncDispose]());

const region = "eu-west-1";
const accountId = testAccount(1).accountId;
const root = `arn:aws:iam::${accountId}:root`;
const pcr0 = Pcr.parse("1".repeat(96));

const program = async () => {
  const provider = new aws.Provider("aws", { profile: testAccount(1).profile, region });
  const opts = { provider };
  const trailArn = trailArnOf(region, accountId, "party-1");
  const logs = new LogBucket("logs", { bucketName: "the-logs", accountId, trailArn }, opts);
  const shared = { region, logBucketName: logs.bucketName };
  const own = new Vault("public", { role: "public", bucketName: "the-public-vault", ...shared }, opts);
  const sealed = new Vault("private", { role: "private", bucketName: "the-private-vault", ...shared }, opts);
  const bucketArns = [own.bucketArn, sealed.bucketArn];
  new AuditTrail("audit", { trailName: "party-1", logBucketName: logs.bucketName, bucketArns }, opts);
  const trust = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const role = new aws.iam.Role("connector", { assumeRolePolicy: trust }, opts);
  const kept = { administratorArns: [root], deletionWindowDays: 30 };
  const sender = new ImportedKey(
    "sender",
    { description: "Signs", alias: "tx-sender", signerRoleArn: role.arn, ...kept },
    opts,
  );
  // Of an account that this cloud does not even have: the role is named, and need not be there.
  const coreRoleArn = "arn:aws:iam::999999999999:role/mpc-kms-party-9";
  const allowed = { allowedPcr0: [pcr0], runningPcr0: pcr0, coreRoleArn, ...kept };
  new BackupKey("backup-key", { alias: "backup", replicaRegion: "eu-central-1", ...allowed }, opts);
  const replica = { bucketName: "the-backups-r", region: "eu-central-1" };
  new BackupVault("backup", { bucketName: "the-backups", coreRoleArn, replica }, opts);
  return { senderKeyId: pulumi.unsecret(sender.keyId) };
};

test("vaults, logs, trail, keys and backup are made in one go, and a second one changes nothing", async () => {
  const stack = await cloud.stack("vaults", program);
  const said: string[] = [];
  const up = () => stack.up({ onOutput: (text) => said.push(text) });
  const first = await up();
  expect(Object.keys(first.summary.resourceChanges ?? {})).toEqual(["create"]);
  expect(said.join("")).toMatch(/alias\/tx-sender has no material yet and can not sign\. Next: aws kms/);
  const second = await up();
  expect(Object.keys(second.summary.resourceChanges ?? {})).toEqual(["same"]);
  expect(Object.keys((await stack.refresh()).summary.resourceChanges ?? {})).toEqual(["same"]);

  const account = cloud.store.account(accountId);
  const [copy] = account.list("aws:kms/replicaKey:ReplicaKey");
  const primary = account.list("aws:kms/key:Key")[0];
  expect(copy?.props.arn).toBe(String(primary?.props.arn).replace("eu-west-1", "eu-central-1"));
  expect(
    account
      .list("aws:kms/alias:Alias")
      .map(({ props }) => props.name)
      .sort(),
  ).toEqual(["alias/backup", "alias/backup", "alias/tx-sender"]);
  expect(account.get("aws:kms/externalKey:ExternalKey", first.outputs.senderKeyId?.value)?.props.keyState).toBe(
    "PendingImport",
  );
  // What holds key material is never gone with one command.
  await expect(stack.destroy()).rejects.toThrow(/protect/);
}, 60_000);
