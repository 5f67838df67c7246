import { helmTypes } from "./core-release.ts";
import type { ResourceRule } from "./rule.ts";

export const chartsPinned: ResourceRule = {
  id: "charts-pinned",
  severity: "mandatory",
  guarantees:
    "Every Helm chart has one version, and one from a registry its digest; its values stand in the program, where rules read them.",
  why: "All parties agree on a chart's bytes in the manifest; a range of versions is a different chart for each.",
  source: "mpc-operator mainnet/helmfile.yaml: one version for each release",
  fix: "chart.ref, chart.version, chart.digest in the manifest",
  types: helmTypes,
  check({ props }, tell) {
    const version = props.version;
    if (typeof version !== "string" || !/^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(version))
      tell({ field: "version", found: String(version ?? "none"), expected: "one exact version, such as 1.9.1" });
    const chart = String(props.chart ?? "");
    const repository = props.repositoryOpts?.repo ?? (/^https?:/.test(chart) ? chart : undefined);
    if (repository !== undefined)
      tell({
        field: "chart",
        found: `${chart} from ${repository}: Helm compares no digest`,
        expected: "oci://…@sha256:…, or a file whose digest was compared",
      });
    if (repository === undefined && /^[\w-]+\/[\w-]+$/.test(chart))
      tell({
        field: "chart",
        found: `${chart}, of a repository that only one machine knows`,
        expected: "oci://…@sha256:…, or a file whose digest was compared",
      });
    for (const field of ["valueYamlFiles", "postrender"])
      if ((props[field] ?? []).length > 0)
        tell({ field, found: "something that no rule reads", expected: "none: values in the program" });
    if (chart.startsWith("oci://") && !/@sha256:[0-9a-f]{64}$/.test(chart))
      tell({ field: "chart", found: chart, expected: "oci://…@sha256:…" });
  },
};
