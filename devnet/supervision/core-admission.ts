import { type KubeClient, KubeError } from "../clusters/kube-client.ts";
import { admittedAnnotation } from "../clusters/stages.ts";
import type { PodObject } from "./pod-object.ts";

const againMs = 500;

type Client = Pick<KubeClient, "get" | "post" | "mergePatch" | "strategicPatch">;

/** What keeps a pod's containers from being made, as a kubelet says it. */
interface Obstacle {
  /** The container that can not be made; null where it is a volume, which all wait for. */
  container: string | null;
  event: { reason: string; message: string };
  message: string;
}

/**
 * Does what a kubelet does before it makes the containers of a core's pod: looks for the ConfigMaps that they name. With all
 * of them there the pod is admitted; else it says what is missing, and looks again.
 */
export class CoreAdmission {
  readonly #client: Client;
  readonly #signal: AbortSignal;
  readonly #log: (text: string) => void;
  readonly #underWay = new Set<string>();

  constructor(client: Client, signal: AbortSignal, log: (text: string) => void) {
    this.#client = client;
    this.#signal = signal;
    this.#log = log;
  }

  /** Tells all core pods of the party that there are now. */
  podsAre(pods: readonly PodObject[]): void {
    for (const pod of pods) {
      const { uid = "", deletionTimestamp, annotations } = pod.metadata;
      if (pod.status?.phase !== "Pending" || pod.spec.nodeName === undefined || deletionTimestamp !== undefined)
        continue;
      if (annotations?.[admittedAnnotation] !== undefined || this.#underWay.has(uid)) continue;
      this.#underWay.add(uid);
      void this.#admit(pod).finally(() => this.#underWay.delete(uid));
    }
  }

  async #admit(pod: PodObject): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    for (let told = ""; !this.#signal.aborted; ) {
      try {
        const obstacle = await findObstacle(this.#client, pod);
        if (obstacle === null) {
          await this.#client.mergePatch(path, { metadata: { uid, annotations: { [admittedAnnotation]: "true" } } });
          return;
        }
        if (obstacle.message !== told) {
          await this.#client.strategicPatch(`${path}/status`, {
            metadata: { uid },
            status: waitingStatus(pod, obstacle),
          });
          await this.#client.post(`/api/v1/namespaces/${namespace}/events`, eventOf(pod, obstacle));
        }
        told = obstacle.message;
      } catch (error) {
        // The pod went, or another one has its name.
        if (error instanceof KubeError && (error.status === 404 || error.status === 409)) return;
        const { message } = error as Error;
        if (message !== told) this.#log(`pod ${name} can not be admitted yet: ${message}`);
        told = message;
      }
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }
}

/** The first ConfigMap that is named and not there: of a volume first, as a kubelet mounts before it makes anything. */
export async function findObstacle(client: Pick<KubeClient, "get">, pod: PodObject): Promise<Obstacle | null> {
  const known = new Map<string, Promise<boolean>>();
  const isMissing = (name: string) => {
    const asked = known.get(name) ?? isThere(client, pod, name);
    known.set(name, asked);
    return asked.then((is) => !is);
  };
  for (const { name: volume, configMap } of pod.spec.volumes ?? [])
    if (configMap !== undefined && configMap.optional !== true && (await isMissing(configMap.name))) {
      const message = `configmap "${configMap.name}" not found`;
      const event = { reason: "FailedMount", message: `MountVolume.SetUp failed for volume "${volume}" : ${message}` };
      return { container: null, message, event };
    }
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    const references = [
      ...(container.envFrom ?? []).flatMap(({ configMapRef }) => configMapRef ?? []),
      ...(container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.configMapKeyRef ?? []),
    ];
    for (const { name, optional } of references)
      if (optional !== true && (await isMissing(name))) {
        const message = `configmap "${name}" not found`;
        return { container: container.name, message, event: { reason: "Failed", message: `Error: ${message}` } };
      }
  }
  return null;
}

async function isThere(client: Pick<KubeClient, "get">, pod: PodObject, name: string): Promise<boolean> {
  try {
    await client.get(`/api/v1/namespaces/${pod.metadata.namespace}/configmaps/${name}`);
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return false;
    throw error;
  }
}

/** Status of a pod that waits: the container that can not be made says why, the others wait for it. */
export function waitingStatus(pod: PodObject, { container, message }: Obstacle): object {
  const { initContainers = [], containers } = pod.spec;
  const now = new Date().toISOString();
  const row = ({ name, image }: { name: string; image: string }) => ({
    name,
    image,
    imageID: "",
    ready: false,
    started: false,
    restartCount: 0,
    state: {
      waiting: name === container ? { reason: "CreateContainerConfigError", message } : { reason: "PodInitializing" },
    },
  });
  const names = (some: { name: string }[]) => `[${some.map(({ name }) => name).join(" ")}]`;
  const waits = initContainers.length > 0;
  const condition = (type: string, reason: string, text: string) => ({
    type,
    status: "False",
    lastTransitionTime: now,
    reason,
    message: text,
  });
  const unready = `containers with unready status: ${names(containers)}`;
  return {
    phase: "Pending",
    startTime: now,
    conditions: [
      ...(waits
        ? [
            condition(
              "Initialized",
              "ContainersNotInitialized",
              `containers with incomplete status: ${names(initContainers)}`,
            ),
          ]
        : []),
      condition("Ready", "ContainersNotReady", unready),
      condition("ContainersReady", "ContainersNotReady", unready),
    ],
    initContainerStatuses: initContainers.map(row),
    containerStatuses: containers.map(row),
  };
}

function eventOf(pod: PodObject, { container, event }: Obstacle): object {
  const { name, namespace, uid, resourceVersion } = pod.metadata;
  const now = new Date().toISOString();
  const kind = pod.spec.containers.some((each) => each.name === container) ? "containers" : "initContainers";
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { generateName: `${name}.`, namespace },
    involvedObject: {
      ...{ apiVersion: "v1", kind: "Pod", name, namespace, uid, resourceVersion },
      ...(container === null ? {} : { fieldPath: `spec.${kind}{${container}}` }),
    },
    type: "Warning",
    ...event,
    source: { component: "kubelet", host: pod.spec.nodeName },
    reportingComponent: "kubelet",
    reportingInstance: pod.spec.nodeName,
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}
