import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Pcr } from "../../contract/trusted-release.ts";
import { checkArgs } from "../check-args.ts";

export interface AttestedKeyArgs {
  /** Alias without `alias/`, for people: programs use the key's id. */
  alias: string;
  /** Role of the party's core. It may use the key from inside an accepted enclave only. */
  coreRoleArn: pulumi.Input<string>;
  /** PCR0 of every enclave image that may unseal the private vault; old and new during an upgrade. */
  allowedPcr0: readonly Pcr[];
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
      args.allowedPcr0.length === 0 && {
        propertyPath: "allowedPcr0",
        reason: "is empty: no enclave could ever unseal the private vault",
      },
      args.administratorArns.length === 0 && {
        propertyPath: "administratorArns",
        reason: "is empty: nobody could ever change the key's policy again",
      },
      (args.deletionWindowDays < 7 || args.deletionWindowDays > 30) && {
        propertyPath: "deletionWindowDays",
        reason: `KMS allows 7 to 30 days, found ${args.deletionWindowDays}`,
      },
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
  return new aws.kms.Key(
    `${name}-key`,
    {
      description: `Seals the private vault of ${name}`,
      keyUsage: "ENCRYPT_DECRYPT",
      customerMasterKeySpec: "SYMMETRIC_DEFAULT",
      deletionWindowInDays: args.deletionWindowDays,
      // KMS itself refuses a policy under which the caller could not change the policy again.
      bypassPolicyLockoutSafetyCheck: false,
      policy: pulumi.output(args.coreRoleArn).apply((coreRoleArn) => JSON.stringify(keyPolicy(coreRoleArn, args))),
    },
    { parent, protect: true },
  );
}

function keyPolicy(coreRoleArn: string, args: AttestedKeyArgs) {
  const core = { AWS: coreRoleArn };
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "CoreReads",
        Effect: "Allow",
        Principal: core,
        Action: ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetPublicKey"],
        Resource: "*",
      },
      {
        Sid: "AttestedCoreUnseals",
        Effect: "Allow",
        Principal: core,
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: "*",
        Condition: { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [...args.allowedPcr0].sort() } },
      },
      {
        Sid: "Administrators",
        Effect: "Allow",
        Principal: { AWS: [...args.administratorArns].sort() },
        Action: administratorActions,
        Resource: "*",
      },
    ],
  };
}

/**
 * Spelled out, without `kms:Create*` and the like: that would include CreateGrant, and a grant to decrypt knows no
 * attestation.
 */
const administratorActions = [
  "kms:CancelKeyDeletion",
  "kms:CreateAlias",
  "kms:DeleteAlias",
  "kms:DescribeKey",
  "kms:DisableKey",
  "kms:EnableKey",
  "kms:GetKeyPolicy",
  "kms:GetKeyRotationStatus",
  "kms:ListGrants",
  "kms:ListKeyPolicies",
  "kms:ListResourceTags",
  "kms:PutKeyPolicy",
  "kms:RevokeGrant",
  "kms:ScheduleKeyDeletion",
  "kms:TagResource",
  "kms:UntagResource",
  "kms:UpdateAlias",
  "kms:UpdateKeyDescription",
];

function createAlias(parent: AttestedKey, name: string, key: aws.kms.Key, alias: string) {
  new aws.kms.Alias(`${name}-alias`, { name: `alias/${alias}`, targetKeyId: key.keyId }, { parent });
}
