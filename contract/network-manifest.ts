import { z } from "zod";
import { KubeIpAgreement } from "./kubeip.ts";
import { AccountId, HostLabel, NetworkName, PartyId, Port, Region } from "./names.ts";
import { ConnectorAgreement, CoreClientAgreement, GatewayNodeAgreement, PinnedChart } from "./optional-releases.ts";
import { printableLine } from "./printable.ts";
import { ToolImage, ToolImageName } from "./tool-image.ts";
import { TrustedRelease } from "./trusted-release.ts";

/** Root certificate of AWS Nitro attestation, SHA-256 of its DER. @see https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html */
export const nitroRootSha256 = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b";

export const Transport = z.enum(["privatelink", "kubeip"]);
export type Transport = z.infer<typeof Transport>;

/** What all parties need to know of one party. The id is fixed for life; a newcomer inherits the leaver's. */
export const ManifestParty = z.strictObject({
  id: PartyId.describe("Number of the party, from 1 to n. Fixed for life; a newcomer inherits the leaver's."),
  name: z
    .string()
    .min(1)
    .max(60)
    .refine((name) => printableLine(name) === name, "a name is for people to read: no control characters")
    .describe("Who runs the party, for people."),
  host: HostLabel.optional().describe(
    "Service name of the party in every cluster, and the CN and SAN of its certificates. Left out: `mpc-node-<id>`.",
  ),
  region: Region.describe("The party's AWS region."),
  accountId: AccountId.describe("The party's AWS account."),
  endpointServiceName: z
    .string()
    .regex(
      /^com\.amazonaws\.vpce\.[a-z0-9-]+\.vpce-svc-[0-9a-f]{8,17}$/,
      "an endpoint service name looks like com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0",
    )
    .optional()
    .describe("PrivateLink endpoint service by which peers connect to the party. Left out until it is published."),
  elasticIp: z
    .ipv4()
    .optional()
    .describe(
      "Public address by which peers connect to the party, where the transport is `kubeip`. Left out: its card says so.",
    ),
  publicVault: z
    .strictObject({
      bucketName: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "a bucket's name is 3 to 63 of a-z, 0-9 and -")
        .describe("Name of its bucket, in the party's region."),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/, "a vault prefix has no slash")
        .max(100)
        .optional()
        .describe("How the names of all its objects begin. Left out: `PUB-p<id>`."),
    })
    .optional()
    .describe(
      "The public vault of a party that is live: where its card is, and its certificate. Left out: its peers are told.",
    ),
});
export type ManifestParty = z.infer<typeof ManifestParty>;

const HexId = z.string().regex(/^[0-9a-f]{64}$/, "an id of KMS Core is 64 lower-case hex digits");

/** Text, quoted in YAML: as a number it would lose its last digits. */
const RequestId = z
  .string("a request id is quoted text: YAML would round the number")
  .regex(/^(0x[0-9a-fA-F]{1,64}|\d{1,78})$/, {
    error: "a request id is a decimal number, or 0x and hex digits",
    abort: true,
  })
  .refine((id) => BigInt(id) < 2n ** 256n, "a request id has 256 bits at most");

/** Defaults are those of the kms-core chart, written out: a later chart has others. */
export const ZamaKmsProtocol = z.strictObject({
  decryptionMode: z
    .enum(["NoiseFloodSmall", "NoiseFloodLarge", "BitDecSmall", "BitDecLarge"])
    .default("NoiseFloodSmall")
    .describe("How a decryption hides the noise."),
  decCapacity: z.int().min(1).default(10_000).describe("Decryptions that a core keeps in memory, at most."),
  minDecCache: z
    .int()
    .min(1)
    .default(6_000)
    .describe("Finished decryptions among them, at least; the difference to decCapacity is what can be in flight."),
  numSessionsPreproc: z.int().min(2).default(100).describe("Sessions of preprocessing that run side by side."),
  tokioWorkerThreads: z.int().min(1).default(10).describe("Threads for input and output."),
  rayonNumThreads: z.int().min(1).default(40).describe("Threads for computing."),
  rateLimiterBucketSize: z
    .int()
    .min(50_000, "preprocessing alone takes 50000 at once: with less it is refused for ever")
    .default(50_000)
    .describe("What requests to a core may cost together at one time."),
  peerNetwork: z
    .strictObject({
      initialIntervalMs: z.int().min(1).default(100).describe("First wait before a message is sent again, in ms."),
      maxIntervalSeconds: z.int().min(1).default(60).describe("Longest wait, in seconds."),
      maxElapsedSeconds: z.int().min(1).default(300).describe("After how long a message is given up, in seconds."),
      timeoutSeconds: z.int().min(1).default(300).describe("How long a round waits for a peer, in seconds."),
      maxInactiveSessionsPerParty: z
        .int()
        .min(1)
        .default(1_000)
        .describe("Sessions that one peer may have opened here before this core knows of them."),
    })
    .prefault({})
    .describe("Patience of cores with each other."),
  migration: z
    .array(
      z.strictObject({
        contextId: HexId.describe("An MPC context that every core holds."),
        epochIds: z.array(HexId).min(1).describe("Its epochs, all of them and no other."),
      }),
    )
    .min(1)
    .optional()
    .describe("For the first boot of KMS Core 0.15 only, of a network that has keys: which epochs each context has."),
  legacyPrssMask: z
    .strictObject({
      beforePublicDecryptId: RequestId.describe("First public decryption with the new schedule."),
      beforeUserDecryptId: RequestId.describe("First user decryption with it."),
    })
    .optional()
    .describe(
      "Request ids below which cores of 0.13.22 mask as the ones before them did. Agree on it once every party runs 0.13.22: older cores refuse a configuration that has it. Left out: the new schedule, always.",
    ),
});

