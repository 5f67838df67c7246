import { stripVTControlCharacters } from "node:util";
import { createColors } from "picocolors";
import type { LinkReport, ValidateReport } from "../contract/validate-report.ts";
import type { Finding, Verdict } from "../contract/verdict.ts";
import { networkLine } from "./network-line.ts";
import type { TextStyle } from "./runbook.ts";

type Colours = ReturnType<typeof createColors>;

/** What a cell says, long and short; it has to be legible without any colour. */
const marks: Record<Verdict["status"], { long: string; short: string }> = {
  OK: { long: "ok", short: "ok" },
  FAIL: { long: "DOWN", short: "X" },
  UNKNOWN: { long: "?", short: "?" },
};

const longestName = 18;

/** The report for a terminal: matrix, the plain line, verdict, findings. */
export function renderValidateText(report: ValidateReport, style: TextStyle): string {
  const colours = createColors(style.colour);
  const lines = [
    header(report, colours),
    "",
    ...matrix(report, style.columns, colours),
    "",
    verdictLine(report, colours),
    ...summaryLines(report),
    ...(report.stage === "network" ? sources(report) : []),
    ...unknownLines(report, style.columns),
    ...report.findings.flatMap((finding) => ["", renderFinding(named(finding, report), style.columns, colours)]),
  ];
  return fitLines(lines.join("\n"), style.columns);
}

function header(report: ValidateReport, colours: Colours): string {
  const time = `${report.startedAt.slice(0, 19).replace("T", " ")}Z`;
  const first = networkLine(report, { bold: colours.bold });
  return [
    first,
    `${report.parties.length} parties, t = ${report.threshold}   stage ${report.stage}   manifest ${report.manifestDigest.slice(0, 15)}`,
    `${time}   ${(report.durationMs / 1000).toFixed(1)} s`,
    ...halvesLine(report, new Date(report.startedAt)),
  ].join("\n");
}

/** Whose rows come from signed halves, and how old the oldest is; nothing where all was seen from here. */
export function halvesLine({ parties }: ValidateReport, now: Date): string[] {
  const halves = parties.filter(({ halfDigest }) => halfDigest !== null);
  const times = halves.flatMap(({ seenAt }) => (seenAt === null ? [] : [Date.parse(seenAt)]));
  if (halves.length === 0) return [];
  const oldest = Math.max(0, Math.round((now.getTime() - Math.min(...times)) / 1000));
  const age = oldest < 120 ? `${oldest} s` : `${Math.round(oldest / 60)} min`;
  return [
    `by signed halves: part${halves.length === 1 ? "y" : "ies"} ${ranges(halves.map(({ partyId }) => partyId))}, the oldest ${age} old`,
  ];
}

