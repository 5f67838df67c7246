import type { ValidateReport } from "../../contract/validate-report.ts";
import type { PartyChange, WatchHistory } from "../../contract/watch-history.ts";
import { sha256 } from "../journal.ts";
import { networkLine } from "../network-line.ts";
import {
  htmlPage,
  inShort,
  type LivePage,
  type PageParts,
  pageParts,
  renderValidateHtml,
  verdictWords,
} from "../report-html.ts";
import { box, escaped, section, timeElement } from "../report-html-markup.ts";
import { liveScript } from "./page-script.ts";
import { liveStyles } from "./page-styles.ts";
import { staleAfterIntervals, type WatchStatus } from "./watch.ts";
import { duration, moment } from "./words.ts";

/** What the page asks for again and again, and takes itself apart by. */
export interface LiveAnswer {
  boot: string;
  /** Counts up with each round. */
  round: number;
  /** Another layout wants another page: other parties, or none yet. */
  layout: string;
  ageSeconds: number | null;
  intervalSeconds: number;
  isLost: boolean;
  /** What is said aloud when it is another than before. */
  headline: string;
  title: string;
  parts: Record<string, string>;
  cells: string;
  data: PageParts["data"] | null;
}

/** The page as it is right now. */
export function renderWatchHtml(status: WatchStatus, history: WatchHistory): string {
  const live = livePage(status, history);
  if (status.report !== null) return renderValidateHtml(status.report, live);
  const { title, headline, word, sentences } = verdictOf(status) ?? notYet(status);
  return htmlPage({
    title,
    live,
    top: '<a class="skip" href="#history">to the history</a>',
    header: `<div data-part="header">${[
      `<p class="network"><span>network <strong class="${status.options.environment === "devnet" ? "shout" : ""}"><bdi>${escaped(networkLine(status.options).replace(/^network /, ""), 60)}</bdi></strong></span></p>`,
      `<div class="verdict ${word}"><h1><span class="word ${word}">${word}</span>${escaped(headline)}</h1>`,
      `<ul>${sentences.map((sentence) => `<li>${escaped(sentence)}</li>`).join("")}</ul></div>`,
    ].join("\n")}</div>`,
    main: `<div data-part="live">${section(live.section.id, live.section.title, live.section.html)}</div>`,
    footer: live.footer,
    data: null,
  });
}

/** What is new since the page was made. */
export function liveAnswer(status: WatchStatus, history: WatchHistory): LiveAnswer {
  const { report, boot, ageSeconds, options, lastRound } = status;
  const page = report === null ? null : pageParts(report, livePage(status, history));
  const words = verdictOf(status) ?? (report === null ? notYet(status) : verdictWords(report));
  return {
    boot,
    round: roundNumber(status),
    layout: layoutOf(report),
    ageSeconds,
    intervalSeconds: options.intervalMs / 1000,
    isLost: lastRound?.lost ?? false,
    headline: `${words.word}: ${words.headline}`,
    title: page?.title ?? words.title,
    parts: page?.parts ?? {},
    cells: page?.cells ?? "",
    data: page?.data ?? null,
  };
}

export function roundNumber({ rounds }: WatchStatus): number {
  return rounds.ok + rounds.fail + rounds.unknown + rounds.lost;
}

/** What the frame of the page is made for: who the parties are. */
function layoutOf(report: ValidateReport | null): string {
  if (report === null) return "none";
  const parties = report.parties.map(({ partyId, name }) => [partyId, name]);
  return sha256(JSON.stringify(parties)).slice(0, 16);
}

function livePage(status: WatchStatus, history: WatchHistory): LivePage {
  const { options, ageSeconds, lastRound, boot, report } = status;
  const interval = options.intervalMs / 1000;
  const isStale = ageSeconds !== null && ageSeconds > staleAfterIntervals * interval;
  const state = isStale ? "stale" : lastRound?.lost ? "lost" : "fresh";
  const age =
    lastRound === null || ageSeconds === null
      ? "Nothing was looked at yet; the first round is under way."
      : `Looked at ${moment(lastRound.at)}, ${duration(ageSeconds)} before this page was made; it looks every ${duration(interval)}.`;
  const verdict = verdictOf(status);
  const reread = Math.max(5, Math.round(interval));
  const attributes = [
    `data-boot="${boot}"`,
    `data-round="${roundNumber(status)}"`,
    `data-age="${ageSeconds ?? ""}"`,
    `data-interval="${interval}"`,
    `data-layout="${layoutOf(report)}"`,
  ];
  return {
    ...(verdict === null ? {} : { verdict }),
    head: `<link rel="icon" href="data:,"><noscript><meta http-equiv="refresh" content="${reread}"></noscript>`,
    banner: `<div id="watch" class="watch ${state}" ${attributes.join(" ")}><p><strong id="watch-state">${{ stale: "OLD: rounds have stopped.", lost: "Could not look.", fresh: "Watched." }[state]}</strong> <span id="watch-age">${escaped(age)}</span></p><noscript><p>It is read anew every ${reread} s.</p></noscript><p id="watch-news" class="skip" role="status"></p></div>`,
    section: { id: "history", title: "History", html: historyHtml(history) },
    styles: liveStyles,
    script: liveScript,
    footer: "Served by a watch on this machine. For keeping and sending, take report.html of a run's folder.",
  };
}

