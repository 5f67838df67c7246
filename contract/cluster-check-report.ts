import { z } from "zod";
import { Answer } from "./answer.ts";
import { reportHead, reportParties, reportTime } from "./report-head.ts";

/** What the core's pod asks a node for. */
export const EnclaveAsk = z.strictObject({
  enclaves: z.number(),
  cpus: z.number(),
  /** In MiB, of pages of 1 GiB. */
  hugepagesMib: z.number(),
});
export type EnclaveAsk = z.infer<typeof EnclaveAsk>;

export const StatefulSetFacts = z.strictObject({
  replicas: z.int(),
  ready: z.int(),
  /** Annotation checksum/config of the pods that it would make now. */
  configHash: z.string().nullable(),
  ask: EnclaveAsk,
  /** ConfigMaps without which its pods do not start. */
  configMaps: z.array(z.string()),
  /** Label by which it chooses nodes. */
  nodeKeys: z.array(z.string()),
});
export type StatefulSetFacts = z.infer<typeof StatefulSetFacts>;

export const PodFacts = z.strictObject({
  phase: z.string(),
  ready: z.boolean(),
  /** When it became what it is: ready, or not. */
  readySince: z.string().nullable(),
  /** Why it is not further, in the words of whoever stopped it. */
  problem: z.string().nullable(),
  node: z.string().nullable(),
  configHash: z.string().nullable(),
  restarts: z.int(),
  lastTermination: z
    .strictObject({
      container: z.string(),
      reason: z.string(),
      exitCode: z.int().nullable(),
      at: z.string().nullable(),
    })
    .nullable(),
  /** Probes that its core declares. */
  probes: z.array(z.enum(["startup", "readiness", "liveness"])),
  /** How the core gets at the enclave device: not at all, or only where the kubelet saw that it is one. */
  device: z.enum(["mounted", "unchecked", "absent"]),
  enclaveContainer: z.boolean(),
  /** Of the container that passes on what the enclave says. */
  logger: z.enum(["running", "stopped", "absent"]),
});
export type PodFacts = z.infer<typeof PodFacts>;

export const NodeFacts = z.strictObject({
  name: z.string(),
  ready: z.boolean(),
  problem: z.string().nullable(),
  schedulable: z.boolean(),
  /** Keys of labels that are "true". */
  labels: z.array(z.string()),
  /** Keys of taints that keep pods off. */
  taints: z.array(z.string()),
  allocatable: EnclaveAsk,
});
export type NodeFacts = z.infer<typeof NodeFacts>;

export const HealthFacts = z.strictObject({
  reachable: z.boolean(),
  error: z.string(),
  /** Says nothing of peers. */
  overall: z.string(),
  keysAvailable: z.boolean().nullable(),
  contexts: z.array(
    z.strictObject({
      health: z.string(),
      partyId: z.int().nullable(),
      reachable: z.int(),
      unreachablePeers: z.array(z.strictObject({ peerId: z.int(), error: z.string() })),
    }),
  ),
});
export type HealthFacts = z.infer<typeof HealthFacts>;

const PartySights = z.strictObject({
  partyId: z.int(),
  name: z.string(),
  /** Why it has no core, where it is to have none. */
  withheld: z.string().nullable(),
  statefulSetName: z.string(),
  podName: z.string(),
  namespaceName: z.string(),
  configMapName: z.string(),
  statefulSet: Answer(StatefulSetFacts.nullable()),
  pod: Answer(PodFacts.nullable()),
  configMaps: Answer(z.array(z.string())),
  claims: Answer(z.array(z.strictObject({ name: z.string(), phase: z.string() }))),
  /** Warnings about the core's StatefulSet, pod and claims. */
  warnings: Answer(
    z.array(
      z.strictObject({
        about: z.string(),
        reason: z.string(),
        message: z.string(),
        at: z.string().nullable(),
        count: z.int(),
      }),
    ),
  ),
  namespace: Answer(z.string().nullable()),
  nodes: Answer(z.array(NodeFacts)),
  devicePlugin: Answer(z.strictObject({ desired: z.int(), ready: z.int() }).nullable()),
  health: Answer(HealthFacts),
  /** There is no core-client here from which health could be asked. */
  coreClientAbsent: z.boolean(),
});
export type PartySights = z.infer<typeof PartySights>;

/** Everything that the check rests on; the evidence of a run. */
export const ClusterSights = z.strictObject({
  network: z.string(),
  environment: z.string(),
  manifestDigest: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  /** Parties of the network, whether they were asked or not. */
  partiesTotal: z.int(),
  parties: z.array(PartySights),
});
export type ClusterSights = z.infer<typeof ClusterSights>;

/** What is checked, in the order in which a fault of one explains those of the next. */
export const clusterChecks = [
  "namespace",
  "nodes",
  "device-plugin",
  "allocatable",
  "config-maps",
  "volume-claims",
  "stateful-set",
  "pod",
  "config-hash",
  "probes",
  "enclave-device",
  "enclave-logger",
  "warnings",
  "health",
] as const;

export const ClusterCheck = z.strictObject({
  party: z.int(),
  check: z.enum(clusterChecks),
  verdict: z.enum(["OK", "FAIL", "UNKNOWN"]),
  /** Of a FAIL. */
  code: z.string().nullable(),
  found: z.string(),
  expected: z.string(),
  /** What to do; empty where all is well. */
  next: z.string(),
});
export type ClusterCheck = z.infer<typeof ClusterCheck>;

/** What runs in each party's cluster, and what it needs there. */
export const ClusterCheckReport = z.strictObject({
  schema: z.literal("quorate/cluster-check/v1"),
  ...reportHead,
  ...reportTime,
  partiesTotal: z.int(),
  parties: reportParties,
  checks: z.array(ClusterCheck),
});
export type ClusterCheckReport = z.infer<typeof ClusterCheckReport>;
