import type { ValidateReport } from "../../contract/validate-report.ts";
import { type HistoryLine, linkStates, type PartyChange, PartyFacts } from "../../contract/watch-history.ts";
import { verdictWords } from "../report-html.ts";

type Kept = Extract<HistoryLine, { kind: "kept" }>;
export type VerdictSpan = Kept["verdicts"][number];
export type LinkSpan = Kept["links"][number];
export type LinkValue = Kept["now"]["links"][string];
interface Span {
  since: string;
  until: string;
}

/**
 * What was found when. Times are UTC texts of one length, so that they compare as texts. What one round finds holds until the next begins; where
 * that is late, or could not be run, nobody knows, and neither a green nor a red interval goes on.
 */
export interface History {
  /** The end of the last look; null where nobody looked yet. */
  until: string | null;
  watched: Span[];
  /** Without a gap within what was watched. */
  verdicts: VerdictSpan[];
  links: LinkSpan[];
  changes: PartyChange[];
  notes: { at: string; text: string }[];
  /** Whether the last interval goes on; a start or a gap ends it. */
  isWatching: boolean;
  /** Longer than this without a look is a time that nobody watched. */
  gapMs: number;
  /** What the last look found: links that are not up, by `from>to`, and what is known of the parties. */
  now: { links: Map<string, LinkValue>; facts: Map<number, PartyFacts> };
  /** The intervals of those links. */
  open: Map<string, LinkSpan>;
}

/** What one round found. */
export interface Seen {
  verdict: VerdictSpan["verdict"];
  words: string;
  links: Map<string, LinkValue>;
  facts: Map<number, PartyFacts>;
}

/** What one round found otherwise than the one before: a link that is null is up. */
export interface Change {
  /** Nothing to compare with: the first look, or the first after a gap or a round that could not be run. */
  isFirst: boolean;
  verdict: boolean;
  links: Record<string, LinkValue | null>;
  facts: Record<string, PartyFacts>;
}

export function emptyHistory(gapMs: number): History {
  return {
    until: null,
    watched: [],
    verdicts: [],
    links: [],
    changes: [],
    notes: [],
    isWatching: false,
    gapMs,
    now: { links: new Map(), facts: new Map() },
    open: new Map(),
  };
}

const longestWhy = 200;

/** What of a report is followed. */
export function seenIn(report: ValidateReport): Seen {
  const links = new Map<string, LinkValue>();
  const certificates = new Map<number, string>();
  for (const { from, to, verdict, path, probe } of report.links) {
    if (verdict.status === "FAIL") links.set(`${from}>${to}`, ["down", verdict.code.slice(0, longestWhy)]);
    if (verdict.status === "UNKNOWN") links.set(`${from}>${to}`, ["unknown", verdict.reason.slice(0, longestWhy)]);
    const begins = path.status === "OK" ? probe?.certificate?.notBefore : undefined;
    if (begins !== undefined && begins > (certificates.get(to) ?? "")) certificates.set(to, begins);
  }
  const facts = report.parties.map(({ partyId, release, manifestDigest, pod }): [number, PartyFacts] => [
    partyId,
    {
      release: release === null ? null : `${release.version} (${release.imageDigest.slice(7, 15)}…)`,
      manifestDigest,
      certificateFrom: certificates.get(partyId) ?? null,
      pod: pod?.name ?? null,
    },
  ]);
  return { verdict: report.verdict, words: verdictWords(report).headline, links, facts: new Map(facts) };
}

/** Whether a round that begins now has a round before it that it can be compared with. */
function follows({ isWatching, until, gapMs }: History, at: string): boolean {
  return isWatching && until !== null && Date.parse(at) - Date.parse(until) <= gapMs;
}

export function changeOf(history: History, at: string, seen: Seen): Change {
  const isFirst = !follows(history, at);
  const before = isFirst ? new Map<string, LinkValue>() : history.now.links;
  const links: Change["links"] = {};
  for (const [key, value] of seen.links) if (before.get(key)?.[0] !== value[0]) links[key] = value;
  for (const key of before.keys()) if (!seen.links.has(key)) links[key] = null;
  const facts: Change["facts"] = {};
  for (const [party, found] of seen.facts) {
    const known = history.now.facts.get(party);
    const merged = mergedFacts(known, found);
    if (factNames.some((name) => merged[name] !== (known?.[name] ?? null))) facts[party] = merged;
  }
  const last = history.verdicts.at(-1);
  return {
    isFirst,
    verdict: isFirst || last === undefined || last.lost || last.verdict !== seen.verdict,
    links,
    facts,
  };
}

