import { z } from "zod";
import { AccountId, Arn, Digest, NetworkName, PartyId, Port, Region } from "./names.ts";
import { Transport } from "./network-manifest.ts";
import { optionalReleases } from "./optional-releases.ts";
import { TrustedRelease } from "./trusted-release.ts";

const Bucket = z.strictObject({
  bucketName: z.string().min(3).describe("Name of its bucket."),
  bucketArn: Arn.describe("ARN of its bucket."),
  prefix: z.string().min(1).describe("How the names of all its objects begin."),
});

export const ZamaKmsPartyOutputs = z.strictObject({
  contract: z.literal("party/v1").describe("Version of this contract."),
  system: z.literal("zama-kms").describe("The software that the party runs."),
  network: NetworkName.describe("The network that the party is in."),
  partyId: PartyId.describe("Number of the party."),
  partyName: z.string().describe("Who runs it, as in the manifest."),
  accountId: AccountId.describe("Its AWS account."),
  awsProfile: z.string().min(1).describe("Name of the profile in the operator's AWS configuration."),
  region: Region.describe("Its AWS region."),
  manifestDigest: Digest.describe("Digest of the manifest from which it was built."),
  transport: Transport.describe("How it reaches its peers."),
  ports: z
    .strictObject({
      grpc: Port.describe("The core's own clients."),
      peer: Port.describe("Between cores, with mutual TLS."),
      metrics: Port.describe("Metrics and health."),
    })
    .describe("Ports of every core."),
  cluster: z
    .strictObject({ name: z.string().describe("Its name."), region: Region.describe("Its AWS region.") })
    .describe("The party's EKS cluster."),
  namespace: z.string().describe("Namespace of the party in its cluster."),
  serviceAccounts: z
    .strictObject({
      core: z.string().describe("Of the core."),
      connector: z.string().describe("Of the connector."),
    })
    .describe("Kubernetes service accounts."),
  configMapName: z.string().describe("ConfigMap with the names of the vaults and the key."),
  release: z
    .strictObject({
      name: z.string().describe("Name of the Helm release."),
      chartVersion: z.string().describe("Version of its chart."),
      version: z.string().describe("Release of the core, one of `trustedReleases`."),
      imageDigest: Digest.describe("Digest of the core's image."),
    })
    .nullable()
    .describe("The core that was released; null while it is withheld, or held back."),
  coreHeldFor: z
    .array(z.int().min(1))
    .min(1)
    .optional()
    .describe("Peers for whose CA certificates the core is held back. Left out: it is not."),
  heldForSecrets: z
    .array(
      z.strictObject({
        release: z.enum(["core", ...optionalReleases]).describe("What is held back."),
        secrets: z.array(z.string()).min(1).describe("Names of the Secrets that are missing, or lack keys."),
        commands: z.array(z.string()).min(1).describe("What makes them, one command for each."),
      }),
    )
    .min(1)
    .optional()
    .describe("Releases that wait for Secrets that people make. Left out: none does."),
  workload: z
    .strictObject({
      statefulSet: z.string().describe("StatefulSet of the core."),
      pod: z.string().describe("Its pod."),
      prober: z.string().describe("Deployment of the prober."),
    })
    .describe("What runs in the cluster."),
  services: z
    .strictObject({
      headless: z.string().describe("Headless Service of the StatefulSet."),
      core: z.string().describe("Service in front of the core."),
    })
    .describe("Kubernetes Services of the core."),
  peerHosts: z
    .record(z.string().regex(/^\d+$/), z.string())
    .describe("DNS name of each peer in this party's cluster, by party id. The party itself is not in it."),
  publicVault: z
    .strictObject({ ...Bucket.shape, url: z.url().describe("Where anybody may read it.") })
    .describe("The vault that the world may read: certificates and public keys."),
  privateVault: Bucket.describe("The vault that only the party's attested enclave can unseal."),
  caCertificate: z
    .strictObject({
      bucketName: z.string().describe("Bucket of the public vault."),
      key: z.string().describe("Name of the object."),
      url: z.url().describe("Where anybody may read it."),
    })
    .describe("Where the party's own CA certificate is published, once its core has made it."),
  partyKeyArn: Arn.describe("The KMS key that seals the private vault."),
  signingKeyArn: Arn.optional().describe("The KMS key that signs the party's card. Left out by stacks of before."),
  availabilityZoneIds: z
    .array(z.string())
    .optional()
    .describe("Ids of the zones that the party's nodes lie in. Left out by stacks of before."),
  txSenderKeyArn: Arn.nullable()
    .optional()
    .describe("The KMS key by which the connector signs its transactions. Left out by stacks of before."),
  backupVault: z
    .strictObject({
      accountId: AccountId.describe("The account that it lies in."),
      bucketName: z.string().min(3).describe("Name of its bucket."),
      prefix: z.string().min(1).describe("How the names of all its objects begin."),
      keyAliasArn: Arn.describe("The KMS key that seals what is in it, by its alias."),
    })
    .nullable()
    .optional()
    .describe("Where the core copies its private vault to. Left out by stacks of before."),
  auditLogBucket: z
    .string()
    .nullable()
    .optional()
    .describe("Bucket in which it is written down who used the vaults and the keys. Left out by stacks of before."),
  roles: z
    .strictObject({ core: Arn.describe("Of the core."), connector: Arn.describe("Of the connector.") })
    .describe("IAM roles that the service accounts take on."),
  trustedReleases: z.array(TrustedRelease).min(1).describe("Releases that the party's core accepts from its peers."),
  endpointServiceName: z.string().nullable().describe("PrivateLink endpoint service by which peers connect to it."),
  elasticIp: z.ipv4().nullable().describe("Public address by which peers connect to it."),
  furtherIps: z
    .array(z.ipv4())
    .max(15)
    .optional()
    .describe("Further addresses of its nodes, from which its connections may come too. Left out: there is none."),
  kubeip: z.string().nullable().describe("State of KubeIP, which keeps that address on the node."),
  securityGroupIds: z.array(z.string()).describe("Security groups of the cluster and of its endpoints."),
  allocator: z
    .strictObject({
      cpuCount: z.int().describe("CPUs."),
      memoryMib: z.int().describe("Memory, in MiB."),
    })
    .describe("What each node sets aside for enclaves."),
  enclaveNodegroup: z
    .string()
    .optional()
    .describe("Node group of the nodes that run enclaves. Left out by stacks of before."),
  database: z
    .strictObject({
      endpoint: z.string().describe("Host and port."),
      name: z.string().describe("Name of the database."),
      username: z.string().describe("Name of its master user."),
      host: z.string().describe("Its DNS name in the party's cluster."),
      passwordSecretArn: Arn.describe("The secret in which AWS keeps user and password."),
      deletionProtection: z.boolean().describe("Whether AWS refuses to delete it."),
      tls: z
        .strictObject({
          forced: z.boolean().describe("Whether connections without TLS are refused."),
          sslmode: z.string().describe("The least `sslmode` that a client connects with."),
        })
        .describe("Encryption of connections."),
    })
    .nullable()
    .describe("The connector's database."),
  absent: z.record(z.string(), z.string().min(1)).describe("Why each null above is null: field to reason."),
});

/** What `pulumi up` of one party exports. Names and ARNs; no secret, no kubeconfig. */
export const PartyOutputs = z.discriminatedUnion("system", [ZamaKmsPartyOutputs]).superRefine((outputs, context) => {
  for (const [field, value] of Object.entries(outputs)) {
    if (value === null && !(field in outputs.absent))
      context.addIssue({ code: "custom", path: ["absent"], message: `${field} is null and no reason is given` });
    if (value !== null && field in outputs.absent)
      context.addIssue({
        code: "custom",
        path: ["absent", field],
        message: `${field} has a value and a reason to be absent`,
      });
  }
});
export type PartyOutputs = z.infer<typeof PartyOutputs>;
