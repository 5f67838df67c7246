import { z } from "zod";
import type { EnclaveAsk, NodeFacts, PodFacts, StatefulSetFacts } from "../../contract/cluster-check-report.ts";

/* As much of Kubernetes' objects as the check goes by. */

const Condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: z.string().nullish(),
});
const Quantities = z.record(z.string(), z.union([z.string(), z.number()]));
const MapReference = z.object({ name: z.string().optional(), optional: z.boolean().optional() });

const Container = z.object({
  name: z.string(),
  resources: z.object({ requests: Quantities.optional(), limits: Quantities.optional() }).optional(),
  startupProbe: z.looseObject({}).optional(),
  readinessProbe: z.looseObject({}).optional(),
  livenessProbe: z.looseObject({}).optional(),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).optional(),
  env: z.array(z.object({ valueFrom: z.object({ configMapKeyRef: MapReference.optional() }).optional() })).optional(),
  envFrom: z.array(z.object({ configMapRef: MapReference.optional() })).optional(),
});
type Container = z.infer<typeof Container>;

const PodSpec = z.object({
  nodeName: z.string().optional(),
  nodeSelector: z.record(z.string(), z.string()).optional(),
  containers: z.array(Container),
  initContainers: z.array(Container).optional(),
  volumes: z
    .array(
      z.object({
        name: z.string(),
        configMap: MapReference.optional(),
        hostPath: z.object({ path: z.string(), type: z.string().optional() }).optional(),
      }),
    )
    .optional(),
});
type PodSpec = z.infer<typeof PodSpec>;

const State = z.object({
  waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).nullish(),
  running: z.object({ startedAt: z.string().nullish() }).nullish(),
  terminated: z
    .object({ reason: z.string().optional(), exitCode: z.int().optional(), finishedAt: z.string().nullish() })
    .nullish(),
});
const ContainerStatus = z.object({
  name: z.string(),
  restartCount: z.int(),
  state: State.optional(),
  lastState: State.optional(),
});
type ContainerStatus = z.infer<typeof ContainerStatus>;

const Annotations = z.record(z.string(), z.string()).optional();

export const StatefulSet = z.object({
  spec: z.object({
    replicas: z.int().optional(),
    template: z.object({ metadata: z.object({ annotations: Annotations }).optional(), spec: PodSpec }),
  }),
  status: z.object({ readyReplicas: z.int().optional() }).optional(),
});

export const Pod = z.object({
  metadata: z.object({ annotations: Annotations, deletionTimestamp: z.string().optional() }),
  spec: PodSpec,
  status: z
    .object({
      phase: z.string().optional(),
      reason: z.string().optional(),
      message: z.string().optional(),
      conditions: z.array(Condition).optional(),
      containerStatuses: z.array(ContainerStatus).optional(),
      initContainerStatuses: z.array(ContainerStatus).optional(),
    })
    .optional(),
});

export const Node = z.object({
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
  spec: z
    .object({
      unschedulable: z.boolean().optional(),
      taints: z.array(z.object({ key: z.string(), effect: z.string() })).optional(),
    })
    .optional(),
  status: z.object({ conditions: z.array(Condition).optional(), allocatable: Quantities.optional() }).optional(),
});

export const DaemonSet = z.object({
  metadata: z.object({ namespace: z.string().optional(), labels: z.record(z.string(), z.string()).optional() }),
  status: z.object({ desiredNumberScheduled: z.int().optional(), numberReady: z.int().optional() }).optional(),
});

export const Namespace = z.object({ status: z.object({ phase: z.string().optional() }).optional() });

export const Claim = z.object({
  metadata: z.object({ name: z.string() }),
  status: z.object({ phase: z.string().optional() }).optional(),
});

export const Event = z.object({
  type: z.string().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  count: z.int().nullish(),
  eventTime: z.string().nullish(),
  lastTimestamp: z.string().nullish(),
  series: z.object({ lastObservedTime: z.string().nullish(), count: z.int().nullish() }).nullish(),
  involvedObject: z.object({ kind: z.string().optional(), name: z.string().optional() }),
});

const configHash = "checksum/config";
/** Containers of the chart: the enclave's, what passes on its words. Outside an enclave the core is a container of its own. */
const enclaveContainer = "kms-core-enclave";
const coreContainers = [enclaveContainer, "kms-core"];
const loggerContainer = "kms-core-enclave-logger";
const enclaveDevice = "/dev/nitro_enclaves";

export function statefulSetFacts({ spec, status }: z.infer<typeof StatefulSet>): StatefulSetFacts {
  return {
    replicas: spec.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    configHash: spec.template.metadata?.annotations?.[configHash] ?? null,
    ask: askOf(spec.template.spec),
    configMaps: configMapsOf(spec.template.spec),
    nodeKeys: Object.keys(spec.template.spec.nodeSelector ?? {}),
  };
}

