import { z } from "zod";
import { DeclaredTool, LoadBalancerController, PrometheusOperator } from "./cluster-tools.ts";
import { ConnectorDatabase } from "./connector-database.ts";
import { CoreEviction, Monitoring, NetworkPolicyChoice, SecretsChoice } from "./core-guards.ts";
import { EnclaveNodes } from "./enclave-nodes.ts";
import { elsewhereAdministered, isAdministeredHere, KeyArn, keptKey, RoleName } from "./key-choice.ts";
import { KubeIpChoice } from "./kubeip.ts";
import { LogShipping } from "./log-shipping.ts";
import { AccountId, Arn, HostLabel, NetworkName, PartyId, Region } from "./names.ts";
import { ConnectorChoice, CoreClientChoice, GatewayNodeChoice } from "./optional-releases.ts";
import { Access, Pauser } from "./party-options.ts";
import { PeerCertificatesChoice } from "./peer-certificates.ts";
import { Tags } from "./tags.ts";
import { Pcr } from "./trusted-release.ts";

/** An EKS cluster of our own making, or one that exists. */
export const ClusterChoice = z.union(
  [
    z.strictObject({
      create: z
        .strictObject({
          name: z.string().min(1).max(100).describe("Name of the cluster to create."),
          version: z
            .string()
            .regex(/^1\.\d\d$/, "a Kubernetes minor version looks like 1.33")
            .describe("Kubernetes minor version; the node group's AMI release has to match it."),
          vpcId: z
            .string()
            .regex(/^vpc-[0-9a-f]+$/, "a VPC id looks like vpc-0123456789abcdef0")
            .describe("The VPC that it lies in."),
          privateSubnetIds: z
            .array(z.string().regex(/^subnet-[0-9a-f]+$/, "a subnet id looks like subnet-0123456789abcdef0"))
            .min(2, "EKS wants subnets in at least two zones")
            .describe("Private subnets of that VPC, in at least two zones."),
          publicAccessCidrs: z
            .array(z.cidrv4())
            .min(1)
            .optional()
            .describe(
              "From where its API server answers on the internet. Left out: from nowhere, only inside the VPC.",
            ),
          secretsKey: z
            .strictObject(keptKey)
            .prefault({})
            .describe(
              "The KMS key that the cluster encrypts its Secrets with. A cluster can get one, and never lose it.",
            ),
          loadBalancerController: LoadBalancerController,
          prometheusOperator: PrometheusOperator,
        })
        .describe("A cluster that this stack creates."),
    }),
    z.strictObject({
      existing: z
        .strictObject({
          name: z.string().min(1).max(100).describe("Name of the cluster to use."),
          has: z
            .array(DeclaredTool)
            .optional()
            .describe("What it has that EKS does not manage, and AWS can not tell of. Left out: what AWS tells of."),
        })
        .describe("A cluster that is there already."),
    }),
  ],
  { error: "cluster is either { create: … } or { existing: { name } }" },
);
export type ClusterChoice = z.infer<typeof ClusterChoice>;

export function clusterNameOf(cluster: ClusterChoice): string {
  return "create" in cluster ? cluster.create.name : cluster.existing.name;
}

const common = {
  contract: z.literal("stack/v1").describe("Version of this contract."),
  network: NetworkName.describe("The network that the party is in: its manifest is `networks/<network>.yaml`."),
  party: PartyId.describe("Id of the party that this stack builds, as in the manifest."),
  accountId: AccountId.describe("The party's AWS account, as in the manifest; nothing is built in another."),
  awsProfile: z.string().min(1).describe("Name of the profile in the operator's AWS configuration."),
  region: Region.describe("The party's AWS region, as in the manifest."),
};

