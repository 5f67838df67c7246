import type { ResourceRule } from "./rule.ts";

export const noSecretInState: ResourceRule = {
  id: "no-secret-in-state",
  severity: "mandatory",
  guarantees: "The stack makes no Secret and no secret's value: it refers to them by name.",
  why: "What a stack makes lies in its state, which more people can read than the secret.",
  source: "mpc-operator: secrets registry-credentials, connector-database, conduit, rpc, made by hand",
  fix: "name the secret in the stack file; Secrets Manager or ExternalSecrets fill it",
  types: [
    "kubernetes:core/v1:Secret",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:ssm/parameter:Parameter",
    "aws:kms/externalKey:ExternalKey",
    "aws:kms/replicaExternalKey:ReplicaExternalKey",
  ],
  check({ type, props }, tell) {
    const fields = type === "aws:ssm/parameter:Parameter" && props.type !== "SecureString" ? [] : secretFields;
    for (const field of fields) {
      const value = props[field];
      const empty = value === undefined || (typeof value === "object" && Object.keys(value).length === 0);
      if (!empty) tell({ field, found: "a value (not shown)", expected: "none: another hand fills it" });
    }
  },
};

const secretFields = [
  ...["data", "stringData", "secretString", "secretStringWo", "secretBinary", "value", "valueWo", "keyMaterialBase64"],
];
