import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { ChartToInstall } from "../components/pinned-chart.ts";
import { chartProblems } from "../components/zama-kms/chart-versions.ts";
import type { CoreStart } from "../components/zama-kms/core-start.ts";
import type { PartyArgs } from "../components/zama-kms/party-args.ts";
import { fileError } from "../contract/file-error.ts";
import type { Digest } from "../contract/names.ts";
import { endpointServiceRegions, type ManifestParty, type NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { PinnedChart } from "../contract/optional-releases.ts";
import type { PartyCard } from "../contract/party-card.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import type { TrustedRelease } from "../contract/trusted-release.ts";
import { checkAccounts } from "./account-checks.ts";
import { chartDigest } from "./chart-digest.ts";
import { settleCoreStart } from "./core-start.ts";
import { type LastDeployment, neverDeployed } from "./deployment-facts.ts";
import { checkKubeIp, kubeIpNotes } from "./kubeip-settings.ts";
import { checkLiveParty } from "./live-party.ts";
import { type ManifestFile, partyInManifest } from "./manifest-file.ts";
import { checkNodes, nodeNotes } from "./node-settings.ts";
import { checkReleases } from "./optional-releases.ts";
import { joinCards, noPeerCards, type PeerCards } from "./peer-cards.ts";
import { partyTags } from "./project.ts";

/** Everything plain that one party is built from: its own configuration, checked against what the network agreed on. */
export interface PartySettings {
  config: StackConfig;
  /** What the network agreed on, and the endpoint services that only the peers' cards name. */
  manifest: NetworkManifest;
  /** Of the manifest as it lies in its file. */
  manifestDigest: Digest;
  /** That file, and the stack's own, as errors name them. */
  manifestPath: string;
  source: string;
  /** Cards of the peers, as far as they were accepted. */
  peerCards: ReadonlyMap<number, PartyCard>;
  /** Whether the core starts, or waits for peers' certificates. */
  coreStart: CoreStart;
  /** Names of the Helm releases that are there already. */
  releasedBefore: readonly string[];
  /** What is to be said about the peers before an update. */
  peerNotes: readonly string[];
  party: ManifestParty;
  release: TrustedRelease;
  chart: ChartToInstall;
  /** Charts of what this party runs beside its core. */
  charts?: NonNullable<PartyArgs["charts"]>;
  /** Of everything that the stack makes in AWS. */
  tags: Readonly<Record<string, string>>;
  /** What is to be said about the nodes before an update. */
  nodeNotes: readonly string[];
  proberSource: string;
}

/** Joins a stack's configuration with its network's manifest and its peers' cards. `source` names the stack file in errors. */
export async function settleParty(
  config: StackConfig,
  file: ManifestFile,
  source: string,
  peers: PeerCards = noPeerCards,
  last: LastDeployment = neverDeployed,
): Promise<PartySettings> {
  checkChart(file);
  const party = ownEntry(config, file, source);
  const release = ownRelease(config, file, source);
  checkMeasurements(config, release, file, source);
  checkAccounts(config, source);
  checkKubeIp(config, file, source);
  checkNodes(config, file, source);
  checkEndpointService(config, file, source);
  checkReleases(config, file, source);
  checkLiveParty({ config, manifest: file.manifest, release }, last, { source, manifestPath: file.path });
  const { start: coreStart, notes } = settleCoreStart(config, file.manifest, peers.cards, last);
  return {
    config,
    manifest: joinCards(file.manifest, peers),
    manifestDigest: file.digest,
    manifestPath: file.path,
    source,
    peerCards: peers.cards,
    coreStart,
    releasedBefore: last.releases ?? [],
    peerNotes: [...peers.notes, ...notes],
    party,
    release,
    chart: await pinnedChart(file, file.manifest.chart),
    charts: await optionalCharts(config, file),
    tags: {
      ...config.tags,
      ...partyTags(config.network, config.party),
      environment: file.manifest.environment,
    },
    nodeNotes: [...nodeNotes(config), ...kubeIpNotes(config, file, source)],
    proberSource: await readFile(new URL("../components/kubernetes/prober.mjs", import.meta.url), "utf8"),
  };
}

/** A chart takes any values and drops those that it does not know, without a word. */
function checkChart({ manifest, path }: ManifestFile) {
  const [problem, ...more] = chartProblems(manifest);
  if (problem === undefined) return;
  throw new OperatorError({
    code: "CHART_UNFIT",
    what: `network ${manifest.network}: chart ${manifest.chart.version} would not do what the parties agreed on`,
    found: `${problem.field}: ${problem.found}, in ${path}${more.length > 0 ? ` (and ${more.map(({ field }) => field).join(", ")})` : ""}`,
    expected: problem.expected,
    next: `have all parties agree on another chart.version in ${path}, or on a manifest without ${problem.field}`,
  });
}

function ownEntry(config: StackConfig, file: ManifestFile, source: string): ManifestParty {
  const { manifest, path } = file;
  const party = partyInManifest(config.party, file, source);
  for (const [field, found, expected] of [
    ["accountId", config.accountId, party.accountId],
    ["region", config.region, party.region],
  ] as const)
    if (found !== expected)
      throw new OperatorError({
        code: "MANIFEST_MISMATCH",
        what: `party ${party.id} (${manifest.network}): ${field} is not what the network agreed on`,
        found: `quorate:${field}: ${found} in ${source}`,
        expected: `${field}: ${expected} in ${path}`,
        next: `correct quorate:${field} in ${source}, or have the manifest changed by all parties`,
      });
  return party;
}

/** The release that a stack names, which its network has to trust. */
export function ownRelease(
  config: Pick<StackConfig, "party" | "release">,
  { manifest, path }: ManifestFile,
  source: string,
): TrustedRelease {
  const release = manifest.trustedReleases.find(({ version }) => version === config.release);
  if (release) return release;
  throw new OperatorError({
    code: "RELEASE_NOT_IN_MANIFEST",
    what: `party ${config.party} (${manifest.network}): its peers would refuse the release that it is to run`,
    found: `quorate:release: ${config.release} in ${source}`,
    expected: `one of ${manifest.trustedReleases.map(({ version }) => version).join(", ")}, trusted in ${path}`,
    next: `correct quorate:release in ${source}, or have all parties trust the release first`,
  });
}

/** The measurements that a stack allows are trusted ones, and the release that runs is among them. */
export function checkMeasurements(
  config: Pick<StackConfig, "party" | "network" | "allowedPcr0">,
  release: TrustedRelease,
  { manifest, path }: ManifestFile,
  source: string,
): void {
  if (config.allowedPcr0 === undefined) return;
  const stranger = config.allowedPcr0.find((pcr) => !manifest.trustedReleases.some(({ pcr0 }) => pcr0 === pcr));
  if (stranger !== undefined)
    throw new OperatorError({
      code: "MEASUREMENT_NOT_TRUSTED",
      what: `party ${config.party} (${config.network}): an enclave that no release of the network has could unseal its private vault`,
      found: `${stranger}, quorate:allowedPcr0 in ${source}`,
      expected: `PCR0 of releases ${manifest.trustedReleases.map(({ version }) => version).join(", ")}, trusted in ${path}`,
      next: `remove it from quorate:allowedPcr0 in ${source}, or have all parties trust its release first`,
    });
  if (config.allowedPcr0.includes(release.pcr0)) return;
  throw new OperatorError({
    code: "RELEASE_LOCKED_OUT",
    what: `party ${config.party} (${config.network}): the release that it runs could not unseal its own private vault`,
    found: `quorate:allowedPcr0 in ${source} leaves it out`,
    expected: `PCR0 of release ${release.version}, ${release.pcr0}`,
    next: `add it to quorate:allowedPcr0 in ${source}, or remove the key to allow every trusted release`,
  });
}

/** A service in a region where the network has none would be found by nobody who follows its agreement. */
function checkEndpointService(config: StackConfig, { manifest, path }: ManifestFile, source: string): void {
  const regions = endpointServiceRegions(manifest);
  if (manifest.transport !== "privatelink") return;
  if (config.endpointService !== "created" || regions === undefined || regions.includes(config.region)) return;
  throw new OperatorError({
    code: "ENDPOINT_SERVICE_REGION",
    what: `party ${config.party} (${config.network}): its peers' way to it would lie in a region that the network does not use`,
    found: `quorate:region: ${config.region} in ${source}, with quorate:endpointService: created`,
    expected: `${regions.join(", ")}, ${manifest.privatelink?.regions ? "privatelink.regions" : `usual for environment: ${manifest.environment}`} in ${path}`,
    next: `build the party there, or have all parties agree on privatelink.regions in ${path}`,
  });
}

/** The chart to install: a directory whose digest was compared, or a registry reference that carries its digest. */
async function pinnedChart(
  { manifest, path }: ManifestFile,
  { ref, version, digest }: PinnedChart,
  field = "chart",
): Promise<ChartToInstall> {
  if (ref.startsWith("oci://")) return { ref: `${ref}@${digest}`, version };
  const dir = resolve(dirname(path), ref);
  const found = await chartDigest(dir).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw fileError(cause, dir) ?? cause;
    throw new OperatorError(
      {
        code: "CHART_MISSING",
        what: `the ${field} of network ${manifest.network} can't be read`,
        found: `${dir}: no such directory`,
        expected: `the directory that ${field}.ref in ${path} names`,
        next: `correct ${field}.ref in ${path}`,
      },
      { cause },
    );
  });
  if (found !== digest)
    throw new OperatorError({
      code: "CHART_CHANGED",
      what: `the ${field} of network ${manifest.network} is not the one that the parties agreed on`,
      found: `${found} for ${dir}`,
      expected: `${digest}, ${field}.digest in ${path}`,
      next: `restore the chart, or review the change and have all parties agree on its digest in ${path}`,
    });
  return { ref: dir, version };
}

async function optionalCharts(config: StackConfig, file: ManifestFile): Promise<NonNullable<PartyArgs["charts"]>> {
  const { connector, gatewayNode } = file.manifest;
  return {
    ...(config.connector && connector && { connector: await pinnedChart(file, connector.chart, "connector.chart") }),
    ...(config.gatewayNode &&
      gatewayNode && { gatewayNode: await pinnedChart(file, gatewayNode.chart, "gatewayNode.chart") }),
  };
}
