import { z } from "zod";
import { AccountId, Digest, HostLabel, NetworkName, PartyId, Port, Region } from "./names.ts";
import { TrustedRelease } from "./trusted-release.ts";

/** Root certificate of AWS Nitro attestation, SHA-256 of its DER. @see https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html */
export const nitroRootSha256 = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b";

export const Transport = z.enum(["privatelink", "kubeip"]);
export type Transport = z.infer<typeof Transport>;

/** What all parties need to know of one party. The id is fixed for life; a newcomer inherits the leaver's. */
export const ManifestParty = z.strictObject({
  id: PartyId,
  /** Who runs the party, for people. */
  name: z.string().min(1).max(60),
  /** Kubernetes host of the party in every cluster, and the CN and SAN of its certificates. @default mpc-node-<id> */
  host: HostLabel.optional(),
  region: Region,
  accountId: AccountId,
  /** PrivateLink endpoint service to connect to; absent until the party has published it. */
  endpointServiceName: z
    .string()
    .regex(
      /^com\.amazonaws\.vpce\.[a-z0-9-]+\.vpce-svc-[0-9a-f]{8,17}$/,
      "an endpoint service name looks like com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0",
    )
    .optional(),
});
export type ManifestParty = z.infer<typeof ManifestParty>;

/** Protocol settings that have to be the same on all parties. Defaults are those of the kms-core chart. */
export const ZamaKmsProtocol = z.strictObject({
  decryptionMode: z
    .enum(["NoiseFloodSmall", "NoiseFloodLarge", "BitDecSmall", "BitDecLarge"])
    .default("NoiseFloodSmall"),
  decCapacity: z.int().min(1).default(10_000),
  minDecCache: z.int().min(1).default(6_000),
  numSessionsPreproc: z.int().min(2).default(100),
  tokioWorkerThreads: z.int().min(1).default(10),
  rayonNumThreads: z.int().min(1).default(40),
});

/** Enclave size, the same everywhere because the image's threads are sized for it. */
export const EnclaveSize = z.strictObject({
  cpuCount: z
    .int()
    .min(2)
    .refine((n) => n % 2 === 0, "an enclave takes whole cores: cpuCount has to be even")
    .default(48),
  memoryGib: z.int().min(1).default(96),
});

const common = {
  contract: z.literal("network/v1"),
  network: NetworkName,
  environment: z.enum(["devnet", "testnet", "mainnet"]),
};

export const ZamaKmsManifest = z.strictObject({
  ...common,
  system: z.literal("zama-kms"),
  transport: Transport,
  /** Bound t on bad parties: n = 3t + 1 parties exactly. */
  threshold: z.int().min(1).max(333),
  ports: z
    .strictObject({ grpc: Port.default(50_100), peer: Port.default(50_001), metrics: Port.default(9_646) })
    .default({ grpc: 50_100, peer: 50_001, metrics: 9_646 }),
  /** SHA-256 of the root certificate that attestation documents chain to. Another than AWS Nitro's only where `environment: devnet`. */
  attestationRootSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits")
    .default(nitroRootSha256),
  /** Namespace of the party in its own cluster. */
  namespace: HostLabel.default("kms-decentralized"),
  chart: z.strictObject({
    /** `oci://…`, or a path relative to the manifest. */
    ref: z.string().min(1),
    version: z.string().regex(/^\d+\.\d+\.\d+/, "a chart version looks like 1.9.1"),
    digest: Digest,
  }),
  /** Newest last. Two entries during an upgrade window: old and new overlap until every party has moved. */
  trustedReleases: z
    .array(TrustedRelease)
    .min(1, "an empty list turns attestation checking off in KMS Core; name at least one release"),
  protocol: ZamaKmsProtocol.prefault({}),
  enclave: EnclaveSize.prefault({}),
  parties: z.array(ManifestParty).min(1),
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

/** Service name of a party in every cluster; also the CN and SAN of its certificates. */
export function partyHost(party: Pick<ManifestParty, "id" | "host">): string {
  return party.host ?? `mpc-node-${party.id}`;
}
