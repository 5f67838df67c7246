import type { Subject } from "./rule.ts";

const template = ["spec", "template", "spec"];
const ways: Record<string, readonly string[]> = {
  "core/v1:Pod": ["spec"],
  "core/v1:ReplicationController": template,
  "apps/v1:Deployment": template,
  "apps/v1:DaemonSet": template,
  "apps/v1:StatefulSet": template,
  "apps/v1:ReplicaSet": template,
  "batch/v1:Job": template,
  "batch/v1:CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
};

/** Kinds that run pods, and what patches them, with the way to the pod's specification. */
const pods: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(ways).flatMap(([kind, way]) => ["", "Patch"].map((suffix) => [`kubernetes:${kind}${suffix}`, way])),
);

export const podTypes = Object.keys(pods);

export interface Container {
  image?: string;
  ports?: { containerPort?: number | string; hostPort?: number | string }[];
}

/** Every container of the pods that the resource runs, with its field. */
export function containersOf({ type, props }: Subject): { field: string; container: Container }[] {
  const way = pods[type] ?? [];
  const spec = specOf(props, way);
  return (["initContainers", "containers"] as const).flatMap((kind) =>
    ((spec[kind] ?? []) as Container[]).map((container, index) => ({
      field: `${[...way, kind].join(".")}[${index}]`,
      container,
    })),
  );
}

/** Whether the pods share their node's addresses. */
export function onHostNetwork({ type, props }: Subject): boolean {
  return specOf(props, pods[type] ?? []).hostNetwork === true;
}

// biome-ignore lint/suspicious/noExplicitAny: the properties of any kind
function specOf(props: Record<string, any>, way: readonly string[]): Record<string, any> {
  let spec = props;
  for (const key of way) spec = spec?.[key] ?? {};
  return spec;
}