export function isChange({ isFirst, verdict, links, facts }: Change): boolean {
  return isFirst || verdict || Object.keys(links).length > 0 || Object.keys(facts).length > 0;
}

const factNames = Object.keys(PartyFacts.shape) as (keyof PartyFacts)[];

/** What is not known now is as it was known last. */
function mergedFacts(known: PartyFacts | undefined, found: PartyFacts): PartyFacts {
  if (known === undefined) return found;
  return Object.fromEntries(factNames.map((name) => [name, found[name] ?? known[name]])) as PartyFacts;
}

/** Takes one line in. The same lines give the same history, whether they were just written or are read back. */
export function advance(history: History, line: HistoryLine): void {
  switch (line.kind) {
    case "history":
      break;
    case "kept":
      restore(history, line);
      break;
    case "start":
      history.gapMs = line.gapMs;
      stopLooking(history);
      break;
    case "alive":
      if (history.isWatching) extend(history, later(history, line.until));
      break;
    case "round":
      takeRound(history, line);
      break;
    case "lost":
      takeLost(history, line);
      break;
    case "clock":
      takeBack(history, line);
      break;
  }
}

function takeRound(history: History, line: Extract<HistoryLine, { kind: "round" }>): void {
  const at = later(history, line.at);
  const isFirst = look(history, at);
  for (const [key, value] of Object.entries(line.links)) {
    const before = history.now.links.get(key);
    if (value === null) {
      history.now.links.delete(key);
      history.open.delete(key);
      continue;
    }
    history.now.links.set(key, value);
    if (before?.[0] === value[0]) continue;
    const [from = 0, to = 0] = key.split(">").map(Number);
    const span: LinkSpan = { from, to, state: value[0], why: value[1], since: at, until: at };
    history.links.push(span);
    history.open.set(key, span);
  }
  const last = history.verdicts.at(-1);
  if (isFirst || last === undefined || last.lost || last.verdict !== line.verdict)
    history.verdicts.push({ since: at, until: at, verdict: line.verdict, lost: false, words: line.words });
  takeFacts(history, at, line.facts);
  extend(history, later(history, line.until));
}

function takeLost(history: History, line: Extract<HistoryLine, { kind: "lost" }>): void {
  const at = later(history, line.at);
  const isFirst = look(history, at);
  const last = history.verdicts.at(-1);
  if (isFirst || last === undefined || !last.lost)
    history.verdicts.push({ since: at, until: at, verdict: "UNKNOWN", lost: true, words: line.words });
  forgetLinks(history);
  extend(history, later(history, line.until));
}

function takeFacts(history: History, at: string, facts: Record<string, PartyFacts>): void {
  for (const [id, found] of Object.entries(facts)) {
    const party = Number(id);
    const known = history.now.facts.get(party);
    for (const what of factNames) {
      const [before, after] = [known?.[what] ?? null, found[what]];
      if (before !== null && after !== null && before !== after)
        history.changes.push({ at, party, what, before, after });
    }
    history.now.facts.set(party, mergedFacts(known, found));
  }
}

/** Up to here all is as it was; true where nobody looked until now. */
function look(history: History, at: string): boolean {
  const isFirst = !follows(history, at);
  if (isFirst) {
    stopLooking(history);
    history.isWatching = true;
    history.watched.push({ since: at, until: at });
    history.until = at;
  } else extend(history, at);
  return isFirst;
}

function stopLooking(history: History): void {
  history.isWatching = false;
  forgetLinks(history);
}

/** What the last look found says nothing about what is now. */
function forgetLinks(history: History): void {
  history.now.links.clear();
  history.open.clear();
}

function extend(history: History, until: string): void {
  history.until = until;
  for (const span of [history.watched.at(-1), history.verdicts.at(-1), ...history.open.values()])
    if (span !== undefined) span.until = until;
}

