import { createColors } from "picocolors";
import type { BandwidthReport, LinkBandwidth } from "../../contract/bandwidth-report.ts";
import { networkLine } from "../network-line.ts";
import { junitSuites } from "../report-junit.ts";
import { findingItems } from "../report-markdown.ts";
import { renderFinding, wrap } from "../report-text.ts";
import type { TextStyle } from "../runbook.ts";
import { loadInWords, rate } from "./judge-bandwidth.ts";

const words = { OK: "OK", FAIL: "FAIL", UNKNOWN: "UNKNOWN (could not tell)" } as const;
/** Legible without colour: a number that is a finding shouts, one that was compared with nothing asks. */
const marks = { OK: " ", FAIL: "!", UNKNOWN: "?" } as const;

type Measured = NonNullable<LinkBandwidth["measured"]>;
const tables: readonly { title: string; of: (measured: Measured) => string }[] = [
  { title: "MiB/s", of: ({ mibPerSecond }) => rate(mibPerSecond) },
  { title: "ms until a payload is acknowledged, the median", of: ({ p50Ms }) => milliseconds(p50Ms) },
];

/** The report for a terminal: two matrices, or a line for each party where they are too wide; verdict, findings. */
export function renderBandwidthText(report: BandwidthReport, style: TextStyle): string {
  const colours = createColors(style.colour);
  const paint = { OK: colours.green, FAIL: colours.red, UNKNOWN: colours.yellow };
  const asked = report.parties.map(({ partyId }) => partyId);
  const number = Math.max(...report.peers.map((id) => String(id).length)) + 2;
  const cellOf = (of: (measured: Measured) => string, from: number, to: number) => {
    const link = linkOf(report, from, to);
    if (link === undefined) return { text: "· ", paint: colours.dim };
    const { verdict, measured } = link;
    const text = measured === null ? "? " : `${of(measured)}${marks[verdict.status]}`;
    return { text, paint: paint[verdict.status] };
  };
  const matrix = ({ title, of }: (typeof tables)[number]) => {
    const cells = asked.map((from) => report.peers.map((to) => cellOf(of, from, to)));
    const width = Math.max(...cells.flat().map(({ text }) => text.length), number) + 1;
    if (2 + number + report.peers.length * width > style.columns) return null;
    return [
      `from ↓ to →   ${title}`,
      `  ${" ".repeat(number)}${report.peers.map((id) => `${id} `.padStart(width)).join("")}`,
      ...asked.map((from, row) => {
        const line = cells[row]?.map((cell) => cell.paint(cell.text.padStart(width))).join("");
        return `  ${String(from).padStart(number)}${line}`;
      }),
      "",
    ];
  };
  const matrices = tables.map(matrix);
  const shown = matrices.every((one) => one !== null)
    ? matrices.flatMap((lines) => lines ?? [])
    : [...asked.flatMap((from) => wrap(rowInWords(report, from), style.columns, "    ")), ""];
  return [
    networkLine(report, { bold: colours.bold }),
    `${asked.length} of ${report.partiesTotal} parties asked   manifest ${report.manifestDigest.slice(0, 15)}`,
    ...wrap(loadInWords(report.load), style.columns, "  "),
    `${report.startedAt.slice(0, 19).replace("T", " ")}Z   ${(report.durationMs / 1000).toFixed(1)} s`,
    "",
    ...shown,
    ...wrap("! is a finding, ? could not be told, or was compared with nothing", style.columns, "  "),
    `verdict ${paint[report.verdict](colours.bold(words[report.verdict]))}`,
    ...summary(report).flatMap((line) => wrap(line, style.columns, "  ")),
    ...report.findings.flatMap((finding) => ["", renderFinding(finding, style.columns, colours)]),
  ].join("\n");
}

function summary(report: BandwidthReport): string[] {
  const { linksMeasured, linksCompared, links, recorded, baselineFile } = report;
  const measured = `${linksMeasured} of ${links.length} links measured`;
  if (recorded && linksMeasured === 0) return [measured, `nothing to record: ${baselineFile} stays as it is`];
  if (recorded) return [measured, `recorded in ${baselineFile}, compared with nothing: commit it`];
  return [measured, `${linksCompared} compared with ${baselineFile}`];
}

/** Cores tell whole ones, and are not to look more exact than they are. */
function milliseconds(value: number): string {
  return String(Number(value.toFixed(1)));
}

/** Peers that are told by their numbers; of more it is said how many. */
const mostNamed = 4;

