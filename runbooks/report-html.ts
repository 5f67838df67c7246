import { createHash } from "node:crypto";
import type { LinkReport, ValidateReport } from "../contract/validate-report.ts";
import type { Finding, Verdict } from "../contract/verdict.ts";
import { networkLine } from "./network-line.ts";
import { linkTexts } from "./report-html-links.ts";
import { box, cellKinds, escaped, longestText, ms, none, section, short, timeElement } from "./report-html-markup.ts";
import { renderPartiesHtml } from "./report-html-parties.ts";
import { script } from "./report-html-script.ts";
import { styles } from "./report-html-styles.ts";
import { faultsLeft, halvesLine, ranges } from "./report-text.ts";

/** Beyond this many parties a cell has room for one letter only. */
const roomyParties = 16;
/** Beyond this many the cells get as small as can be read, up to what a wide screen shows as a whole. */
const denseParties = 44;
const wholeParties = 100;
/** Beyond this many rows a list says how many more there are. */
const longestList = 400;
const longestName = 60;

/** What a page is that shows one report after the other. */
export interface LivePage {
  /** What is said in the place of the report's own verdict, where there is more to say than it knows. */
  verdict?: ReturnType<typeof verdictWords>;
  /** Goes into the head: what reads the page anew without scripts. */
  head: string;
  /** Stands above all else. */
  banner: string;
  /** Comes after the matrix and what is not up. */
  section: { id: string; title: string; html: string };
  styles: string;
  script: string;
  footer: string;
}

/** The parts that a live page exchanges when it is told of another round. */
export interface PageParts {
  title: string;
  parts: Record<string, string>;
  /** A letter for each cell, a row after the other: o, x, w (down one way), q, s (a party itself). */
  cells: string;
  data: ReturnType<typeof linkTexts> & { prompt: string };
}

/**
 * The report as one file that needs no network, and no script to be read. It shows what peers said of themselves, so every text is escaped, and the
 * page's own policy lets nothing run but the script that is in it.
 */
export function renderValidateHtml(report: ValidateReport, live?: LivePage): string {
  const { title, parts, data } = pageParts(report, live);
  const part = (name: string) =>
    live === undefined ? (parts[name] ?? "") : `<div data-part="${name}">${parts[name] ?? ""}</div>`;
  return htmlPage({
    title,
    live,
    top: `<a class="skip" href="#matrix">to the matrix</a>`,
    header: part("header"),
    main: [
      part("findings"),
      matrix(report),
      part("notup"),
      ...(live === undefined ? [] : [part("live")]),
      part("parties"),
      part("latency"),
      part("evidence"),
    ].join("\n"),
    footer: live?.footer ?? "One file, no network: it can be kept, sent and printed as it is.",
    data,
  });
}

/** Everything of the page but the matrix, by name. */
export function pageParts(report: ValidateReport, live?: LivePage): PageParts {
  const words = live?.verdict ?? verdictWords(report);
  const { title, headline, sentences, word } = words;
  const header = [
    networkHead(report, live !== undefined),
    `<div class="verdict ${word}">`,
    `<h1><span class="word ${word}">${word}</span>${escaped(headline)}</h1>`,
    `<ul>${sentences.map((sentence) => `<li>${escaped(sentence)}</li>`).join("")}</ul>`,
    "</div>",
    numbers(report),
    navigation(report, live?.section),
  ].join("\n");
  const kinds = new Map(report.links.map((link) => [`${link.from} ${link.to}`, cellLetter(link)]));
  const ids = report.parties.map(({ partyId }) => partyId);
  return {
    title,
    parts: {
      header,
      findings: findings(report),
      notup: notUp(report),
      ...(live === undefined ? {} : { live: section(live.section.id, live.section.title, live.section.html) }),
      parties: renderPartiesHtml(report),
      latency: latency(report),
      evidence: evidence(report),
    },
    cells: ids
      .map((from) => ids.map((to) => (from === to ? "s" : (kinds.get(`${from} ${to}`) ?? "q"))).join(""))
      .join("\n"),
    data: { ...linkTexts(report), prompt },
  };
}

function cellLetter({ verdict, asymmetric }: LinkReport): string {
  const kind = cellKinds[verdict.status];
  return kind === "x" && asymmetric ? "w" : kind;
}

