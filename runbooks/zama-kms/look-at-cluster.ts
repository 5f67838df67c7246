import { z } from "zod";
import { mapped } from "../../contract/answer.ts";
import type { ClusterSights, PartySights } from "../../contract/cluster-check-report.ts";
import { coreClientName, coreClientPod, healthCheckProgram } from "../../contract/core-client.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { cutBetweenWords } from "../../contract/printable.ts";
import { ask } from "../ask.ts";
import { classifyFailure } from "../command.ts";
import type { PartyAccess, RunbookContext } from "../context.ts";
import { askForObjects } from "./ask-objects.ts";
import {
  Claim,
  DaemonSet,
  Event,
  Namespace,
  Node,
  nodeFacts,
  Pod,
  podFacts,
  StatefulSet,
  statefulSetFacts,
} from "./cluster-objects.ts";
import { readHealthCheck } from "./health-check-output.ts";

/** Connecting takes the tool 5 s and its question 10 s at the most; then there is an answer, or will be none. */
const healthCheckMs = 15_000;

/** Arguments of kubectl that list what lies in the party's namespace. */
export function namespaceCommand({ namespace }: PartyOutputs): string[] {
  const kinds = "statefulsets,pods,configmaps,persistentvolumeclaims,events";
  return ["get", kinds, "--namespace", namespace, "--output", "json"];
}

/** Arguments of kubectl that list what the party's core needs of its cluster. */
export function clusterCommand(): string[] {
  return ["get", "nodes,namespaces,daemonsets", "--namespace", "kube-system", "--output", "json"];
}

/** Arguments of kubectl that ask the core how it is; its own image has no such tool. */
export function healthCommand({ namespace, services, ports }: PartyOutputs): string[] {
  const endpoint = `${services.core}.${namespace}.svc.cluster.local:${ports.grpc}`;
  const check = [healthCheckProgram, "--format", "json", "live", "--endpoint", endpoint];
  return ["exec", "--namespace", namespace, coreClientPod, "--container", coreClientName, "--", ...check];
}

type Context = Pick<RunbookContext, "manifest" | "manifestDigest" | "clock" | "progress">;

/** Asks all given parties at once. Never throws because of what a cluster does. */
export async function lookAtClusters(
  parties: readonly PartyAccess[],
  { manifest, manifestDigest, clock, progress }: Context,
  timeoutMs: number,
  signal: AbortSignal,
  /** Whether to ask the core-client how the core is. */
  { health = true }: { health?: boolean } = {},
): Promise<ClusterSights> {
  const startedAt = clock.now().toISOString();
  const started = performance.now();
  let answered = 0;
  const seen = await Promise.all(
    parties.map(async (party) => {
      const sights = await lookAtCluster(party, { timeoutMs, signal, health });
      answered += 1;
      progress(`${answered} of ${parties.length} parties answered`);
      return sights;
    }),
  );
  signal.throwIfAborted();
  return {
    network: manifest.network,
    environment: manifest.environment,
    manifestDigest,
    startedAt,
    durationMs: Math.round(performance.now() - started),
    partiesTotal: manifest.parties.length,
    parties: seen,
  };
}

type Asking = { timeoutMs: number; signal: AbortSignal; health?: boolean };

