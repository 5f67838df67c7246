import { createColors } from "picocolors";
import { type ClusterCheck, type ClusterCheckReport, clusterChecks } from "../../contract/cluster-check-report.ts";
import { fail, ok, unknown, type Verdict } from "../../contract/verdict.ts";
import { networkLine } from "../network-line.ts";
import { junitSuites } from "../report-junit.ts";
import { findingItems } from "../report-markdown.ts";
import { fitLines, renderFinding, wrap } from "../report-text.ts";
import type { TextStyle } from "../runbook.ts";

const marks = { OK: "ok", FAIL: "X", UNKNOWN: "?" } as const;
const words = { OK: "OK", FAIL: "FAIL", UNKNOWN: "UNKNOWN (could not tell)" } as const;
const nameWidth = Math.max(...clusterChecks.map((name) => name.length));

/** The report for a terminal: a row for each check, a column for each party, verdict, findings. */
export function renderClusterCheckText(report: ClusterCheckReport, style: TextStyle): string {
  const colours = createColors(style.colour);
  const paint = { OK: colours.green, FAIL: colours.red, UNKNOWN: colours.yellow };
  const ids = report.parties.map(({ partyId }) => partyId);
  const width = Math.max(2, ...ids.map((id) => String(id).length)) + 2;
  const cell = (check: ClusterCheck["check"]) => (id: number) => {
    const verdict = verdictOf(report, id, check);
    return verdict === undefined ? "".padStart(width) : paint[verdict](marks[verdict].padStart(width));
  };
  const fits = 2 + nameWidth + ids.length * width <= style.columns;
  const count = (verdict: ClusterCheck["verdict"]) => report.checks.filter((one) => one.verdict === verdict).length;
  const lines = [
    networkLine(report, { bold: colours.bold }),
    `${ids.length} of ${report.partiesTotal} parties asked   manifest ${report.manifestDigest.slice(0, 15)}`,
    `${report.startedAt.slice(0, 19).replace("T", " ")}Z   ${(report.durationMs / 1000).toFixed(1)} s`,
    "",
    "check ↓ party →   ok, X not so, ? could not tell",
    ...(fits
      ? [
          `  ${"".padEnd(nameWidth)}${ids.map((id) => String(id).padStart(width)).join("")}`,
          ...clusterChecks.map((check) => `  ${check.padEnd(nameWidth)}${ids.map(cell(check)).join("")}`),
        ]
      : wrap("  the table is wider than this terminal; what is not ok is below", style.columns, "  ")),
    "",
    `verdict ${paint[report.verdict](colours.bold(words[report.verdict]))}`,
    `${count("OK")} of ${report.checks.length} checks ok`,
    ...(count("UNKNOWN") > 0 ? [`${count("FAIL")} not so, ${count("UNKNOWN")} could not be told`] : []),
    ...report.findings.flatMap((finding) => ["", renderFinding(finding, style.columns, colours)]),
  ];
  return fitLines(lines.join("\n"), style.columns);
}

/** The same for a pull request or a chat. */
export function renderClusterCheckMarkdown(report: ClusterCheckReport): string {
  const ids = report.parties.map(({ partyId }) => partyId);
  const cells = { OK: "ok", FAIL: "**X**", UNKNOWN: "?" };
  const cell = (check: ClusterCheck["check"]) => (id: number) => {
    const verdict = verdictOf(report, id, check);
    return verdict === undefined ? "" : cells[verdict];
  };
  return [
    `## ${networkLine(report)}: clusters ${report.verdict}`,
    "",
    `${ids.length} of ${report.partiesTotal} parties asked.`,
    "",
    ...findingItems(report.findings),
    `| check \\ party | ${ids.join(" | ")} |`,
    `|---|${ids.map(() => "---|").join("")}`,
    ...clusterChecks.map((check) => `| ${check} | ${ids.map(cell(check)).join(" | ")} |`),
    "",
    `${report.startedAt}, manifest \`${report.manifestDigest}\`.`,
    "",
  ].join("\n");
}

/** The same for CI: a case for each check of each party. */
export function renderClusterCheckJunit(report: ClusterCheckReport): string {
  const cases = report.checks.map((check) => ({
    group: `party-${check.party}`,
    name: check.check,
    verdict: asVerdict(check),
  }));
  return junitSuites("cluster-check", `quorate.${report.network}.cluster-check`, report, cases);
}

function asVerdict({ verdict, code, found }: ClusterCheck): Verdict {
  if (verdict === "OK") return ok;
  return verdict === "FAIL" ? fail(code ?? "", found) : unknown(found);
}

function verdictOf(report: ClusterCheckReport, id: number, check: ClusterCheck["check"]) {
  return report.checks.find((one) => one.party === id && one.check === check)?.verdict;
}
