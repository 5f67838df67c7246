import type { Pcr } from "../../contract/trusted-release.ts";

/** Names as KMS Core has them: what the core seals with the key itself, or with the public half of it. */
export type RootKeySpec = "symm" | "asymm";

/** What KMS calls them. @see https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html */
export const kmsKeySpecs: Readonly<Record<RootKeySpec, string>> = { symm: "SYMMETRIC_DEFAULT", asymm: "RSA_4096" };

/** One statement of an IAM policy. */
export interface Statement {
  Sid: string;
  Effect: "Allow" | "Deny";
  Principal?: object | "*";
  Action: string | string[];
  Resource: string | string[];
  Condition?: object;
}

/** Text of a key's policy. */
export function keyPolicyText(statements: Statement[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/** Whom a key's policy names: a role that exists, or one of another account that may not exist yet. */
export interface KeyUser {
  Principal: object;
  Condition?: { ArnEquals: { "aws:PrincipalArn": string } };
}

export function existingRole(arn: string): KeyUser {
  return { Principal: { AWS: arn } };
}

/**
 * A role by its ARN alone. AWS refuses a policy that names a role which does not exist as principal, and forgets the
 * one that was named when it is made anew.
 */
export function roleToCome(arn: string): KeyUser {
  return {
    Principal: { AWS: arn.replace(/:role\/.*$/, ":root") },
    Condition: { ArnEquals: { "aws:PrincipalArn": arn } },
  };
}

/**
 * Only from inside an enclave whose attestation document carries an accepted PCR0.
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/conditions-nitro-enclaves.html
 */
export function attested(allowedPcr0: readonly Pcr[]) {
  return { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [...allowedPcr0].sort() } };
}

/** What a core does with its root key, and under which condition. The same words for a key's policy and for a role's. */
export function coreStatements(spec: RootKeySpec, allowedPcr0: readonly Pcr[], resource = "*"): Statement[] {
  return [
    {
      Sid: "CoreReads",
      Effect: "Allow",
      Action: ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetPublicKey"],
      Resource: resource,
    },
    {
      Sid: "AttestedCoreUnseals",
      Effect: "Allow",
      // To seal with an asymmetric key, the public half is enough.
      Action: spec === "symm" ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"],
      Resource: resource,
      Condition: attested(allowedPcr0),
    },
  ];
}

/** The statements as a key's policy has them: with whom they are about. */
export function forKeyUser(user: KeyUser, statements: Statement[]): Statement[] {
  return statements.map((statement) => {
    const { Condition, ...rest } = statement;
    const condition = { ...Condition, ...user.Condition };
    return {
      ...rest,
      Principal: user.Principal,
      ...(Object.keys(condition).length > 0 ? { Condition: condition } : {}),
    };
  });
}

/** Who may change the key's policy and end the key. None of them may use it. */
export function administrators(arns: readonly string[], more: readonly string[] = []): Statement {
  return {
    Sid: "Administrators",
    Effect: "Allow",
    Principal: { AWS: [...arns].sort() },
    Action: [...administratorActions, ...more].sort(),
    Resource: "*",
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

/** What is wrong with a list of accepted measurements, for `checkArgs`. */
export function pcr0Problems(allowedPcr0: readonly Pcr[], runningPcr0?: Pcr) {
  return [
    allowedPcr0.length === 0 && {
      propertyPath: "allowedPcr0",
      reason: "is empty: no enclave could ever unseal the vault",
    },
    allowedPcr0.some((pcr) => /^0*$/.test(pcr)) && {
      propertyPath: "allowedPcr0",
      reason: "has an all-zero PCR0: any enclave in debug mode, whose memory its host can read, would unseal the vault",
    },
    runningPcr0 !== undefined &&
      allowedPcr0.length > 0 &&
      !allowedPcr0.includes(runningPcr0) && {
        propertyPath: "allowedPcr0",
        reason: `leaves out ${runningPcr0}, of the release that the party runs: it could not unseal its own vault`,
      },
  ];
}

/** What is wrong with who manages a key and how soon it can end, for `checkArgs`. */
export function keptKeyProblems(administratorArns: readonly string[], deletionWindowDays: number) {
  return [
    administratorArns.length === 0 && {
      propertyPath: "administratorArns",
      reason: "is empty: nobody could ever change the key's policy again",
    },
    (deletionWindowDays < 7 || deletionWindowDays > 30) && {
      propertyPath: "deletionWindowDays",
      reason: `KMS allows 7 to 30 days, found ${deletionWindowDays}`,
    },
  ];
}
