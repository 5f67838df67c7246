import { randomUUID } from "node:crypto";
import { operatorArn } from "../../credentials.ts";
import { defaultKeyPolicy, keepsControl } from "../../policy.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, text } from "./aws-resource.ts";
import { missingRole, resourcePolicy } from "./policy-document.ts";

const keyType = "aws:kms/key:Key";
const externalKeyType = "aws:kms/externalKey:ExternalKey";
const replicaKeyType = "aws:kms/replicaKey:ReplicaKey";
/** Everything that is a key, however it came about. */
const keyTypes = [keyType, externalKeyType, replicaKeyType];

const dayMs = 86_400_000;

const key: AwsResource = {
  create(caller, inputs) {
    const keyId = newKeyId(inputs.multiRegion === true);
    const arn = `arn:aws:kms:${text(inputs.region ?? caller.region)}:${caller.account.accountId}:key/${keyId}`;
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
  ...waitingForDeletion(keyType),
};

/** A key without material: it can do nothing until its owner has imported some. */
const externalKey: AwsResource = {
  create(caller, inputs) {
    const keyId = newKeyId(inputs.multiRegion === true);
    const arn = `arn:aws:kms:${text(inputs.region ?? caller.region)}:${caller.account.accountId}:key/${keyId}`;
    refusePolicy(caller, "CreateKey", inputs, arn);
    const spec = text(inputs.keySpec ?? "SYMMETRIC_DEFAULT");
    if (spec.startsWith("ECC_") && inputs.keyUsage !== "SIGN_VERIFY")
      throw awsError("KMS", "CreateKey", 400, "ValidationException", `KeyUsage of ${spec} has to be SIGN_VERIFY`);
    return {
      id: keyId,
      computed: {
        arn,
        policy: inputs.policy ?? defaultKeyPolicy(caller.account.accountId),
        description: inputs.description ?? "",
        enabled: false,
        expirationModel: "",
        keyState: "PendingImport",
        creationDate: new Date().toISOString(),
      },
    };
  },
  update(caller, _id, inputs, before) {
    refusePolicy(caller, "PutKeyPolicy", inputs, text(before.arn));
    return { policy: inputs.policy ?? before.policy };
  },
  ...waitingForDeletion(externalKeyType),
};

/** The copy of a multi-region key in another region: same id, same material, a policy of its own. */
const replicaKey: AwsResource = {
  create(caller, inputs) {
    const refused = (code: string, message: string) => awsError("KMS", "ReplicateKey", 400, code, message);
    const primary = caller.store.list(keyType).find(({ props }) => props.arn === inputs.primaryKeyArn);
    if (!primary || primary.props.keyState === "PendingDeletion")
      throw refused("NotFoundException", `Key '${text(inputs.primaryKeyArn)}' does not exist`);
    const region = text(inputs.region ?? caller.region);
    if (primary.props.multiRegion !== true)
      throw refused("UnsupportedOperationException", `${text(primary.props.arn)} is not a multi-Region primary key`);
    if (text(primary.props.arn).split(":")[3] === region)
      throw refused("ValidationException", `ReplicaRegion ${region} is the region of the primary key`);
    const arn = `arn:aws:kms:${region}:${caller.account.accountId}:key/${primary.id}`;
    refusePolicy(caller, "ReplicateKey", inputs, arn);
    return {
      id: primary.id,
      computed: {
        arn,
        keyId: primary.id,
        keySpec: primary.props.customerMasterKeySpec,
        keyUsage: primary.props.keyUsage,
        keyRotationEnabled: false,
        keyState: "Enabled",
        policy: inputs.policy ?? defaultKeyPolicy(caller.account.accountId),
        description: inputs.description ?? "",
        creationDate: new Date().toISOString(),
      },
    };
  },
  update(caller, _id, inputs, before) {
    refusePolicy(caller, "PutKeyPolicy", inputs, text(before.arn));
    return { policy: inputs.policy ?? before.policy };
  },
  ...waitingForDeletion(replicaKeyType),
};

const newKeyId = (isMultiRegion: boolean) => (isMultiRegion ? `mrk-${randomUUID().replaceAll("-", "")}` : randomUUID());

/** A key is never deleted at once: it waits, unusable, and can be brought back until then. */
function waitingForDeletion(type: string): Pick<AwsResource, "gone" | "remove"> {
  return {
    gone: (props) => props.keyState === "PendingDeletion",
    async remove(caller, id, props) {
      const days = Number(props.deletionWindowInDays ?? 30);
      const deletionDate = new Date(Date.now() + days * dayMs).toISOString();
      await caller.store.put({
        type,
        id,
        props: { ...props, keyState: "PendingDeletion", isEnabled: false, deletionDate },
      });
    },
  };
}

const alias: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    const id = aliasId(caller, inputs);
    if (caller.store.get("aws:kms/alias:Alias", id))
      throw awsError(
        "KMS",
        "CreateAlias",
        400,
        "AlreadyExistsException",
        `An alias with the name arn:aws:kms:${text(inputs.region ?? caller.region)}:${caller.account.accountId}:${name} already exists`,
      );
    return {
      id,
      computed: {
        arn: `arn:aws:kms:${text(inputs.region ?? caller.region)}:${caller.account.accountId}:${name}`,
        ...target(caller, inputs),
      },
    };
  },
  update: (caller, _id, inputs) => target(caller, inputs),
};

/** A name is taken once per region; the account's own region goes without saying. */
function aliasId(caller: AwsCaller, inputs: Properties): string {
  const region = text(inputs.region ?? caller.account.region);
  return region === caller.account.region ? text(inputs.name) : `${text(inputs.name)}@${region}`;
}

function target(caller: AwsCaller, inputs: Properties): Properties {
  const wanted = text(inputs.targetKeyId);
  const found = keyTypes
    .flatMap((type) => caller.store.list(type))
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
  [externalKeyType]: externalKey,
  [replicaKeyType]: replicaKey,
  "aws:kms/alias:Alias": alias,
};
