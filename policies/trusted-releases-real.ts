import { helmTypes, isCore, trustedReleases } from "./core-release.ts";
import type { ResourceRule } from "./rule.ts";

export const trustedReleasesReal: ResourceRule = {
  id: "trusted-releases-real",
  severity: "mandatory",
  guarantees: "A core trusts at least one release, and no release whose measurements are zeros.",
  why: "An empty list turns attestation off in KMS Core. All zeros is what any enclave in debug mode reports, and it is the chart's default.",
  source: "kms charts/kms-core/values.yaml: thresholdMode.tls.trustedReleases, one all-zero entry",
  fix: "trustedReleases in the manifest",
  types: helmTypes,
  check(subject, tell) {
    if (!isCore(subject)) return;
    const field = "values.kmsCore.thresholdMode.tls.trustedReleases";
    const releases = trustedReleases(subject);
    if (releases.length === 0)
      tell({ field, found: "an empty list", expected: "at least one release's pcr0, pcr1 and pcr2" });
    releases.forEach((release, index) => {
      for (const pcr of ["pcr0", "pcr1", "pcr2"] as const) {
        const found = String(release[pcr]);
        if (!/^[0-9a-f]{96}$/i.test(found) || /^0+$/.test(found))
          tell({ field: `${field}[${index}].${pcr}`, found, expected: "96 hexadecimal digits, not all of them zero" });
      }
    });
  },
};
