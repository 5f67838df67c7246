import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ImportedKey, signs } from "../aws/imported-key.ts";
import { PartyRole } from "../aws/party-role.ts";
import { checkArgs } from "../check-args.ts";

/** Names that the chart zama-protocol-pause expects. */
export const pauserName = "zama-protocol-pause";

export interface PauserWalletArgs {
  clusterName: string;
  /** Namespace of the chart; it exists unless `createNamespace`. */
  namespace: string;
  createNamespace: boolean;
  oidc: { providerArn: pulumi.Input<string>; issuer: pulumi.Input<string> };
  /** A key of another account, or how one of our own making is kept. */
  key: { arn: string } | { administratorArns: readonly string[]; deletionWindowDays: number };
}

/**
 * The Ethereum account by which this party can pause the protocol. Creates: key without material unless it is another
 * account's, role, service account, ConfigMap, and the namespace where it is wished.
 */
export class PauserWallet extends pulumi.ComponentResource {
  readonly keyId: pulumi.Output<string>;
  readonly roleArn: pulumi.Output<string>;

  constructor(name: string, args: PauserWalletArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`pauser wallet ${name}`, [
      /^(default|kube-.*)$/.test(args.namespace) && {
        propertyPath: "namespace",
        reason: `${args.namespace} belongs to the cluster, the pauser has its own`,
      },
    ]);
    super("quorate:zama-kms:PauserWallet", name, {}, opts);
    const role = createRole(this, name, args);
    this.keyId = settleKey(this, name, args, role);
    this.roleArn = role.roleArn;
    createObjects(this, name, args, this.keyId, this.roleArn);
    this.registerOutputs({ keyId: this.keyId, roleArn: this.roleArn });
  }
}

function createRole(parent: PauserWallet, name: string, args: PauserWalletArgs): PartyRole {
  return new PartyRole(
    `${name}-signer`,
    {
      roleName: `${pauserName}-${args.clusterName}`,
      serviceAccount: { namespace: args.namespace, name: pauserName },
      oidc: args.oidc,
      // In one account the key's own policy is enough.
      ...("arn" in args.key ? { rights: { pauser: [signs(args.key.arn)] } } : {}),
    },
    { parent },
  );
}

function settleKey(parent: PauserWallet, name: string, args: PauserWalletArgs, role: PartyRole) {
  if ("arn" in args.key) return pulumi.output(args.key.arn);
  const { keyId } = new ImportedKey(
    `${name}-wallet`,
    {
      ...args.key,
      description: "Signs the transactions that pause the protocol",
      alias: `${pauserName}-${args.clusterName}`,
      signerRoleArn: role.roleArn,
    },
    { parent },
  );
  return keyId;
}

function createObjects(
  parent: PauserWallet,
  name: string,
  args: PauserWalletArgs,
  keyId: pulumi.Output<string>,
  roleArn: pulumi.Output<string>,
) {
  const namespace = args.createNamespace
    ? new kubernetes.core.v1.Namespace(`${name}-namespace`, { metadata: { name: args.namespace } }, { parent }).metadata
        .name
    : args.namespace;
  new kubernetes.core.v1.ServiceAccount(
    `${name}-account`,
    {
      metadata: { name: pauserName, namespace, annotations: { "eks.amazonaws.com/role-arn": roleArn } },
      // It signs with AWS and speaks to the chain: the API server has nothing for it.
      automountServiceAccountToken: false,
    },
    { parent },
  );
  new kubernetes.core.v1.ConfigMap(
    `${name}-config`,
    { metadata: { name: pauserName, namespace }, data: { AWS_KMS_KEY_ID: keyId } },
    { parent },
  );
}
