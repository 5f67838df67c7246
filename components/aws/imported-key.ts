import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import {
  administrators,
  existingRole,
  forKeyUser,
  keptKeyProblems,
  keyPolicyText,
  type Statement,
} from "./key-policy.ts";

export interface ImportedKeyArgs {
  /** What the key signs, for people. */
  description: string;
  /** Alias without `alias/`, for people: programs use the key's id. */
  alias: string;
  /** The one role that may sign. */
  signerRoleArn: pulumi.Input<string>;
  /** Who may import and delete material, change the policy and end the key. None of them may sign. */
  administratorArns: readonly string[];
  /** Days between scheduling the deletion and losing the key. */
  deletionWindowDays: number;
}

/**
 * A KMS key that signs for an Ethereum account, whose material its owner imports. Creates: key without material,
 * alias. What has to be done before it can sign is said in each preview until it is.
 */
export class ImportedKey extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string>;
  readonly keyId: pulumi.Output<string>;

  constructor(name: string, args: ImportedKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`imported key ${name}`, keptKeyProblems(args.administratorArns, args.deletionWindowDays));
    super("quorate:aws:ImportedKey", name, {}, opts);
    const key = createKey(this, name, args);
    new aws.kms.Alias(`${name}-alias`, { name: `alias/${args.alias}`, targetKeyId: key.id }, { parent: this });
    this.keyArn = key.arn;
    // On the id's way to those who use it, and nowhere else: it is said where an unusable key is handed out.
    this.keyId = pulumi
      .all([key.id, key.keyState])
      .apply(async ([id, state]) => (state === "PendingImport" ? await sayPending(this, args.alias, id) : id));
    this.registerOutputs({ keyArn: this.keyArn, keyId: this.keyId });
  }
}

function createKey(parent: ImportedKey, name: string, args: ImportedKeyArgs) {
  const policy = pulumi
    .output(args.signerRoleArn)
    .apply((arn) =>
      keyPolicyText([
        ...forKeyUser(existingRole(arn), [signs()]),
        administrators(args.administratorArns, importActions),
      ]),
    );
  return new aws.kms.ExternalKey(
    `${name}-key`,
    {
      description: args.description,
      keySpec: "ECC_SECG_P256K1",
      keyUsage: "SIGN_VERIFY",
      multiRegion: false,
      deletionWindowInDays: args.deletionWindowDays,
      bypassPolicyLockoutSafetyCheck: false,
      policy,
    },
    { parent, protect: true },
  );
}

/** What the owner of an Ethereum account does with its key. The same words for a key's policy and for a role's. */
export function signs(resource = "*"): Statement {
  return {
    Sid: "Signs",
    Effect: "Allow",
    Action: ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"],
    Resource: resource,
  };
}

const importActions = ["kms:DeleteImportedKeyMaterial", "kms:GetParametersForImport", "kms:ImportKeyMaterial"];

async function sayPending(resource: pulumi.Resource, alias: string, keyId: string): Promise<string> {
  await pulumi.log.warn(
    `key alias/${alias} has no material yet and can not sign. Next: aws kms get-parameters-for-import --key-id ${keyId} ` +
      "--wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_4096, wrap the account's private key off line, " +
      `aws kms import-key-material --key-id ${keyId} --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE, then pulumi refresh`,
    resource,
  );
  return keyId;
}
