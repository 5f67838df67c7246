import type {
  ClusterCheck,
  ClusterCheckReport,
  ClusterSights,
  EnclaveAsk,
  NodeFacts,
  PartySights,
} from "../../contract/cluster-check-report.ts";
import { enclaveNodeKey } from "../../contract/enclave-node-key.ts";
import type { Finding } from "../../contract/verdict.ts";
import { kubectlCommand } from "../kubectl-command.ts";
import { judgeHealth } from "./judge-health.ts";

/** Warnings and ends of containers of before are history. */
const recentMs = 10 * 60_000;

type Party = PartySights;
/** What one check says; whose it is and which one is added to it. */
type Said = Omit<ClusterCheck, "party" | "check">;
type Context = { party: Party; now: Date; partiesTotal: number };

const good = (found: string, expected: string): Said => said("OK", null, found, expected, "");
const bad = (code: string, found: string, expected: string, next: string): Said =>
  said("FAIL", code, found, expected, next);
const untold = (reason: string, expected: string, next: string): Said => said("UNKNOWN", null, reason, expected, next);

function said(verdict: ClusterCheck["verdict"], code: string | null, found: string, expected: string, next: string) {
  return { verdict, code, found, expected, next };
}

/** From what the clusters answered to what it means. Pure: the same sights give the same report. */
export function judgeClusters(seen: ClusterSights): ClusterCheckReport {
  const now = new Date(seen.startedAt);
  const checked = seen.parties.map((party) => ({
    party,
    checks: Object.entries(rules).map(([check, rule]): ClusterCheck => {
      const verdict = rule({ party, now, partiesTotal: seen.partiesTotal });
      return { party: party.partyId, check: check as ClusterCheck["check"], ...verdict };
    }),
  }));
  const checks = checked.flatMap((one) => one.checks);
  const { network, environment, startedAt, durationMs, manifestDigest, partiesTotal } = seen;
  return {
    schema: "quorate/cluster-check/v1",
    network,
    environment,
    verdict: together(checks),
    findings: checked.flatMap((one) => findingsOf(one.party, one.checks)),
    startedAt,
    durationMs,
    manifestDigest,
    partiesTotal,
    parties: checked.map((one) => ({
      partyId: one.party.partyId,
      name: one.party.name,
      verdict: together(one.checks),
    })),
    checks,
  };
}

/** Any FAIL wins, then any UNKNOWN; of nothing at all we could not tell. */
function together(checks: readonly ClusterCheck[]): ClusterCheck["verdict"] {
  if (checks.some(({ verdict }) => verdict === "FAIL")) return "FAIL";
  return checks.length === 0 || checks.some(({ verdict }) => verdict === "UNKNOWN") ? "UNKNOWN" : "OK";
}

const rules: { [check in ClusterCheck["check"]]: (context: Context) => Said } = {
  namespace: namespaceRule,
  nodes: nodesRule,
  "device-plugin": devicePluginRule,
  allocatable: allocatableRule,
  "config-maps": configMapsRule,
  "volume-claims": claimsRule,
  "stateful-set": statefulSetRule,
  pod: podRule,
  "config-hash": configHashRule,
  probes: probesRule,
  "enclave-device": deviceRule,
  "enclave-logger": loggerRule,
  warnings: warningsRule,
  health: healthRule,
};

/* The cluster. */

const up = ({ partyId }: Party) => `npx quorate up --party ${partyId}`;
/** An update compares with what the stack remembers, so that what went behind its back is looked for first. */
const restore = (party: Party) => `pulumi refresh of party ${party.partyId}'s stack, then: ${up(party)}`;
/** Of what a chart made nobody but Helm knows. */
const restoreChart = (party: Party) =>
  `it is of the core's Helm release, and a refresh does not miss it; ask who took it away, and look: helm --namespace ${party.namespaceName} history kms-core`;
/** How to look for oneself, once kubectl asks the right cluster. */
const kubectl = ({ partyId, namespaceName }: Party, words: string) =>
  kubectlCommand(partyId, `--namespace ${namespaceName} ${words}`);
const describe = (party: Party, what: string) => kubectl(party, `describe ${what}`);
const askAgain = "repeat the command; if it stays so, mend what is named, or ask who has the right to look";