export const ZamaKmsStackConfig = z.strictObject({
  ...common,
  cluster: ClusterChoice.describe("The party's EKS cluster: one of our own making, or one that exists."),
  enclaveNodes: EnclaveNodes.describe("The node group whose nodes can run enclaves."),
  tags: Tags.optional().describe(
    "Tags of everything in AWS, beside those by which the party is known: whose it is, who pays. Left out: none.",
  ),
  core: z
    .enum(["released", "withheld"])
    .default("released")
    .describe("`withheld` builds everything but the core, so that the network can be proven before any key exists."),
  peerCertificates: PeerCertificatesChoice,
  release: z.string().min(1).describe("Release that this party runs: one of the manifest's trusted releases."),
  allowedPcr0: z
    .array(Pcr)
    .min(1)
    .optional()
    .describe(
      "Measurements whose enclaves may unseal this party's private vault. Left out: PCR0 of every trusted release.",
    ),
  vaults: z
    .strictObject({
      bucketPrefix: HostLabel.max(37)
        .default("mpc-vault")
        .describe("How the names of the vaults' buckets begin; the rest makes them unique."),
      publicPrefix: noSlash("PUB").describe("Prefix of all objects in the public vault. Left out: `PUB-p<id>`."),
      privatePrefix: noSlash("PRV").describe("Prefix of all objects in the private vault. Left out: `PRV-p<id>`."),
      supersededVersionDays: z
        .int()
        .min(90, "90 days at least: an overwritten key share may be missed only at the next epoch")
        .max(3650)
        .default(365)
        .describe(
          "Days until a version that is no longer current may go. Current versions never do, nor the ten newest before them.",
        ),
    })
    .optional()
    .describe("Names of the party's vaults, and of what is in them."),
  partyKey: z
    .strictObject({
      spec: z
        .enum(["symm", "asymm"])
        .default("symm")
        .describe(
          "`symm` seals with the key itself, `asymm` with its public half. A key that is there can not change.",
        ),
      arn: KeyArn.optional().describe(
        "A key of another account, which its owner manages. Left out: this stack makes one.",
      ),
      ...keptKey,
    })
    .refine(isAdministeredHere, elsewhereAdministered)
    .prefault({})
    .describe("The KMS key that seals the private vault, for attested enclaves only."),
  signingKey: z
    .strictObject({
      signerArns: z
        .array(Arn)
        .min(1)
        .optional()
        .describe("Who may sign in the party's name. Left out: whom the account's own IAM policies allow."),
      administratorArns: z
        .array(Arn)
        .min(1)
        .optional()
        .describe("Who may manage the key. Left out: whom the account's own IAM policies allow."),
      deletionWindowDays: keptKey.deletionWindowDays,
    })
    .prefault({})
    .describe("The KMS key that signs the party's card, by which its peers know it."),
  txSenderKey: z
    .strictObject({
      arn: KeyArn.optional().describe(
        "A key of another account, which its owner manages. Left out: this stack makes one, without material.",
      ),
      ...keptKey,
    })
    .refine(isAdministeredHere, elsewhereAdministered)
    .optional()
    .describe("The KMS key by which the connector signs its transactions. Its material is imported afterwards."),
  backup: z
    .strictObject({
      accountId: AccountId.describe("The account that the backups lie in; not the party's own."),
      region: Region.optional().describe("Its region. Left out: the party's."),
    })
    .optional()
    .describe(
      "Where the core copies its private vault to: an account of its own, with a stack of its own. Either stack can come first.",
    ),
  roles: z
    .strictObject({
      core: RoleName.optional().describe("Of the core. Left out: `mpc-<cluster>-party-<id>`."),
      connector: RoleName.optional().describe("Of the connector. Left out: the core's, and `-connector`."),
    })
    .optional()
    .describe("Names of the party's IAM roles. A backup account names the core's role before it exists."),
  audit: z
    .strictObject({
      accessLog: z.boolean().default(true).describe("Whether S3 writes down every access to the vaults."),
      trail: z
        .boolean()
        .default(true)
        .describe(
          "Whether CloudTrail writes down every call to KMS and every object that is read or written. Switch it off where the organisation's own trail does.",
        ),
      retentionDays: z
        .int()
        .min(90, "90 days at least: an intrusion is often found only after months")
        .max(3650)
        .default(400)
        .describe("Days until a log goes."),
    })
    .prefault({})
    .describe("What is written down of who used vaults and keys."),
  networkPolicy: NetworkPolicyChoice.prefault({}).describe("Who may talk to the core, and to whom it may talk."),
  coreEviction: CoreEviction.default("refused"),
  monitoring: Monitoring.optional().describe(
    "Metrics, alerts and dashboard of the core. Left out: none, and every preview says so.",
  ),
  logs: LogShipping.optional().describe(
    "Where the logs of core and connector go. Left out: nowhere, and every preview says so.",
  ),
  secrets: SecretsChoice.optional().describe(
    "Who fills the Secrets that the releases read. Left out: every preview asks.",
  ),
  endpointService: z
    .enum(["created", "existing"])
    .default("existing")
    .describe(
      "How peers connect to this party by PrivateLink: by a load balancer and an endpoint service of this stack, or by one that exists and that the manifest names.",
    ),
  peerDomain: z
    .string()
    .regex(/^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z][-a-z0-9]*[a-z0-9]$/, "a domain looks like mpc-partners.local")
    .optional()
    .describe(
      "Private DNS zone in this party's VPC with a name for each peer, such as `mpc-partners.local`. Left out: no zone.",
    ),
  kubeip: KubeIpChoice.optional().describe(
    "The party's public addresses and the subnets of its nodes, where the network's transport is `kubeip`. With another one it does nothing yet, and every preview says so.",
  ),
  connectorDatabase: ConnectorDatabase.optional().describe(
    "The connector's PostgreSQL database. Left out: none; `{}` is the usual one.",
  ),
  connector: ConnectorChoice.optional().describe("The connector. Left out: none; `{}` is the usual one."),
  coreClient: CoreClientChoice.optional().describe(
    "The core-client, which has `kms-health-check`. Left out: none; `{}` is the usual one.",
  ),
  gatewayNode: GatewayNodeChoice.optional().describe(
    "A full node of the gateway's chain. Left out: none; `{}` is the usual one.",
  ),
  access: Access.optional().describe("Who besides the cluster's maker gets into it. Left out: nobody."),
  pauser: Pauser.optional().describe("The wallet by which this party can pause the protocol. Left out: none."),
  proberImage: z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/, "pin the image by digest: name@sha256:…")
    .optional()
    .describe("Image that the prober runs in, with Node 24. Left out: the official Node image."),
});

/** How the names of all objects in a party's two vaults begin. */
export function vaultPrefixes(
  { vaults }: Pick<StackConfig, "vaults">,
  partyId: number,
): { public: string; private: string } {
  return {
    public: vaults?.publicPrefix ?? `PUB-p${partyId}`,
    private: vaults?.privatePrefix ?? `PRV-p${partyId}`,
  };
}

/** What only this party decides: `Pulumi.<stack>.yaml`, keys of the `quorate:` namespace. */
export const StackConfig = ZamaKmsStackConfig;
export type StackConfig = z.infer<typeof StackConfig>;

function noSlash(start: string) {
  return z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, `a vault prefix has no slash: KMS Core joins it with "/" (${start}-p<id>)`)
    .optional();
}
