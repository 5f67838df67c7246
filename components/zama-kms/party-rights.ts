import type { Pcr } from "../../contract/trusted-release.ts";
import { backupVaultRights } from "../aws/backup-vault.ts";
import { signs } from "../aws/imported-key.ts";
import { coreStatements, type Statement } from "../aws/key-policy.ts";
import { type BackupPlace, backupNames } from "./backup-names.ts";
import type { PartyArgs } from "./party-args.ts";

/** PCR0 of every enclave image that may unseal what this party has sealed. */
export function allowedPcr0({ config, manifest }: Pick<PartyArgs, "config" | "manifest">): readonly Pcr[] {
  return config.allowedPcr0 ?? manifest.trustedReleases.map((release) => release.pcr0);
}

/** Where this party's backups lie, if anywhere. */
export function backupOf({ config, manifest, party }: PartyArgs) {
  const { backup } = config;
  if (backup === undefined) return undefined;
  const place: BackupPlace = {
    network: manifest.network,
    partyId: party.id,
    accountId: backup.accountId,
    region: backup.region ?? config.region,
  };
  return { ...backupNames(place), ...place, prefix: "backup" };
}

/** What the core may do in other accounts: there both sides have to allow it. */
export function coreRights(args: PartyArgs): Record<string, Statement[]> {
  const { spec, arn } = args.config.partyKey;
  const backup = backupOf(args);
  return {
    ...(arn === undefined ? {} : { "party-key": coreStatements(spec, allowedPcr0(args), arn) }),
    ...(backup && {
      backup: [
        ...backupVaultRights(backup.bucketArn, backup.accountId),
        ...coreStatements("asymm", allowedPcr0(args), backup.anyKeyArn),
      ],
    }),
  };
}

/** What the connector may do with a key of another account. */
export function connectorRights({ config }: PartyArgs): Record<string, Statement[]> {
  const arn = config.txSenderKey?.arn;
  return arn === undefined ? {} : { "tx-sender": [signs(arn)] };
}
