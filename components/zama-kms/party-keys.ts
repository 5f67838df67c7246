import * as pulumi from "@pulumi/pulumi";
import { clusterNameOf } from "../../contract/stack-config.ts";
import { accountRootArn, roleArn } from "../aws/arn.ts";
import { AttestedKey } from "../aws/attested-key.ts";
import { ImportedKey } from "../aws/imported-key.ts";
import type { RootKeySpec } from "../aws/key-policy.ts";
import type { PartyRole } from "../aws/party-role.ts";
import type { PartyArgs } from "./party-args.ts";
import { allowedPcr0 } from "./party-rights.ts";
import { partyRoleNames } from "./party-role-names.ts";

/** A key, and how programs name it. */
export interface KeyNames {
  keyArn: pulumi.Output<string>;
  /** Of a key in another account, its ARN. */
  keyId: pulumi.Output<string>;
}

/** The key that seals the private vault. */
export interface PartyKey extends KeyNames {
  spec: RootKeySpec;
}

/** The key that seals the private vault: of our own making, or the one of another account that was named. */
export function settlePartyKey(parent: pulumi.Resource, name: string, args: PartyArgs, core: PartyRole): PartyKey {
  const { manifest, config, party, release } = args;
  const { spec, arn, deletionWindowDays } = config.partyKey;
  if (arn !== undefined) {
    const role = partyRoleNames(clusterNameOf(config.cluster), party.id, config.roles).core;
    void pulumi.log.info(
      `the party's key is another account's: its policy has to let ${roleArn(config.region, config.accountId, role)} decrypt, for enclaves with PCR0 ${allowedPcr0(args).join(", ")} only`,
      parent,
    );
    return { ...namedKey(arn), spec };
  }
  const { keyArn, keyId } = new AttestedKey(
    `${name}-vault`,
    {
      alias: `quorate-${manifest.network}-party-${party.id}`,
      coreRoleArn: core.roleArn,
      spec,
      allowedPcr0: allowedPcr0(args),
      runningPcr0: release.pcr0,
      administratorArns: administratorsOf(args, config.partyKey.administratorArns),
      deletionWindowDays,
    },
    { parent },
  );
  return { keyArn, keyId, spec };
}

/** The key by which the connector signs its transactions, where this party has one. */
export function settleTxSenderKey(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  connector: PartyRole,
): KeyNames | undefined {
  const { manifest, config, party } = args;
  const wanted = config.txSenderKey;
  if (wanted === undefined) return undefined;
  if (wanted.arn !== undefined) return namedKey(wanted.arn);
  return new ImportedKey(
    `${name}-tx-sender`,
    {
      description: `Signs the connector's transactions of ${name}`,
      alias: `quorate-${manifest.network}-party-${party.id}-connector-txsender`,
      signerRoleArn: connector.roleArn,
      administratorArns: administratorsOf(args, wanted.administratorArns),
      deletionWindowDays: wanted.deletionWindowDays,
    },
    { parent },
  );
}

export function administratorsOf({ config }: PartyArgs, chosen: readonly string[] | undefined): readonly string[] {
  return chosen ?? [accountRootArn(config.region, config.accountId)];
}

function namedKey(arn: string): KeyNames {
  return { keyArn: pulumi.output(arn), keyId: pulumi.output(arn) };
}
