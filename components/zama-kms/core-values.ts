import type { Input } from "@pulumi/pulumi";
import type { NetworkManifest } from "../../contract/network-manifest.ts";
import { partyHost } from "../../contract/network-manifest.ts";
import type { Measurements, TrustedRelease } from "../../contract/trusted-release.ts";

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
}

/** Values of the kms-core chart that we set. Names and nesting are the chart's. */
export interface CoreValues {
  kmsPeers: { id: number; count: 1 };
  kmsCore: {
    enabled: true;
    nameOverride: string;
    addressOverride: string;
    image: { name: string; tag: string; pullPolicy: "IfNotPresent" };
    serviceAccountName: string;
    envFrom: { configmap: { name: string } };
    thresholdMode: {
      enabled: true;
      thresholdValue: number;
      peersList: { id: number; host: string; port: number }[];
      tls: { enabled: true; trustedReleases: Measurements[] };
      decryptionMode: string;
      decCapacity: number;
      minDecCache: number;
      numSessionsPreproc: number;
      tokioWorkerThreads: number;
      rayonNumThreads: number;
    };
    nitroEnclave: { enabled: true; cpuCount: number; memoryGiB: number };
    publicVault: { s3: { enabled: true; bucket: Input<string>; prefix: string } };
    privateVault: {
      s3: { enabled: true; bucket: Input<string>; prefix: string };
      awskms: { enabled: true; rootKeyId: Input<string>; rootKeySpec: "symm" | "asymm" };
    };
    aws: { region: string };
    ports: { client: number; peer: number; metrics: number };
    nodeSelector: Record<string, string>;
    tolerations: { key: string; operator: string; value: string; effect: string }[];
  };
  kmsGenCertAndKeys: { enabled: true };
}

/**
 * The values of one party's release: peers, threshold, trusted releases and sizes from the manifest, the rest its
 * own.
 */
export function coreValues(manifest: NetworkManifest, settings: CoreSettings): CoreValues {
  const { release, publicVault, privateVault, nodeKey } = settings;
  return {
    kmsPeers: { id: settings.partyId, count: 1 },
    kmsCore: {
      enabled: true,
      nameOverride: coreName,
      // The chart makes the CA's subject `<addressOverride>-<id>`. Left out it would be kms-core-<id>, which no
      // peer accepts as mpc-node-<id>.
      addressOverride: hostStem(ownHost(manifest, settings.partyId), settings.partyId) ?? "",
      // The chart joins name and tag with a colon, so the digest rides on the tag; the runtime goes by the digest.
      image: {
        name: release.image.repository,
        tag: `${release.image.tag}@${release.image.digest}`,
        pullPolicy: "IfNotPresent",
      },
      serviceAccountName: settings.serviceAccount,
      envFrom: { configmap: { name: settings.configMapName } },
      thresholdMode: thresholdMode(manifest),
      nitroEnclave: { enabled: true, cpuCount: manifest.enclave.cpuCount, memoryGiB: manifest.enclave.memoryGib },
      publicVault: { s3: { enabled: true, bucket: publicVault.bucketName, prefix: publicVault.prefix } },
      privateVault: {
        s3: { enabled: true, bucket: privateVault.bucketName, prefix: privateVault.prefix },
        awskms: { enabled: true, rootKeyId: privateVault.keyId, rootKeySpec: privateVault.keySpec },
      },
      aws: { region: settings.region },
      ports: { client: manifest.ports.grpc, peer: manifest.ports.peer, metrics: manifest.ports.metrics },
      nodeSelector: { [nodeKey]: "true" },
      tolerations: [{ key: nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
    },
    // At the first install only: seals the signing key and publishes the CA certificate that the peers wait for.
    kmsGenCertAndKeys: { enabled: true },
  };
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
