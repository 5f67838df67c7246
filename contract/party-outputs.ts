import { z } from "zod";
import { AccountId, Arn, Digest, NetworkName, PartyId, Port, Region } from "./names.ts";
import { Transport } from "./network-manifest.ts";
import { TrustedRelease } from "./trusted-release.ts";

const Bucket = z.strictObject({ bucketName: z.string().min(3), bucketArn: Arn, prefix: z.string().min(1) });

export const ZamaKmsPartyOutputs = z.strictObject({
  contract: z.literal("party/v1"),
  system: z.literal("zama-kms"),
  network: NetworkName,
  partyId: PartyId,
  partyName: z.string(),
  accountId: AccountId,
  awsProfile: z.string().min(1),
  region: Region,
  manifestDigest: Digest,
  transport: Transport,
  ports: z.strictObject({ grpc: Port, peer: Port, metrics: Port }),
  cluster: z.strictObject({ name: z.string(), region: Region }),
  namespace: z.string(),
  serviceAccounts: z.strictObject({ core: z.string(), connector: z.string() }),
  configMapName: z.string(),
  /** Null while the core is withheld. */
  release: z
    .strictObject({ name: z.string(), chartVersion: z.string(), version: z.string(), imageDigest: Digest })
    .nullable(),
  workload: z.strictObject({ statefulSet: z.string(), pod: z.string(), prober: z.string() }),
  services: z.strictObject({ headless: z.string(), core: z.string() }),
  /** Party id (as text) to the DNS name under which this party's cluster knows the peer. Own id is not in it. */
  peerHosts: z.record(z.string().regex(/^\d+$/), z.string()),
  publicVault: z.strictObject({ ...Bucket.shape, url: z.url() }),
  privateVault: Bucket,
  /** Where this party's own CA certificate is published once its core has made it. */
  caCertificate: z.strictObject({ bucketName: z.string(), key: z.string(), url: z.url() }),
  partyKeyArn: Arn,
  roles: z.strictObject({ core: Arn, connector: Arn }),
  trustedReleases: z.array(TrustedRelease).min(1),
  endpointServiceName: z.string().nullable(),
  elasticIp: z.ipv4().nullable(),
  kubeip: z.string().nullable(),
  securityGroupIds: z.array(z.string()),
  allocator: z.strictObject({ cpuCount: z.int(), memoryMib: z.int() }),
  database: z.strictObject({ endpoint: z.string(), name: z.string(), deletionProtection: z.boolean() }).nullable(),
  /** Why each null above is null: field to reason. */
  absent: z.record(z.string(), z.string().min(1)),
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
