import fc from "fast-check";
import { expect, test } from "vitest";
import { HistoryLine } from "../../../contract/watch-history.ts";
import {
  advance,
  changeOf,
  emptyHistory,
  gaps,
  type History,
  isChange,
  keptLine,
  type LinkValue,
  type Seen,
  secondsIn,
  secondsNotUp,
  seenIn,
  tooLongBefore,
  trim,
} from "../../../runbooks/watch/history.ts";
import type { Fault } from "../network/network-model.ts";
import { seenNetwork } from "../seen-network.ts";

const gapMs = 180_000;
const start = Date.parse("2026-11-20T18:00:00.000Z");
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();

/** A watch on paper: what it would write, and what it knows. */
class Paper {
  history: History = emptyHistory(gapMs);
  lines: HistoryLine[] = [];
  take(line: HistoryLine) {
    this.lines.push(HistoryLine.parse(JSON.parse(JSON.stringify(line))));
    advance(this.history, line);
  }
  begin(seconds: number) {
    this.take({ kind: "start", at: at(seconds), by: "a test", gapMs });
  }
  round(seconds: number, seen: Seen, tookSeconds = 1) {
    const change = changeOf(this.history, at(seconds), seen);
    const [from, until] = [at(seconds), at(seconds + tookSeconds)];
    if (isChange(change)) {
      const { links, facts } = change;
      this.take({ kind: "round", at: from, until, verdict: seen.verdict, words: seen.words, links, facts, run: null });
    } else this.take({ kind: "alive", until });
    return change;
  }
  lost(seconds: number, tookSeconds = 1) {
    this.take({ kind: "lost", at: at(seconds), until: at(seconds + tookSeconds), words: "the disk is full" });
  }
}

const seen = (links: Record<string, LinkValue> = {}): Seen => ({
  verdict: Object.values(links).some(([state]) => state === "down")
    ? "FAIL"
    : Object.keys(links).length > 0
      ? "UNKNOWN"
      : "OK",
  words: `${Object.keys(links).length} links not up`,
  links: new Map(Object.entries(links)),
  facts: new Map(),
});
const down: LinkValue = ["down", "TIMED_OUT"];
const unknown: LinkValue = ["unknown", "not told"];

test("a link is down from the round that found it so to the one that did not", () => {
  const paper = new Paper();
  paper.begin(0);
  paper.round(1, seen());
  paper.round(61, seen({ "2>3": down }));
  paper.round(121, seen({ "2>3": ["down", "REFUSED"] }));
  paper.round(181, seen());
  paper.round(241, seen());
  expect(paper.history.links).toEqual([
    { from: 2, to: 3, state: "down", why: "TIMED_OUT", since: at(61), until: at(181) },
  ]);
  expect(paper.history.verdicts.map(({ since, until, verdict }) => [since, until, verdict])).toEqual([
    [at(1), at(61), "OK"],
    [at(61), at(181), "FAIL"],
    [at(181), at(242), "OK"],
  ]);
  expect(secondsNotUp(paper.history).get("2>3")).toEqual({ down: 120, unknown: 0 });
});

test("what could not be told is an interval of its own, and lengthens none that is green or red", () => {
  const paper = new Paper();
  paper.begin(0);
  paper.round(0, seen({ "1>2": down }));
  paper.lost(60);
  paper.round(120, seen({ "1>2": down }));
  paper.round(180, seen({ "1>2": unknown }));
  paper.round(240, seen());
  expect(paper.history.links.map(({ state, since, until }) => [state, since, until])).toEqual([
    ["down", at(0), at(60)],
    ["down", at(120), at(180)],
    ["unknown", at(180), at(240)],
  ]);
  expect(paper.history.verdicts.map(({ verdict, lost, since, until }) => [verdict, lost, since, until])).toEqual([
    ["FAIL", false, at(0), at(60)],
    ["UNKNOWN", true, at(60), at(120)],
    ["FAIL", false, at(120), at(180)],
    ["UNKNOWN", false, at(180), at(240)],
    ["OK", false, at(240), at(241)],
  ]);
});

