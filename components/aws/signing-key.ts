import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { administrators, keptKeyProblems, keyPolicyText } from "./key-policy.ts";

export interface SigningKeyArgs {
  /** Alias without `alias/`, for people: programs use the key's ARN. */
  alias: string;
  /** Who signs in the party's name: its operators. */
  signerArns: readonly string[];
  /** Who may change the key's policy and schedule its deletion. */
  administratorArns: readonly string[];
  /** Days between scheduling the deletion and losing the key. */
  deletionWindowDays: number;
}

/**
 * The KMS key by which a party's peers know its documents. Creates: key with its policy, alias.
 *
 * It signs, and nothing else: no core has it, and nothing is sealed with it.
 */
export class SigningKey extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string>;

  constructor(name: string, args: SigningKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`signing key ${name}`, [
      args.signerArns.length === 0 && { propertyPath: "signerArns", reason: "is empty: nobody could ever sign" },
      [...args.signerArns, ...args.administratorArns].some((arn) => arn.includes("*")) && {
        propertyPath: "signerArns",
        reason: "has a wildcard: whoever signs speaks for the party",
      },
      ...keptKeyProblems(args.administratorArns, args.deletionWindowDays),
    ]);
    super("quorate:aws:SigningKey", name, {}, opts);
    const key = createKey(this, name, args);
    createAlias(this, name, key, args.alias);
    this.keyArn = key.arn;
    this.registerOutputs({ keyArn: this.keyArn });
  }
}

function createKey(parent: SigningKey, name: string, args: SigningKeyArgs) {
  return new aws.kms.Key(
    `${name}-key`,
    {
      description: `Signs the documents of ${name}`,
      keyUsage: "SIGN_VERIFY",
      customerMasterKeySpec: "ECC_NIST_P256",
      deletionWindowInDays: args.deletionWindowDays,
      bypassPolicyLockoutSafetyCheck: false,
      policy: keyPolicyText([...signers(args.signerArns), administrators(args.administratorArns)]),
    },
    // Losing it, a party has to be introduced to all its peers again.
    { parent, protect: true },
  );
}

function signers(arns: readonly string[]) {
  const who = { Effect: "Allow", Principal: { AWS: [...arns].sort() }, Resource: "*" } as const;
  return [
    { Sid: "SignersRead", ...who, Action: ["kms:DescribeKey", "kms:GetPublicKey"] },
    {
      Sid: "SignersSign",
      ...who,
      Action: "kms:Sign",
      Condition: { StringEquals: { "kms:SigningAlgorithm": "ECDSA_SHA_256" } },
    },
  ];
}

function createAlias(parent: SigningKey, name: string, key: aws.kms.Key, alias: string) {
  new aws.kms.Alias(`${name}-alias`, { name: `alias/${alias}`, targetKeyId: key.keyId }, { parent });
}
