import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** A Kubernetes Secret, and where its content lies. */
export interface SecretSource {
  /** Name of the Kubernetes Secret, as the chart that reads it expects. */
  name: string;
  /** Name of the secret in AWS Secrets Manager, or its ARN. */
  remoteName: pulumi.Input<string>;
  /** `registry`: a Docker configuration, whole. `fields`: a JSON object, one key of the Secret for each of its fields. */
  form: "registry" | "fields";
}

export interface ExternalSecretsArgs {
  namespace: pulumi.Input<string>;
  store: { kind: "SecretStore" | "ClusterSecretStore"; name: string };
  secrets: readonly SecretSource[];
  /** How often a changed secret is fetched. @default 60 */
  refreshMinutes?: number;
}

/**
 * Secrets that others keep, by name. Creates: ExternalSecret for each, of the External Secrets operator; that fetches
 * the value inside the cluster, so neither the program nor its state ever holds one.
 *
 * An update goes on only when the operator has filled all of them: a release that needs one does not start without.
 */
export class ExternalSecrets extends pulumi.ComponentResource {
  readonly names: readonly string[];

  constructor(name: string, args: ExternalSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    const names = args.secrets.map((secret) => secret.name);
    checkArgs(`external secrets ${name}`, [
      args.store.name === "" && { propertyPath: "store.name", reason: "is empty" },
      new Set(names).size !== names.length && { propertyPath: "secrets", reason: "names one Secret twice" },
      ...args.secrets.map(
        ({ remoteName }, index) =>
          typeof remoteName === "string" &&
          remoteName.trim() === "" && { propertyPath: `secrets[${index}].remoteName`, reason: "is empty" },
      ),
    ]);
    super("quorate:kubernetes:ExternalSecrets", name, {}, opts);
    for (const secret of args.secrets) createSecret(this, name, args, secret);
    this.names = names;
    this.registerOutputs({ names });
  }
}

function createSecret(
  parent: ExternalSecrets,
  name: string,
  { namespace, store, refreshMinutes = 60 }: ExternalSecretsArgs,
  secret: SecretSource,
) {
  new kubernetes.apiextensions.CustomResource(
    `${name}-${secret.name}`,
    {
      apiVersion: "external-secrets.io/v1",
      kind: "ExternalSecret",
      metadata: {
        name: secret.name,
        namespace,
        annotations: { "pulumi.com/waitFor": "condition=Ready" },
      },
      spec: {
        refreshInterval: `${refreshMinutes}m`,
        secretStoreRef: store,
        ...content(secret),
      },
    },
    // An operator or a store that does not answer is an error within this time, not a hang.
    { parent, customTimeouts: { create: "2m", update: "2m" } },
  );
}

function content({ name, remoteName, form }: SecretSource) {
  const target = { name, creationPolicy: "Owner", deletionPolicy: "Retain" };
  if (form === "fields") return { target, dataFrom: [{ extract: { key: remoteName } }] };
  return {
    target: { ...target, template: { type: "kubernetes.io/dockerconfigjson" } },
    data: [{ secretKey: ".dockerconfigjson", remoteRef: { key: remoteName } }],
  };
}
