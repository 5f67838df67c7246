import type { KubeClient, KubeObject } from "../clusters/kube-client.ts";

interface MapReference {
  name: string;
  optional?: boolean;
}

interface Container {
  name: string;
  image: string;
  env?: { name: string; value?: string; valueFrom?: { configMapKeyRef?: MapReference & { key: string } } }[];
  envFrom?: { configMapRef?: MapReference }[];
}

export interface PodObject extends KubeObject {
  spec: {
    serviceAccountName?: string;
    nodeName?: string;
    nodeSelector?: Record<string, string>;
    containers: Container[];
    initContainers?: Container[];
    volumes?: { name: string; configMap?: MapReference }[];
  };
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state?: { waiting?: { reason?: string; message?: string } };
}

export interface ConfigMapObject extends KubeObject {
  data?: Record<string, string>;
}

export function isRunning(pod: PodObject): boolean {
  return pod.status?.phase === "Running" && pod.metadata.deletionTimestamp === undefined;
}

/** Environment of a pod's containers, with values from ConfigMaps filled in as a kubelet does. */
export async function environmentOf(client: KubeClient, pod: PodObject): Promise<Record<string, string>> {
  const maps = new Map<string, Promise<Record<string, string>>>();
  const dataOf = (name: string) => {
    const known = maps.get(name);
    if (known !== undefined) return known;
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/configmaps/${name}`;
    const asked = client.get<ConfigMapObject>(path).then((map) => map.data ?? {});
    maps.set(name, asked);
    return asked;
  };
  const environment: Record<string, string> = {};
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { configMapRef } of container.envFrom ?? [])
      if (configMapRef !== undefined) Object.assign(environment, await dataOf(configMapRef.name));
    for (const { name, value, valueFrom } of container.env ?? []) {
      const reference = valueFrom?.configMapKeyRef;
      const filled = reference === undefined ? value : (await dataOf(reference.name))[reference.key];
      if (filled !== undefined) environment[name] = filled;
    }
  }
  return environment;
}

/** Ends a Job's pod as a kubelet does once its containers have. */
export async function patchSucceeded(client: KubeClient, pod: PodObject): Promise<void> {
  const finishedAt = new Date().toISOString();
  const terminated = { exitCode: 0, reason: "Completed", startedAt: finishedAt, finishedAt };
  const containerStatuses = (pod.status?.containerStatuses ?? []).map((status) => ({
    ...status,
    ready: false,
    started: false,
    state: { terminated, running: null },
  }));
  await client.strategicPatch(`/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/status`, {
    metadata: { uid: pod.metadata.uid },
    status: { phase: "Succeeded", containerStatuses },
  });
}

/** Sets what the kubelet's readiness probe would have found. */
export async function patchReady(
  client: KubeClient,
  pod: PodObject,
  ready: boolean,
  reason: string,
  restarts: number,
): Promise<void> {
  const now = new Date().toISOString();
  const condition = (type: string) => ({
    type,
    status: ready ? "True" : "False",
    lastTransitionTime: now,
    ...(ready ? { reason: "", message: "" } : { reason: "ContainersNotReady", message: reason }),
  });
  const statuses = (pod.status?.containerStatuses ?? []).map((status) => ({
    ...status,
    ready,
    restartCount: Math.max(status.restartCount, restarts),
  }));
  await client.strategicPatch(`/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/status`, {
    // Of this pod and no successor that has its name.
    metadata: { uid: pod.metadata.uid },
    status: {
      conditions: [condition("Ready"), condition("ContainersReady")],
      ...(statuses.length > 0 ? { containerStatuses: statuses } : {}),
    },
  });
}