/** Where there is no room for every number: the slowest of a party's links. */
function rowInWords(report: BandwidthReport, from: number): string {
  const links = report.links.filter((link) => link.from === from);
  const measured = links.flatMap(({ to, measured: it, verdict }) => (it ? [{ to, ...it, verdict }] : []));
  const bad = links.filter(({ verdict }) => verdict.status === "FAIL").map(({ to }) => to);
  const slowest = measured.toSorted((a, b) => a.mibPerSecond - b.mibPerSecond)[0];
  const latest = measured.toSorted((a, b) => b.p50Ms - a.p50Ms)[0];
  const found =
    slowest && latest
      ? `least ${rate(slowest.mibPerSecond)} MiB/s (to ${slowest.to}), most ${milliseconds(latest.p50Ms)} ms (to ${latest.to})`
      : "nothing was measured";
  const missing = links.flatMap(({ to, measured: it }) => (it ? [] : [to]));
  const unmeasured = missing.length > mostNamed ? `${missing.length} peers` : missing.join(", ");
  return `  from ${from}: ${found}${missing.length > 0 && measured.length > 0 ? `, ? to ${unmeasured}` : ""}${bad.length > 0 ? `, ! to ${bad.join(", ")}` : ""}`;
}

/** The same for a pull request or a chat. */
export function renderBandwidthMarkdown(report: BandwidthReport): string {
  const cell = (of: (measured: Measured) => string, from: number, to: number) => {
    const link = linkOf(report, from, to);
    if (link === undefined) return "·";
    if (link.measured === null) return "?";
    const text = of(link.measured);
    return { OK: text, FAIL: `**${text}**`, UNKNOWN: `${text} ?` }[link.verdict.status];
  };
  return [
    `## ${networkLine(report)}: bandwidth ${report.verdict}`,
    "",
    `${loadInWords(report.load)}. ${summary(report).join("; ")}.`,
    "",
    ...findingItems(report.findings),
    ...tables.flatMap(({ title, of }) => [
      `${title}:`,
      "",
      `| from \\ to | ${report.peers.join(" | ")} |`,
      `|---|${report.peers.map(() => "---|").join("")}`,
      ...report.parties.map(
        ({ partyId }) => `| ${partyId} | ${report.peers.map((to) => cell(of, partyId, to)).join(" | ")} |`,
      ),
      "",
    ]),
    `${report.startedAt}, manifest \`${report.manifestDigest}\`.`,
    "",
  ].join("\n");
}

/** The same for CI: a case for each link. */
export function renderBandwidthJunit(report: BandwidthReport): string {
  const cases = report.links.map(({ from, to, verdict }) => ({ group: "link", name: `${from}→${to}`, verdict }));
  return junitSuites("bandwidth", `quorate.${report.network}.bandwidth`, report, cases);
}

/** For a textfile collector. Series grow with n, not with n²: the report has each link. */
export function renderBandwidthPrometheus(report: BandwidthReport): string {
  const labels = `network="${label(report.network)}",environment="${label(report.environment)}"`;
  const family = (name: string, help: string, samples: readonly (readonly [more: string, value: number])[]) =>
    samples.length === 0
      ? []
      : [
          `# HELP quorate_bandwidth_${name} ${help}`,
          `# TYPE quorate_bandwidth_${name} gauge`,
          ...samples.map(([more, value]) => `quorate_bandwidth_${name}{${labels}${more}} ${value}`),
        ];
  const status = (wanted: LinkBandwidth["verdict"]["status"]) =>
    report.links.filter(({ verdict }) => verdict.status === wanted).length;
  const perParty = (value: (all: readonly Measured[]) => number) =>
    report.parties.flatMap(({ partyId, name }): [string, number][] => {
      const all = report.links.flatMap(({ from, measured }) => (from === partyId && measured ? [measured] : []));
      return all.length === 0 ? [] : [[`,party="${partyId}",name="${label(name)}"`, value(all)]];
    });
  const findings = Map.groupBy(report.findings, ({ code }) => code);
  return [
    ...family("verdict", "Verdict on the links: 1 OK, 0 FAIL, -1 could not tell.", [
      ["", { OK: 1, FAIL: 0, UNKNOWN: -1 }[report.verdict]],
    ]),
    ...family("timestamp_seconds", "When the measurement began, in seconds since 1970.", [
      ["", Date.parse(report.startedAt) / 1000],
    ]),
    ...family("links", "Directed links by what is known of them.", [
      [',status="ok"', status("OK")],
      [',status="finding"', status("FAIL")],
      [',status="unknown"', status("UNKNOWN")],
    ]),
    ...family(
      "party_slowest_bytes_per_second",
      "Rate of a party's slowest outbound link.",
      perParty((all) => Math.min(...all.map(({ mibPerSecond }) => mibPerSecond)) * 2 ** 20),
    ),
    ...family(
      "party_highest_latency_seconds",
      "The highest median latency among a party's outbound links.",
      perParty((all) => Math.max(...all.map(({ p50Ms }) => p50Ms)) / 1000),
    ),
    ...family(
      "findings",
      "Findings by code.",
      [...findings].map(([code, found]) => [`,code="${code}"`, found.length] as const),
    ),
    "",
  ].join("\n");
}

/** The three escapes that the format has. */
function label(value: string): string {
  return value.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function linkOf(report: BandwidthReport, from: number, to: number): LinkBandwidth | undefined {
  return report.links.find((link) => link.from === from && link.to === to);
}
