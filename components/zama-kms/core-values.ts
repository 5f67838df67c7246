import type { Input } from "@pulumi/pulumi";
import type { NetworkManifest } from "../../contract/network-manifest.ts";
import { partyHost } from "../../contract/network-manifest.ts";
import type { ToolImage, ToolImageName } from "../../contract/tool-image.ts";
import type { Measurements, TrustedRelease } from "../../contract/trusted-release.ts";
import { chartVersion } from "./chart-versions.ts";
import { type CoreStart, peerCertificatesAnnotation, startsAtOnce } from "./core-start.ts";

/** Name of the Helm release, and base name of everything that the chart creates. */
export const coreName = "kms-core";
/** Labels by which Services find the core's pod. */
export const coreSelector = { app: coreName };

/** What one party's values are made of, beyond what the network agreed on. */
export interface CoreSettings {
  partyId: number;
  region: string;
  release: TrustedRelease;
  serviceAccount: string;
  configMapName: string;
  /** Label and taint of the enclave nodes. */
  nodeKey: string;
  publicVault: { bucketName: Input<string>; prefix: string };
  privateVault: { bucketName: Input<string>; prefix: string; keyId: Input<string>; keySpec: "symm" | "asymm" };
  /** Where the core copies its private vault to. Left out: nowhere. */
  backupVault?: BackupVault | undefined;
  /** Whether it starts. @default at once */
  start?: CoreStart;
}

/** A backup is sealed under a KMS key, or shared among custodians. */
export type BackupVault = { bucketName: Input<string>; prefix: string } & (
  | { key: { id: Input<string>; spec: "symm" | "asymm" } }
  | { custodians: true }
);

/**
 * Values of the kms-core chart that we set, of whatever version. Names and nesting are the chart's.
 *
 * Left out on purpose, because an enclave gets its configuration from the chart's TOML alone: `resources` (fixed by
 * the chart), `metricsLabels`, `rustLog` and `runMode` (environment of the pod, which does not reach the enclave),
 * certificates in `peersList` (read from the own public vault), `nitroEnclave.signed` (can not work),
 * `nitroEnclave.ports` of older versions and the sizes of the tunnel (their defaults fit).
 */
export interface CoreValues {
  kmsPeers: { id: number; count: 1 };
  kmsCore: {
    enabled: boolean;
    nameOverride: string;
    addressOverride: string;
    image: ChartImage;
    serviceAccountName: string;
    envFrom: { configmap: { name: string } };
    rateLimiter: { bucketSize: number };
    legacyPrssMask?: { beforePublicDecryptId: string; beforeUserDecryptId: string };
    migration?: { contextAssociations: { contextId: string; epochIds: string[] }[] };
    thresholdMode: {
      enabled: true;
      thresholdValue: number;
      peersList: { id: number; host: string; port: number }[];
      tls: { enabled: true; trustedReleases: Measurements[] };
      initialIntervalMs: number;
      maxInterval: number;
      maxElapsedTime: number;
      networkTimeout: number;
      maxOpenedInactiveSessionsPerParty: number;
      decryptionMode: string;
      decCapacity: number;
      minDecCache: number;
      numSessionsPreproc: number;
      tokioWorkerThreads: number;
      rayonNumThreads: number;
    };
    nitroEnclave: { enabled: true; cpuCount: number; memoryGiB: number; networkTunnel?: { enabled: true } };
    publicVault: { s3: { enabled: true; bucket: Input<string>; prefix: string } };
    privateVault: {
      s3: { enabled: true; bucket: Input<string>; prefix: string };
      awskms: { enabled: true; rootKeyId: Input<string>; rootKeySpec: "symm" | "asymm" };
    };
    backupVault?: {
      s3: { enabled: true; bucket: Input<string>; prefix: string };
      awskms?: { enabled: true; rootKeyId: Input<string>; rootKeySpec: "symm" | "asymm" };
    };
    custodianBackup?: true;
    aws: { region: string };
    ports: { client: number; peer: number; metrics: number };
    nodeSelector: Record<string, string>;
    tolerations: { key: string; operator: string; value: string; effect: string }[];
  };
  kmsGenCertAndKeys: { enabled: true };
  podAnnotations?: Record<string, string>;
  kubeUtils?: { image: ChartImage };
  socat?: { image: ChartImage };
  kubectl?: { image: ChartImage };
  /** Spelled so in the chart. */
  grpcHeathProbe?: { image: ChartImage };
}

export interface ChartImage {
  name: string;
  tag: string;
  pullPolicy: "IfNotPresent";
}

/**
 * The values of one party's release: peers, threshold, trusted releases and sizes from the manifest, the rest its
 * own.
 */