/** A page around what is on it. Its policy lets nothing run but the scripts that are in it. */
export function htmlPage(page: {
  title: string;
  live?: LivePage | undefined;
  top: string;
  header: string;
  main: string;
  footer: string;
  /** None: there is no matrix, and nothing to do but to read. */
  data: unknown;
}): string {
  const { title, live, top, header, main, footer, data } = page;
  const scripts = [...(data === null ? [] : [script]), ...(live === undefined ? [] : [live.script])];
  const look = [styles, ...(live === undefined ? [] : [live.styles])].join("");
  const policy = contentPolicy(scripts, look, live !== undefined);
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    ...(live === undefined ? [] : [live.head]),
    `<title>${escaped(title, 200)}</title>`,
    `<style>${look}</style>`,
    "</head>",
    "<body>",
    top,
    "<header>",
    ...(live === undefined ? [] : [live.banner]),
    header,
    "</header>",
    "<main>",
    main,
    "</main>",
    `<footer>${footer}</footer>`,
    ...(data === null ? [] : [`<script type="application/json" id="data">${embedded(data)}</script>`]),
    ...scripts.map((text) => `<script>${text}</script>`),
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** What a page may do: run its own scripts, look as it does, and, where it is served, ask who served it. */
function contentPolicy(scripts: readonly string[], look: string, asks: boolean): string {
  const run = scripts.map((text) => `'${hashOf(text)}'`).join(" ") || "'none'";
  return `default-src 'none'; script-src ${run}; style-src '${hashOf(look)}'; img-src data:; ${asks ? "connect-src 'self'; " : ""}base-uri 'none'; form-action 'none'`;
}

const prompt = "Choose a cell, by click or with the arrow keys and Enter: both directions of its link are told here.";

/** What the network is, in one line of words and a few of reasons. */
export function verdictWords(report: ValidateReport): {
  title: string;
  word: string;
  headline: string;
  sentences: string[];
} {
  const { links, linksTotal, verdict, parties, stage } = report;
  const of = (status: Verdict["status"]) => links.filter((link) => link.verdict.status === status);
  const [down, unknown] = [of("FAIL"), of("UNKNOWN")];
  const failed = parties.filter((party) => party.verdict.status === "FAIL");
  const oneWay = down.filter(({ asymmetric }) => asymmetric);
  const word = { OK: "OK", FAIL: "FAIL", UNKNOWN: "UNKNOWN" }[verdict];
  const headline =
    verdict === "OK"
      ? `All ${linksTotal} links are up, in both directions`
      : down.length > 0
        ? `${down.length} of ${linksTotal} links ${down.length === 1 ? "is" : "are"} down`
        : verdict === "FAIL"
          ? `No link is down, but ${failed.length === 1 ? `party ${failed[0]?.partyId} fails` : `${failed.length} parties fail`}`
          : unknown.length > 0
            ? `Could not tell: ${unknown.length} of ${linksTotal} links are not known`
            : "Could not tell: every link is up, but not all is known of every party";
  const sentences = [
    ...(oneWay.length > 0
      ? [`Down in one direction only, while the way back works: ${some(oneWay.map(arrow))}.`]
      : down.length > 0
        ? [`Down: ${some(down.map(arrow))}.`]
        : []),
    ...(unknown.length > 0 && down.length > 0
      ? [`Of ${unknown.length} more it could not be told; they do not count as up.`]
      : []),
    ...(unknown.length > 0 && down.length === 0 ? ["What could not be told does not count as up."] : []),
    ...chase(report),
    ...(stage === "network" ? ["Stage network: ways were tried, cores were not asked."] : []),
  ];
  return { title: `${word}: ${networkLine(report)}, ${headline}`, word, headline, sentences };
}

function chase({ findings, parties }: ValidateReport): string[] {
  const ids = [...new Set(findings.flatMap(({ party }) => party ?? []))].sort((a, b) => a - b);
  const name = (id: number) => {
    const known = parties.find(({ partyId }) => partyId === id)?.name ?? `party-${id}`;
    return known === `party-${id}` ? `party ${id}` : `party ${id} (${short(known, longestName)})`;
  };
  return ids.length === 0 ? [] : [`To chase: ${some(ids.map(name))}.`];
}

function some(words: readonly string[]): string {
  const most = 8;
  return words.length <= most
    ? words.join(", ")
    : `${words.slice(0, most).join(", ")} and ${words.length - most} more, listed below`;
}

function networkHead(report: ValidateReport, live: boolean): string {
  const devnet = report.environment === "devnet";
  const line = networkLine(report).replace(/^network /, "");
  return `<p class="network"><span>network <strong class="${devnet ? "shout" : ""}"><bdi>${escaped(line, longestName)}</bdi></strong></span>${devnet ? "<span>a rehearsal on one machine, nothing real</span>" : `<span><bdi>${escaped(report.environment, longestName)}</bdi></span>`}<span>stage ${report.stage}</span><span>${timeElement(report.startedAt, live ? "" : ' id="ago"')}</span></p>`;
}

function numbers(report: ValidateReport): string {
  const count = (status: Verdict["status"]) => report.links.filter((link) => link.verdict.status === status).length;
  const { tls, tcp } = report.latency;
  const slow = tls ?? tcp;
  const entry = (name: string, value: string | number, rest = "") =>
    `<div><dt>${name}</dt><dd>${escaped(String(value))}${rest ? ` <small>${escaped(rest)}</small>` : ""}</dd></div>`;
  const left = report.faultsTolerated;
  return `<dl class="numbers">${[
    entry("links up", report.linksUp, `of ${report.linksTotal}`),
    entry("links down", count("FAIL")),
    entry("could not tell", count("UNKNOWN")),
    entry("parties fully connected", report.partiesFullyConnected, `of ${report.parties.length}`),
    entry(
      "faults still tolerated",
      left === null ? "could not tell" : left < 0 ? "none" : left,
      left === null
        ? ""
        : left < 0
          ? `${-left} more than it can bear, t = ${report.threshold}`
          : `of ${report.threshold}`,
    ),
    ...(slow === null ? [] : [entry(`${tls ? "TLS" : "TCP"} p90`, `${ms(slow.p90Ms)} ms`, `max ${ms(slow.maxMs)}`)]),
  ].join("")}</dl>`;
}

function navigation(report: ValidateReport, more?: LivePage["section"]): string {
  const missing = report.linksTotal - report.linksUp;
  return `<nav aria-label="On this page"><a href="#findings">Findings (${report.findings.length})</a><a href="#matrix">Matrix</a>${missing > 0 ? `<a href="#notup">Links not up (${missing})</a>` : ""}${more ? `<a href="#${more.id}">${more.title}</a>` : ""}<a href="#parties">Parties</a><a href="#latency">Latency</a><a href="#evidence">Evidence</a></nav>`;
}

function findings(report: ValidateReport): string {
  const name = (finding: Finding) => {
    const index = report.parties.findIndex(({ partyId }) => partyId === finding.party);
    const party = report.parties[index];
    const button =
      party === undefined
        ? ""
        : `<button type="button" data-party="${index}" hidden>links of party ${party.partyId}</button>`;
    const known = party === undefined || party.name === `party-${party.partyId}`;
    return `<h3><code>${escaped(finding.code)}</code> <bdi>${escaped(finding.field, 400)}${known ? "" : `, to chase: party ${party?.partyId} ${escaped(party?.name ?? "", longestName)}`}</bdi>${button}</h3>`;
  };
  const part = (word: string, text: string, css = "") =>
    `<dt>${word}</dt><dd${css}><bdi>${escaped(text, longestText)}</bdi></dd>`;
  const list = report.findings.map(
    (finding) =>
      `<article class="finding">${name(finding)}<dl class="parts">${part("found", finding.found)}${part("expected", finding.expected)}${part("next", finding.next, ' class="next"')}</dl></article>`,
  );
  return section(
    "findings",
    "Findings",
    list.length === 0
      ? `<p class="hint">None.</p>`
      : `<p class="hint">One for each root cause, not for each link that it brings down.</p>${list.join("\n")}`,
  );
}

function matrix(report: ValidateReport): string {
  const n = report.parties.length;
  const roomy = n <= roomyParties;
  const sizes = roomy ? `matrix${n <= 8 ? " few" : ""}` : `matrix dense${n > denseParties ? " tiny" : ""}`;
  const down = roomy ? "DOWN" : "X";
  const byPair = new Map(report.links.map((link) => [`${link.from} ${link.to}`, link]));
  const cell = (from: number, to: number) => {
    if (from === to) return '<td class="s">&middot;</td>';
    const link = byPair.get(`${from} ${to}`);
    const letter = link === undefined ? "q" : cellLetter(link);
    if (letter === "o") return '<td class="o">ok</td>';
    if (letter === "q") return '<td class="q">?</td>';
    if (letter === "x") return `<td class="x">${down}</td>`;
    return `<td class="x w">${down}${roomy ? " <small>one way</small>" : ""}</td>`;
  };
  const key = (css: string, text: string, words: string) =>
    `<li><span class="key ${css}" aria-hidden="true">${text}</span>${words}</li>`;
  const options = report.parties
    .map(({ partyId, name }, index) => `<option value="${index}">${partyId} ${escaped(name, 40)}</option>`)
    .join("");
  return section(
    "matrix",
    "Matrix",
    [
      `<p class="hint">A row is where a link comes from, a column where it goes to. A link and its way back lie mirrored at the diagonal.</p>`,
      `<ul class="legend${roomy ? "" : " framed"}">${key("o", roomy ? "ok" : "&middot;", "up")}${key("x", down, "down")}${key("x w", roomy ? `${down} <small>one way</small>` : down, roomy ? "down in this direction, while the way back works" : "framed: down in this direction, while the way back works")}${key("q", "?", "could not tell")}</ul>`,
      `<form id="filter" data-script hidden aria-label="Filter of the matrix"><label>party, from or to<select id="party"><option value="">all</option>${options}</select></label><label>links<select id="state"><option value="all">all</option><option value="not">only those not up</option><option value="down">down</option><option value="unknown">could not tell</option><option value="oneway">down one way only</option></select></label><button type="reset">show all</button><output id="said" for="party state" aria-live="polite"></output></form>`,
      `<p class="hint" id="keys" data-script hidden>In the matrix the arrow keys move, Home, End, PageUp and PageDown go to its edges, Enter tells of a link, Escape closes it.</p>`,
      `<div class="split${roomy ? "" : " wide-sheet"}" id="split">`,
      `<div>${box("Matrix of links", n > denseParties && n <= wholeParties ? "tall whole" : "tall")}`,
      `<table class="${sizes}" id="links"><caption>Links between the parties: rows from, columns to</caption>`,
      `<thead><tr><th scope="col">from &darr; to &rarr;</th>${report.parties.map(({ partyId, name }) => `<th scope="col" title="${escaped(name, longestName)}">${partyId}</th>`).join("")}</tr></thead>`,
      "<tbody>",
      ...report.parties.map(
        ({ partyId, name }) =>
          `<tr><th scope="row" title="${escaped(name, longestName)}"><b>${partyId}</b><bdi>${escaped(name, longestName)}</bdi></th>${report.parties.map((to) => cell(partyId, to.partyId)).join("")}</tr>`,
      ),
      "</tbody></table></div></div>",
      `<div class="panel" id="detail" role="region" aria-live="polite" aria-label="The chosen link" data-script hidden></div>`,
      "</div>",
      `<div id="pairs"></div>`,
    ].join("\n"),
  );
}

/** Every link that is not up, with why: also for who reads without scripts, or on paper. What shares a cause shares a row. */
function notUp(report: ValidateReport): string {
  const ids = report.parties.map(({ partyId }) => partyId);
  const missing = report.links.filter(({ verdict }) => verdict.status !== "OK");
  if (missing.length === 0) return "";
  const groups = [...Map.groupBy(missing, cause).values()].sort((a, b) => rank(a) - rank(b));
  const rows = groups.slice(0, longestList).map((links) => {
    const [first] = links;
    if (first === undefined) return "";
    const kind = cellKinds[first.verdict.status];
    const words = kind === "x" ? (first.asymmetric ? "DOWN, one way" : "DOWN") : "could not tell";
    const others = new Set(links.map(reason)).size - 1;
    const more = others > 0 ? ` <span class="sub">and ${others} more like it</span>` : "";
    return `<tr><td class="nowrap"><span class="tag ${kind}">${words}</span></td><td class="which">${escaped(inShort(links, ids))}</td><td class="why"><bdi class="clip">${escaped(reason(first))}</bdi>${more}</td></tr>`;
  });
  const more = groups.length - rows.length;
  return section(
    "notup",
    `Links not up (${missing.length})`,
    `${box("Links that are not up", groups.length > 24 ? "tall" : "")}<table class="list"><caption>Links that are not up, those with the same cause together</caption><thead><tr><th scope="col">state</th><th scope="col">from&rarr;to</th><th scope="col">why</th></tr></thead><tbody>${rows.join("\n")}</tbody></table></div>${more > 0 ? `<p class="hint">And ${more} more causes, all in report.json.</p>` : ""}`,
  );
}

/** Where a party is at fault its links fail alike, but for an address in what is said of them. */
function cause(link: LinkReport): string {
  const { verdict, asymmetric, fault, from } = link;
  if (verdict.status !== "FAIL") return reason(link);
  return [asymmetric, verdict.code, fault === "link" ? reason(link) : `${fault} ${fault === from}`].join("\n");
}

function rank([link]: readonly LinkReport[]): number {
  if (link === undefined) return 3;
  return link.verdict.status === "UNKNOWN" ? 2 : link.asymmetric ? 0 : 1;
}

function reason({ verdict }: LinkReport): string {
  if (verdict.status === "OK") return "";
  return verdict.status === "FAIL" ? `${verdict.code}  ${verdict.detail}` : verdict.reason;
}

/** Links with numbers in runs; a party that has all of its links here is named once. */
export function inShort(links: readonly { from: number; to: number }[], ids: readonly number[]): string {
  const [to, ...others] = new Set(links.map((link) => link.to));
  const from = links.map((link) => link.from);
  if (to !== undefined && others.length === 0 && links.length > 1)
    return from.length === ids.length - 1 ? `all links to ${to}` : `${ranges(from)}→${to}`;
  const whole: number[] = [];
  const parts: string[] = [];
  for (const [begin, own] of Map.groupBy(links, (link) => link.from)) {
    if (own.length === ids.length - 1 && own.length > 1) whole.push(begin);
    else parts.push(`${begin}→${ranges(own.map((link) => link.to))}`);
  }
  const all = whole.length === 0 ? [] : [`all links from ${ranges(whole)}`];
  return [...all, ...parts].join("; ");
}

function latency({ latency: { tcp, tls } }: ValidateReport): string {
  const row = (name: string, value: typeof tcp) =>
    value === null
      ? `<tr><th scope="row">${name}</th><td colspan="5">${none("not measured")}</td></tr>`
      : `<tr><th scope="row">${name}</th><td class="number">${ms(value.p50Ms)} ms</td><td class="number">${ms(value.p90Ms)} ms</td><td class="number">${ms(value.maxMs)} ms</td><td>${value.slowest.from}→${value.slowest.to}</td><td class="number">${value.links}</td></tr>`;
  return section(
    "latency",
    "Latency",
    `<p class="hint">Of open paths, as their probers measured them: TCP connect, and TLS handshake.</p>${box("Table of latencies")}<table class="list"><caption>Latency percentiles over all links</caption><thead><tr><th scope="col">phase</th><th scope="col" class="number">p50</th><th scope="col" class="number">p90</th><th scope="col" class="number">max</th><th scope="col">slowest link</th><th scope="col" class="number">links measured</th></tr></thead><tbody>${row("TCP", tcp)}${row("TLS", tls)}</tbody></table></div>`,
  );
}

function evidence(report: ValidateReport): string {
  const entry = (name: string, value: string) => `<dt>${name}</dt><dd>${value}</dd>`;
  return section(
    "evidence",
    "Evidence",
    `<dl class="parts">${[
      entry("schema", `<code>${report.schema}</code>`),
      entry(
        "network",
        `<bdi>${escaped(networkLine(report).replace(/^network /, ""), longestName)}</bdi>, <bdi>${escaped(report.environment)}</bdi>`,
      ),
      entry("stage", report.stage),
      entry("started", `${timeElement(report.startedAt)}, took ${(report.durationMs / 1000).toFixed(1)} s`),
      entry("manifest", `<code>${escaped(report.manifestDigest)}</code>`),
      entry("parties", `${report.parties.length}, threshold t = ${report.threshold}`),
      entry("faults", escaped(faultsLeft(report))),
      entry("rows", escaped(halvesLine(report, new Date(report.startedAt))[0] ?? "all from here")),
    ].join("")}</dl><p class="hint">The run's folder has the same as report.json, and its journal.</p>`,
  );
}

function arrow({ from, to }: LinkReport): string {
  return `${from}→${to}`;
}

/** JSON that no text in it can end: a script element ends at the first `</script`, whatever stands around it. */
function embedded(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll("<", "\\u003c")
    .replaceAll(">", "\\u003e")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