export function podFacts({ metadata, spec, status }: z.infer<typeof Pod>): PodFacts {
  const condition = (type: string) => status?.conditions?.find((entry) => entry.type === type);
  const ready = condition("Ready");
  const core = spec.containers.find(({ name }) => coreContainers.includes(name));
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return {
    phase: status?.phase ?? "Unknown",
    ready: ready?.status === "True" && metadata.deletionTimestamp === undefined,
    readySince: ready?.lastTransitionTime ?? null,
    problem: metadata.deletionTimestamp === undefined ? problemOf(status, statuses) : "being deleted",
    node: spec.nodeName ?? null,
    configHash: metadata.annotations?.[configHash] ?? null,
    restarts: statuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    lastTermination: lastTermination(statuses),
    probes: (["startup", "readiness", "liveness"] as const).filter((kind) => core?.[`${kind}Probe`] !== undefined),
    device: deviceOf(spec, core),
    enclaveContainer: core?.name === enclaveContainer,
    logger: loggerOf(spec, statuses),
  };
}

function problemOf(status: z.infer<typeof Pod>["status"], statuses: readonly ContainerStatus[]): string | null {
  const condition = (type: string) => status?.conditions?.find((entry) => entry.type === type);
  const [scheduled, ready] = [condition("PodScheduled"), condition("Ready")];
  if (scheduled?.status === "False") return scheduled.message ?? scheduled.reason ?? "not scheduled";
  const waiting = statuses.find(({ state }) => state?.waiting?.reason)?.state?.waiting;
  if (waiting) return [waiting.reason, waiting.message].filter(Boolean).join(": ");
  const said = status?.message ?? status?.reason;
  return said ?? (ready?.status === "False" ? (ready.message ?? ready.reason ?? "not ready") : null);
}

/** The latest end of one of its containers. Init containers that did their work and ended are none. */
function lastTermination(statuses: readonly ContainerStatus[]): PodFacts["lastTermination"] {
  const ends = statuses.flatMap(({ name, lastState, state, restartCount }) => {
    const ended = lastState?.terminated ?? (restartCount > 0 ? state?.terminated : undefined);
    if (!ended) return [];
    const { reason = "unknown", exitCode = null, finishedAt = null } = ended;
    return [{ container: name, reason, exitCode, at: finishedAt }];
  });
  return ends.sort((one, other) => (other.at ?? "").localeCompare(one.at ?? "")).at(0) ?? null;
}

function deviceOf(spec: PodSpec, core: Container | undefined): PodFacts["device"] {
  const volume = spec.volumes?.find(({ hostPath }) => hostPath?.path === enclaveDevice);
  const mounted = core?.volumeMounts?.some(({ name }) => name === volume?.name) ?? false;
  if (volume === undefined || !mounted) return "absent";
  // Only with its type does the kubelet look whether the device is there before it starts the pod.
  return volume.hostPath?.type === "CharDevice" ? "mounted" : "unchecked";
}

function loggerOf(spec: PodSpec, statuses: readonly ContainerStatus[]): PodFacts["logger"] {
  const declared = [...(spec.initContainers ?? []), ...spec.containers].some(({ name }) => name === loggerContainer);
  if (!declared) return "absent";
  return statuses.find(({ name }) => name === loggerContainer)?.state?.running ? "running" : "stopped";
}

export function nodeFacts({ metadata, spec, status }: z.infer<typeof Node>): NodeFacts {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const labels = Object.entries(metadata.labels ?? {});
  return {
    name: metadata.name,
    ready: ready?.status === "True",
    problem: ready?.status === "True" ? null : (ready?.message ?? ready?.reason ?? "it does not say so"),
    schedulable: spec?.unschedulable !== true,
    labels: labels.filter(([, value]) => value === "true").map(([key]) => key),
    taints: (spec?.taints ?? []).filter(({ effect }) => effect === "NoSchedule").map(({ key }) => key),
    allocatable: enclaveQuantities(status?.allocatable ?? {}),
  };
}

function askOf({ containers, initContainers = [] }: PodSpec): EnclaveAsk {
  const asks = [...initContainers, ...containers].map(({ resources }) =>
    enclaveQuantities({ ...resources?.limits, ...resources?.requests }),
  );
  const sum = (key: keyof EnclaveAsk) => asks.reduce((total, ask) => total + ask[key], 0);
  return { enclaves: sum("enclaves"), cpus: sum("cpus"), hugepagesMib: sum("hugepagesMib") };
}

function enclaveQuantities(quantities: z.infer<typeof Quantities>): EnclaveAsk {
  const of = (name: string) => quantity(quantities[name] ?? 0);
  return {
    enclaves: of("aws.ec2.nitro/nitro_enclaves"),
    cpus: of("aws.ec2.nitro/nitro_enclaves_cpus"),
    hugepagesMib: of("hugepages-1Gi") / 2 ** 20,
  };
}

const units = { "": 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/** A quantity as Kubernetes writes it. One that cannot be read counts as nothing: too little is the safe side. */
export function quantity(text: string | number): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(String(text)) ?? [];
  return number !== undefined && unit in units ? Number(number) * units[unit as keyof typeof units] : 0;
}

function configMapsOf(spec: PodSpec): string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const references = [
    ...(spec.volumes ?? []).map(({ configMap }) => configMap),
    ...containers.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.configMapKeyRef)),
    ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ configMapRef }) => configMapRef)),
  ];
  const names = references.flatMap((reference) => (reference?.optional ? [] : (reference?.name ?? [])));
  return [...new Set(names)].sort();
}
