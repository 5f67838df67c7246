import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Pcr } from "../../contract/trusted-release.ts";
import { checkArgs } from "../check-args.ts";
import {
  administrators,
  coreStatements,
  forKeyUser,
  keptKeyProblems,
  keyPolicyText,
  kmsKeySpecs,
  pcr0Problems,
  roleToCome,
} from "./key-policy.ts";

export interface BackupKeyArgs {
  /** Alias without `alias/`. The party knows the key by it, in every region that has a copy. */
  alias: string;
  /** Role of the party's core, in the party's account. It need not exist yet. */
  coreRoleArn: string;
  /** PCR0 of every enclave image that may read a backup; old and new during an upgrade. */
  allowedPcr0: readonly Pcr[];
  /** PCR0 of the release that the party runs. */
  runningPcr0: Pcr;
  /** Who may change the key's policy and schedule its deletion. None of them may decrypt. */
  administratorArns: readonly string[];
  /** Days between scheduling the deletion and losing the key. */
  deletionWindowDays: number;
  /** Region with a copy, should the first be lost. @default none */
  replicaRegion?: string | undefined;
}

/**
 * The KMS key that seals a party's backups, in an account of its own. Creates: multi-region RSA key, alias, and a copy
 * with its alias where there is a region for it.
 *
 * Sealing takes the public half alone; what is sealed opens only in an enclave with an accepted PCR0. $1 a month, and
 * $1 for the copy (list price, 2026-11).
 */
export class BackupKey extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string>;
  readonly replicaKeyArn: pulumi.Output<string> | undefined;

  constructor(name: string, args: BackupKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`backup key ${name}`, [
      ...pcr0Problems(args.allowedPcr0, args.runningPcr0),
      ...keptKeyProblems(args.administratorArns, args.deletionWindowDays),
    ]);
    super("quorate:aws:BackupKey", name, {}, opts);
    const key = createKey(this, name, args);
    const replica = args.replicaRegion === undefined ? undefined : createReplica(this, name, args, key);
    this.keyArn = key.arn;
    this.replicaKeyArn = replica?.arn;
    this.registerOutputs({ keyArn: this.keyArn, replicaKeyArn: this.replicaKeyArn });
  }
}

function createKey(parent: BackupKey, name: string, args: BackupKeyArgs) {
  const key = new aws.kms.Key(
    `${name}-key`,
    {
      ...sameForBoth(name, args),
      keyUsage: "ENCRYPT_DECRYPT",
      customerMasterKeySpec: kmsKeySpecs.asymm,
      // It can be given to another region only if it was made for that.
      multiRegion: true,
    },
    { parent, protect: true },
  );
  new aws.kms.Alias(`${name}-alias`, { name: `alias/${args.alias}`, targetKeyId: key.keyId }, { parent });
  return key;
}

function createReplica(parent: BackupKey, name: string, args: BackupKeyArgs, primary: aws.kms.Key) {
  const elsewhere = args.replicaRegion === undefined ? {} : { region: args.replicaRegion };
  const replica = new aws.kms.ReplicaKey(
    `${name}-replica`,
    { ...sameForBoth(name, args), ...elsewhere, primaryKeyArn: primary.arn },
    { parent, protect: true },
  );
  new aws.kms.Alias(
    `${name}-replica-alias`,
    { ...elsewhere, name: `alias/${args.alias}`, targetKeyId: replica.keyId },
    { parent },
  );
  return replica;
}

/** A copy does not take the policy over from its primary. */
function sameForBoth(name: string, args: BackupKeyArgs) {
  return {
    description: `Seals the backups of ${name}`,
    deletionWindowInDays: args.deletionWindowDays,
    bypassPolicyLockoutSafetyCheck: false,
    policy: keyPolicyText([
      ...forKeyUser(roleToCome(args.coreRoleArn), coreStatements("asymm", args.allowedPcr0)),
      administrators(args.administratorArns, ["kms:ReplicateKey"]),
    ]),
  };
}
