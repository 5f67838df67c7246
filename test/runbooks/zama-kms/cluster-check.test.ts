import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XMLParser } from "fast-xml-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClusterCheckReport, clusterChecks } from "../../../contract/cluster-check-report.ts";
import type { PartyOutputs } from "../../../contract/party-outputs.ts";
import { healthStatus } from "../../../devnet/nodes/health.ts";
import type { CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import { executeRun, planRunbook, renderPlan } from "../../../runbooks/run.ts";
import clusterCheck from "../../../runbooks/zama-kms/cluster-check.ts";
import { quantity } from "../../../runbooks/zama-kms/cluster-objects.ts";
import { readHealthCheck } from "../../../runbooks/zama-kms/health-check-output.ts";
import { healthRank } from "../../../runbooks/zama-kms/judge-health.ts";
import { partyOutputs } from "../network/fake-parties.ts";
import { given } from "../support/rotation.ts";
import { type Anything, clusterOf, healthReport, lookedAt, printedHealth, withoutPeers } from "./cluster-objects.ts";

type Cluster = ReturnType<typeof clusterOf>;
interface Change {
  cluster?: (cluster: Cluster) => void;
  /** Instead of what kubectl would have said to these arguments. */
  answer?: (args: string[], would: CommandResult) => Partial<CommandResult> | undefined;
  outputs?: (outputs: PartyOutputs) => PartyOutputs;
}

const answered = (more: Partial<CommandResult> = {}): CommandResult => {
  return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
};

/** Four clusters in order, but for what is changed in that of party 2. */
function fakeClusters({ cluster, answer, outputs }: Change) {
  const asked: { party: number; args: string[] }[] = [];
  const parties = [1, 2, 3, 4].map((id): PartyAccess => {
    const made = clusterOf(id);
    if (id === 2) cluster?.(made);
    return {
      outputs: id === 2 && outputs ? outputs(partyOutputs(id)) : partyOutputs(id),
      caller: async () => "arn:aws:sts::100000000001:assumed-role/operator/ann",
      readObject: async () => null,
      async kubectl(args) {
        asked.push({ party: id, args });
        const would = kubectl(made, args);
        return { ...would, ...(id === 2 ? answer?.(args, would) : undefined) };
      },
    };
  });
  return { parties, asked };
}

const kindOf: Record<string, string> = {
  statefulsets: "StatefulSet",
  pods: "Pod",
  configmaps: "ConfigMap",
  persistentvolumeclaims: "PersistentVolumeClaim",
  events: "Event",
  nodes: "Node",
  namespaces: "Namespace",
  daemonsets: "DaemonSet",
};

function kubectl({ parts, health }: Cluster, args: string[]): CommandResult {
  if (args[0] === "exec") return answered({ stdout: printedHealth(health) });
  const kinds = args[1]?.split(",").map((kind) => kindOf[kind]) ?? [];
  const items = Object.values(parts).filter(({ kind }) => kinds.includes(kind));
  return answered({ stdout: JSON.stringify({ apiVersion: "v1", kind: "List", items }) });
}

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-cluster-check-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function run(change: Change = {}, inputs: object = {}) {
  const { parties, asked } = fakeClusters(change);
  const context = { ...given(), parties, clock: { now: () => new Date(lookedAt) } };
  const host = {
    runsDir: join(root, "runs"),
    operator: "tester",
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: context.clock,
    signal: context.signal,
  };
  const planned = await planRunbook(clusterCheck, context, inputs);
  const result = await executeRun(planned, host, { quiet: true });
  if (result.bug) throw result.bug;
  const report = ClusterCheckReport.parse(result.report?.json);
  const told = report.findings.map(({ code, party }) => `${code} ${party}`);
  const of = (check: string, party = 2) => report.checks.find((one) => one.party === party && one.check === check);
  return { report, result, asked, told, of, planned };
}

test("clusters in order are OK, and each was asked three questions", async () => {
  const { report, result, asked } = await run();
  expect(report.checks.filter(({ verdict }) => verdict !== "OK")).toEqual([]);
  expect([report.verdict, report.findings, result.exitCode]).toEqual(["OK", [], 0]);
  expect(report.checks).toHaveLength(4 * clusterChecks.length);
  expect(report.checks.every(({ found, expected, next }) => found && expected && next === "")).toBe(true);
  expect(asked).toHaveLength(12);
});

test("only the parties that are named are asked, and the report says so", async () => {
  const { report, asked, result } = await run({}, { parties: [3] });
  expect([report.parties.map(({ partyId }) => partyId), new Set(asked.map(({ party }) => party))]).toEqual([
    [3],
    new Set([3]),
  ]);
  expect(result.report?.text({ colour: false, columns: 80 })).toContain("1 of 4 parties asked");
  await expect(run({}, { parties: [9] })).rejects.toMatchObject({ problem: { code: "PARTY_NOT_HELD" } });
});

test("the plan asks nothing, and shows every command", async () => {
  const { parties, asked } = fakeClusters({});
  const planned = await planRunbook(clusterCheck, { ...given(), parties }, { parties: [1] });
  expect(asked).toEqual([]);
  const text = renderPlan(planned.plan, { withDigest: false, columns: 200 });
  expect(text).toContain("kubectl get statefulsets,pods,configmaps,persistentvolumeclaims,events");
  expect(text).toContain("kms-core-client-0 --container kms-core-client -- kms-health-check --format json live");
});

const pending: Change["cluster"] = ({ parts }) => {
  parts.pod.spec.nodeName = undefined;
  parts.statefulSet.status = {};
  parts.pod.status = {
    phase: "Pending",
    conditions: [
      {
        type: "PodScheduled",
        status: "False",
        reason: "Unschedulable",
        message: "0/1 nodes are available: 1 Insufficient hugepages-1Gi.",
      },
    ],
  };
  parts.node.status.allocatable["hugepages-1Gi"] = "64Gi";
};

const crashes: Change["cluster"] = ({ parts }) => {
  parts.statefulSet.status = {};
  parts.pod.status.conditions[1].status = "False";
  parts.pod.status.containerStatuses[0] = {
    name: "kms-core-enclave",
    restartCount: 7,
    state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 5m0s restarting failed container" } },
    lastState: { terminated: { reason: "OOMKilled", exitCode: 137, finishedAt: "2026-11-20T11:58:00Z" } },
  };
};

describe("what is wrong in one cluster is that party's finding", () => {
  test.each<[string, NonNullable<Change["cluster"]>, string[], string]>([
    [
      "scaled to 0",
      ({ parts, health }) => {
        parts.statefulSet.spec.replicas = 0;
        parts.statefulSet.status = {};
        delete parts.pod;
        health.connectivity = { reachable: false, latency_ms: 5000, error: "Failed to connect before the deadline" };
      },
      ["CORE_SCALED_DOWN 2"],
      "scaled to 0",
    ],
    [
      "no StatefulSet",
      ({ parts }) => {
        delete parts.statefulSet;
        delete parts.pod;
      },
      ["STATEFUL_SET_MISSING 2"],
      "none of that name",
    ],
    [
      "Pending for want of huge pages",
      pending,
      ["NODE_TOO_SMALL 2", "CORE_NOT_READY 2", "POD_PENDING 2", "ENCLAVE_LOGGER_STOPPED 2"],
      "64 GiB of huge pages",
    ],
    [
      "a StatefulSet that makes no pod",
      ({ parts }) => {
        parts.statefulSet.status = {};
        delete parts.pod;
      },
      ["CORE_NOT_READY 2", "POD_MISSING 2"],
      "0 of 1 ready",
    ],
    ["crashing, out of memory", crashes, ["CORE_NOT_READY 2", "POD_CRASHES 2"], "0 of 1 ready"],
    [
      "restarted of late, and ready again",
      ({ parts }) => {
        Object.assign(parts.pod.status.containerStatuses[0], {
          restartCount: 1,
          lastState: { terminated: { reason: "OOMKilled", exitCode: 137, finishedAt: "2026-11-20T11:55:00Z" } },
        });
      },
      ["POD_RESTARTED 2"],
      "OOMKilled at 2026-11-20T11:55:00Z",
    ],
    [
      "another configuration than the StatefulSet's",
      ({ parts }) => {
        parts.statefulSet.spec.template.metadata.annotations["checksum/config"] = "ffff2c3d4e5f60718293";
      },
      ["CONFIG_NOT_APPLIED 2"],
      "the pod has 0a1b2c3d4e5f, its StatefulSet ffff2c3d4e5f",
    ],
    [
      "no device plugin",
      ({ parts }) => {
        delete parts.devicePlugin;
      },
      ["DEVICE_PLUGIN_MISSING 2"],
      "there is none",
    ],
    [
      "a device plugin that does not run",
      ({ parts }) => {
        parts.devicePlugin.status.numberReady = 0;
      },
      ["DEVICE_PLUGIN_NOT_READY 2"],
      "0 of 1 ready",
    ],
    [
      "a device plugin that finds no node",
      ({ parts }) => {
        parts.devicePlugin.status = { desiredNumberScheduled: 0, numberReady: 0 };
      },
      ["DEVICE_PLUGIN_NOWHERE 2"],
      "no node",
    ],
    [
      "a node without the label",
      ({ parts }) => {
        parts.node.metadata.labels = {};
      },
      ["NODE_LABEL_MISSING 2"],
      "node-2",
    ],
    [
      "a node without the taint",
      ({ parts }) => {
        parts.node.spec = {};
      },
      ["NODE_TAINT_MISSING 2"],
      "node-2",
    ],
    [
      "a node that offers no enclaves",
      ({ parts }) => {
        parts.node.status.allocatable = { cpu: "15" };
      },
      ["NODE_TOO_SMALL 2"],
      "0 enclaves, 0 enclave CPUs, 0 GiB",
    ],
    [
      "a node that is not ready",
      ({ parts }) => {
        parts.node.status.conditions[1] = {
          type: "Ready",
          status: "Unknown",
          message: "Kubelet stopped posting node status.",
        };
      },
      ["NODE_NOT_READY 2"],
      "Kubelet stopped posting",
    ],
    [
      "a node that is not ready, for which no device plugin is wanted",
      ({ parts }) => {
        parts.node.status.conditions[1] = { type: "Ready", status: "Unknown", message: "Kubelet stopped." };
        parts.devicePlugin.status = { desiredNumberScheduled: 0, numberReady: 0 };
      },
      ["NODE_NOT_READY 2"],
      "Kubelet stopped",
    ],
    [
      "no device plugin, so that the node offers no enclaves",
      ({ parts }) => {
        delete parts.devicePlugin;
        parts.node.status.allocatable["aws.ec2.nitro/nitro_enclaves"] = "0";
      },
      ["DEVICE_PLUGIN_MISSING 2"],
      "there is none",
    ],
    [
      "a node that takes no pods",
      ({ parts }) => {
        parts.node.spec.unschedulable = true;
      },
      ["NODE_CORDONED 2"],
      "node-2",
    ],
    [
      "no node",
      ({ parts }) => {
        delete parts.node;
      },
      ["NODE_MISSING 2"],
      "no node",
    ],
    [
      "a namespace that is going",
      ({ parts }) => {
        parts.namespace.status.phase = "Terminating";
      },
      ["NAMESPACE_NOT_ACTIVE 2"],
      "Terminating",
    ],
    [
      "a ConfigMap that the pod needs is missing",
      ({ parts }) => {
        delete parts.configMap;
      },
      ["CONFIG_MAP_MISSING 2"],
      "kms-core-config",
    ],
    [
      "a volume that is not bound",
      ({ parts }) => {
        parts.claim = {
          kind: "PersistentVolumeClaim",
          metadata: { name: "keys-kms-core-2" },
          status: { phase: "Pending" },
        };
      },
      ["VOLUME_NOT_BOUND 2"],
      "keys-kms-core-2: Pending",
    ],
    [
      "no liveness probe",
      ({ parts }) => {
        delete parts.pod.spec.containers[0].livenessProbe;
      },
      ["PROBE_MISSING 2"],
      "only startup, readiness",
    ],
    [
      "a core outside its enclave",
      ({ parts }) => {
        parts.pod.spec.containers[0].name = "kms-core";
      },
      ["ENCLAVE_MISSING 2"],
      "outside an enclave",
    ],
    [
      "a pod without the enclave device",
      ({ parts }) => {
        parts.pod.spec.containers[0].volumeMounts = [];
      },
      ["ENCLAVE_DEVICE_MISSING 2"],
      "does not mount it",
    ],
    [
      "a pod without the enclave's logger",
      ({ parts }) => {
        parts.pod.spec.initContainers.pop();
      },
      ["ENCLAVE_LOGGER_MISSING 2"],
      "has none",
    ],
    [
      "a logger that has stopped",
      ({ parts }) => {
        parts.pod.status.initContainerStatuses[1].state = { waiting: {} };
      },
      ["ENCLAVE_LOGGER_STOPPED 2"],
      "does not run",
    ],
    [
      "a warning of now",
      ({ parts }) => {
        parts.event = warning("2026-11-20T11:58:00Z");
      },
      ["WARNINGS 2"],
      "Pod kms-core-2: Unhealthy (3 times): Liveness probe failed",
    ],
    [
      "no answer from the core",
      ({ health }) => {
        health.connectivity = { reachable: false, latency_ms: 5000, error: "connection refused" };
        health.context_info = [];
        health.overall_health = "Unhealthy";
      },
      ["HEALTH_UNREACHABLE 2"],
      "connection refused",
    ],
    [
      "too few peers, while the tool's own verdict is Healthy",
      ({ health }) => withoutPeers(health, 2, "Unhealthy"),
      ["HEALTH_UNHEALTHY 2"],
      "2 of 4 reachable, not party 1: deadline; party 3: deadline",
    ],
    [
      "too few peers, while the context too says Optimal",
      ({ health }) => withoutPeers(health, 2, "Optimal"),
      ["HEALTH_UNHEALTHY 2"],
      "2 of 4 reachable",
    ],
    [
      "Degraded by its own word alone",
      ({ health }) => withoutPeers(health, 0, "Degraded"),
      ["HEALTH_DEGRADED 2"],
      "Degraded: 4 of 4 reachable",
    ],
    [
      "another party's core",
      ({ health }) => {
        health.context_info[0].self_node_info.my_party_id = 3;
      },
      ["HEALTH_OF_ANOTHER_PARTY 2"],
      "party 3 answers",
    ],
  ])("%s", async (_name, cluster, told, found) => {
    const { report, told: saw, result } = await run({ cluster });
    expect(saw).toEqual(told);
    expect(report.findings.map((finding) => finding.found).join("\n")).toContain(found);
    expect(report.findings.every(({ next, expected }) => next && expected)).toBe(true);
    expect([report.verdict, result.exitCode]).toEqual(["FAIL", 1]);
    expect(report.parties.map(({ verdict }) => verdict)).toEqual(["OK", "FAIL", "OK", "OK"]);
  });

  test("what is gone behind the stack's back is looked for before an update, which would not miss it", async () => {
    const next = async (part: string) => {
      const { report } = await run({ cluster: ({ parts }) => void delete parts[part] });
      return report.findings[0]?.next;
    };
    expect(await next("devicePlugin")).toBe("pulumi refresh of party 2's stack, then: npx quorate up --party 2");
    expect(await next("partyMap")).toContain("pulumi refresh");
    expect(await next("configMap")).toContain("helm --namespace kms-decentralized history kms-core");
  });

  test("what a pod was killed for stands beside what to do about it", async () => {
    const { of } = await run({ cluster: crashes });
    expect(of("pod")?.found).toContain("last end: kms-core-enclave, OOMKilled at 2026-11-20T11:58:00Z");
    expect(of("pod")?.next).toContain("raise the memory of kms-core-enclave");
  });
});

function warning(lastTimestamp: string): Anything {
  return {
    kind: "Event",
    metadata: { name: "kms-core-2.1" },
    type: "Warning",
    reason: "Unhealthy",
    message: "Liveness probe failed: timeout",
    count: 3,
    lastTimestamp,
    involvedObject: { kind: "Pod", name: "kms-core-2" },
  };
}

describe("what is over is no finding", () => {
  test.each<[string, NonNullable<Change["cluster"]>]>([
    [
      "a restart of hours ago",
      ({ parts }) => {
        Object.assign(parts.pod.status.containerStatuses[0], {
          restartCount: 2,
          lastState: { terminated: { reason: "Error", exitCode: 1, finishedAt: "2026-11-20T09:00:00Z" } },
        });
      },
    ],
    [
      "warnings of before the pod became ready",
      ({ parts }) => {
        parts.pod.status.conditions[1].lastTransitionTime = "2026-11-20T11:59:00Z";
        parts.event = warning("2026-11-20T11:58:00Z");
      },
    ],
    [
      "warnings about something else",
      ({ parts }) => {
        parts.event = { ...warning("2026-11-20T11:58:00Z"), involvedObject: { kind: "Pod", name: "other" } };
      },
    ],
    [
      "one peer of three that is not there: Healthy by the core's rule",
      ({ health }) => withoutPeers(health, 1, "Healthy"),
    ],
    [
      "no keys before the ceremony, for which the tool says Degraded",
      ({ health }) => {
        health.key_material.available = false;
        health.overall_health = "Degraded";
      },
    ],
  ])("%s", async (_name, cluster) => {
    const { report } = await run({ cluster });
    expect([report.verdict, report.findings]).toEqual(["OK", []]);
  });
});

describe("what could not be told is never green", () => {
  const unreachable = "Unable to connect to the server: dial tcp 10.0.0.1:443: connect: connection refused";
  const onlyExec = (more: Partial<CommandResult>): NonNullable<Change["answer"]> => {
    return (args) => (args[0] === "exec" ? { stdout: "", ...more } : undefined);
  };

  test.each<[string, NonNullable<Change["answer"]>, number, string]>([
    [
      "an API server that is gone",
      () => ({ stdout: "", stderr: unreachable, exitCode: 1 }),
      14,
      "refused the connection",
    ],
    [
      "no answer in time",
      () => ({ stdout: "", exitCode: 143, ended: "deadline", durationMs: 10_000 }),
      14,
      "no answer within 10.0 s",
    ],
    [
      "no kubectl",
      () => ({ stdout: "", stderr: "spawn kubectl ENOENT", exitCode: 127, ended: "not-started" }),
      14,
      "ENOENT",
    ],
    ["garbage for JSON", () => ({ stdout: "<html>gateway</html>" }), 14, "kubectl printed no list of objects"],
    ["JSON of another shape", () => ({ stdout: '{"items":[{"kind":1}]}' }), 14, "kubectl printed no list of objects"],
    [
      "no report of health",
      onlyExec({ stdout: "Initializing configuration\n" }),
      1,
      "kms-health-check printed no report",
    ],
    [
      "an image without the tool",
      onlyExec({ exitCode: 126, stderr: 'exec: "kms-health-check": executable file not found in $PATH' }),
      1,
      "executable file not found",
    ],
    [
      "a core-client that does not run",
      onlyExec({ exitCode: 1, stderr: "error: unable to upgrade connection: container not found" }),
      1,
      "the container is not running",
    ],
  ])("%s", async (_name, answer, count, reason) => {
    const { report, told, result, of, asked } = await run({ answer });
    expect(told).toEqual(["COULD_NOT_TELL 2"]);
    expect(report.findings[0]?.found).toContain(reason);
    expect([report.verdict, result.exitCode]).toEqual(["UNKNOWN", 5]);
    // Who does not answer at all is asked for nothing more, and once more only where its API server went away.
    const times = reason.includes("refused") || reason.includes("lost") ? 4 : 2;
    if (count > 1) expect(asked.filter(({ party }) => party === 2)).toHaveLength(times);
    expect(report.checks.filter(({ party, verdict }) => party === 2 && verdict === "UNKNOWN")).toHaveLength(count);
    expect(of("health")?.verdict).toBe("UNKNOWN");
  });

  test("an API server that is away for a moment is asked again, and everything is told", async () => {
    for (const stderr of ["dial tcp 10.0.0.1:443: connect: connection refused", "error: unexpected EOF"]) {
      const before = new Set<string>();
      const { report, told } = await run({
        answer: (args) => {
          const question = args.join(" ");
          if (before.has(question)) return undefined;
          before.add(question);
          return { exitCode: 1, stderr };
        },
      });
      expect([report.verdict, told]).toEqual(["OK", []]);
      expect(before.size).toBe(3);
    }
  });

  test("kinds that the caller may not list take the others not along", async () => {
    const refuse = (resource: string) =>
      `Error from server (Forbidden): ${resource} is forbidden: User "sre" cannot list resource "${resource}" in API group "" at the cluster scope`;
    const without = (would: CommandResult, kind: string) => {
      const list = JSON.parse(would.stdout);
      list.items = list.items.filter((item: Anything) => item.kind !== kind);
      return JSON.stringify(list);
    };
    const { report, told } = await run({
      answer: (args, would) => {
        if (args[1]?.includes("nodes")) return { exitCode: 1, stderr: refuse("nodes"), stdout: without(would, "Node") };
        if (args[1]?.includes("pods"))
          return { exitCode: 1, stderr: refuse("configmaps"), stdout: without(would, "ConfigMap") };
        return undefined;
      },
    });
    const unknown = report.checks.filter(({ verdict }) => verdict === "UNKNOWN").map(({ check }) => check);
    expect(unknown).toEqual(["nodes", "allocatable", "config-maps"]);
    expect(told).toEqual(["COULD_NOT_TELL 2", "COULD_NOT_TELL 2"]);
    expect(report.findings.map(({ found }) => found)).toEqual([
      "the caller may not list nodes",
      "the caller may not list configmaps",
    ]);
  });

  test("a failure that names no kind makes all of that question unknown", async () => {
    const stderr = "Error from server (Timeout): the server was unable to return a response";
    const { report } = await run({
      answer: (args) => (args[1]?.includes("nodes") ? { exitCode: 1, stderr } : undefined),
    });
    const unknown = report.checks.filter(({ verdict }) => verdict === "UNKNOWN").map(({ check }) => check);
    expect(unknown).toEqual(["namespace", "nodes", "device-plugin", "allocatable"]);
  });

  test("an object that can not be read takes only its own checks along", async () => {
    const { report } = await run({
      cluster: ({ parts }) => {
        parts.devicePlugin.status.numberReady = "one";
      },
    });
    expect(report.checks.filter(({ verdict }) => verdict !== "OK").map(({ check }) => check)).toEqual([
      "device-plugin",
    ]);
    expect(report.verdict).toBe("UNKNOWN");
  });

  test("without a core-client health is not asked for, and what makes one is said", async () => {
    const { report, asked } = await run({
      cluster: ({ parts }) => {
        delete parts.coreClient;
      },
    });
    expect(asked.filter(({ args }) => args[0] === "exec").map(({ party }) => party)).toEqual([1, 3, 4]);
    expect(report.findings).toHaveLength(1);
    expect(report.findings[0]).toMatchObject({ code: "COULD_NOT_TELL", party: 2 });
    expect(report.findings[0]?.next).toContain("quorate:coreClient: {}");
  });

  test("a core that is withheld is no failure, and no success", async () => {
    const { report } = await run({
      cluster: ({ parts }) => {
        delete parts.statefulSet;
        delete parts.pod;
      },
      outputs: (outputs) => ({ ...outputs, release: null, absent: { ...outputs.absent, release: "stage network" } }),
    });
    expect([report.verdict, report.parties[1]?.verdict]).toEqual(["UNKNOWN", "UNKNOWN"]);
    expect(report.findings.map(({ code, found }) => [code, found])).toEqual([
      ["COULD_NOT_TELL", "the core is withheld: stage network"],
    ]);
  });

  test("a report whose exit code is 1 counts, and a word that nobody knows does not", async () => {
    const exit = await run({ answer: (args) => (args[0] === "exec" ? { exitCode: 1 } : undefined) });
    expect(exit.report.verdict).toBe("OK");
    const word = await run({ cluster: ({ health }) => withoutPeers(health, 0, "Splendid") });
    expect([word.report.verdict, word.of("health")?.verdict]).toEqual(["UNKNOWN", "UNKNOWN"]);
  });
});

test("the thresholds are the server's, for every size of network", () => {
  for (let n = 1; n <= 100; n += 1)
    for (let reachable = 0; reachable <= n; reachable += 1)
      expect(`HEALTH_STATUS_${healthRank(n, reachable).toUpperCase()}`, `${reachable} of ${n}`).toBe(
        healthStatus(n, reachable),
      );
  expect([13, 12, 9, 8, 6, 5].map((reachable) => healthRank(13, reachable))).toEqual([
    ...["optimal", "healthy", "healthy", "degraded", "degraded", "unhealthy"],
  ]);
});

test("the tool's report begins at the first line that is just a brace", () => {
  expect(readHealthCheck(`DEBUG: SETTINGS {\n${JSON.stringify(healthReport(1), null, 2)}\n`)?.overall).toBe("Healthy");
  expect(
    readHealthCheck(`{\r\n${JSON.stringify(healthReport(1), null, 2).slice(2).replaceAll("\n", "\r\n")}`),
  ).not.toBeNull();
  for (const text of ["", "{", "{\n}", "}\n{", "{\n  not json\n}"]) expect(readHealthCheck(text), text).toBeNull();
});

test("quantities as Kubernetes writes them", () => {
  expect(
    ["96Gi", "98304Mi", "100663296Ki", "103079215104", "48", "500m", "-1", "1 Gi", "1Xi", "x"].map(quantity),
  ).toEqual([...[96, 96, 96, 96].map((gib) => gib * 2 ** 30), ...[48, 0.5, 0, 0, 0, 0]]);
});

test("the report in text, Markdown and JUnit, and no line is wider than the terminal", async () => {
  const { result } = await run({
    cluster: crashes,
    answer: (args) => (args[0] === "exec" ? { stdout: "" } : undefined),
  });
  const text = result.report?.text({ colour: false, columns: 80 }) ?? "";
  expect(text).toMatch(/^ {2}pod {13}ok {3}X {2}ok {2}ok$/m);
  expect(text).toMatch(/^ {2}health {10}ok {3}\? {2}ok {2}ok$/m);
  expect(text).toContain("verdict FAIL\n53 of 56 checks ok\n2 not so, 1 could not be told");
  for (const columns of [80, 60]) {
    const lines = result.report?.text({ colour: false, columns }).split("\n") ?? [];
    // A word is never broken, so that it can be copied.
    expect(lines.filter((line) => line.length > columns && line.trim().split(" ").length > 2)).toEqual([]);
  }
  expect(result.report?.markdown()).toContain("| pod | ok | **X** | ok | ok |");
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(result.report?.junit?.() ?? "");
  expect([testsuites["@_tests"], testsuites["@_failures"], testsuites["@_errors"]]).toEqual(["56", "2", "1"]);
});
