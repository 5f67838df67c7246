import { type Kind, objectPath } from "./kinds.ts";
import { type KubeClient, type KubeObject, pause } from "./kube-client.ts";

const defaultTimeoutMs = 600_000;
const pollMs = 200;

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

type Check = (object: KubeObject, client: KubeClient) => string[] | Promise<string[]>;

const count = (value: unknown) => Number(value ?? 0);

const seen = ({ metadata, status }: KubeObject) =>
  count(status?.observedGeneration) >= count(metadata.generation) ? [] : ["not yet seen by its controller"];

const failing = (object: KubeObject) =>
  ((object.status?.conditions as Condition[] | undefined) ?? [])
    .filter(({ type, status }) => (type === "ReplicaFailure" ? status === "True" : status === "False"))
    .map(({ reason, message }) => `[${reason}] ${message}`);

/** What still keeps an object from being ready; nothing when it is. */
const checks: { readonly [kind: string]: Check } = {
  Deployment(object) {
    const { spec, status } = object;
    const wanted = spec?.replicas === undefined ? 1 : count(spec.replicas);
    const ready =
      count(status?.updatedReplicas) >= wanted &&
      count(status?.availableReplicas) >= wanted &&
      count(status?.replicas) === wanted;
    const shortfall = `${count(status?.availableReplicas)} of ${wanted} replicas are available`;
    return [...seen(object), ...(ready ? [] : [shortfall, ...failing(object)])];
  },
  StatefulSet(object) {
    const { spec, status } = object;
    const wanted = spec?.replicas === undefined ? 1 : count(spec.replicas);
    const ready = count(status?.readyReplicas) >= wanted && count(status?.updatedReplicas) >= wanted;
    return [...seen(object), ...(ready ? [] : [`${count(status?.readyReplicas)} of ${wanted} replicas are ready`])];
  },
  DaemonSet(object) {
    const { status } = object;
    const wanted = count(status?.desiredNumberScheduled);
    const ready = count(status?.updatedNumberScheduled) >= wanted && count(status?.numberAvailable) >= wanted;
    const shortfall = `${count(status?.numberAvailable)} of ${wanted} pods are available`;
    return [...seen(object), ...(ready ? [] : [shortfall])];
  },
  async Service(object, client) {
    const { spec, metadata } = object;
    if (spec?.type === "ExternalName" || spec?.clusterIP === "None" || !spec?.selector) return [];
    if (spec?.type === "LoadBalancer") {
      const { ingress } = (object.status?.loadBalancer ?? {}) as { ingress?: unknown[] };
      return ingress?.length ? [] : ["Service was not allocated an IP address"];
    }
    const endpoints = await client.find(
      `/api/v1/namespaces/${metadata.namespace}/endpoints/${encodeURIComponent(metadata.name)}`,
    );
    const subsets = (endpoints?.subsets ?? []) as { addresses?: unknown[] }[];
    return subsets.some(({ addresses }) => addresses?.length) ? [] : ["Service does not target any Pods"];
  },
};

/** `pulumi.com/waitFor`: until the controller of the object says so, by a condition or by any field. */
function awaitedBy({ metadata }: KubeObject): Check | undefined {
  const annotation = metadata.annotations?.["pulumi.com/waitFor"];
  if (annotation === undefined) return undefined;
  const [, condition] = /^condition=(\w+)$/.exec(annotation) ?? [];
  if (condition !== undefined) return awaitedCondition(condition);
  const [, path] = /^jsonpath=\{((?:\.\w+(?:\[\d+\])?)+)\}$/.exec(annotation) ?? [];
  if (path !== undefined) return awaitedField(path);
  throw new Error(`the simulated provider does not know pulumi.com/waitFor: ${annotation}`);
}

/** `.status.loadBalancer.ingress[0].hostname`: any value will do. */
function awaitedField(path: string): Check {
  const steps = path.match(/\w+/g) ?? [];
  return (object) => {
    const value = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], object);
    return value === undefined || value === null ? [`${path} is not set`] : [];
  };
}

function awaitedCondition(type: string): Check {
  return ({ status }) => {
    const found = ((status?.conditions as Condition[] | undefined) ?? []).find((condition) => condition.type === type);
    if (found?.status === "True") return [];
    return [`condition ${type} is ${found ? `${found.status}: ${found.message ?? found.reason ?? ""}` : "not set"}`];
  };
}

const isTrue = (object: KubeObject, annotation: string) => object.metadata.annotations?.[annotation] === "true";

/** Until the object does its work, as Pulumi's provider waits; returns its last state, and the reasons if time ran out. */
export async function awaitReady(
  client: KubeClient,
  kind: Kind,
  object: KubeObject,
  options: { timeoutSeconds: number; signal: AbortSignal },
): Promise<{ object: KubeObject; problems: string[] }> {
  const check = awaitedBy(object) ?? checks[kind.kind];
  if (!check || isTrue(object, "pulumi.com/skipAwait")) return { object, problems: [] };
  const ofAnnotation = Number(object.metadata.annotations?.["pulumi.com/timeoutSeconds"] ?? 0);
  const seconds = options.timeoutSeconds || ofAnnotation;
  const deadline = Date.now() + (seconds > 0 ? seconds * 1000 : defaultTimeoutMs);
  const path = objectPath(kind, object.metadata.namespace ?? "", object.metadata.name);
  let current = object;
  for (;;) {
    const problems = await check(current, client);
    if (problems.length === 0) return { object: current, problems };
    if (Date.now() > deadline) return { object: current, problems: ["timed out waiting to be Ready", ...problems] };
    await pause(pollMs, options.signal);
    current = await client.get(path, options.signal);
  }
}

/** Until nothing of the object is left, finalisers included. */
export async function awaitGone(
  client: KubeClient,
  path: string,
  options: { timeoutSeconds: number; signal: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + (options.timeoutSeconds > 0 ? options.timeoutSeconds * 1000 : defaultTimeoutMs);
  for (;;) {
    const left = await client.find(path, options.signal);
    if (!left) return;
    if (Date.now() > deadline) {
      const finalizers = (left.metadata as { finalizers?: string[] }).finalizers ?? [];
      throw new Error(`finalizers might be preventing deletion (${finalizers.join(", ") || "none"}): timed out`);
    }
    await pause(pollMs, options.signal);
  }
}
