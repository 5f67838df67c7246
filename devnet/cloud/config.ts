import { z } from "zod";
import { AccountId, PartyId, Port, Region } from "../../contract/names.ts";

const Subnet = z.strictObject({
  id: z.string(),
  az: z.string(),
  mapPublicIpOnLaunch: z.boolean(),
  cidr: z.string(),
});

export const CloudAccount = z.strictObject({
  accountId: AccountId,
  partyId: PartyId,
  /** Profile in the AWS configuration files that stands for this account's operator. */
  profile: z.string().min(1),
  /** The operator's static keys: an administrator of this account and of no other. */
  accessKeyId: z.string().min(16),
  secretAccessKey: z.string().min(16),
  region: Region,
  /** The one real control plane that every EKS cluster of this account is. */
  cluster: z.strictObject({
    endpoint: z.url(),
    /** Base64 of the PEM certificate that signed the API server's. */
    caData: z.string().min(1),
    /** Path of a kubeconfig that may do everything, for what EKS itself does in a cluster. */
    adminKubeconfig: z.string().min(1),
    version: z.string(),
    /** Verifies service account tokens. @default the key set that the API server publishes, fetched with the admin kubeconfig */
    serviceAccountPublicKeyPem: z.string().optional(),
  }),
  vpc: z.strictObject({ vpcId: z.string(), subnets: z.array(Subnet) }),
  /** Elastic IPs that exist without any stack's doing. */
  addresses: z
    .array(z.strictObject({ allocationId: z.string(), publicIp: z.ipv4(), tags: z.record(z.string(), z.string()) }))
    .optional(),
});
export type CloudAccount = z.infer<typeof CloudAccount>;

/** What the process of the simulated cloud is started with: a JSON file, 0600. */
export const CloudConfig = z.strictObject({
  /** Number of the devnet: it lives in 127.k.0.0/16. */
  k: z.int().min(1).max(254),
  /** Where the store keeps its state. */
  dir: z.string().min(1),
  httpHost: z.string().min(1),
  /** 0 takes any free port; the one taken is in the ports file. */
  httpPort: z.int().min(0).max(65535),
  /** Written once everything listens. */
  portsFile: z.string().min(1),
  /** Bearer token of the endpoints under /devnet/. */
  controlToken: z.string().min(16),
  accounts: z.array(CloudAccount).min(1),
  /** SHA-256 of the root certificate that KMS accepts attestation documents from. Without it KMS refuses attested requests. */
  attestationRootSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** What an exec plugin of a kubeconfig finds in its environment besides this process's own. */
  execEnv: z.record(z.string(), z.string()).optional(),
  /** PrivateLink endpoint service to the party that offers it. */
  endpointServices: z.record(z.string(), PartyId),
});
export type CloudConfig = z.infer<typeof CloudConfig>;

/** Ports file: the HTTP front end, and one provider server per Pulumi package. */
export const CloudPorts = z.strictObject({
  http: Port,
  providers: z.strictObject({ aws: Port, eks: Port, kubernetes: Port, random: Port }),
});
export type CloudPorts = z.infer<typeof CloudPorts>;
