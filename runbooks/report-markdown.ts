import { printable } from "../contract/printable.ts";
import type { ValidateReport } from "../contract/validate-report.ts";
import type { Finding } from "../contract/verdict.ts";
import { networkLine } from "./network-line.ts";
import { halvesLine } from "./report-text.ts";

const marks = { OK: "ok", FAIL: "**DOWN**", UNKNOWN: "?" } as const;

/** The report for a pull request or a chat: verdict first, then findings, then the matrix. */
export function renderValidateMarkdown(report: ValidateReport): string {
  const ids = report.parties.map((party) => party.partyId);
  const byPair = new Map(report.links.map((link) => [`${link.from} ${link.to}`, marks[link.verdict.status]]));
  return [
    `## ${networkLine(report)}: ${report.verdict}`,
    "",
    `${report.linksUp} of ${report.linksTotal} links up, ${report.partiesFullyConnected} of ${ids.length} parties fully connected, faults still tolerated: ${report.faultsTolerated ?? "could not tell"} (t = ${report.threshold}).`,
    "",
    ...findingItems(report.findings),
    `| from \\ to | ${ids.join(" | ")} |`,
    `|---|${ids.map(() => "---|").join("")}`,
    ...report.parties.map(
      (party) =>
        `| ${party.partyId} ${oneLine(party.name)} | ${ids.map((to) => byPair.get(`${party.partyId} ${to}`) ?? "·").join(" | ")} |`,
    ),
    "",
    `Stage ${report.stage}, ${report.startedAt}, manifest \`${report.manifestDigest}\`.`,
    ...halvesLine(report, new Date(report.startedAt)).map((line) => `Seen ${line}.`),
    "",
  ].join("\n");
}

/** What is wrong and what to do about it, as a list with an empty line after it. */
export function findingItems(findings: readonly Finding[]): string[] {
  const items = findings.flatMap(({ code, field, found, expected, next }) => [
    `- **${code}** ${oneLine(field)}`,
    `  - found: ${oneLine(found)}`,
    `  - expected: ${oneLine(expected)}`,
    `  - next: ${oneLine(next)}`,
  ]);
  return items.length > 0 ? [...items, ""] : [];
}

/** Text in one cell or item, as it stands: what peers said may hold links, pictures and HTML, and a command has its `<…>`. */
function oneLine(text: string): string {
  return printable(text)
    .replaceAll(/[\r\n]+/g, "; ")
    .replaceAll(/[\\`*[\]<>|]/g, "\\$&");
}
