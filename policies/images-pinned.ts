import { helmTypes } from "./core-release.ts";
import { ifKnown, type ResourceRule, type Subject, type Violation } from "./rule.ts";

/** Kinds that run pods, with the way to the pod's specification. */
const pods: Record<string, readonly string[]> = {
  "kubernetes:core/v1:Pod": ["spec"],
  "kubernetes:apps/v1:Deployment": ["spec", "template", "spec"],
  "kubernetes:apps/v1:DaemonSet": ["spec", "template", "spec"],
  "kubernetes:apps/v1:StatefulSet": ["spec", "template", "spec"],
  "kubernetes:batch/v1:Job": ["spec", "template", "spec"],
  "kubernetes:batch/v1:CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
};

export const imageTypes = [...Object.keys(pods), ...helmTypes];

/** Every image that the resource names, with its field. */
export function imagesOf({ type, props }: Subject): { field: string; image: string }[] {
  const path = pods[type];
  if (path === undefined) return imagesIn(props.values ?? {}, "values");
  let spec = props;
  for (const key of path) spec = spec?.[key] ?? {};
  return (["initContainers", "containers"] as const).flatMap((kind) =>
    ((spec[kind] ?? []) as { image?: string }[]).map(({ image }, index) => ({
      field: `${[...path, kind].join(".")}[${index}].image`,
      image: image ?? "none",
    })),
  );
}

/** A chart's values hold names that AWS has not given yet; an image is never among them. */
// biome-ignore lint/suspicious/noExplicitAny: a chart's values
function imagesIn(values: any, field: string): { field: string; image: string }[] {
  if (typeof values !== "object" || values === null || Array.isArray(values)) return [];
  return Object.keys(values).flatMap((key) => {
    if (key !== "image")
      return imagesIn(
        ifKnown(() => values[key]),
        `${field}.${key}`,
      );
    const image = ifKnown(() => values[key]);
    if (typeof image === "string") return [{ field: `${field}.image`, image }];
    const name = image?.name ?? image?.repository;
    if (typeof name !== "string") return [];
    const tag = image.tag === undefined ? "" : `:${image.tag}`;
    return [{ field: `${field}.image`, image: `${name}${tag}${image.digest ? `@${image.digest}` : ""}` }];
  });
}

export const imagesPinned: ResourceRule = {
  id: "images-pinned",
  severity: "mandatory",
  guarantees: "No container runs from an image without a tag, or tagged latest.",
  why: "A restart at night would bring whatever was pushed last, on the very nodes that run enclaves.",
  source: "kms charts/kms-core/values.yaml: image tag latest, pullPolicy Always",
  fix: "trustedReleases[].image in the manifest; quorate:proberImage in the stack file",
  types: imageTypes,
  check(subject, tell) {
    for (const { field, image } of imagesOf(subject)) {
      const violation = floats(field, image);
      if (violation) tell(violation);
    }
  },
};

function floats(field: string, image: string): Violation | undefined {
  const [name = "", digest] = image.split("@");
  const tag = /:([^:/]+)$/.exec(name)?.[1];
  if (digest !== undefined || (tag !== undefined && tag !== "latest")) return;
  return { field, found: image, expected: "a tag other than latest, better a digest: name:tag@sha256:…" };
}
