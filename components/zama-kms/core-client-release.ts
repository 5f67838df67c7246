import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { coreClientName } from "../../contract/core-client.ts";
import type { NetworkManifest } from "../../contract/network-manifest.ts";
import type { ToolImage } from "../../contract/tool-image.ts";
import { checkArgs } from "../check-args.ts";
import { hooksOf } from "../hooks.ts";
import { type ChartToInstall, unpinned } from "../pinned-chart.ts";
import { chartImage, coreName } from "./core-values.ts";

/** Labels of its pod, as the chart gives them. */
export const coreClientPods = { app: coreClientName };

export interface CoreClientSettings {
  partyId: number;
  region: string;
  image: ToolImage;
  publicVault: { bucketName: pulumi.Input<string>; prefix: string };
  configMapName: string;
  memoryMib: number;
  /** Label and taint of the nodes. */
  nodeKey: string;
}

export interface CoreClientReleaseArgs extends CoreClientSettings {
  namespace: pulumi.Input<string>;
  manifest: NetworkManifest;
  /** The core's own chart. */
  chart: ChartToInstall;
  /** Runs before it is made or changed, and stops that by throwing. @default nothing */
  before?: pulumi.ResourceHookFunction | undefined;
}

/**
 * A pod with `kms-health-check` and the core-client, from which people ask the own core how it is. Creates: Helm
 * release of the kms-core chart, with everything but the core-client switched off.
 *
 * A release of its own: to come and go without touching the one that runs the core.
 */
export class CoreClientRelease extends pulumi.ComponentResource {
  readonly releaseName: pulumi.Output<string>;

  constructor(name: string, args: CoreClientReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    const { chart, partyId, publicVault } = args;
    checkArgs(`core client ${name}`, [
      unpinned(chart),
      publicVault.prefix !== `PUB-p${partyId}` && {
        propertyPath: "publicVault.prefix",
        reason: `the chart looks for the core's keys under PUB-p${partyId} and nowhere else, found ${publicVault.prefix}`,
      },
    ]);
    super("quorate:zama-kms:CoreClientRelease", name, {}, opts);
    const release = new kubernetes.helm.v3.Release(
      `${name}-release`,
      {
        name: coreClientName,
        namespace: args.namespace,
        createNamespace: false,
        chart: chart.ref,
        version: chart.version,
        values: coreClientValues(args.manifest, args),
        maxHistory: 10,
      },
      { parent: this, hooks: hooksOf(args.before) },
    );
    this.releaseName = release.name;
    this.registerOutputs({ releaseName: this.releaseName });
  }
}

/** Values of the kms-core chart for its core-client alone. */
export function coreClientValues({ threshold, ports, protocol }: NetworkManifest, settings: CoreClientSettings) {
  const { partyId, nodeKey, memoryMib } = settings;
  const size = { cpu: "500m", memory: `${memoryMib}Mi` };
  return {
    // The chart counts from `id` to `count`: with less it would list no core at all.
    kmsPeers: { id: partyId, count: partyId },
    kmsCore: {
      enabled: false,
      nameOverride: coreName,
      // Without a list of peers it names the own core; no peer lets anybody else's clients in.
      thresholdMode: { enabled: true, peersList: [] },
      publicVault: { s3: { enabled: true, bucket: settings.publicVault.bucketName } },
      aws: { region: settings.region },
      ports: { client: ports.grpc, peer: ports.peer, metrics: ports.metrics },
    },
    kmsCoreClient: {
      enabled: true,
      nameOverride: coreClientName,
      image: chartImage(settings.image),
      envFrom: { configmap: { name: settings.configMapName } },
      // Of all parties: more equal answers than parties may lie, and enough shares in spite of as many.
      num_majority: threshold + 1,
      num_reconstruct: 2 * threshold + 1,
      decryption_mode: protocol.decryptionMode,
      fhe_parameter: "Default",
      resources: { requests: { ...size, cpu: "100m" }, limits: size },
      nodeSelector: { [nodeKey]: "true" },
      tolerations: [{ key: nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
    },
  };
}
