import { ifKnown, ofType, type Subject } from "./rule.ts";

export const helmTypes = [
  "kubernetes:helm.sh/v3:Release",
  "kubernetes:helm.sh/v3:Chart",
  "kubernetes:helm.sh/v4:Chart",
];

/** The chart, by a registry's name, a file's or a folder's. */
const chartName = /(^|\/)kms-core(-\d[^/]*\.tgz)?\/?(@|:|$)/;

/** Helm releases that run a core: those of its chart, and those whose values have its threshold mode. */
export function coreRelease(subjects: readonly Subject[]): Subject[] {
  return ofType(subjects, ...helmTypes).filter((subject) => ifKnown(() => isCore(subject)));
}

export function isCore({ props }: Subject): boolean {
  const core = props.values?.kmsCore;
  // The core-client's release is of the same chart, with its core switched off.
  if (core?.enabled === false) return false;
  return core?.thresholdMode !== undefined || chartName.test(String(props.chart ?? ""));
}

export function trustedReleases({ props }: Subject): { pcr0?: unknown; pcr1?: unknown; pcr2?: unknown }[] {
  return props.values?.kmsCore?.thresholdMode?.tls?.trustedReleases ?? [];
}
