import type { Resource, ResourceHookFunction } from "@pulumi/pulumi";
import type { Digest } from "../../contract/names.ts";
import type { ManifestParty, NetworkManifest } from "../../contract/network-manifest.ts";
import type { PartyCard } from "../../contract/party-card.ts";
import type { HeldRelease, SecretReader } from "../../contract/release-secrets.ts";
import type { StackConfig } from "../../contract/stack-config.ts";
import type { TrustedRelease } from "../../contract/trusted-release.ts";
import type { AllocatorSize } from "../aws/enclave-allocator.ts";
import type { PartyCluster } from "../aws/party-cluster.ts";
import type { ChartToInstall } from "../pinned-chart.ts";
import type { CoreStart } from "./core-start.ts";

export interface PartyArgs {
  manifest: NetworkManifest;
  manifestDigest: Digest;
  /** What the peers say of themselves, by party, as far as it was accepted. */
  peerCards: ReadonlyMap<number, PartyCard>;
  /** Whether the core starts, or waits for peers' certificates. */
  coreStart: CoreStart;
  config: StackConfig;
  /** This party's entry in the manifest. */
  party: ManifestParty;
  /** What this party runs, out of the manifest's trusted releases. */
  release: TrustedRelease;
  chart: ChartToInstall;
  /** Charts of what runs beside the core, as far as the network agreed on them and this party wants them. */
  charts?: { connector?: ChartToInstall; gatewayNode?: ChartToInstall };
  /** What looks, before a release is made or changed, whether the Secrets are there that it reads. @default nothing */
  checkSecrets?: (of: SecretReader) => ResourceHookFunction | undefined;
  /** Releases that are not made, because people have yet to make their Secrets. @default none */
  held?: readonly HeldRelease[];
  /** What waits, before an endpoint service is made, until its load balancer is up. @default nothing */
  awaitBalancer?: ResourceHookFunction;
  allocator: AllocatorSize;
  /** Of everything in AWS, and of the machines that node groups make. */
  tags: Readonly<Record<string, string>>;
  cluster: PartyCluster;
  /** What makes the kinds of monitor and alerts in the cluster, where this stack does. @default they are there */
  monitoringKinds?: readonly Resource[];
  /** Text of `prober.mjs`. */
  proberSource: string;
}

/** Whether a release is not made yet, because people have not made its Secrets. */
export const isHeld = ({ held = [] }: Pick<PartyArgs, "held">, of: SecretReader) =>
  held.some(({ release }) => release === of);