export const EnclaveSize = z.strictObject({
  cpuCount: z
    .int()
    .min(2)
    .refine((n) => n % 2 === 0, "an enclave takes whole cores: cpuCount has to be even")
    .default(48)
    .describe("CPUs of the enclave; an even number, because an enclave takes whole cores."),
  memoryGib: z.int().min(1).default(96).describe("Memory of the enclave, in GiB."),
});

const common = {
  contract: z.literal("network/v1").describe("Version of this contract."),
  network: NetworkName.describe("Name of the network; the file is named after it."),
  environment: z
    .enum(["devnet", "testnet", "mainnet"])
    .describe("What is at stake; `devnet` alone may have an attestation root of its own."),
};

export const ZamaKmsManifest = z.strictObject({
  ...common,
  system: z.literal("zama-kms").describe("The software that the parties run."),
  transport: Transport.describe("How parties reach each other: AWS PrivateLink, or public addresses kept by KubeIP."),
  threshold: z.int().min(1).max(333).describe("Bound t on bad parties: the network has exactly n = 3t + 1 parties."),
  ports: z
    .strictObject({
      grpc: Port.default(50_100).describe("The core's own clients."),
      peer: Port.default(50_001).describe("Between cores, with mutual TLS."),
      metrics: Port.default(9_646).describe("Metrics and health."),
    })
    .default({ grpc: 50_100, peer: 50_001, metrics: 9_646 })
    .describe("Ports of every core."),
  privatelink: z
    .strictObject({
      metricsToPeers: z
        .boolean()
        .default(false)
        .describe("Whether peers reach the port for metrics too. The port for a core's own clients they never do."),
      regions: z
        .array(Region)
        .min(1)
        .optional()
        .describe(
          "Regions in which a party may offer its endpoint service. Left out: eu-west-1 on a testnet, eu-central-1 on a mainnet, any on a devnet.",
        ),
    })
    .optional()
    .describe("What transport `privatelink` may do."),
  kubeip: KubeIpAgreement.optional().describe("What transport `kubeip` may do."),
  attestationRootSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits")
    .default(nitroRootSha256)
    .describe(
      "SHA-256 of the root certificate that attestation documents chain to. Another than AWS Nitro's only where `environment: devnet`.",
    ),
  namespace: HostLabel.default("kms-decentralized").describe("Namespace of the party in its own cluster."),
  chart: z
    .strictObject({
      ...PinnedChart.shape,
      toolImages: z
        .partialRecord(ToolImageName, ToolImage)
        .optional()
        .describe(
          "Images that the chart runs beside the core, by digest; which they are depends on its version. Left out: the tags that the chart names.",
        ),
    })
    .describe("The Helm chart of the core."),
  trustedReleases: z
    .array(TrustedRelease)
    .min(1, "an empty list turns attestation checking off in KMS Core; name at least one release")
    .describe(
      "Releases that parties accept from each other, newest last. Two during an upgrade: old and new overlap until every party has moved.",
    ),
  protocol: ZamaKmsProtocol.prefault({}).describe("Settings of the protocol that have to be the same on all parties."),
  enclave: EnclaveSize.prefault({}).describe(
    "Size of the enclave, the same everywhere because the image's threads are sized for it.",
  ),
  connector: ConnectorAgreement.optional().describe(
    "The connector, which brings the gateway's requests to the core. Left out: no party can have one.",
  ),
  coreClient: CoreClientAgreement.optional().describe(
    "The core-client, from which people ask a core how it is. Left out: no party can have one.",
  ),
  gatewayNode: GatewayNodeAgreement.optional().describe(
    "A full node of the gateway's chain. Left out: no party can have one.",
  ),
  parties: z.array(ManifestParty).min(1).describe("All parties of the network, n = 3t + 1 of them."),
});

const Manifest = z.discriminatedUnion("system", [ZamaKmsManifest]);

