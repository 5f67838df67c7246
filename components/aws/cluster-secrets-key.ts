import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { administrators, keptKeyProblems, keyPolicyText, type Statement } from "./key-policy.ts";

export interface ClusterSecretsKeyArgs {
  clusterName: string;
  /** Who makes the cluster, or gives it the key later: EKS takes its grant on their behalf. */
  grantorArns: readonly string[];
  /** Who may change the key's policy and schedule its deletion. */
  administratorArns: readonly string[];
  /** Days between scheduling the deletion and losing the key. */
  deletionWindowDays: number;
}

/**
 * The KMS key that a cluster encrypts its Secrets with. Creates: key with its policy, alias.
 *
 * Nobody is let in to decrypt: the cluster does so by a grant that EKS takes when it gets the key. About $1 a month
 * (list price, 2026-11).
 */
export class ClusterSecretsKey extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string>;

  constructor(name: string, args: ClusterSecretsKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`cluster secrets key ${name}`, [
      args.grantorArns.length === 0 && {
        propertyPath: "grantorArns",
        reason: "is empty: EKS could not take its grant, and refuse the cluster",
      },
      [...args.grantorArns, ...args.administratorArns].some((arn) => arn.includes("*")) && {
        propertyPath: "grantorArns",
        reason: "has a wildcard: a grant on this key decrypts the cluster's Secrets",
      },
      ...keptKeyProblems(args.administratorArns, args.deletionWindowDays),
    ]);
    super("quorate:aws:ClusterSecretsKey", name, {}, opts);
    const key = createKey(this, name, args);
    new aws.kms.Alias(
      `${name}-alias`,
      { name: `alias/quorate-eks-${args.clusterName}`, targetKeyId: key.keyId },
      { parent: this },
    );
    this.keyArn = key.arn;
    this.registerOutputs({ keyArn: this.keyArn });
  }
}

function createKey(parent: ClusterSecretsKey, name: string, args: ClusterSecretsKeyArgs) {
  return new aws.kms.Key(
    `${name}-key`,
    {
      description: `Encrypts the Secrets of EKS cluster ${args.clusterName}`,
      keyUsage: "ENCRYPT_DECRYPT",
      customerMasterKeySpec: "SYMMETRIC_DEFAULT",
      enableKeyRotation: true,
      deletionWindowInDays: args.deletionWindowDays,
      bypassPolicyLockoutSafetyCheck: false,
      policy: keyPolicyText([grantors(args.grantorArns), administrators(args.administratorArns)]),
    },
    // Without it the cluster's API server does not start again.
    { parent, protect: true },
  );
}

/** Without a condition `kms:GrantIsForAWSResource`, under which EKS makes no cluster. */
function grantors(arns: readonly string[]): Statement {
  return {
    Sid: "ClusterMakers",
    Effect: "Allow",
    Principal: { AWS: [...arns].sort() },
    Action: ["kms:CreateGrant", "kms:DescribeKey"],
    Resource: "*",
  };
}
