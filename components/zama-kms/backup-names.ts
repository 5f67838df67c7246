import type { AccountId } from "../../contract/names.ts";
import { partitionOf } from "../aws/arn.ts";

/** Whose backups, and in which account they lie. */
export interface BackupPlace {
  network: string;
  partyId: number;
  accountId: AccountId;
  region: string;
}

/**
 * What the party's stack and the backup account's both have to know of the backup vault and its key. Made from what is
 * written down in either, so that neither waits for the other.
 */
export function backupNames({ network, partyId, accountId, region }: BackupPlace) {
  const alias = `quorate-${network}-party-${partyId}-backup`;
  const bucketName = `mpc-backup-${network}-p${partyId}-${accountId}`;
  return {
    alias,
    bucketName,
    replicaBucketName: `${bucketName}-r`,
    bucketArn: `arn:${partitionOf(region)}:s3:::${bucketName}`,
    /** The key's name for programs: its id is known only once it is made. */
    keyAliasArn: `arn:${partitionOf(region)}:kms:${region}:${accountId}:alias/${alias}`,
    /** All keys of the account, for the party's own policy: which of them it may use says the key's. */
    anyKeyArn: `arn:${partitionOf(region)}:kms:${region}:${accountId}:key/*`,
  };
}
