import { createColors } from "picocolors";
import type { CertificatesReport } from "../../contract/certificates-report.ts";
import type { Verdict } from "../../contract/verdict.ts";
import { networkLine } from "../network-line.ts";
import { junitSuites } from "../report-junit.ts";
import { findingItems } from "../report-markdown.ts";
import { fitLines, renderFinding } from "../report-text.ts";
import type { TextStyle } from "../runbook.ts";

const marks: Record<Verdict["status"], string> = { OK: "ok", FAIL: "X", UNKNOWN: "?" };
const words = { OK: "OK", FAIL: "FAIL", UNKNOWN: "UNKNOWN (could not tell)" } as const;

/** The report for a terminal: who has whose certificate, verdict, findings. The diagonal is each party's own. */
export function renderCertificatesText(report: CertificatesReport, style: TextStyle): string {
  const colours = createColors(style.colour);
  const paint = { OK: colours.green, FAIL: colours.red, UNKNOWN: colours.yellow };
  const ids = report.parties.map(({ partyId }) => partyId);
  const width = Math.max(...ids.map((id) => String(id).length)) + 2;
  const cell = (verdict: Verdict | undefined) =>
    verdict === undefined ? "·".padStart(width) : paint[verdict.status](marks[verdict.status].padStart(width));
  const rows = report.parties.map(({ partyId }) => {
    const cells = ids.map((of) => cell(verdictOf(report, partyId, of)));
    return `  ${String(partyId).padStart(width)}${cells.join("")}`;
  });
  const fits = (ids.length + 1) * width + 2 <= style.columns;
  const lines = [
    networkLine(report, { bold: colours.bold }),
    `${ids.length} parties   manifest ${report.manifestDigest.slice(0, 15)}`,
    `${report.startedAt.slice(0, 19).replace("T", " ")}Z   ${(report.durationMs / 1000).toFixed(1)} s`,
    "",
    "in the vault of ↓ the certificate of →   ok equal, X differs or missing, ? could not tell; · to itself: its own",
    ...(fits ? [`  ${" ".repeat(width)}${ids.map((id) => String(id).padStart(width)).join("")}`, ...rows] : []),
    ...(fits ? [] : ["  the matrix is wider than this terminal; what is not equal is below"]),
    "",
    `verdict ${paint[report.verdict](colours.bold(words[report.verdict]))}`,
    `${report.copiesEqual} of ${report.copiesTotal} copies equal`,
    `${report.parties.filter(({ verdict }) => verdict.status === "OK").length} of ${ids.length} own certificates in order`,
    ...report.findings.flatMap((finding) => ["", renderFinding(finding, style.columns, colours)]),
  ];
  return fitLines(lines.join("\n"), style.columns);
}

/** The same for a pull request or a chat. */
export function renderCertificatesMarkdown(report: CertificatesReport): string {
  const ids = report.parties.map(({ partyId }) => partyId);
  const cells = { OK: "ok", FAIL: "**differs**", UNKNOWN: "?" };
  const cell = (verdict: Verdict | undefined) => (verdict === undefined ? "·" : cells[verdict.status]);
  return [
    `## ${networkLine(report)}: certificates ${report.verdict}`,
    "",
    `${report.copiesEqual} of ${report.copiesTotal} copies equal.`,
    "",
    ...findingItems(report.findings),
    `| vault of \\ certificate of | ${ids.join(" | ")} |`,
    `|---|${ids.map(() => "---|").join("")}`,
    ...ids.map((holder) => `| ${holder} | ${ids.map((of) => cell(verdictOf(report, holder, of))).join(" | ")} |`),
    "",
    `${report.startedAt}, manifest \`${report.manifestDigest}\`.`,
    "",
  ].join("\n");
}

/** The same for CI: a case for each own certificate, and one for each copy. */
export function renderCertificatesJunit(report: CertificatesReport): string {
  return junitSuites("certificates", `quorate.${report.network}.certificates`, report, [
    ...report.parties.map(({ partyId, name, verdict }) => ({
      group: "own",
      name: `party ${partyId} ${name}`,
      verdict,
    })),
    ...report.copies.map(({ holder, of, verdict }) => ({ group: "copy", name: `${of} in ${holder}`, verdict })),
  ]);
}

function verdictOf(report: CertificatesReport, holder: number, of: number): Verdict | undefined {
  if (holder === of) return report.parties.find(({ partyId }) => partyId === of)?.verdict;
  return report.copies.find((copy) => copy.holder === holder && copy.of === of)?.verdict;
}
