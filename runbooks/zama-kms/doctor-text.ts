import { createColors } from "picocolors";
import type { Cause, DoctorReport, LinkEnds, Symptom } from "../../contract/doctor-report.ts";
import { fail, ok, unknown } from "../../contract/verdict.ts";
import { networkLine } from "../network-line.ts";
import { junitSuites } from "../report-junit.ts";
import { findingItems } from "../report-markdown.ts";
import { renderFinding, wrap } from "../report-text.ts";
import type { TextStyle } from "../runbook.ts";

const verdictWords = { OK: "OK", FAIL: "FAIL", UNKNOWN: "UNKNOWN (could not tell)" } as const;
const arrow = ({ from, to }: LinkEnds) => `${from}→${to}`;

/** The report for a terminal: what was said, the verdict, the causes with what shows them, what gave no answer. */
export function renderDoctorText(report: DoctorReport, style: TextStyle): string {
  const colours = createColors(style.colour);
  const paint = { OK: colours.green, FAIL: colours.red, UNKNOWN: colours.yellow }[report.verdict];
  const { causes, unseen, symptom } = report;
  return [
    networkLine(report, { bold: colours.bold }),
    `${report.parties.length} of ${report.partiesTotal} parties looked into   manifest ${report.manifestDigest.slice(0, 15)}`,
    `${report.startedAt.slice(0, 19).replace("T", " ")}Z   ${(report.durationMs / 1000).toFixed(1)} s`,
    ...(symptom === null ? [] : ["", ...symptomLines(symptom, style.columns)]),
    "",
    `verdict ${paint(colours.bold(verdictWords[report.verdict]))}`,
    ...wrap(summary(report), style.columns, "  "),
    ...causes.flatMap((cause, index) => {
      const finding = report.findings[index];
      return finding === undefined
        ? []
        : ["", renderFinding(finding, style.columns, colours), ...causeLines(cause, style.columns)];
    }),
    ...(unseen.length > 0 ? ["", colours.yellow("could not tell")] : []),
    ...unseen.flatMap(({ party, source, reason }) =>
      wrap(`  party ${party}, ${source}: ${oneLine(reason)}`, style.columns, "    "),
    ),
  ].join("\n");
}

function summary({ causes, unseen, looked }: DoctorReport): string {
  const cause = causes.length === 0 ? "no cause" : `${causes.length} ${causes.length === 1 ? "cause" : "causes"}`;
  const silent = unseen.length === 0 ? "" : `, ${unseen.length} without an answer`;
  const sources = looked.filter(({ asked }) => asked > 0).map((one) => `${one.source} ${one.answered} of ${one.asked}`);
  return `${cause}${silent}; answered: ${sources.join(", ")}`;
}

const indent = " ".repeat(12);

function causeLines({ evidence, explains }: Cause, columns: number): string[] {
  const lines = evidence.map(({ source, party, line }) => `${source} of party ${party}: ${oneLine(line)}`);
  return [
    ...part("evidence", lines, columns),
    ...(explains.length > 0 ? part("explains", [explained(explains)], columns) : []),
  ];
}

function part(name: string, texts: readonly string[], columns: number): string[] {
  const [first = "", ...more] = texts.flatMap((text) => wrap(text, columns - indent.length, "  "));
  return [`  ${name.padEnd(9)} ${first}`, ...more.map((line) => `${indent}${line}`)];
}

const mostLinks = 6;

function explained(explains: Cause["explains"]): string {
  return explains
    .map(({ code, party, links }) => {
      const names = links.slice(0, mostLinks).map(arrow).join(", ");
      const more = links.length > mostLinks ? ` and ${links.length - mostLinks} more` : "";
      return `${code} party ${party}${names === "" ? "" : ` (${names}${more})`}`;
    })
    .join("; ");
}

function symptomLines({ text, parties, matched, unmatched }: Symptom, columns: number): string[] {
  const said = [
    `  about ${parties.length === 0 ? "no party by name" : parties.map((id) => `party ${id}`).join(", ")}`,
    ...matched.flatMap(({ cause, meaning, found, next, signature }) => [
      `  ${found ? "it is so:" : "not so now:"} ${cause}. ${meaning}`,
      ...(found || signature === null ? [] : [`    if it comes back: ${next}`]),
    ]),
    ...(unmatched.length > 0 ? [`  means nothing here: ${unmatched.join(", ")}`] : []),
  ];
  return [`said: ${oneLine(text)}`, ...said].flatMap((line) => {
    const lead = /^ */.exec(line)?.[0] ?? "";
    return wrap(line.trimStart(), columns - lead.length - 2, "  ").map((row) => `${lead}${row}`);
  });
}

/** The same for a pull request or a chat. */
export function renderDoctorMarkdown(report: DoctorReport): string {
  return [
    `## ${networkLine(report)}: doctor ${report.verdict}`,
    "",
    `${summary(report)}.`,
    "",
    ...findingItems(report.findings),
    ...(report.unseen.length > 0 ? ["Could not tell:", ""] : []),
    ...report.unseen.map(({ party, source, reason }) => `- party ${party}, ${source}: ${escaped(oneLine(reason))}`),
    ...(report.unseen.length > 0 ? [""] : []),
    ...(report.causes.length > 0 ? ["| cause | of | seen in | line |", "|---|---|---|---|"] : []),
    ...report.causes.flatMap(({ code, party, link, evidence }) =>
      evidence.map(
        (one) =>
          `| ${code} | ${link === null ? `party ${party}` : `link ${arrow(link)}`} | ${one.source} of party ${one.party} | ${escaped(oneLine(one.line))} |`,
      ),
    ),
    ...(report.causes.length > 0 ? [""] : []),
    `${report.startedAt}, manifest \`${report.manifestDigest}\`.`,
    "",
  ].join("\n");
}

/** The same for CI: a case for each party, and one for each cause and each source without an answer. */
export function renderDoctorJunit(report: DoctorReport): string {
  const whole = report.parties.map(({ partyId, name, verdict }) => {
    const cause = report.causes.find(({ party }) => party === partyId);
    const silent = report.unseen.find(({ party }) => party === partyId);
    return {
      group: "party",
      name: `party ${partyId} ${name}`,
      verdict:
        verdict === "OK"
          ? ok
          : verdict === "FAIL"
            ? fail(cause?.code ?? "", cause?.found ?? "")
            : unknown(silent?.reason ?? "could not tell"),
    };
  });
  const causes = report.causes.map(({ code, party, link, found }) => ({
    group: "cause",
    name: `${code} ${link === null ? `party ${party}` : arrow(link)}`,
    verdict: fail(code, found),
  }));
  const silent = report.unseen.map(({ party, source, reason }) => ({
    group: "source",
    name: `${source} of party ${party}`,
    verdict: unknown(reason),
  }));
  return junitSuites("doctor", `quorate.${report.network}.doctor`, report, [...whole, ...causes, ...silent]);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, "; ");
}

function escaped(text: string): string {
  return text.replaceAll(/[\\`*[\]<>|]/g, "\\$&");
}
