import { createColors } from "picocolors";
import type { KeyGenerationReport } from "../../contract/key-generation-report.ts";
import { networkLine } from "../network-line.ts";
import { junitSuites } from "../report-junit.ts";
import { findingItems } from "../report-markdown.ts";
import { renderFinding, wrap } from "../report-text.ts";
import type { TextStyle } from "../runbook.ts";

type Party = KeyGenerationReport["parties"][number];
const words = { OK: "OK", FAIL: "FAIL", UNKNOWN: "UNKNOWN (could not tell)" } as const;

/** What came of making keys, for a terminal: a line for each party, verdict, findings. */
export function renderKeysText(report: KeyGenerationReport, style: TextStyle): string {
  const colours = createColors(style.colour);
  const paint = { OK: colours.green, FAIL: colours.red, UNKNOWN: colours.yellow };
  return [
    networkLine(report, { bold: colours.bold }),
    `manifest ${report.manifestDigest.slice(0, 15)}`,
    `${report.checkedAt.slice(0, 19).replace("T", " ")}Z`,
    "",
    ...report.parties.flatMap((party) => wrap(`  ${partyInWords(party)}`, style.columns, "    ")),
    "",
    `verdict ${paint[report.verdict](colours.bold(words[report.verdict]))}`,
    ...report.findings.flatMap((finding) => ["", renderFinding(finding, style.columns, colours)]),
    ...(report.verdict === "OK" ? ["", ...wrap(`next  ${next}`, style.columns, "      ")] : []),
  ].join("\n");
}

const next =
  "hand the certificate to the others: npx quorate cards publish; each peer then runs: npx quorate cards sync";

function partyInWords({ partyId, made, verdict, certificate }: Party): string {
  const how = made ? "made" : "there already";
  const what =
    certificate === null ? "" : `, ${certificate.commonName || "no name"}, ${certificate.sha256.slice(0, 12)}…`;
  return `party ${partyId}: ${verdict.status === "OK" ? "keys in order" : verdict.status}, ${how}${what}`;
}

/** The same for a pull request or a chat. */
export function renderKeysMarkdown(report: KeyGenerationReport): string {
  return [
    `## ${networkLine(report)}: keys ${report.verdict}`,
    "",
    ...report.parties.map((party) => `- ${partyInWords(party)}`),
    "",
    ...findingItems(report.findings),
    `${report.checkedAt}, manifest \`${report.manifestDigest}\`.`,
    "",
  ].join("\n");
}

/** The same for CI: a case for each party. */
export function renderKeysJunit(report: KeyGenerationReport): string {
  const cases = report.parties.map(({ partyId, name, verdict }) => ({
    group: "keys",
    name: `party ${partyId} ${name}`,
    verdict,
  }));
  return junitSuites(
    "certificates",
    `quorate.${report.network}.keys`,
    { startedAt: report.checkedAt, durationMs: 0 },
    cases,
  );
}