/** Where the last round could not be run, nothing that was seen before counts for now. */
function verdictOf({ lastRound, report, options }: WatchStatus): NonNullable<LivePage["verdict"]> | null {
  if (lastRound === null || !lastRound.lost) return null;
  const headline = "The last round could not be run, so nobody knows how the network is now";
  const before =
    report === null
      ? "No round could be run yet."
      : `What is below was seen at ${moment(report.startedAt)}, and counts for nothing now.`;
  return {
    title: `UNKNOWN: ${networkLine(options)}, the last round could not be run`,
    word: "UNKNOWN",
    headline,
    sentences: [lastRound.words, before],
  };
}

function notYet({ options }: WatchStatus): NonNullable<LivePage["verdict"]> {
  return {
    title: `UNKNOWN: ${networkLine(options)}, no round yet`,
    word: "UNKNOWN",
    headline: "No round yet",
    sentences: ["The first one is under way; this page shows it when it is there."],
  };
}

/* The history. */

const longestList = 200;

type LinkRow = WatchHistory["links"][number];

function historyHtml(history: WatchHistory): string {
  const { since, until, watchedSeconds, notWatched, rounds, unwritten, notes } = history;
  if (since === null || until === null) return `<p class="hint">Nothing is known yet.</p>`;
  const gaps = notWatched.length === 0 ? "" : ` Not watched: ${countOf(notWatched.length, "time")}, listed below.`;
  const counts = [
    [rounds.ok, "OK"],
    [rounds.fail, "FAIL"],
    [rounds.unknown, "UNKNOWN"],
    [rounds.lost, "that could not be run"],
  ] as const;
  const told = counts.flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`])).join(", ");
  return [
    `<p class="hint">From ${timeElement(since)} to ${timeElement(until)}, ${duration(watchedSeconds)} of it watched. Rounds of this watch: ${told || "none yet"}.${gaps} All times are UTC.</p>`,
    ...(unwritten === null
      ? []
      : [`<p class="hint"><span class="tag x">not on the disk</span> <bdi>${escaped(unwritten, 400)}</bdi></p>`]),
    ...notes.map(({ at, text }) => `<p class="hint">${timeElement(at)}: <bdi>${escaped(text, 600)}</bdi></p>`),
    timeline(history),
    "<h3>Links that were not up</h3>",
    linkTable(history),
    "<h3>Verdicts</h3>",
    verdictTable(history),
    "<h3>What changed of parties</h3>",
    partyTable(history.changes),
  ].join("\n");
}

const width = 1_000;

/** The verdicts along the time that is kept, as a picture; the tables tell the same. */
function timeline({ since, until, verdicts, notWatched }: WatchHistory): string {
  const [begin, end] = [Date.parse(since ?? ""), Date.parse(until ?? "")];
  if (!(end > begin)) return "";
  const x = (time: string) => ((Date.parse(time) - begin) / (end - begin)) * width;
  // A short outage in a long week is to be seen: bad news is as wide as a finger's edge, higher than good news, and lies on top.
  const bar = (span: { since: string; until: string }, kind: string, least: number, high: number) => {
    const from = Math.min(x(span.since), width - least);
    return `<rect class="t${kind}" x="${from.toFixed(1)}" y="${20 - high}" width="${Math.max(least, x(span.until) - x(span.since)).toFixed(1)}" height="${high}"/>`;
  };
  const of = (verdict: string) => verdicts.filter((span) => span.verdict === verdict).slice(-1_000);
  const bars = [
    ...of("OK").map((span) => bar(span, "o", 0, 8)),
    ...notWatched.slice(-1_000).map((span) => bar(span, "n", 1, 20)),
    ...of("UNKNOWN").map((span) => bar(span, "q", 3, 14)),
    ...of("FAIL").map((span) => bar(span, "x", 3, 20)),
  ];
  const key = (kind: string, words: string) =>
    `<li><svg class="swatch" viewBox="0 0 20 20" aria-hidden="true"><rect class="t${kind}" width="20" height="20"/></svg>${words}</li>`;
  return [
    `<svg class="timeline" viewBox="0 0 ${width} 20" preserveAspectRatio="none" role="img" aria-label="Verdicts from ${moment(since ?? "")} to ${moment(until ?? "")}; the table of verdicts tells the same">${bars.join("")}</svg>`,
    `<ul class="legend">${key("o", "OK")}${key("x", "FAIL")}${key("q", "UNKNOWN")}${key("n", "not watched")}</ul>`,
  ].join("\n");
}

/** Links that went down and came back together share a row. What is not over comes first, then what was last. */
function linkTable({ links }: WatchHistory): string {
  const ids = [...new Set(links.flatMap(({ from, to }) => [from, to]))];
  const groups = [
    ...Map.groupBy(links, ({ state, since, until, why }) => `${state} ${since} ${until} ${why}`).values(),
  ];
  const first = (rows: readonly LinkRow[]) => rows[0] as LinkRow;
  groups.sort((a, b) => {
    const [left, right] = [first(a), first(b)];
    if (left.ongoing !== right.ongoing) return left.ongoing ? -1 : 1;
    return left.since < right.since ? 1 : left.since > right.since ? -1 : 0;
  });
  const rows = groups.map((group) => {
    const { state, why, since, until, ongoing } = first(group);
    const tag = state === "down" ? '<span class="tag x">DOWN</span>' : '<span class="tag q">could not tell</span>';
    return [
      `<td class="nowrap">${tag}</td>`,
      `<td class="which">${escaped(inShort(group, ids))}</td>`,
      ...times(since, until, ongoing),
      `<td class="why"><bdi class="clip">${escaped(why, 300)}</bdi></td>`,
    ].join("");
  });
  return table("Links that were not up", ["state", "from→to", "since", "until", "for", "why, when it began"], rows);
}

function verdictTable({ verdicts, notWatched }: WatchHistory): string {
  const told = verdicts.map(({ since, until, ongoing, verdict, lost, words }) => ({
    since,
    html: [
      `<td class="nowrap"><span class="tag ${{ OK: "o", FAIL: "x", UNKNOWN: "q" }[verdict]}">${verdict}</span></td>`,
      ...times(since, until, ongoing),
      `<td class="why"><bdi class="clip">${escaped(lost ? `the round could not be run: ${words}` : words, 400)}</bdi></td>`,
    ].join(""),
  }));
  const dark = notWatched.map(({ since, until }) => ({
    since,
    html: `<td class="nowrap"><span class="tag n">not watched</span></td>${times(since, until, false).join("")}<td></td>`,
  }));
  const rows = [...told, ...dark].sort((a, b) => (a.since < b.since ? 1 : -1)).map(({ html }) => html);
  return table("Verdicts", ["verdict", "since", "until", "for", "when it began"], rows);
}

export const changeWords: Record<PartyChange["what"], string> = {
  release: "another release",
  manifestDigest: "another manifest",
  certificateFrom: "another certificate, as after a boot or a renewal",
  pod: "another pod",
};

function partyTable(changes: WatchHistory["changes"]): string {
  const shown = (text: string) => `<bdi class="clip">${escaped(text.replace(/^sha256:(.{8}).*/, "$1…"), 200)}</bdi>`;
  const rows = changes
    .toReversed()
    .map(
      ({ at, party, what, before, after }) =>
        `<td class="nowrap">${timeElement(at)}</td><td>${party}</td><td>${changeWords[what]}</td><td>${shown(before)}</td><td>${shown(after)}</td>`,
    );
  return table("Changes of parties", ["at", "party", "what", "before", "after"], rows);
}

function times(since: string, until: string, ongoing: boolean): string[] {
  const seconds = (Date.parse(until) - Date.parse(since)) / 1000;
  return [
    `<td class="nowrap">${timeElement(since)}</td>`,
    `<td class="nowrap">${ongoing ? "still" : timeElement(until)}</td>`,
    `<td class="nowrap number">${duration(seconds)}</td>`,
  ];
}

function table(caption: string, columns: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return `<p class="hint">None.</p>`;
  const head = columns.map((name) => `<th scope="col">${name}</th>`).join("");
  const shown = rows.slice(0, longestList).map((row) => `<tr>${row}</tr>`);
  const more = rows.length - shown.length;
  return `${box(`Table: ${caption}`, shown.length > 12 ? "tall" : "")}<table class="list"><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>${shown.join("\n")}</tbody></table></div>${more > 0 ? `<p class="hint">And ${more} more, all in <a href="/history.json">history.json</a>.</p>` : ""}`;
}

function countOf(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
