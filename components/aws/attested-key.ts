import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Pcr } from "../../contract/trusted-release.ts";
import { checkArgs } from "../check-args.ts";
import {
  administrators,
  coreStatements,
  existingRole,
  forKeyUser,
  keptKeyProblems,
  keyPolicyText,
  kmsKeySpecs,
  pcr0Problems,
  type RootKeySpec,
} from "./key-policy.ts";

export interface AttestedKeyArgs {
  /** Alias without `alias/`, for people: programs use the key's id. */
  alias: string;
  /** Role of the party's core. It may use the key from inside an accepted enclave only. */
  coreRoleArn: pulumi.Input<string>;
  /** `symm` seals with the key itself, `asymm` with its public half. A key can't change it. @default "symm" */
  spec?: RootKeySpec;
  /** PCR0 of every enclave image that may unseal the private vault; old and new during an upgrade. */
  allowedPcr0: readonly Pcr[];
  /** PCR0 of the release that the party runs: never locked out of its own vault. */
  runningPcr0: Pcr;
  /** Who may change the key's policy and schedule its deletion. None of them may decrypt. */
  administratorArns: readonly string[];
  /** Days between scheduling the deletion and losing the key. */
  deletionWindowDays: number;
}

/**
 * The KMS key that seals one party's private vault. Creates: key with its policy, alias.
 *
 * KMS decrypts only for an enclave whose attestation document carries an accepted PCR0.
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/conditions-nitro-enclaves.html
 */
export class AttestedKey extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string>;
  readonly keyId: pulumi.Output<string>;

  constructor(name: string, args: AttestedKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`attested key ${name}`, [
      ...pcr0Problems(args.allowedPcr0, args.runningPcr0),
      ...keptKeyProblems(args.administratorArns, args.deletionWindowDays),
    ]);
    super("quorate:aws:AttestedKey", name, {}, opts);
    const key = createKey(this, name, args);
    createAlias(this, name, key, args.alias);
    this.keyArn = key.arn;
    this.keyId = key.keyId;
    this.registerOutputs({ keyArn: this.keyArn, keyId: this.keyId });
  }
}

function createKey(parent: AttestedKey, name: string, args: AttestedKeyArgs) {
  const spec = args.spec ?? "symm";
  const policy = pulumi
    .output(args.coreRoleArn)
    .apply((coreRoleArn) =>
      keyPolicyText([
        ...forKeyUser(existingRole(coreRoleArn), coreStatements(spec, args.allowedPcr0)),
        administrators(args.administratorArns),
      ]),
    );
  return new aws.kms.Key(
    `${name}-key`,
    {
      description: `Seals the private vault of ${name}`,
      keyUsage: "ENCRYPT_DECRYPT",
      customerMasterKeySpec: kmsKeySpecs[spec],
      deletionWindowInDays: args.deletionWindowDays,
      // KMS itself refuses a policy under which the caller could not change the policy again.
      bypassPolicyLockoutSafetyCheck: false,
      policy,
    },
    { parent, protect: true },
  );
}

function createAlias(parent: AttestedKey, name: string, key: aws.kms.Key, alias: string) {
  new aws.kms.Alias(`${name}-alias`, { name: `alias/${alias}`, targetKeyId: key.keyId }, { parent });
}
