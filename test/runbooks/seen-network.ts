import type { ValidateReport } from "../../contract/validate-report.ts";
import { judge } from "../../runbooks/network/judge.ts";
import { type Fault, modelNetwork } from "./network/network-model.ts";

/** A judged network as one looks whose parties were seen, some from here and some by their halves: releases, certificates, ages. */
export function seenNetwork(
  n: number,
  faults: readonly Fault[] = [],
  options: { mine?: readonly number[] } = {},
): ValidateReport {
  const report = judge(modelNetwork(n, faults, options));
  for (const { to, path, probe } of report.links)
    if (probe !== null && path.status === "OK")
      probe.certificate = {
        commonName: `mpc-node-${to}`,
        notBefore: "2026-11-20T06:00:00.000Z",
        notAfter: "2026-11-27T06:00:00.000Z",
      };
  for (const party of report.parties) {
    if (party.verdict.status === "UNKNOWN") continue;
    party.seenAt = "2026-11-20T18:52:00.000Z";
    party.halfDigest = party.partyId % 2 === 0 ? null : `sha256:${"4f".repeat(32)}`;
    party.release = { version: "0.13.10", imageDigest: `sha256:${"2c".repeat(32)}` as never };
  }
  return report;
}

/** Every text of the report that somebody else wrote becomes this. */
export function poisoned(report: ValidateReport, text: string): ValidateReport {
  const kept = new Set([
    "schema",
    "environment",
    "status",
    "stage",
    "fault",
    "code",
    "verdict",
    "phase",
    "contextStatus",
  ]);
  const deep = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return kept.has(key) || /(At|Before|After)$/.test(key) ? value : text;
    if (Array.isArray(value)) return value.map((one) => deep(one, key));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, deep(field, name)]));
  };
  return deep(report, "") as ValidateReport;
}
