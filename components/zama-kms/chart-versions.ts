import type { NetworkManifest } from "../../contract/network-manifest.ts";
import type { ToolImageName } from "../../contract/tool-image.ts";

/** What one version of the kms-core chart reads. A value that it does not read would be dropped without a word. */
export interface ChartVersion {
  /** How an enclave gets out of its pod: a proxy per destination, or one tunnel whose sidecar is privileged. */
  enclaveNetwork: "proxies" | "tunnel";
  /** Images that run beside the core's own. */
  toolImages: readonly ToolImageName[];
  /** Backups for custodians, instead of under a second KMS key. */
  custodianBackup: boolean;
  /** The one-time map of contexts to epochs, before the first boot of KMS Core 0.15. */
  migration: boolean;
  /** Until which request cores mask as the ones before 0.13.22 did. In one version of the chart alone. */
  legacyPrssMask: boolean;
}

const oneTool = ["kubeUtils"] as const;
const threeTools = ["socat", "kubectl", "grpcHealthProbe"] as const;

const first: ChartVersion = {
  enclaveNetwork: "proxies",
  toolImages: oneTool,
  custodianBackup: false,
  migration: false,
  legacyPrssMask: false,
};
const custodians: ChartVersion = { ...first, custodianBackup: true };
const masking: ChartVersion = { ...custodians, legacyPrssMask: true };
const tunnel: ChartVersion = { ...custodians, enclaveNetwork: "tunnel" };
const split: ChartVersion = { ...tunnel, toolImages: threeTools };
const migrating: ChartVersion = { ...split, migration: true };

/**
 * Lines were kept in parallel, so a higher number does not always read more: 1.8.0 is older than 1.7.5.
 *
 * @see https://github.com/zama-ai/kms/commits/main/charts/kms-core/Chart.yaml
 */
const versions: Readonly<Record<string, ChartVersion>> = {
  "1.5.0": first,
  "1.5.1": first,
  "1.5.2": first,
  "1.6.0": custodians,
  "1.6.1": masking,
  "1.7.0": custodians,
  "1.7.1": custodians,
  "1.7.2": tunnel,
  "1.7.3": tunnel,
  "1.7.4": tunnel,
  "1.7.5": split,
  "1.8.0": tunnel,
  "1.8.1": tunnel,
  "1.8.2": split,
  "1.8.3": split,
  "1.8.4": migrating,
  "1.9.0": migrating,
  "1.9.1": migrating,
  "1.9.2": migrating,
};

/** Versions of the chart whose values we know, oldest line first. */
export const knownChartVersions: readonly string[] = Object.keys(versions);

/** What a version of the chart reads, or undefined where we do not know. */
export function chartVersion(version: string): ChartVersion | undefined {
  return Object.hasOwn(versions, version) ? versions[version] : undefined;
}

export interface ChartProblem {
  /** Where it stands in the manifest. */
  field: string;
  found: string;
  expected: string;
}

/** What the manifest asks of the chart that this version of it would not do. */
export function chartProblems({ chart, protocol }: NetworkManifest): ChartProblem[] {
  const known = chartVersion(chart.version);
  if (known === undefined)
    return [{ field: "chart.version", found: chart.version, expected: `one of ${knownChartVersions.join(", ")}` }];
  const unread = Object.keys(chart.toolImages ?? {}).filter((name) => !known.toolImages.some((tool) => tool === name));
  return [
    ...unread.map((name) => ({
      field: `chart.toolImages.${name}`,
      found: `an image that chart ${chart.version} does not run`,
      expected: `only ${known.toolImages.join(", ")}`,
    })),
    ...(["migration", "legacyPrssMask"] as const)
      .filter((field) => protocol[field] !== undefined && !known[field])
      .map((field) => ({
        field: `protocol.${field}`,
        found: `what chart ${chart.version} does not read`,
        expected: `chart ${knownChartVersions.filter((version) => versions[version]?.[field]).join(", ")}`,
      })),
  ];
}