/** A file that was put together by hand does not turn time around either. */
function later({ until }: History, time: string): string {
  return until !== null && until > time ? until : time;
}

function takeBack(history: History, { at, text }: Extract<HistoryLine, { kind: "clock" }>): void {
  stopLooking(history);
  const before = <T extends Span>(spans: readonly T[]): T[] =>
    spans.filter(({ since }) => since < at).map((span) => (span.until > at ? { ...span, until: at } : span));
  history.watched = before(history.watched);
  history.verdicts = before(history.verdicts);
  history.links = before(history.links);
  history.changes = history.changes.filter((change) => change.at < at);
  history.notes = [...history.notes.filter((note) => note.at < at), { at, text }];
  history.until = history.watched.at(-1)?.until ?? null;
}

/** Leaves out what ended before; what goes on begins then. */
export function trim(history: History, before: string): void {
  const after = <T extends Span>(spans: T[]): T[] => {
    const left = spans.filter(({ until }) => until > before);
    // The intervals that go on are told of in two places.
    for (const span of left) if (span.since < before) span.since = before;
    return left;
  };
  // While nobody looked, the last interval may be all that is known of when somebody did.
  history.watched = after(history.watched);
  history.verdicts = after(history.verdicts);
  history.links = after(history.links);
  history.changes = history.changes.filter(({ at }) => at > before);
  history.notes = history.notes.filter(({ at }) => at > before);
  if (history.watched.length === 0) stopLooking(history);
}

/** So many intervals of links, and changes, are kept at the most: what begins to flap is not to fill memory and disk. */
export const longestHistory = 40_000;

/** Where a history would have to begin to hold fewer; null where it holds few enough. */
export function tooLongBefore({ links, verdicts, changes }: History, longest = longestHistory): string | null {
  if (links.length + verdicts.length + changes.length <= longest) return null;
  const times = [...links, ...verdicts].map(({ until }) => until).concat(changes.map(({ at }) => at));
  return times.sort()[times.length - Math.floor(longest / 2)] ?? null;
}

/** The whole of a history as one line. */
export function keptLine(history: History): Kept | null {
  const { until, watched, verdicts, links, changes, notes, isWatching, gapMs, now } = history;
  if (until === null) return null;
  const { links: open, facts } = now;
  const named = { links: Object.fromEntries(open), facts: Object.fromEntries(facts) };
  return { kind: "kept", until, watched, verdicts, links, changes, notes, now: { isWatching, gapMs, ...named } };
}

function restore(history: History, { until, watched, verdicts, links, changes, notes, now }: Kept): void {
  Object.assign(history, { until, watched, verdicts, links, changes, notes });
  Object.assign(history, { isWatching: now.isWatching, gapMs: now.gapMs });
  history.now = {
    links: new Map(Object.entries(now.links)),
    facts: new Map(Object.entries(now.facts).map(([id, facts]) => [Number(id), facts])),
  };
  const last = new Map(links.map((span) => [`${span.from}>${span.to}`, span]));
  history.open = new Map(
    [...history.now.links.keys()].flatMap((key) => {
      const span = last.get(key);
      return span === undefined ? [] : [[key, span] as const];
    }),
  );
}

/** Times between two of those that were watched. */
export function gaps({ watched }: Pick<History, "watched">): Span[] {
  return watched.slice(1).flatMap(({ since }, index) => {
    const before = watched[index]?.until ?? since;
    return before < since ? [{ since: before, until: since }] : [];
  });
}

export function secondsIn(spans: readonly Span[]): number {
  return spans.reduce((sum, { since, until }) => sum + (Date.parse(until) - Date.parse(since)) / 1000, 0);
}

/** Seconds for which each link that was not up was down, or could not be told of. */
export function secondsNotUp({
  links,
}: Pick<History, "links">): Map<string, Record<(typeof linkStates)[number], number>> {
  const sums = new Map<string, Record<(typeof linkStates)[number], number>>();
  for (const span of links) {
    const key = `${span.from}>${span.to}`;
    const sum = sums.get(key) ?? (Object.fromEntries(linkStates.map((state) => [state, 0])) as { down: 0; unknown: 0 });
    sum[span.state] += secondsIn([span]);
    sums.set(key, sum);
  }
  return sums;
}
