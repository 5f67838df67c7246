import { allows, conditionsOn, covered, type Statement } from "./policy-document.ts";
import { type Subject, typeChain } from "./rule.ts";

/** Types whose `policy` is a KMS key's. */
export const keyTypes = [
  "aws:kms/key:Key",
  "aws:kms/externalKey:ExternalKey",
  "aws:kms/replicaKey:ReplicaKey",
  "aws:kms/replicaExternalKey:ReplicaExternalKey",
  "aws:kms/keyPolicy:KeyPolicy",
] as const;

/** What brings plaintext out of a key, or lets somebody else do it. A grant knows no attestation. */
export const decrypting = [
  "kms:Decrypt",
  "kms:GenerateDataKey",
  "kms:GenerateDataKeyPair",
  "kms:ReEncryptFrom",
  "kms:DeriveSharedSecret",
  "kms:CreateGrant",
] as const;

export function unseals({ props }: Subject): boolean {
  return !["SIGN_VERIFY", "GENERATE_VERIFY_MAC"].includes(props.keyUsage ?? "ENCRYPT_DECRYPT");
}

const measurement = /^[0-9a-f]{96}$/i;

/**
 * Whether KMS asks for an attestation document with one of these measurements. `…IfExists` asks nobody, and an
 * all-zero PCR0 is what an enclave in debug mode reports, whatever runs in it.
 */
export function acceptedPcr0(statement: Statement): string[] | undefined {
  const [condition] = conditionsOn(statement, /^kms:RecipientAttestation:(ImageSha384|PCR0)$/i).filter(({ operator }) =>
    /^StringEquals(IgnoreCase)?$/.test(operator),
  );
  const isBound =
    condition &&
    condition.values.length > 0 &&
    condition.values.every((value) => measurement.test(value) && !/^0+$/.test(value));
  return isBound ? condition.values.map((value) => value.toLowerCase()) : undefined;
}

/** Whether only an AWS service can use the statement, on behalf of the account. */
export function isForService(statement: Statement): boolean {
  return (
    (statement.principals.length > 0 && statement.principals.every(({ kind }) => kind === "Service")) ||
    conditionsOn(statement, /^kms:ViaService$/i).some(
      ({ operator, values }) => operator === "StringEquals" && values.every((value) => !/^[*?]/.test(value)),
    ) ||
    conditionsOn(statement, /^kms:GrantIsForAWSResource$/i).some(
      ({ operator, values }) => operator === "Bool" && values.join() === "true",
    )
  );
}

/** Statements that let plaintext out, with the actions that do. */
export function decryptingStatements(statements: Statement[]): { statement: Statement; actions: string[] }[] {
  return statements
    .filter(allows)
    .map((statement) => ({ statement, actions: covered(statement, decrypting) }))
    .filter(({ actions }) => actions.length > 0);
}

/** Whether the key seals what only enclaves may read: by who makes it, or by any statement that says so. */
export function sealsForEnclaves(subject: Subject, statements: Statement[]): boolean {
  return typeChain(subject).some((type) => /AttestedKey|BackupKey/.test(type)) || statements.some(acceptedPcr0);
}

/** Whether the key is for a cluster's Secrets, and seals nothing of an enclave's: by who makes it. */
export function isForCluster(subject: Subject, statements: Statement[]): boolean {
  return typeChain(subject).includes("quorate:aws:ClusterSecretsKey") && !statements.some(acceptedPcr0);
}

/**
 * Whether the statement lets EKS take its grant, and no more. EKS asks in the name of whoever makes the cluster, and
 * not as a service: no condition could tell.
 */
export function isClusterGrant(subject: Subject, statement: Statement, actions: string[]): boolean {
  const everybody = statement.principals.some(({ value }) => value === "*");
  return isForCluster(subject, [statement]) && actions.join() === "kms:CreateGrant" && !everybody;
}

/** Whom the statement is for: roles by their exact ARN, though it names their account; else its principals. */
export function usersOf(statement: Statement): string[] {
  if (!isForNamedRoles(statement)) return statement.principals.map(({ value }) => value);
  return conditionsOn(statement, /^aws:PrincipalArn$/i).flatMap(({ values }) => values);
}

/** Whether the statement, though it names an account, is for roles by their exact ARN. */
export function isForNamedRoles(statement: Statement): boolean {
  return conditionsOn(statement, /^aws:PrincipalArn$/i).some(
    ({ operator, values }) =>
      /^(ArnEquals|StringEquals)$/.test(operator) &&
      values.length > 0 &&
      values.every((value) => /^arn:[^*?$]+:role\/[^*?$]+$/.test(value)),
  );
}
