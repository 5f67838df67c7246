import { randomUUID } from "node:crypto";
import { operatorArn } from "../../credentials.ts";
import { defaultKeyPolicy, keepsControl } from "../../policy.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, text } from "./aws-resource.ts";
import { missingRole, resourcePolicy } from "./policy-document.ts";

const keyType = "aws:kms/key:Key";

const dayMs = 86_400_000;

const key: AwsResource = {
  create(caller, inputs) {
    const keyId = randomUUID();
    const arn = `arn:aws:kms:${caller.region}:${caller.account.accountId}:key/${keyId}`;
    refusePolicy(caller, "CreateKey", inputs, arn);
    return {
      id: keyId,
      computed: {
        arn,
        keyId,
        policy: inputs.policy ?? defaultKeyPolicy(caller.account.accountId),
        description: inputs.description ?? "",
        keyState: inputs.isEnabled === false ? "Disabled" : "Enabled",
        creationDate: new Date().toISOString(),
      },
    };
  },
  update(caller, _id, inputs, before) {
    refusePolicy(caller, "PutKeyPolicy", inputs, text(before.arn));
    return {
      policy: inputs.policy ?? before.policy,
      keyState: inputs.isEnabled === false ? "Disabled" : "Enabled",
    };
  },
  // A key is never deleted at once: it waits, unusable, and can be brought back until then.
  gone: (props) => props.keyState === "PendingDeletion",
  async remove(caller, id, props) {
    const days = Number(props.deletionWindowInDays ?? 30);
    const deletionDate = new Date(Date.now() + days * dayMs).toISOString();
    await caller.store.put({
      type: keyType,
      id,
      props: { ...props, keyState: "PendingDeletion", isEnabled: false, deletionDate },
    });
  },
};

const alias: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    if (caller.store.get("aws:kms/alias:Alias", name))
      throw awsError(
        "KMS",
        "CreateAlias",
        400,
        "AlreadyExistsException",
        `An alias with the name arn:aws:kms:${caller.region}:${caller.account.accountId}:${name} already exists`,
      );
    return {
      id: name,
      computed: {
        arn: `arn:aws:kms:${caller.region}:${caller.account.accountId}:${name}`,
        ...target(caller, inputs),
      },
    };
  },
  update: (caller, _id, inputs) => target(caller, inputs),
};

function target(caller: AwsCaller, inputs: Properties): Properties {
  const wanted = text(inputs.targetKeyId);
  const found = caller.store
    .list(keyType)
    .find(({ id, props }) => (id === wanted || props.arn === wanted) && props.keyState !== "PendingDeletion");
  if (!found) throw awsError("KMS", "CreateAlias", 400, "NotFoundException", `Key '${wanted}' does not exist`);
  return { targetKeyArn: found.props.arn };
}

function refusePolicy(caller: AwsCaller, operation: string, inputs: Properties, arn: string): void {
  if (inputs.policy === undefined) return;
  const malformed = (message: string) => awsError("KMS", operation, 400, "MalformedPolicyDocumentException", message);
  const policy = resourcePolicy(inputs.policy, malformed);
  if (missingRole(caller, policy)) throw malformed("Policy contains a statement with one or more invalid principals.");
  const { accountId } = caller.account;
  const operator = { kind: "user", accountId, arn: operatorArn(accountId) } as const;
  if (inputs.bypassPolicyLockoutSafetyCheck !== true && !keepsControl(policy, { arn, accountId }, operator))
    throw malformed("The new key policy will not allow you to update the key policy in the future.");
}

export const kmsResources: { readonly [type: string]: AwsResource } = {
  [keyType]: key,
  "aws:kms/alias:Alias": alias,
};
