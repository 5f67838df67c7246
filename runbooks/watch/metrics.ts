import type { WatchHistory } from "../../contract/watch-history.ts";

import { prometheusFamily, renderValidatePrometheus, verdictNumbers } from "../report-prometheus.ts";
import { secondsNotUp } from "./history.ts";
import { staleAfterIntervals, type WatchStatus } from "./watch.ts";

/**
 * The last report's series and those of the watch. After a round that could not be run, or without one for too long, there are none of a report:
 * what was seen before is not how it is now.
 */
export function renderWatchMetrics(status: WatchStatus, history: WatchHistory): string {
  const { options, lastRound, rounds, ageSeconds, goodAgeSeconds, report } = status;
  const { network, environment, stage } = options;
  const common = { network, environment, stage };
  const family = (
    name: string,
    kind: "gauge" | "counter",
    help: string,
    samples: Parameters<typeof prometheusFamily>[4],
  ) => prometheusFamily(`quorate_watch_${name}`, kind, help, common, samples);
  const notUp = [...secondsNotUp(history)].map(([key, seconds]) => ({ ends: key.split(">").map(Number), seconds }));
  const perLink = (state: "down" | "unknown") =>
    notUp.flatMap(({ ends: [from = 0, to = 0], seconds }): [Record<string, number>, number][] =>
      seconds[state] === 0 ? [] : [[{ from, to }, seconds[state]]],
    );
  return [
    ...family(
      "verdict",
      "gauge",
      "Of the last round: 1 OK, 0 FAIL, -1 could not tell, also where it could not be run.",
      [[{}, lastRound === null ? -1 : verdictNumbers[lastRound.verdict]]],
    ),
    ...family(
      "rounds_total",
      "counter",
      "Rounds of this watch by how they ended; lost: could not be run.",
      Object.entries(rounds).map(([result, count]) => [{ result }, count]),
    ),
    ...family("interval_seconds", "gauge", "How often it looks.", [[{}, options.intervalMs / 1000]]),
    ...(lastRound === null
      ? []
      : [
          ...family("last_round_timestamp_seconds", "gauge", "When the last round began, in seconds since 1970.", [
            [{}, Date.parse(lastRound.at) / 1000],
          ]),
          ...family("last_round_duration_seconds", "gauge", "How long it took.", [[{}, lastRound.durationMs / 1000]]),
        ]),
    ...family("last_round_age_seconds", "gauge", "Since the last round began; NaN before the first.", [
      [{}, ageSeconds ?? Number.NaN],
    ]),
    ...family("last_good_round_age_seconds", "gauge", "Since the last round that told of any link; NaN before it.", [
      [{}, goodAgeSeconds ?? Number.NaN],
    ]),
    ...family("history_watched_seconds", "gauge", "How much of the history that is kept was watched.", [
      [{}, history.watchedSeconds],
    ]),
    ...family("history_unwritten", "gauge", "1 where the history can not be written to the disk.", [
      [{}, history.unwritten === null ? 0 : 1],
    ]),
    ...family(
      "link_down_seconds",
      "gauge",
      "How long a link was down in the history that is kept; no series of a link that never was.",
      perLink("down"),
    ),
    ...family(
      "link_unknown_seconds",
      "gauge",
      "How long it could not be told of a link in the history that is kept, beside rounds that could not be run.",
      perLink("unknown"),
    ),
    isCurrent(status) && report !== null ? renderValidatePrometheus(report) : "",
  ].join("\n");
}

function isCurrent({ lastRound, ageSeconds, options }: WatchStatus): boolean {
  const limit = (staleAfterIntervals * options.intervalMs) / 1000;
  return lastRound !== null && !lastRound.lost && ageSeconds !== null && ageSeconds <= limit;
}
