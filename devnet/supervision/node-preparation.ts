import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { addressesOf, ports } from "../addresses.ts";
import type { KubeClient } from "../clusters/kube-client.ts";
import { type DevnetFiles, writeReplaceable } from "../files.ts";
import { NodeConfig } from "../nodes/config.ts";
import { type PartyTopology, readManifestFile } from "../topology.ts";
import { cloudUrl } from "./cloud-program.ts";
import type { DevnetdConfig } from "./config.ts";
import { assumePodRole } from "./pod-identity.ts";
import { type ConfigMapObject, environmentOf, type PodObject } from "./pod-object.ts";

export interface NodeOptions {
  files: DevnetFiles;
  config: DevnetdConfig;
  party: PartyTopology;
  client: KubeClient;
}

/** Everything that a node's process needs from its pod, as files and values. `folder` is where the files go, in the party's. */
export async function prepareNode(
  { files, config, party, client }: NodeOptions,
  pod: PodObject,
  folder: string,
): Promise<NodeConfig> {
  const namespace = pod.metadata.namespace ?? "default";
  const workload = pod.metadata.ownerReferences?.find(({ kind }) => kind === "StatefulSet")?.name ?? "kms-core";
  const rendered = await client.get<ConfigMapObject>(`/api/v1/namespaces/${namespace}/configmaps/${workload}-config`);
  const configDir = join(files.party(party.id), folder);
  rmSync(configDir, { recursive: true, force: true });
  mkdirSync(configDir, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(rendered.data ?? {})) writeReplaceable(join(configDir, name), text);
  const env = await environmentOf(client, pod);
  const cloud = { endpoint: cloudUrl(config.k), region: party.region };
  const credentials = await assumePodRole(client, namespace, pod.spec.serviceAccountName ?? "default", cloud);
  if (credentials === null)
    throw new Error(`service account ${pod.spec.serviceAccountName} names no role (eks.amazonaws.com/role-arn)`);
  return NodeConfig.parse({
    partyId: party.id,
    k: config.k,
    listenHost: addressesOf(config.k).core(party.id),
    resolver: `${addressesOf(config.k).dns(party.id)}:${ports.dns}`,
    searchDomain: `${namespace}.svc.cluster.local`,
    configDir,
    stateDir: join(files.party(party.id), "core-state"),
    env,
    attestation: { rootKeyPem: config.attestationRoot.key, rootCertPem: config.attestationRoot.cert },
    ...softwareOf(pod, config.manifestFile),
    aws: { ...cloud, ...credentials },
    fault: {},
    exitWithParent: true,
  });
}

/** Measurements and version of the pod's image: one that no release of the network names measures like nothing they trust. */
function softwareOf(pod: PodObject, manifestFile: string): Pick<NodeConfig, "release" | "version"> {
  const images = pod.spec.containers.map(({ image }) => image);
  const { trustedReleases: releases } = readManifestFile(manifestFile);
  const found = releases.find(({ image: { repository, tag, digest } }) =>
    images.some((image) => image === `${repository}:${tag}` || image.endsWith(`@${digest}`)),
  );
  const measured = found ?? measurementsOf(images.join(" "));
  const { pcr0, pcr1, pcr2 } = measured;
  return {
    release: NodeConfig.shape.release.parse({ pcr0, pcr1, pcr2 }),
    version: found?.version.replace(/^v/, "") ?? "0.0.0",
  };
}

export function measurementsOf(seed: string): { pcr0: string; pcr1: string; pcr2: string } {
  const measure = (register: string) => createHash("sha384").update(`${register} of ${seed}`).digest("hex");
  return { pcr0: measure("PCR0"), pcr1: measure("PCR1"), pcr2: measure("PCR2") };
}