/** The rule for what was seen; what was not is could-not-tell, whatever the rule. */
function whereSeen<T>(
  answer: { status: "seen"; value: T } | { status: "unknown"; reason: string },
  expected: string,
  rule: (value: T) => Said,
): Said {
  return answer.status === "seen" ? rule(answer.value) : untold(answer.reason, expected, askAgain);
}

function namespaceRule({ party }: Context): Said {
  const expected = `namespace ${party.namespaceName}, Active`;
  return whereSeen(party.namespace, expected, (phase) => {
    if (phase === "Active") return good("Active", expected);
    const found = phase === null ? "there is none of that name" : phase;
    const next = phase === null ? restore(party) : describe(party, `namespace ${party.namespaceName}`);
    return bad("NAMESPACE_NOT_ACTIVE", found, expected, next);
  });
}

function nodesRule({ party }: Context): Said {
  const expected = `nodes with label and taint ${enclaveNodeKey}, each Ready`;
  return whereSeen(party.nodes, expected, (nodes) => {
    const enclaves = enclaveNodes(nodes);
    const names = (some: readonly NodeFacts[]) => some.map(({ name }) => name).join(", ");
    if (nodes.length === 0) return bad("NODE_MISSING", "the cluster has no node", expected, restore(party));
    if (enclaves.length === 0)
      return bad("NODE_LABEL_MISSING", `no label on ${names(nodes)}`, expected, restore(party));
    const lost = enclaves.filter(({ ready }) => !ready);
    if (lost.length > 0)
      return bad(
        "NODE_NOT_READY",
        lost.map(({ name, problem }) => `${name}: ${problem}`).join("\n"),
        expected,
        describe(party, `node ${lost[0]?.name}`),
      );
    const bare = enclaves.filter(({ taints }) => !taints.includes(enclaveNodeKey));
    if (bare.length > 0)
      return bad(
        "NODE_TAINT_MISSING",
        `no taint on ${names(bare)}: anything may take its room`,
        expected,
        restore(party),
      );
    const closed = enclaves.filter(({ schedulable }) => !schedulable);
    if (closed.length === enclaves.length)
      return bad(
        "NODE_CORDONED",
        `${names(closed)} takes no pod`,
        expected,
        kubectl(party, `uncordon ${closed[0]?.name}`),
      );
    return good(`${enclaves.length} Ready: ${names(enclaves)}`, expected);
  });
}

function enclaveNodes(nodes: readonly NodeFacts[]): NodeFacts[] {
  return nodes.filter(({ labels }) => labels.includes(enclaveNodeKey));
}

function devicePluginRule({ party }: Context): Said {
  const expected = "a DaemonSet labelled name=aws-nitro-enclaves in kube-system, ready on each enclave node";
  return whereSeen(party.devicePlugin, expected, (plugin) => {
    const look = kubectl(party, "describe daemonset --namespace kube-system --selector name=aws-nitro-enclaves");
    if (plugin === null) return bad("DEVICE_PLUGIN_MISSING", "there is none", expected, restore(party));
    const found = `${plugin.ready} of ${plugin.desired} ready`;
    if (plugin.desired === 0)
      return bad("DEVICE_PLUGIN_NOWHERE", "no node is one for it: they lack its label", expected, look);
    return plugin.ready < plugin.desired
      ? bad("DEVICE_PLUGIN_NOT_READY", found, expected, look)
      : good(found, expected);
  });
}

function allocatableRule({ party }: Context): Said {
  const ask = party.statefulSet.status === "seen" ? party.statefulSet.value?.ask : undefined;
  const expected = ask ? `a node that offers ${words(ask)}` : "a node that offers what the core asks for";
  return whereSeen(party.nodes, expected, (nodes) => {
    if (ask === undefined) return untold(noStatefulSet(party), expected, up(party));
    const pod = party.pod.status === "seen" ? party.pod.value : null;
    const own = nodes.filter(({ name }) => name === pod?.node);
    const fitting = own.length > 0 ? own : enclaveNodes(nodes);
    const short = (node: NodeFacts) => lacking(node.allocatable, ask);
    const roomy = fitting.find((node) => short(node).length === 0);
    if (roomy) return good(`${roomy.name} offers ${words(roomy.allocatable)}`, expected);
    const found = fitting.map((node) => `${node.name} offers ${words(node.allocatable)}`).join("\n");
    return bad(
      "NODE_TOO_SMALL",
      found || "there is no enclave node",
      expected,
      "none of it: the device plugin, or the allocator service on the node; too little of it: allocatorCpuCount and allocatorMemoryMib of quorate:enclaveNodes, and nodes that start anew",
    );
  });
}

