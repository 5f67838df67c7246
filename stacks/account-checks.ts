import { backupNames } from "../components/zama-kms/backup-names.ts";
import { partyRoleNames } from "../components/zama-kms/party-role-names.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { clusterNameOf, type StackConfig } from "../contract/stack-config.ts";

/** What lies in other accounts has to, and what others know by name has to have a name that AWS allows. */
export function checkAccounts(config: StackConfig, source: string): void {
  checkForeignKey(config, "partyKey", source);
  checkForeignKey(config, "txSenderKey", source);
  checkForeignKey(config, "pauser.key", source);
  checkBackup(config, source);
  checkRoleNames(config, source);
}

const namedKeys = {
  partyKey: (config: StackConfig) => config.partyKey.arn,
  txSenderKey: (config: StackConfig) => config.txSenderKey?.arn,
  "pauser.key": (config: StackConfig) => config.pauser?.key.arn,
};

/** A key of another account is none that this stack could make, and lies where the party looks for it. */
function checkForeignKey(config: StackConfig, field: keyof typeof namedKeys, source: string): void {
  const arn = namedKeys[field](config);
  const [, , , region, accountId] = arn?.split(":") ?? [];
  if (arn === undefined || (region === config.region && accountId !== config.accountId)) return;
  throw new OperatorError({
    code: "PARTY_KEY_MISPLACED",
    what: `party ${config.party} (${config.network}): the key that it is to use is not one of another account in its own region`,
    found: `quorate:${field}.arn: ${arn} in ${source}`,
    expected: `a key in ${config.region}, of an account other than ${config.accountId}`,
    next: `correct quorate:${field}.arn in ${source}, or remove it to have the key made in the party's own account`,
  });
}

function checkBackup(config: StackConfig, source: string): void {
  if (config.backup === undefined) return;
  const { accountId, region = config.region } = config.backup;
  if (accountId === config.accountId)
    throw new OperatorError({
      code: "BACKUP_MISPLACED",
      what: `party ${config.party} (${config.network}): its backups would lie in its own account, and be lost with it`,
      found: `quorate:backup.accountId: ${accountId} in ${source}`,
      expected: "an account that nobody who acts in the party's own has rights in",
      next: `write the id of the backup account to quorate:backup.accountId in ${source}`,
    });
  const { bucketName } = backupNames({ network: config.network, partyId: config.party, accountId, region });
  checkBucketName(bucketName, `party ${config.party} (${config.network})`, source);
}

/** S3 allows 63 characters. */
export function checkBucketName(bucketName: string, whose: string, source: string): void {
  if (bucketName.length <= 63) return;
  throw new OperatorError({
    code: "NAME_TOO_LONG",
    what: `${whose}: its backup bucket would have a name that S3 does not allow`,
    found: `${bucketName}, ${bucketName.length} characters, made of what is in ${source}`,
    expected: "at most 63 characters",
    next: "give the network a shorter name, which all parties have to agree on",
  });
}

function checkRoleNames(config: StackConfig, source: string): void {
  const cluster = clusterNameOf(config.cluster);
  const names = partyRoleNames(cluster, config.party, config.roles);
  const made = [
    [names.core, "core"],
    [names.connector, "connector"],
    ...(config.kubeip ? [[`${names.core}-kubeip`, "core"]] : []),
    ...(config.access?.breakGlass ? [[`${names.core}-break-glass`, "core"]] : []),
  ] as const;
  for (const [name, kind] of made)
    if (name.length > 64)
      throw new OperatorError({
        code: "NAME_TOO_LONG",
        what: `party ${config.party} (${config.network}): a role of it would have a name that IAM does not allow`,
        found: `${name}, ${name.length} characters, made of the cluster's name in ${source}`,
        expected: "at most 64 characters",
        next: `choose a shorter name: quorate:roles.${kind} in ${source}`,
      });
}
