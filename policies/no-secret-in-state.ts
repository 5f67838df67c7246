import type { ResourceRule } from "./rule.ts";

/** What is a secret as soon as it is made: the state has it, whatever the program says. */
const madeSecret = [
  "aws:iam/accessKey:AccessKey",
  "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
  "aws:iam/userLoginProfile:UserLoginProfile",
  "random:index/randomPassword:RandomPassword",
  "tls:index/privateKey:PrivateKey",
];

export const noSecretInState: ResourceRule = {
  id: "no-secret-in-state",
  severity: "mandatory",
  guarantees: "The stack makes no Secret and no secret's value: it refers to them by name.",
  why: "What a stack makes lies in its state, which more people can read than the secret.",
  source: "mpc-operator: secrets registry-credentials, connector-database, conduit, rpc, made by hand",
  fix: "name the secret in the stack file; Secrets Manager or ExternalSecrets fill it",
  types: [
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:SecretPatch",
    "aws:kms/ciphertext:Ciphertext",
    ...madeSecret,
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:ssm/parameter:Parameter",
    "aws:kms/externalKey:ExternalKey",
    "aws:kms/replicaExternalKey:ReplicaExternalKey",
  ],
  check({ type, props }, tell) {
    if (madeSecret.includes(type)) return tell({ field: "type", found: type, expected: "none: another hand makes it" });
    const fields = type === "aws:ssm/parameter:Parameter" && props.type !== "SecureString" ? [] : secretFields;
    for (const field of fields) {
      const value = props[field];
      const empty = value === undefined || (typeof value === "object" && Object.keys(value).length === 0);
      if (!empty) tell({ field, found: "a value (not shown)", expected: "none: another hand fills it" });
    }
  },
};

const secretFields = [
  ...[
    "data",
    "stringData",
    "secretString",
    "secretStringWo",
    "secretBinary",
    "value",
    "valueWo",
    "keyMaterialBase64",
    "plaintext",
  ],
];