/** What all parties agreed on. Reviewed like code; its digest is in every output, card, report and plan. */
export const NetworkManifest = Manifest.superRefine((manifest, context) => {
  const n = manifest.parties.length;
  const seen = new Map<string, number>();
  const unique = (value: string, path: (string | number)[], what: string) => {
    const first = seen.get(`${what} ${value}`);
    if (first !== undefined)
      context.addIssue({ code: "custom", path, message: `${what} ${value} is already taken by parties[${first}]` });
    else seen.set(`${what} ${value}`, Number(path[1]));
  };
  manifest.parties.forEach((party, index) => {
    unique(String(party.id), ["parties", index, "id"], "party id");
    unique(partyHost(party), ["parties", index, "host"], "host");
    if (party.endpointServiceName)
      unique(party.endpointServiceName, ["parties", index, "endpointServiceName"], "endpoint service");
    if (party.elasticIp) unique(party.elasticIp, ["parties", index, "elasticIp"], "address");
    if (party.publicVault)
      unique(party.publicVault.bucketName, ["parties", index, "publicVault", "bucketName"], "bucket");
    if (party.id > n)
      context.addIssue({
        code: "custom",
        path: ["parties", index, "id"],
        message: `ids of ${n} parties run from 1 to ${n}, found ${party.id}`,
      });
  });
  if (n !== 3 * manifest.threshold + 1)
    context.addIssue({ code: "custom", path: ["threshold"], message: thresholdMessage(n, manifest.threshold) });
  if (manifest.environment !== "devnet" && manifest.attestationRootSha256 !== nitroRootSha256)
    context.addIssue({
      code: "custom",
      path: ["attestationRootSha256"],
      message: `only a devnet may trust another attestation root than AWS Nitro's ${nitroRootSha256}`,
    });
  const releases = new Set<string>();
  manifest.trustedReleases.forEach((release, index) => {
    if (releases.has(release.version))
      context.addIssue({
        code: "custom",
        path: ["trustedReleases", index, "version"],
        message: `release ${release.version} is listed twice`,
      });
    releases.add(release.version);
  });
  if (manifest.protocol.minDecCache >= manifest.protocol.decCapacity)
    context.addIssue({
      code: "custom",
      path: ["protocol", "minDecCache"],
      message: "has to be below decCapacity: the difference is what can be in flight",
    });
});
export type NetworkManifest = z.infer<typeof NetworkManifest>;
/** Shape only, for editors: the rules that join fields are not expressible in JSON Schema. */
export const NetworkManifestShape = Manifest;

/** Bound on bad parties for n parties, or undefined where no t gives n = 3t + 1. */
export function thresholdFor(n: number): number | undefined {
  return n >= 4 && (n - 1) % 3 === 0 ? (n - 1) / 3 : undefined;
}

function thresholdMessage(n: number, found: number): string {
  const right = thresholdFor(n);
  if (right !== undefined) return `${n} parties need threshold ${right} (n = 3t + 1), found ${found}`;
  const lower = Math.max(1, Math.floor((n - 1) / 3));
  return `no threshold fits ${n} parties: n = 3t + 1 allows ${3 * lower + 1} (t = ${lower}) or ${3 * lower + 4} (t = ${lower + 1}), found t = ${found}`;
}

const usualRegions = { devnet: undefined, testnet: ["eu-west-1"], mainnet: ["eu-central-1"] } as const;

/** Regions in which a party may offer its endpoint service; undefined where all are right. */
export function endpointServiceRegions(
  manifest: Pick<NetworkManifest, "environment" | "privatelink">,
): readonly string[] | undefined {
  return manifest.privatelink?.regions ?? usualRegions[manifest.environment];
}

/** Address of all that a live party publishes, without a slash at the end; undefined where the manifest does not name its vault. */
export function publishedAt({ id, region, publicVault }: ManifestParty): string | undefined {
  if (publicVault === undefined) return undefined;
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return `https://${publicVault.bucketName}.s3.${region}.${domain}/${publicVault.prefix ?? `PUB-p${id}`}`;
}

/** What the manifest says of how peers reach a party; undefined where its card has to say it. */
export function namedWay(
  { transport }: Pick<NetworkManifest, "transport">,
  party: Pick<ManifestParty, "endpointServiceName" | "elasticIp">,
): string | undefined {
  return transport === "kubeip" ? party.elasticIp : party.endpointServiceName;
}

/** Ports of a core that its peers reach: the one between cores, and by the transport's switch the one for metrics. */
export function portsForPeers(
  manifest: Pick<NetworkManifest, "transport" | "ports" | "privatelink" | "kubeip">,
): Record<string, number> {
  const { peer, metrics } = manifest.ports;
  return manifest[manifest.transport]?.metricsToPeers ? { peer, metrics } : { peer };
}

/** Service name of a party in every cluster; also the CN and SAN of its certificates. */
export function partyHost(party: Pick<ManifestParty, "id" | "host">): string {
  return party.host ?? `mpc-node-${party.id}`;
}
