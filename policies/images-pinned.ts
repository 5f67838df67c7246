import { helmTypes } from "./core-release.ts";
import { containersOf, podTypes } from "./pod-specs.ts";
import { ifKnown, type ResourceRule, type Subject, type Violation } from "./rule.ts";

export const imageTypes = [...podTypes, ...helmTypes];

/** Every image that the resource names, with its field. */
export function imagesOf(subject: Subject): { field: string; image: string }[] {
  if (helmTypes.includes(subject.type)) return imagesIn(subject.props.values ?? {}, "values");
  const patches = subject.type.endsWith("Patch");
  return containersOf(subject).flatMap(({ field, container: { image } }) =>
    image === undefined && patches ? [] : [{ field: `${field}.image`, image: image ?? "none" }],
  );
}

/** A chart's values hold names that AWS has not given yet; an image is never among them. */
// biome-ignore lint/suspicious/noExplicitAny: a chart's values
function imagesIn(values: any, field: string): { field: string; image: string }[] {
  if (typeof values !== "object" || values === null) return [];
  return Object.keys(values).flatMap((key) => {
    const place = Array.isArray(values) ? `${field}[${key}]` : `${field}.${key}`;
    const image = ifKnown(() => values[key]);
    if (!/image$/i.test(key)) return imagesIn(image, place);
    if (typeof image === "string") return [{ field: place, image }];
    const name = image?.name ?? image?.repository;
    if (typeof name !== "string") return [];
    const tag = image.tag === undefined ? "" : `:${image.tag}`;
    return [{ field: place, image: `${name}${tag}${image.digest ? `@${image.digest}` : ""}` }];
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
  if (digest === undefined ? tag !== undefined && tag !== "latest" : /^sha256:[0-9a-f]{64}$/.test(digest)) return;
  return { field, found: image, expected: "a tag other than latest, better a digest: name:tag@sha256:…" };
}