async function lookAtCluster(party: PartyAccess, asking: Asking): Promise<PartySights> {
  const { outputs } = party;
  const { statefulSet, pod } = outputs.workload;
  const [place, cluster] = await Promise.all([
    askForObjects(party, namespaceCommand(outputs), asking),
    askForObjects(party, clusterCommand(), asking),
  ]);
  const clients = place.named("StatefulSet", coreClientName, z.unknown());
  const coreClientAbsent = clients.status === "seen" && clients.value === null;
  const core = place.named("StatefulSet", statefulSet, StatefulSet);
  const claims = mapped(place.all("PersistentVolumeClaim", Claim), (found) =>
    found.map(({ metadata, status }) => ({ name: metadata.name, phase: status?.phase ?? "Unknown" })),
  );
  return {
    partyId: outputs.partyId,
    name: outputs.partyName,
    withheld: withheld(outputs),
    statefulSetName: statefulSet,
    podName: pod,
    namespaceName: outputs.namespace,
    configMapName: outputs.configMapName,
    statefulSet: mapped(core, (set) => set && statefulSetFacts(set)),
    pod: mapped(place.named("Pod", pod, Pod), (found) => found && podFacts(found)),
    configMaps: place.names("ConfigMap"),
    claims,
    warnings: mapped(place.all("Event", Event), (events) => warningsAbout([statefulSet, pod], events)),
    namespace: mapped(
      cluster.named("Namespace", outputs.namespace, Namespace),
      (found) => found && (found.status?.phase ?? "Unknown"),
    ),
    nodes: mapped(cluster.all("Node", Node), (nodes) => nodes.map(nodeFacts)),
    devicePlugin: mapped(cluster.all("DaemonSet", DaemonSet), devicePluginOf),
    coreClientAbsent,
    health: await healthOf(party, { silence: place.silence, coreClientAbsent }, asking),
  };
}

function withheld({ release, coreHeldFor, absent }: PartyOutputs): string | null {
  if (release !== null) return null;
  if (coreHeldFor) return `the core waits for the CA certificates of parties ${coreHeldFor.join(", ")}`;
  return `the core is withheld: ${absent.release ?? "no release"}`;
}

/** By its label: the name is the installer's, the label is in every guide. */
function devicePluginOf(sets: readonly z.infer<typeof DaemonSet>[]): { desired: number; ready: number } | null {
  const found = sets.find(({ metadata }) => metadata.labels?.name === "aws-nitro-enclaves");
  if (found === undefined) return null;
  return { desired: found.status?.desiredNumberScheduled ?? 0, ready: found.status?.numberReady ?? 0 };
}

type Warnings = Extract<PartySights["warnings"], { status: "seen" }>["value"];

function warningsAbout(names: readonly string[], events: readonly z.infer<typeof Event>[]): Warnings {
  return events
    .filter(({ type, involvedObject: { kind, name = "" } }) => {
      const claim = kind === "PersistentVolumeClaim" && names.some((one) => name.endsWith(`-${one}`));
      return type === "Warning" && (claim || names.includes(name));
    })
    .map(({ reason = "", message = "", count, series, eventTime, lastTimestamp, involvedObject }) => ({
      about: `${involvedObject.kind} ${involvedObject.name}`,
      reason,
      message: cutBetweenWords(message, 300),
      at: series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? null,
      count: series?.count ?? count ?? 1,
    }));
}

/** Who does not answer at all is not asked again. */
async function healthOf(
  party: PartyAccess,
  { silence, coreClientAbsent }: { silence: string | null; coreClientAbsent: boolean },
  asking: Asking,
): Promise<PartySights["health"]> {
  if (silence !== null) return { status: "unknown", reason: silence };
  if (asking.health === false) return { status: "unknown", reason: "not asked" };
  if (!coreClientAbsent) return await askForHealth(party, asking);
  return { status: "unknown", reason: "no core-client runs beside the core, and its own image has no health check" };
}

async function askForHealth(party: PartyAccess, { timeoutMs, signal }: Asking): Promise<PartySights["health"]> {
  const result = await ask(party, healthCommand(party.outputs), { timeoutMs: timeoutMs + healthCheckMs, signal });
  if ("reason" in result) return { status: "unknown", reason: result.reason };
  // What counts is its report, whatever it exits with.
  const value = result.ended === "deadline" || result.ended === "aborted" ? null : readHealthCheck(result.stdout);
  if (value !== null) return { status: "seen", value };
  const reason = classifyFailure(result)?.reason ?? "kms-health-check printed no report";
  return { status: "unknown", reason };
}
