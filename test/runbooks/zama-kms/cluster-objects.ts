import { enclaveNodeKey } from "../../../contract/enclave-node-key.ts";

/** When the clusters are looked at; the pod has been ready for an hour. */
export const lookedAt = "2026-11-20T12:00:00Z";
const readySince = "2026-11-20T11:00:00Z";
const ask = {
  "aws.ec2.nitro/nitro_enclaves": "1",
  "aws.ec2.nitro/nitro_enclaves_cpus": "48",
  "hugepages-1Gi": "96Gi",
};

// biome-ignore lint/suspicious/noExplicitAny: tests reach into objects of Kubernetes by hand
export type Anything = any;

/** The objects of one party in order, as its API server would list them. */
export function clusterOf(id: number) {
  const podSpec = {
    nodeSelector: { [enclaveNodeKey]: "true" },
    initContainers: [
      { name: "kms-core-init-load-env", envFrom: [{ configMapRef: { name: "maybe", optional: true } }] },
      { name: "kms-core-enclave-logger", restartPolicy: "Always" },
    ],
    containers: [
      {
        name: "kms-core-enclave",
        resources: { requests: { memory: "2Gi", ...ask }, limits: { memory: "4Gi", ...ask } },
        startupProbe: { grpc: { port: 50100 } },
        readinessProbe: { grpc: { port: 50100 } },
        livenessProbe: { grpc: { port: 50100 } },
        volumeMounts: [{ name: "nitro-device", mountPath: "/dev/nitro_enclaves" }],
        env: [{ name: "ID", valueFrom: { configMapKeyRef: { name: "mpc-party", key: "ID" } } }],
      },
    ],
    volumes: [
      { name: "config-files", configMap: { name: "kms-core-config" } },
      { name: "nitro-device", hostPath: { path: "/dev/nitro_enclaves", type: "CharDevice" } },
    ],
  };
  const annotations = { "checksum/config": "0a1b2c3d4e5f60718293" };
  const running = { running: { startedAt: readySince } };
  const parts: Record<string, Anything> = {
    statefulSet: {
      kind: "StatefulSet",
      metadata: { name: "kms-core" },
      spec: { replicas: 1, template: { metadata: { annotations: { ...annotations } }, spec: podSpec } },
      status: { readyReplicas: 1 },
    },
    coreClient: {
      kind: "StatefulSet",
      metadata: { name: "kms-core-client" },
      spec: { replicas: 1, template: { spec: { containers: [{ name: "kms-core-client" }] } } },
      status: { readyReplicas: 1 },
    },
    pod: {
      kind: "Pod",
      metadata: { name: `kms-core-${id}`, annotations: { ...annotations } },
      spec: { ...podSpec, nodeName: `node-${id}` },
      status: {
        phase: "Running",
        conditions: [
          { type: "PodScheduled", status: "True" },
          { type: "Ready", status: "True", lastTransitionTime: readySince },
        ],
        initContainerStatuses: [
          {
            name: "kms-core-init-load-env",
            restartCount: 0,
            state: { terminated: { reason: "Completed", exitCode: 0, finishedAt: readySince } },
          },
          { name: "kms-core-enclave-logger", restartCount: 0, state: running },
        ],
        containerStatuses: [{ name: "kms-core-enclave", restartCount: 0, state: running }],
      },
    },
    partyMap: { kind: "ConfigMap", metadata: { name: "mpc-party" } },
    configMap: { kind: "ConfigMap", metadata: { name: "kms-core-config" } },
    node: {
      kind: "Node",
      metadata: { name: `node-${id}`, labels: { [enclaveNodeKey]: "true", "kubernetes.io/os": "linux" } },
      spec: { taints: [{ key: enclaveNodeKey, value: "true", effect: "NoSchedule" }] },
      status: {
        conditions: [
          { type: "MemoryPressure", status: "False" },
          { type: "Ready", status: "True" },
        ],
        allocatable: { cpu: "15", ...ask },
      },
    },
    devicePlugin: {
      kind: "DaemonSet",
      metadata: { name: "plugin", namespace: "kube-system", labels: { name: "aws-nitro-enclaves" } },
      status: { desiredNumberScheduled: 1, numberReady: 1 },
    },
    otherDaemons: { kind: "DaemonSet", metadata: { name: "aws-node", namespace: "kube-system" }, status: {} },
    namespace: { kind: "Namespace", metadata: { name: "kms-decentralized" }, status: { phase: "Active" } },
  };
  return { parts, health: healthReport(id) };
}

/** What the core says of itself: 4 parties, all reached. */
export function healthReport(id: number): Anything {
  const peers = [1, 2, 3, 4].filter((peer) => peer !== id);
  return {
    connectivity: { reachable: true, latency_ms: 3, error: null },
    key_material: {
      available: true,
      fhe_key_ids: ["01"],
      crs_ids: [],
      preprocessing_key_ids: [],
      storage_backend: "s3",
    },
    operator_key: { available: false, public_key_len: 0, error: "not available" },
    context_info: [
      {
        context_id: { request_id: "07" },
        self_node_info: { node_type: "Threshold", my_party_id: id, threshold_required: 2, nodes_reachable: 4 },
        context_health: "Optimal",
        peers_status: peers.map((peer) => ({
          peer_id: peer,
          endpoint: `mpc-node-${peer}:50001`,
          reachable: true,
          latency_ms: 5,
          error: "",
        })),
        recommendation: "",
      },
    ],
    overall_health: "Healthy",
    recommendations: [],
  };
}

/** As the tool prints it: its loader of configuration speaks first. */
export function printedHealth(report: Anything): string {
  const preamble =
    'Initializing configuration from "config/health_check.toml"\nDEBUG: SETTINGS { connection_timeout_secs: 5 }\n';
  return `${preamble}${JSON.stringify(report, null, 2)}\n`;
}

/** Makes so many peers unreachable, in the core's own words. */
export function withoutPeers(report: Anything, count: number, health: string): Anything {
  const [context] = report.context_info;
  context.context_health = health;
  context.self_node_info.nodes_reachable -= count;
  for (const peer of context.peers_status.slice(0, count))
    Object.assign(peer, { reachable: false, latency_ms: 0, error: "deadline" });
  return report;
}
