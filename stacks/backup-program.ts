import * as aws from "@pulumi/aws";
import { accountRootArn, roleArn } from "../components/aws/arn.ts";
import { BackupKey } from "../components/aws/backup-key.ts";
import { BackupVault } from "../components/aws/backup-vault.ts";
import { backupNames } from "../components/zama-kms/backup-names.ts";
import { partyRoleNames } from "../components/zama-kms/party-role-names.ts";
import type { BackupConfig } from "../contract/backup-config.ts";
import type { ManifestParty, NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { TrustedRelease } from "../contract/trusted-release.ts";
import { checkBucketName } from "./account-checks.ts";
import { type ManifestFile, partyInManifest } from "./manifest-file.ts";
import { checkMeasurements, ownRelease } from "./party-settings.ts";
import { partyTags } from "./project.ts";

/** Everything plain that the backup account of one party is built from. */
export interface BackupSettings {
  config: BackupConfig;
  manifest: NetworkManifest;
  party: ManifestParty;
  release: TrustedRelease;
}

/** Joins a backup stack's configuration with its network's manifest. `source` names the stack file in errors. */
export function settleBackup(config: BackupConfig, file: ManifestFile, source: string): BackupSettings {
  const { manifest, path } = file;
  const party = partyInManifest(config.party, file, source);
  if (config.accountId === party.accountId)
    throw new OperatorError({
      code: "BACKUP_MISPLACED",
      what: `party ${config.party} (${config.network}): its backups would lie in its own account, and be lost with it`,
      found: `quorate:accountId: ${config.accountId} in ${source}`,
      expected: `an account other than ${party.accountId}, the party's in ${path}`,
      next: `write the id of the backup account to quorate:accountId in ${source}`,
    });
  const names = backupNames({ ...config, partyId: config.party });
  checkBucketName(names.replicaBucketName, `party ${config.party} (${config.network})`, source);
  const release = ownRelease(config, file, source);
  checkMeasurements(config, release, file, source);
  return { config, manifest, party, release };
}

/**
 * Builds the backup account of one party: vault and key, for the party's core to write and its enclave to read.
 *
 * The party's stack and this one make each other's names from what both know, so that neither waits for the other.
 */
export function buildBackup({ config, manifest, party, release }: BackupSettings): Record<string, unknown> {
  const { accountId, region, replica } = config;
  const name = `party-${party.id}-backup`;
  const names = backupNames({ ...config, partyId: party.id });
  const provider = new aws.Provider("aws", {
    profile: config.awsProfile,
    region,
    allowedAccountIds: [accountId],
    defaultTags: { tags: { ...partyTags(manifest.network, party.id), environment: manifest.environment } },
  });
  const role = partyRoleNames(config.partyCluster ?? "", party.id, { core: config.coreRole }).core;
  const coreRoleArn = roleArn(region, party.accountId, role);
  const key = new BackupKey(
    `${name}-seal`,
    {
      alias: names.alias,
      coreRoleArn,
      allowedPcr0: config.allowedPcr0 ?? manifest.trustedReleases.map(({ pcr0 }) => pcr0),
      runningPcr0: release.pcr0,
      administratorArns: config.key.administratorArns ?? [accountRootArn(region, accountId)],
      deletionWindowDays: config.key.deletionWindowDays,
      replicaRegion: replica?.key ? replica.region : undefined,
    },
    { provider },
  );
  const vault = new BackupVault(
    `${name}-vault`,
    {
      bucketName: names.bucketName,
      coreRoleArn,
      replica: replica?.vault ? { bucketName: names.replicaBucketName, region: replica.region } : undefined,
    },
    { provider },
  );
  return {
    contract: "backup-outputs/v1",
    partyId: party.id,
    bucketName: vault.bucketName,
    keyArn: key.keyArn,
    keyAliasArn: names.keyAliasArn,
    coreRoleArn,
    ...(vault.replicaBucketName && { replicaBucketName: vault.replicaBucketName }),
    ...(key.replicaKeyArn && { replicaKeyArn: key.replicaKeyArn }),
  };
}
