/** Directory of a chart, or `oci://…@sha256:…`; its digest was checked by whoever read it. */
export interface ChartToInstall {
  ref: string;
  version: string;
}

/** What is wrong with a chart of a registry that may be another tomorrow. For `checkArgs`. */
export const unpinned = ({ ref }: ChartToInstall) =>
  ref.startsWith("oci://") &&
  !ref.includes("@sha256:") && { propertyPath: "chart.ref", reason: "has to be pinned by digest" };