test("between two watches, and where the machine slept, nobody watched", () => {
  const paper = new Paper();
  paper.begin(0);
  paper.round(0, seen({ "1>2": down }));
  paper.begin(30);
  // Also a watch that is back at once did not see what happened meanwhile.
  paper.round(31, seen({ "1>2": down }));
  paper.round(31 + 3600, seen());
  expect(gaps(paper.history)).toEqual([
    { since: at(1), until: at(31) },
    { since: at(32), until: at(3631) },
  ]);
  expect(paper.history.links.map(({ since, until }) => [since, until])).toEqual([
    [at(0), at(1)],
    [at(31), at(32)],
  ]);
});

test("of a party: another release, another certificate, another manifest; what is not known for a while is no change", () => {
  const paper = new Paper();
  const one = seenNetwork(4);
  const other = seenNetwork(4);
  const party = other.parties[1];
  if (party?.release) party.release = { ...party.release, version: "0.14.0" };
  for (const link of other.links)
    if (link.to === 2 && link.probe?.certificate) link.probe.certificate.notBefore = "2026-11-20T18:59:00.000Z";
  const silent = seenIn(seenNetwork(4, [{ kind: "unauthorized", party: 2 }]));
  expect(silent.facts.get(2)).toMatchObject({ release: null });
  paper.begin(0);
  for (const [index, round] of [seenIn(one), silent, seenIn(one), seenIn(other)].entries())
    paper.round(index * 60, round);
  expect(paper.history.changes).toEqual([
    {
      at: at(180),
      party: 2,
      what: "release",
      before: "0.13.10 (2c2c2c2c…)",
      after: "0.14.0 (2c2c2c2c…)",
    },
    {
      at: at(180),
      party: 2,
      what: "certificateFrom",
      before: "2026-11-20T06:00:00.000Z",
      after: "2026-11-20T18:59:00.000Z",
    },
  ]);
});

test("a report's links are taken as it judged them", () => {
  const faults: Fault[] = [
    { kind: "cut", from: 2, to: 3 },
    { kind: "unauthorized", party: 4 },
  ];
  const found = seenIn(seenNetwork(4, faults));
  expect(found.verdict).toBe("FAIL");
  expect(found.links.get("2>3")).toEqual(["down", "TIMED_OUT"]);
  expect(found.links.get("4>1")?.[0]).toBe("unknown");
  expect(found.links.has("1>2")).toBe(false);
});

test("a clock that was set back takes what was told of times to come with it, and says so", () => {
  const paper = new Paper();
  paper.begin(0);
  paper.round(0, seen());
  paper.round(60, seen({ "1>2": down }));
  paper.round(120, seen());
  paper.take({ kind: "clock", at: at(90), text: "the clock was set back" });
  paper.round(95, seen());
  expect(paper.history.links.map(({ since, until }) => [since, until])).toEqual([[at(60), at(90)]]);
  expect(gaps(paper.history)).toEqual([{ since: at(90), until: at(95) }]);
  expect(paper.history.notes).toEqual([{ at: at(90), text: "the clock was set back" }]);
});

test("what is older than is kept goes, and what goes on begins where the rest does", () => {
  const paper = new Paper();
  paper.begin(0);
  paper.round(0, seen({ "1>2": down }));
  paper.round(60, seen({ "2>1": down }));
  paper.round(120, seen({ "2>1": down }));
  trim(paper.history, at(90));
  expect(paper.history.links).toEqual([{ ...paper.history.links[0], from: 2, to: 1, since: at(90), until: at(121) }]);
  expect(paper.history.watched).toEqual([{ since: at(90), until: at(121) }]);
  paper.round(180, seen());
  expect(paper.history.links[0]?.until).toBe(at(180));
});