export function coreValues(manifest: NetworkManifest, settings: CoreSettings): CoreValues {
  const { release, publicVault, privateVault, nodeKey, start = startsAtOnce } = settings;
  return {
    kmsPeers: { id: settings.partyId, count: 1 },
    kmsCore: {
      // Held back, the chart makes keys and certificate, and neither Services nor a pod.
      enabled: start.heldFor.length === 0,
      nameOverride: coreName,
      // The chart makes the CA's subject `<addressOverride>-<id>`. Left out it would be kms-core-<id>, which no
      // peer accepts as mpc-node-<id>.
      addressOverride: hostStem(ownHost(manifest, settings.partyId), settings.partyId) ?? "",
      image: chartImage(release.image),
      serviceAccountName: settings.serviceAccount,
      envFrom: { configmap: { name: settings.configMapName } },
      rateLimiter: { bucketSize: manifest.protocol.rateLimiterBucketSize },
      ...(manifest.protocol.migration && { migration: { contextAssociations: manifest.protocol.migration } }),
      ...(manifest.protocol.legacyPrssMask && { legacyPrssMask: manifest.protocol.legacyPrssMask }),
      thresholdMode: thresholdMode(manifest),
      nitroEnclave: nitroEnclave(manifest),
      publicVault: { s3: { enabled: true, bucket: publicVault.bucketName, prefix: publicVault.prefix } },
      privateVault: {
        s3: { enabled: true, bucket: privateVault.bucketName, prefix: privateVault.prefix },
        awskms: { enabled: true, rootKeyId: privateVault.keyId, rootKeySpec: privateVault.keySpec },
      },
      ...backupVault(settings.backupVault),
      aws: { region: settings.region },
      ports: { client: manifest.ports.grpc, peer: manifest.ports.peer, metrics: manifest.ports.metrics },
      nodeSelector: { [nodeKey]: "true" },
      tolerations: [{ key: nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
    },
    // At the first install only: seals the signing key and publishes the CA certificate that the peers wait for.
    kmsGenCertAndKeys: { enabled: true },
    ...(start.peerCertificates && { podAnnotations: { [peerCertificatesAnnotation]: start.peerCertificates } }),
    ...toolImages(manifest.chart.toolImages ?? {}),
  };
}

/** The chart joins name and tag with a colon, so the digest rides on the tag; the runtime goes by the digest. */
export function chartImage({ repository, tag, digest }: ToolImage): ChartImage {
  return { name: repository, tag: `${tag}@${digest}`, pullPolicy: "IfNotPresent" };
}

const toolKeys = {
  kubeUtils: "kubeUtils",
  socat: "socat",
  kubectl: "kubectl",
  grpcHealthProbe: "grpcHeathProbe",
} as const;

function toolImages(images: Partial<Record<ToolImageName, ToolImage>>) {
  const entries = Object.entries(images) as [ToolImageName, ToolImage][];
  return Object.fromEntries(entries.map(([name, image]) => [toolKeys[name], { image: chartImage(image) }]));
}

function nitroEnclave({ chart, enclave }: NetworkManifest): CoreValues["kmsCore"]["nitroEnclave"] {
  const size = { enabled: true, cpuCount: enclave.cpuCount, memoryGiB: enclave.memoryGib } as const;
  // Older versions have a proxy for each destination, and no such switch.
  return chartVersion(chart.version)?.enclaveNetwork === "tunnel"
    ? { ...size, networkTunnel: { enabled: true } }
    : size;
}

function backupVault(backup: BackupVault | undefined): Pick<CoreValues["kmsCore"], "backupVault" | "custodianBackup"> {
  if (backup === undefined) return {};
  const s3 = { enabled: true, bucket: backup.bucketName, prefix: backup.prefix } as const;
  if ("custodians" in backup) return { backupVault: { s3 }, custodianBackup: true };
  const { id, spec } = backup.key;
  return { backupVault: { s3, awskms: { enabled: true, rootKeyId: id, rootKeySpec: spec } } };
}

function thresholdMode(manifest: NetworkManifest): CoreValues["kmsCore"]["thresholdMode"] {
  const { protocol } = manifest;
  const peers = manifest.parties.toSorted((a, b) => a.id - b.id);
  return {
    enabled: true,
    thresholdValue: manifest.threshold,
    // All parties, this one too: every core has to hold the same list.
    peersList: peers.map((party) => ({ id: party.id, host: partyHost(party), port: manifest.ports.peer })),
    tls: {
      enabled: true,
      trustedReleases: manifest.trustedReleases.map(({ pcr0, pcr1, pcr2 }) => ({ pcr0, pcr1, pcr2 })),
    },
    initialIntervalMs: protocol.peerNetwork.initialIntervalMs,
    maxInterval: protocol.peerNetwork.maxIntervalSeconds,
    maxElapsedTime: protocol.peerNetwork.maxElapsedSeconds,
    networkTimeout: protocol.peerNetwork.timeoutSeconds,
    maxOpenedInactiveSessionsPerParty: protocol.peerNetwork.maxInactiveSessionsPerParty,
    decryptionMode: protocol.decryptionMode,
    decCapacity: protocol.decCapacity,
    minDecCache: protocol.minDecCache,
    numSessionsPreproc: protocol.numSessionsPreproc,
    tokioWorkerThreads: protocol.tokioWorkerThreads,
    rayonNumThreads: protocol.rayonNumThreads,
  };
}

function ownHost(manifest: NetworkManifest, partyId: number): string {
  return partyHost(manifest.parties.find((party) => party.id === partyId) ?? ({ id: partyId } as { id: never }));
}

/** A host without its `-<id>`, or undefined where the chart could not make the host from a stem. */
export function hostStem(host: string, partyId: number): string | undefined {
  return host.endsWith(`-${partyId}`) ? host.slice(0, -`-${partyId}`.length) : undefined;
}
