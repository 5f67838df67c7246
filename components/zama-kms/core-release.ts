import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { NetworkManifest } from "../../contract/network-manifest.ts";
import { partyHost } from "../../contract/network-manifest.ts";
import { checkArgs } from "../check-args.ts";
import { hooksOf } from "../hooks.ts";
import { type ChartToInstall, unpinned } from "../pinned-chart.ts";
import { chartProblems, chartVersion } from "./chart-versions.ts";
import { startsAtOnce } from "./core-start.ts";
import { type CoreSettings, coreName, coreValues, hostStem } from "./core-values.ts";

export interface CoreReleaseArgs extends CoreSettings {
  namespace: pulumi.Input<string>;
  manifest: NetworkManifest;
  chart: ChartToInstall;
  /** Asked before the release is made or changed. @default nobody */
  before?: pulumi.ResourceHookFunction | undefined;
}

/** How long a core may take until it serves: the image, the enclave, three minutes of probes. */
const startTimeoutSeconds = 600;

/**
 * The core of one party. Creates: Helm release of the kms-core chart.
 *
 * While it is held back for peers' certificates the release is there and only makes keys and the own certificate; with
 * them it is upgraded to the whole core, and Helm waits until that serves.
 */
export class CoreRelease extends pulumi.ComponentResource {
  readonly releaseName: pulumi.Output<string>;
  readonly chartVersion: string;

  constructor(name: string, args: CoreReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    check(name, args);
    super("quorate:zama-kms:CoreRelease", name, {}, opts);
    const release = createRelease(this, name, args);
    this.releaseName = release.name;
    this.chartVersion = args.chart.version;
    this.registerOutputs({ releaseName: this.releaseName, chartVersion: this.chartVersion });
  }
}

/** Names that the chart gives the core's objects; they are known before there is a core. */
export function coreObjects(partyId: number) {
  const pod = `${coreName}-${partyId}`;
  return { statefulSet: coreName, pod, services: { headless: coreName, core: pod } };
}

function check(name: string, { manifest, partyId, release, chart, backupVault }: CoreReleaseArgs) {
  const own = manifest.parties.find((party) => party.id === partyId);
  const host = own && partyHost(own);
  checkArgs(`core release ${name}`, [
    own === undefined && { propertyPath: "partyId", reason: `party ${partyId} is not in the manifest` },
    host !== undefined &&
      hostStem(host, partyId) === undefined && {
        propertyPath: "manifest.parties.host",
        reason: `the chart can make certificates for hosts that end in -${partyId} only, found ${host}`,
      },
    !manifest.trustedReleases.some((trusted) => trusted.version === release.version) && {
      propertyPath: "release",
      reason: `peers would refuse release ${release.version}: it is not among the manifest's trusted releases`,
    },
    unpinned(chart),
    chart.version !== manifest.chart.version && {
      propertyPath: "chart.version",
      reason: `the values are for ${manifest.chart.version}, which the parties agreed on, found ${chart.version}`,
    },
    ...chartProblems(manifest).map(({ field, found, expected }) => ({
      propertyPath: `manifest.${field}`,
      reason: `found ${found}, expected ${expected}`,
    })),
    backupVault !== undefined &&
      "custodians" in backupVault &&
      chartVersion(manifest.chart.version)?.custodianBackup === false && {
        propertyPath: "backupVault.custodians",
        reason: `chart ${manifest.chart.version} does not read it`,
      },
  ]);
}

function createRelease(parent: CoreRelease, name: string, args: CoreReleaseArgs) {
  const { peerCertificates } = args.start ?? startsAtOnce;
  return new kubernetes.helm.v3.Release(
    `${name}-release`,
    {
      name: coreName,
      namespace: args.namespace,
      createNamespace: false,
      chart: args.chart.ref,
      version: args.chart.version,
      values: { ...coreValues(args.manifest, args) },
      // A core is ready only when every peer's CA certificate is in its own vault. Where somebody else brings them, perhaps
      // after the peers' own `up`, nobody can tell for how long to wait: readiness is then what `quorate validate` tells.
      skipAwait: peerCertificates === undefined,
      timeout: startTimeoutSeconds,
      maxHistory: 10,
    },
    { parent, hooks: hooksOf(args.before) },
  );
}