test("a network that flaps for days does not fill the memory", () => {
  const paper = new Paper();
  paper.begin(0);
  for (let round = 0; round < 60; round++) paper.round(round * 60, seen(round % 2 ? { "1>2": down } : {}));
  const begin = tooLongBefore(paper.history, 40);
  expect(begin).not.toBe(null);
  trim(paper.history, begin ?? "");
  expect(paper.history.links.length + paper.history.verdicts.length).toBeLessThanOrEqual(21);
  expect(tooLongBefore(paper.history, 40)).toBe(null);
});

/* For whatever happens to a watch. */

const link = fc.constantFrom("1>2", "2>1", "1>3", "3>1");
const value = fc.constantFrom<LinkValue>(down, unknown, ["down", "REFUSED"]);
const step = fc.record({
  after: fc.integer({ min: 0, max: 400 }),
  took: fc.integer({ min: 0, max: 90 }),
  does: fc.oneof(
    { weight: 8, arbitrary: fc.dictionary(link, value, { maxKeys: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom("lost" as const, "start" as const, "back" as const, "rewrite" as const) },
  ),
});

function played(steps: readonly { after: number; took: number; does: string | Record<string, LinkValue> }[]) {
  const paper = new Paper();
  paper.begin(0);
  let clock = 0;
  for (const { after, took, does } of steps) {
    clock += after;
    if (does === "start") paper.begin(clock);
    else if (does === "lost") paper.lost(clock, took);
    else if (does === "back") {
      clock = Math.max(0, clock - 300);
      paper.take({ kind: "clock", at: at(clock), text: "set back" });
    } else if (does === "rewrite") {
      const kept = keptLine(paper.history);
      if (kept !== null) paper.lines = [HistoryLine.parse(JSON.parse(JSON.stringify(kept)))];
    } else if (typeof does !== "string") paper.round(clock, seen(does), took);
    if (typeof does !== "string" || does === "lost") clock += took;
  }
  return paper;
}

test("intervals never overlap, and together they are as long as somebody watched", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { history } = played(steps);
      const inOrder = (spans: readonly { since: string; until: string }[]) => {
        for (const [index, { since, until }] of spans.entries()) {
          expect(since <= until).toBe(true);
          expect(since >= (spans[index - 1]?.until ?? "")).toBe(true);
        }
      };
      inOrder(history.watched);
      inOrder(history.verdicts);
      const watched = secondsIn(history.watched);
      expect(secondsIn(history.verdicts)).toBeCloseTo(watched, 6);
      for (const spans of Map.groupBy(history.links, ({ from, to }) => `${from}>${to}`).values()) {
        inOrder(spans);
        expect(secondsIn(spans)).toBeLessThanOrEqual(watched + 1e-6);
        // Of no moment that nobody watched, or in which a round could not be run, is anything said.
        const dark = [...gaps(history), ...history.verdicts.filter(({ lost }) => lost)];
        for (const span of spans)
          for (const gap of dark) expect(span.until <= gap.since || span.since >= gap.until).toBe(true);
      }
    }),
  );
});

test("the lines give the same history again, written anew or not", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { history, lines } = played(steps);
      const again = emptyHistory(gapMs);
      for (const line of lines) advance(again, line);
      expect(again).toEqual(history);
    }),
  );
});

test("what a link is said to be is what the last round found", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.dictionary(link, value, { maxKeys: 3 }), (steps, last) => {
      const paper = played(steps);
      paper.round(1_000_000, seen(last));
      const { until, links } = paper.history;
      const open = links.filter((span) => span.until === until && paper.history.open.has(`${span.from}>${span.to}`));
      expect(new Map(open.map(({ from, to, state }) => [`${from}>${to}`, state]))).toEqual(
        new Map(Object.entries(last).map(([key, [state]]) => [key, state])),
      );
    }),
  );
});