function lacking(offered: EnclaveAsk, ask: EnclaveAsk): string[] {
  return (["enclaves", "cpus", "hugepagesMib"] as const).filter((key) => offered[key] < ask[key]);
}

function words({ enclaves, cpus, hugepagesMib }: EnclaveAsk): string {
  return `${enclaves} enclaves, ${cpus} enclave CPUs, ${hugepagesMib / 1024} GiB of huge pages`;
}

/* What the core is built from. */

function configMapsRule({ party }: Context): Said {
  const set = party.statefulSet.status === "seen" ? party.statefulSet.value : null;
  const names = [...new Set([party.configMapName, ...(set?.configMaps ?? [])])].sort();
  const expected = `ConfigMaps ${names.join(", ")}`;
  return whereSeen(party.configMaps, expected, (present) => {
    const missing = names.filter((name) => !present.includes(name));
    if (missing.length > 0)
      return bad(
        "CONFIG_MAP_MISSING",
        `missing: ${missing.join(", ")}`,
        expected,
        missing.includes(party.configMapName) ? restore(party) : restoreChart(party),
      );
    return set === null ? untold(noStatefulSet(party), expected, up(party)) : good(`all ${names.length}`, expected);
  });
}

function claimsRule({ party }: Context): Said {
  const expected = "every claim of a volume Bound, where there are any";
  return whereSeen(party.claims, expected, (claims) => {
    const unbound = claims.filter(({ phase }) => phase !== "Bound");
    if (unbound.length === 0) return good(claims.length === 0 ? "none" : `${claims.length} Bound`, expected);
    const found = unbound.map(({ name, phase }) => `${name}: ${phase}`).join("\n");
    return bad("VOLUME_NOT_BOUND", found, expected, describe(party, `pvc ${unbound[0]?.name}`));
  });
}

/* The core. */

function statefulSetRule({ party }: Context): Said {
  const expected = `StatefulSet ${party.statefulSetName}, 1 of 1 ready`;
  return whereSeen(party.statefulSet, expected, (set) => {
    if (set === null)
      return party.withheld === null
        ? bad("STATEFUL_SET_MISSING", "there is none of that name", expected, restoreChart(party))
        : untold(party.withheld, expected, `${up(party)}, once nothing holds it back`);
    if (set.replicas === 0)
      return bad(
        "CORE_SCALED_DOWN",
        "scaled to 0",
        expected,
        kubectl(party, `scale statefulset ${party.statefulSetName} --replicas 1`),
      );
    const found = `${set.ready} of ${set.replicas} ready`;
    if (set.replicas > 1) return bad("CORE_TOO_MANY", found, `${expected}: a second would be another party`, up(party));
    return set.ready === 1
      ? good(found, expected)
      : bad("CORE_NOT_READY", found, expected, describe(party, `statefulset ${party.statefulSetName}`));
  });
}

function noStatefulSet(party: Party): string {
  if (party.statefulSet.status === "unknown") return party.statefulSet.reason;
  return party.withheld ?? `there is no StatefulSet ${party.statefulSetName}`;
}

/** The rule for the core's pod; without one there is nothing to say. */
function ofPod({ party }: Context, expected: string, rule: (pod: Pod) => Said): Said {
  return whereSeen(party.pod, expected, (pod) =>
    pod === null ? untold(noPod(party), expected, up(party)) : rule(pod),
  );
}
type Pod = NonNullable<Extract<Party["pod"], { status: "seen" }>["value"]>;

const noPod = (party: Party) => party.withheld ?? `there is no pod ${party.podName}`;

