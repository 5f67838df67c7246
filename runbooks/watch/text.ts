import { createColors } from "picocolors";
import { printableLine } from "../../contract/printable.ts";
import type { WatchHistory } from "../../contract/watch-history.ts";
import { inShort } from "../report-html.ts";
import { secondsIn } from "./history.ts";
import { changeWords } from "./page.ts";
import type { LinkChange, WatchEvent } from "./watch.ts";
import { duration, moment } from "./words.ts";

/** A line for each thing that changed, each with its time: what `grep` finds is a sentence. */
export function renderWatchEvent(event: WatchEvent, ids: readonly number[], colour: boolean): string[] {
  const colours = createColors(colour);
  const line = (word: string, text: string) => `${moment(event.at)}  ${word}  ${printableLine(text)}`;
  const plain = (word: string) => word.padEnd(8);
  switch (event.kind) {
    case "lost":
      return [
        line(colours.yellow(plain("UNKNOWN")), `the round could not be run: ${event.reason}${evidenceOf(event.run)}`),
      ];
    case "late":
      return [
        line(
          plain("late"),
          `a round took ${duration(event.tookSeconds)}, longer than the interval of ${duration(event.intervalSeconds)}: the next begins when one is over`,
        ),
      ];
    case "unwritten":
      return [line(plain("history"), event.reason === null ? "is written to the disk again" : event.reason)];
    case "change": {
      const paint = { OK: colours.green, FAIL: colours.red, UNKNOWN: colours.yellow }[event.verdict];
      const words = { down: colours.red(plain("down")), up: colours.green(plain("up")), unknown: plain("unknown") };
      const groups = Map.groupBy(event.links, ({ state, why, afterSeconds }) => `${state} ${why} ${afterSeconds}`);
      return [
        line(paint(plain(event.verdict)), `${event.words}${evidenceOf(event.run)}`),
        ...event.findings.map(({ code, field }) => line(plain("finding"), `${code}  ${field}`)),
        ...[...groups.values()].map((links) => line(words[links[0]?.state ?? "unknown"], linkText(links, ids))),
        ...event.parties.map(({ party, what, before, after }) =>
          line(plain("party"), `${party} ${changeWords[what]}: ${before} → ${after}`),
        ),
      ];
    }
  }
}

function linkText(links: readonly LinkChange[], ids: readonly number[]): string {
  const [first] = links;
  const which = inShort(links, ids);
  if (first?.state !== "up") return `${which}  ${first?.why ?? ""}`;
  return first.afterSeconds === null ? which : `${which}  after ${duration(first.afterSeconds)}`;
}

function evidenceOf(run: string | null): string {
  return run === null ? "" : `   run ${run}`;
}

/** What is said when a watch is stopped: how long it was what. */
export function watchSummary({ startedAt, rounds, verdicts, links }: WatchHistory) {
  const own = <T extends { since: string; until: string }>(spans: readonly T[]) =>
    spans.filter(({ until }) => until > startedAt);
  const seconds = (verdict: "OK" | "FAIL" | "UNKNOWN") =>
    Math.round(secondsIn(own(verdicts).filter((span) => span.verdict === verdict)));
  return {
    rounds: rounds.ok + rounds.fail + rounds.unknown + rounds.lost,
    okSeconds: seconds("OK"),
    failSeconds: seconds("FAIL"),
    unknownSeconds: seconds("UNKNOWN"),
    outages: own(links).filter(({ state }) => state === "down").length,
  };
}

export function renderWatchSummary(history: WatchHistory): string {
  const { rounds, okSeconds, failSeconds, unknownSeconds, outages } = watchSummary(history);
  const told = [
    ["OK", okSeconds],
    ["FAIL", failSeconds],
    ["UNKNOWN", unknownSeconds],
  ] as const;
  const parts = told.flatMap(([word, seconds]) => (seconds === 0 ? [] : [`${word} for ${duration(seconds)}`]));
  return `watched in ${rounds} round${rounds === 1 ? "" : "s"}: ${[...parts, `${outages} time${outages === 1 ? "" : "s"} that a link was down`].join(", ")}`;
}