/** Numbers in order, runs of them in short: 1-4, 7. */
export function ranges(ids: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const id of ids) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === id - 1) run[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

/** Rows are where a link comes from, columns where it goes to. */
function matrix(report: ValidateReport, columns: number, colours: Colours): string[] {
  const ids = report.parties.map((party) => party.partyId);
  const numberWidth = Math.max(...ids.map((id) => String(id).length), 1);
  const names = report.parties.map((party) => party.name.slice(0, longestName));
  const nameWidth = Math.max(...names.map((name) => name.length));
  const room = (cell: number, named: boolean) => 2 + numberWidth + (named ? nameWidth + 1 : 0) + ids.length * cell;
  const roomy = 6;
  const tight = numberWidth + 2;
  const long = room(roomy, true) <= columns || room(roomy, false) <= columns;
  const cellWidth = long ? roomy : tight;
  const named = room(cellWidth, true) <= columns;
  if (room(cellWidth, false) > columns) return withoutMatrix(report, columns);
  const byPair = new Map(report.links.map((link) => [`${link.from} ${link.to}`, link]));
  const label = (id: string, name: string) =>
    `  ${id.padStart(numberWidth)}${named ? ` ${name.padEnd(nameWidth)}` : ""}`;
  const cell = (from: number, to: number) => {
    const link = byPair.get(`${from} ${to}`);
    const status = link?.verdict.status;
    const text = status === undefined ? "·" : marks[status][long ? "long" : "short"];
    const padded = text.padStart(cellWidth);
    if (status === "OK") return colours.green(padded);
    if (status === "FAIL") return colours.red(padded);
    return status === "UNKNOWN" ? colours.yellow(padded) : colours.dim(padded);
  };
  const words = long ? "ok up, DOWN down, ? could not tell" : "ok up, X down, ? could not tell";
  return [
    `from ↓ to →   ${words}`,
    `${label("", "")}${ids.map((id) => String(id).padStart(cellWidth)).join("")}`,
    ...ids.map((from, row) => `${label(String(from), names[row] ?? "")}${ids.map((to) => cell(from, to)).join("")}`),
  ];
}

/** A network too large for the terminal: only the links that are not up. */
function withoutMatrix(report: ValidateReport, columns: number): string[] {
  const list = (status: Verdict["status"], word: string) => {
    const links = report.links.filter((link) => link.verdict.status === status).map(pair);
    return links.length === 0 ? [] : wrap(`${word}: ${links.join(", ")}`, columns, "  ");
  };
  return [
    "the matrix is wider than this terminal; links that are not up:",
    ...list("FAIL", "down"),
    ...list("UNKNOWN", "?"),
  ];
}

function verdictLine(report: ValidateReport, colours: Colours): string {
  const paint = { OK: colours.green, FAIL: colours.red, UNKNOWN: colours.yellow }[report.verdict];
  const words = { OK: "OK", FAIL: "FAIL", UNKNOWN: "UNKNOWN (could not tell)" }[report.verdict];
  return `verdict ${paint(colours.bold(words))}`;
}

function summaryLines(report: ValidateReport): string[] {
  const count = (status: Verdict["status"]) => report.links.filter((link) => link.verdict.status === status).length;
  return [
    `${report.linksUp} of ${report.linksTotal} links up`,
    ...(count("UNKNOWN") > 0 ? [`${count("FAIL")} down, ${count("UNKNOWN")} could not be told`] : []),
    `${report.partiesFullyConnected} of ${report.parties.length} parties fully connected`,
    faultsLeft(report),
    ...latencyLines(report),
  ];
}

/** How much more the network can bear. */
export function faultsLeft({ threshold, faultsTolerated }: ValidateReport): string {
  if (faultsTolerated === null) return "faults still tolerated: could not tell";
  if (faultsTolerated >= 0) return `faults still tolerated: ${faultsTolerated} of ${threshold}`;
  return `faults still tolerated: none, ${-faultsTolerated} more than the protocol can bear (t = ${threshold})`;
}

/** One slow link hides behind p50 and p90, so the slowest is named. */
function latencyLines({ latency: { tcp, tls } }: ValidateReport): string[] {
  const words = (name: string, value: typeof tcp) =>
    value === null
      ? []
      : [
          `${name} p50 ${rounded(value.p50Ms)}, p90 ${rounded(value.p90Ms)}, max ${rounded(value.maxMs)} ms (${value.slowest.from}→${value.slowest.to})`,
        ];
  return [...words("TCP", tcp), ...words("TLS", tls)].map(
    (line, index) => `${index === 0 ? "latency" : "       "} ${line}`,
  );
}

function rounded(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** Stage `network`: the address as which each party is seen, which its peers' allow lists have to name. */
function sources(report: ValidateReport): string[] {
  const seen = report.parties.flatMap(({ partyId }) => {
    const links = report.links.filter((link) => link.from === partyId && link.probe?.sourceSeenByPeer);
    const groups = Map.groupBy(links, (link) => link.probe?.sourceSeenByPeer ?? "");
    const words = [...groups].map(([address, by]) => `${address} (by ${ranges(by.map((link) => link.to))})`);
    return words.length === 0 ? [] : [`  party ${partyId} is seen as ${words.join("; ")}`];
  });
  return seen.length === 0 ? [] : ["", "source addresses", ...seen];
}

/** Why each "?" is one; a reason that is shared is told once. */
function unknownLines(report: ValidateReport, columns: number): string[] {
  const groups = Map.groupBy(
    report.links.filter((link) => link.verdict.status === "UNKNOWN"),
    (link) => (link.verdict.status === "UNKNOWN" ? link.verdict.reason : ""),
  );
  if (groups.size === 0) return [];
  const lines = [...groups].flatMap(([reason, links]) =>
    wrap(`?  ${links.length <= 4 ? links.map(pair).join(", ") : rows(links)}  ${reason}`, columns, "   "),
  );
  return ["", ...lines];
}

/** Who runs a party is not in a finding, and people know each other by name. */
function named(finding: Finding, report: ValidateReport): Finding {
  const party = report.parties.find((entry) => entry.partyId === finding.party);
  const known =
    party === undefined || finding.field !== `party ${party.partyId}` || party.name === `party-${party.partyId}`;
  return known ? finding : { ...finding, field: `${finding.field} (${party.name})` };
}

function rows(links: readonly LinkReport[]): string {
  const from = [...new Set(links.map((link) => link.from))];
  return `${links.length} links from ${from.length === 1 ? "party" : "parties"} ${from.join(", ")}`;
}

function pair(link: LinkReport): string {
  return `${link.from}→${link.to}`;
}

/** The four parts of an error, wrapped. */
export function renderFinding(finding: Finding, columns: number, colours: Colours): string {
  const { code, field, found, expected, next } = finding;
  const part = (name: string, text: string) => {
    const indent = " ".repeat(12);
    const [first = "", ...more] = text.split("\n").flatMap((line) => wrap(line, columns - indent.length, ""));
    return [`  ${name.padEnd(9)} ${first}`, ...more.map((line) => `${indent}${line}`)];
  };
  return [
    `${colours.bold(code)}  ${field}`,
    ...part("found", found),
    ...part("expected", expected),
    ...part("next", next),
  ].join("\n");
}

/** Breaks lines that are wider than the terminal, each under itself. A word that is too long for any line stays where it is. */
export function fitLines(text: string, columns: number): string {
  return text
    .split("\n")
    .flatMap((line) => {
      const shown = stripVTControlCharacters(line);
      const longest = Math.max(...shown.split(" ").map((word) => word.length));
      if (shown.length <= columns || longest > columns - 12) return [line];
      return wrap(line, columns, " ".repeat(shown.length - shown.trimStart().length + 2));
    })
    .join("\n");
}

/** Breaks at blanks; a word that is longer than the line stays whole, so that it can be copied. */
export function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  let line: string | null = null;
  for (const word of text.split(" ")) {
    if (line === null) line = word;
    else if (widthOf(line) + 1 + widthOf(word) <= Math.max(columns, 20)) line = `${line} ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line ?? ""];
}

/** Without what only paints it. */
function widthOf(text: string): number {
  return text.includes("\u001b") ? stripVTControlCharacters(text).length : text.length;
}