function podRule(context: Context): Said {
  const { party, now } = context;
  const expected = `pod ${party.podName}, Running and Ready, with no restart of late`;
  if (party.pod.status === "seen" && party.pod.value === null && party.withheld === null)
    return bad(
      "POD_MISSING",
      "there is none of that name",
      expected,
      describe(party, `statefulset ${party.statefulSetName}`),
    );
  return ofPod(context, expected, (pod) => {
    const { lastTermination: end } = pod;
    const ended = end === null ? [] : [`last end: ${end.container}, ${end.reason}${end.at ? ` at ${end.at}` : ""}`];
    const state = `${pod.phase}, ${pod.ready ? "Ready" : "not Ready"}, ${pod.restarts} restarts`;
    const found = [pod.problem === null ? state : `${state}: ${pod.problem}`, ...ended].join("\n");
    const next = nextForPod(party, pod);
    if (pod.phase === "Pending") return bad("POD_PENDING", found, expected, next);
    if (pod.problem?.startsWith("CrashLoopBackOff")) return bad("POD_CRASHES", found, expected, next);
    if (pod.phase !== "Running" || !pod.ready) return bad("POD_NOT_READY", found, expected, next);
    const since = end?.at ?? pod.readySince;
    if (pod.restarts > 0 && since === null) return untold(`${found}; when it restarted is not known`, expected, next);
    if (pod.restarts > 0 && isRecent(since, now)) return bad("POD_RESTARTED", found, expected, next);
    return good(found, expected);
  });
}

function nextForPod(party: Party, { phase, lastTermination, node }: Pod): string {
  if (phase === "Pending" && node === null)
    return "what the nodes offer, and what the pod asks for, is in the check `allocatable` of this report";
  if (lastTermination?.reason === "OOMKilled")
    return `raise the memory of ${lastTermination.container}; of the enclave itself that is enclave.memoryGib of the manifest, and huge pages`;
  return kubectl(party, `logs ${party.podName} --all-containers --previous --tail 100`);
}

function configHashRule(context: Context): Said {
  const { party } = context;
  const expected = "the pod runs with the configuration that its StatefulSet has now (checksum/config)";
  return ofPod(context, expected, (pod) =>
    whereSeen(party.statefulSet, expected, (set) => {
      const [running, wanted] = [pod.configHash, set?.configHash ?? null];
      if (running === null || wanted === null)
        return untold("there is no annotation checksum/config to compare", expected, up(party));
      if (running === wanted) return good(running.slice(0, 12), expected);
      return bad(
        "CONFIG_NOT_APPLIED",
        `the pod has ${running.slice(0, 12)}, its StatefulSet ${wanted.slice(0, 12)}`,
        expected,
        kubectl(party, `delete pod ${party.podName}   # restarts the core with it`),
      );
    }),
  );
}

function probesRule(context: Context): Said {
  const expected = "startup, readiness and liveness probes";
  return ofPod(context, expected, ({ probes }) =>
    probes.length === 3
      ? good("all three", expected)
      : bad("PROBE_MISSING", probes.length > 0 ? `only ${probes.join(", ")}` : "none", expected, up(context.party)),
  );
}

function deviceRule(context: Context): Said {
  const expected = "the core in an enclave, /dev/nitro_enclaves mounted as a character device";
  return ofPod(context, expected, ({ enclaveContainer, device, phase }) => {
    const next = up(context.party);
    if (!enclaveContainer) return bad("ENCLAVE_MISSING", "the core runs outside an enclave", expected, next);
    if (device === "absent") return bad("ENCLAVE_DEVICE_MISSING", "the pod does not mount it", expected, next);
    if (device === "unchecked")
      return untold("it is mounted with no type, so nobody looked whether it is a device", expected, next);
    // The kubelet looks only before it starts the pod.
    return phase === "Running"
      ? good("mounted; the kubelet checked it", expected)
      : untold("the pod does not run yet", expected, "mend the pod first");
  });
}

function loggerRule(context: Context): Said {
  const expected = "container kms-core-enclave-logger running: without it nobody hears what the enclave says";
  return ofPod(context, expected, ({ logger, enclaveContainer }) => {
    if (logger === "running") return good("running", expected);
    if (!enclaveContainer) return untold("the core runs outside an enclave", expected, up(context.party));
    return bad(
      logger === "absent" ? "ENCLAVE_LOGGER_MISSING" : "ENCLAVE_LOGGER_STOPPED",
      logger === "absent" ? "the pod has none" : "it does not run",
      expected,
      logger === "absent" ? up(context.party) : describe(context.party, `pod ${context.party.podName}`),
    );
  });
}

