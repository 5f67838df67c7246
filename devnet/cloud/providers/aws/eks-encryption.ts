import { readPolicy, requireAccess } from "../../access.ts";
import { AwsError } from "../../aws-error.ts";
import { operatorArn } from "../../credentials.ts";
import type { Properties } from "../property-values.ts";
import { same } from "../property-values.ts";
import { type AwsCaller, awsError, record, text } from "./aws-resource.ts";

const keyArnIn = (config: unknown) => text(record(record(config).provider).keyArn);

/** Refuses a key for a cluster's Secrets that EKS would refuse. */
export function checkEncryption(caller: AwsCaller, operation: string, config: unknown): void {
  if (config === undefined || config === null) return;
  const invalid = (message: string) => awsError("EKS", operation, 400, "InvalidParameterException", message);
  const arn = keyArnIn(config);
  const key = caller.store.list("aws:kms/key:Key").find(({ props }) => props.arn === arn);
  if (key?.props.keyState !== "Enabled") throw invalid(`The keyArn in encryptionConfig provider is not valid: ${arn}`);
  if (arn.split(":")[3] !== caller.region) throw invalid(`The key ${arn} is not in the cluster's region`);
  const { customerMasterKeySpec, keyUsage } = key.props;
  if (
    (customerMasterKeySpec ?? "SYMMETRIC_DEFAULT") !== "SYMMETRIC_DEFAULT" ||
    (keyUsage ?? "ENCRYPT_DECRYPT") !== "ENCRYPT_DECRYPT"
  )
    throw invalid(`The key ${arn} is not a symmetric key that encrypts and decrypts`);
  for (const action of ["kms:DescribeKey", "kms:CreateGrant"]) requireUse(caller, operation, action, arn, key.props);
}

/** EKS takes its grant on behalf of whoever asks for the cluster. */
function requireUse(caller: AwsCaller, operation: string, action: string, arn: string, key: Properties): void {
  const { accountId } = caller.account;
  const principal = { kind: "user", accountId, arn: operatorArn(accountId) } as const;
  try {
    requireAccess(
      caller.cloud,
      // EKS does not ask as a service that AWS resources are made of.
      {
        principal,
        action,
        resource: arn,
        resourceAccountId: accountId,
        context: { "kms:grantisforawsresource": "false" },
      },
      { resource: readPolicy(key.policy, "resource"), delegation: "resource-only" },
    );
  } catch (cause) {
    if (!(cause instanceof AwsError)) throw cause;
    throw awsError("EKS", operation, 403, "AccessDeniedException", `${action} on ${arn}: ${cause.message}`);
  }
}

/** A cluster takes a key once; the provider leaves every later change of it alone. */
export function encryptionAfter(caller: AwsCaller, inputs: Properties, before: Properties): unknown {
  if (before.encryptionConfig) return before.encryptionConfig;
  if (!same(inputs.encryptionConfig, before.encryptionConfig))
    checkEncryption(caller, "AssociateEncryptionConfig", inputs.encryptionConfig);
  return inputs.encryptionConfig;
}
