import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** Names that the kms-core chart and the connector's chart expect in the party's namespace. */
export const partyNames = {
  configMap: "mpc-party",
  serviceAccounts: { core: "mpc-party", connector: "mpc-party-connector" },
} as const;

export interface PartyNamespaceArgs {
  namespace: string;
  partyId: number;
  /** Name of the party as a label value. */
  partyLabel: string;
  roles: { core: pulumi.Input<string>; connector: pulumi.Input<string> };
  publicVault: { url: pulumi.Input<string>; bucketName: pulumi.Input<string>; prefix: string };
  privateVault: {
    bucketName: pulumi.Input<string>;
    prefix: string;
    keyId: pulumi.Input<string>;
    keySpec: "symm" | "asymm";
  };
  /** @default none */
  backupVault?:
    | { bucketName: pulumi.Input<string>; prefix: string; key: { id: pulumi.Input<string>; spec: "symm" | "asymm" } }
    | undefined;
  /** @default none */
  txSenderKeyId?: pulumi.Input<string> | undefined;
}

/**
 * A party's place in its cluster. Creates: namespace, service accounts of core and connector, ConfigMap
 * `mpc-party`.
 */
export class PartyNamespace extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;
  readonly configMapName: pulumi.Output<string>;

  constructor(name: string, args: PartyNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`party namespace ${name}`, [
      /^(default|kube-.*)$/.test(args.namespace) && {
        propertyPath: "namespace",
        reason: `${args.namespace} belongs to the cluster, a party has its own`,
      },
      prefixProblem("publicVault.prefix", args.publicVault.prefix),
      prefixProblem("privateVault.prefix", args.privateVault.prefix),
    ]);
    super("quorate:kubernetes:PartyNamespace", name, {}, opts);
    const namespace = createNamespace(this, name, args);
    this.namespace = namespace.metadata.name;
    createServiceAccounts(this, name, this.namespace, args.roles);
    this.configMapName = createConfigMap(this, name, this.namespace, args).metadata.name;
    this.registerOutputs({ namespace: this.namespace, configMapName: this.configMapName });
  }
}

function prefixProblem(propertyPath: string, prefix: string) {
  const reason = `KMS Core joins the prefix with "/": one without a slash, found "${prefix}"`;
  return (prefix === "" || prefix.includes("/")) && { propertyPath, reason };
}

/**
 * The core's pod mounts devices of its node, in every version of the chart, and since 1.7.2 its tunnel is privileged:
 * under any other level the API server would refuse the pod, with an event on the StatefulSet only. What is not up to
 * the highest level stands in the audit log.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
const podSecurity = {
  "pod-security.kubernetes.io/enforce": "privileged",
  "pod-security.kubernetes.io/audit": "restricted",
};

function createNamespace(parent: PartyNamespace, name: string, args: PartyNamespaceArgs) {
  const labels = {
    "app.kubernetes.io/name": "mpc-party",
    "app.kubernetes.io/component": "storage",
    "app.kubernetes.io/part-of": "mpc-cluster",
    "app.kubernetes.io/managed-by": "pulumi",
    "mpc.io/party-name": args.partyLabel,
    ...podSecurity,
  };
  return new kubernetes.core.v1.Namespace(
    `${name}-namespace`,
    { metadata: { name: args.namespace, labels } },
    { parent },
  );
}

function createServiceAccounts(
  parent: PartyNamespace,
  name: string,
  namespace: pulumi.Input<string>,
  roles: PartyNamespaceArgs["roles"],
) {
  for (const kind of ["core", "connector"] as const)
    new kubernetes.core.v1.ServiceAccount(
      `${name}-${kind}-account`,
      {
        metadata: {
          name: partyNames.serviceAccounts[kind],
          namespace,
          annotations: { "eks.amazonaws.com/role-arn": roles[kind] },
        },
        // None of the charts' pods asks the API server for anything; EKS brings the token for AWS by a volume of its own.
        automountServiceAccountToken: false,
      },
      { parent },
    );
}

function createConfigMap(
  parent: PartyNamespace,
  name: string,
  namespace: pulumi.Input<string>,
  args: PartyNamespaceArgs,
) {
  return new kubernetes.core.v1.ConfigMap(
    `${name}-config`,
    { metadata: { name: partyNames.configMap, namespace }, data: partyConfig(args) },
    { parent },
  );
}

/**
 * The chart's init container reads every key one by one and blocks on a missing one: what this party has not got is
 * an empty text.
 */
function partyConfig(args: PartyNamespaceArgs): Record<string, pulumi.Input<string>> {
  const { partyId, publicVault, privateVault, backupVault } = args;
  return {
    CORE_CLIENT__S3_ENDPOINT: publicVault.url,
    KMS_CORE__THRESHOLD__MY_ID: String(partyId),
    KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET: publicVault.bucketName,
    KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX: publicVault.prefix,
    KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET: privateVault.bucketName,
    KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX: privateVault.prefix,
    KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID: privateVault.keyId,
    KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC: privateVault.keySpec,
    KMS_CORE__BACKUP_VAULT__STORAGE__S3__BUCKET: backupVault?.bucketName ?? "",
    KMS_CORE__BACKUP_VAULT__STORAGE__S3__PREFIX: backupVault?.prefix ?? "backup",
    KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID: backupVault?.key.id ?? "",
    KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC: backupVault?.key.spec ?? "",
    KMS_CONNECTOR__TX_SENDER_AWS_KMS_KEY_ID: args.txSenderKeyId ?? "",
  };
}