/** Warnings of before the pod became ready it has got over. */
function warningsRule({ party, now }: Context): Said {
  const expected = `no warning of the last ${recentMs / 60_000} minutes that is younger than the pod's readiness`;
  const pod = party.pod.status === "seen" ? party.pod.value : null;
  const readySince = pod?.ready ? pod.readySince : null;
  return whereSeen(party.warnings, expected, (warnings) => {
    const fresh = warnings.filter(
      ({ at }) => isRecent(at, now) && (readySince === null || at === null || Date.parse(at) > Date.parse(readySince)),
    );
    if (fresh.length === 0) return good(warnings.length === 0 ? "none" : `${warnings.length}, all overcome`, expected);
    const found = fresh.map(
      ({ about, reason, message, count }) => `${about}: ${reason}${count > 1 ? ` (${count} times)` : ""}: ${message}`,
    );
    return bad("WARNINGS", [...new Set(found)].slice(-5).join("\n"), expected, describe(party, `pod ${party.podName}`));
  });
}

/** What nobody wrote a time on may be of now. */
function isRecent(at: string | null, now: Date): boolean {
  return at === null || now.getTime() - Date.parse(at) <= recentMs;
}

function healthRule({ party, partiesTotal }: Context): Said {
  const expected = "Optimal or Healthy, by the core's own rule of how many it reaches";
  if (party.coreClientAbsent && party.health.status === "unknown")
    return untold(
      party.withheld ?? party.health.reason,
      expected,
      `quorate:coreClient: {} in the stack file, then: ${up(party)}`,
    );
  if (party.withheld !== null) return untold(party.withheld, expected, up(party));
  return whereSeen(party.health, expected, (health) => judgeHealth(health, party, partiesTotal, expected));
}

/* What to do about it. */

/** What another failure of the same party brings along. */
const consequences: Record<string, readonly string[]> = {
  // No pod of a DaemonSet is wanted on a node that is lost.
  DEVICE_PLUGIN_NOWHERE: ["NODE_MISSING", "NODE_NOT_READY"],
  DEVICE_PLUGIN_NOT_READY: ["NODE_NOT_READY"],
  NODE_TOO_SMALL: ["NODE_MISSING", "DEVICE_PLUGIN_MISSING", "DEVICE_PLUGIN_NOWHERE", "DEVICE_PLUGIN_NOT_READY"],
  POD_MISSING: ["STATEFUL_SET_MISSING", "CORE_SCALED_DOWN"],
  HEALTH_UNREACHABLE: ["STATEFUL_SET_MISSING", "CORE_SCALED_DOWN", "POD_MISSING", "POD_PENDING", "POD_CRASHES"],
};

/**
 * Each FAIL is a finding, unless another brings it along; of what could not be told one for each reason, and none where a
 * failure of the party says why.
 */
function findingsOf(party: Party, checks: readonly ClusterCheck[]): Finding[] {
  const failed = checks.filter(({ verdict }) => verdict === "FAIL");
  const explained = failed.some(({ check }) => check === "stateful-set" || check === "pod");
  const derived = [noPod(party), noStatefulSet(party), "the pod does not run yet"];
  const unknown = checks.filter(
    ({ verdict, found }) => verdict === "UNKNOWN" && !(explained && derived.includes(found)),
  );
  const groups = Map.groupBy(unknown, ({ found }) => found);
  const codes = failed.map(({ code }) => code ?? "");
  const roots = failed.filter(({ code }) => !consequences[code ?? ""]?.some((cause) => codes.includes(cause)));
  const field = (names: string) => `party ${party.partyId}: ${names}`;
  return [
    ...roots.map(({ check, code, found, expected, next }) => ({
      code: code ?? "",
      party: party.partyId,
      field: field(check),
      ...{ found, expected, next },
    })),
    ...[...groups.values()].flatMap((group): Finding[] => {
      const [first] = group;
      if (first === undefined) return [];
      const { found, next } = first;
      const expected = group.length === 1 ? first.expected : "an answer";
      const names = group.map(({ check }) => check).join(", ");
      return [{ code: "COULD_NOT_TELL", party: party.partyId, field: field(names), found, expected, next }];
    }),
  ];
}
