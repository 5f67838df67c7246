import { expect, test } from "vitest";
import { OperatorError } from "../../../contract/operator-error.ts";
import { renderWatchEvent, renderWatchSummary } from "../../../runbooks/watch/text.ts";
import { mostRunsAnHour } from "../../../runbooks/watch/watch.ts";
import { committedSchema, overJson } from "../../support/committed-schema.ts";
import type { Fault } from "../network/network-model.ts";
import { seenNetwork } from "../seen-network.ts";
import { type Watched, watched } from "./watched.ts";

const cut: Fault[] = [{ kind: "cut", from: 2, to: 3 }];
const refused = () =>
  new OperatorError({
    code: "OUTPUTS_MISSING",
    what: "party 1: stack party-1 has no outputs",
    found: "a stack that was never brought up",
    expected: "the outputs of a finished `up`",
    next: "npx quorate up --party 1",
  });
const ids = [1, 2, 3, 4];
const lines = ({ events }: Watched) => events.flatMap((event) => renderWatchEvent(event, ids, false));

test("a line for each change, with its time, and none for a round that found what the one before did", async () => {
  await using run = await watched();
  for (const found of [seenNetwork(4), seenNetwork(4), seenNetwork(4, cut), seenNetwork(4, cut), seenNetwork(4)])
    await run.round(found);
  expect(lines(run)).toMatchInlineSnapshot(`
    [
      "2026-11-20 19:00:00Z  OK        All 12 links are up, in both directions   run run-1",
      "2026-11-20 19:02:00Z  FAIL      1 of 12 links is down   run run-3",
      "2026-11-20 19:02:00Z  finding   LINK_DOWN  link 2→3",
      "2026-11-20 19:02:00Z  down      2→3  TIMED_OUT",
      "2026-11-20 19:04:00Z  OK        All 12 links are up, in both directions   run run-5",
      "2026-11-20 19:04:00Z  up        2→3  after 2 min",
    ]
  `);
  expect(run.evidence).toEqual({ kept: ["run-1", "run-3", "run-5"], dropped: ["run-2", "run-4"] });
  await run.stop();
  expect(renderWatchSummary(run.watch.history())).toMatchInlineSnapshot(
    `"watched in 5 rounds: OK for 2 min, FAIL for 2 min, 1 time that a link was down"`,
  );
});

test("a network that flaps leaves evidence of its first changes in an hour, and all of them in the history", async () => {
  await using run = await watched();
  for (let round = 0; round < 61; round++) await run.round(seenNetwork(4, round % 2 ? cut : []));
  expect(run.evidence.kept).toHaveLength(mostRunsAnHour + 1);
  expect(run.evidence.kept.length + run.evidence.dropped.length).toBe(61);
  expect(run.watch.history().links).toHaveLength(30);
});

test("a party that went away is one line, not one for each of its links; another release is one of its own", async () => {
  await using run = await watched();
  await run.round(seenNetwork(4));
  await run.round(seenNetwork(4, [{ kind: "kill", party: 3 }]));
  const renewed = seenNetwork(4);
  for (const party of renewed.parties)
    if (party.partyId === 3 && party.release) party.release = { ...party.release, version: "0.14.0" };
  await run.round(renewed);
  expect(lines(run).slice(1)).toMatchInlineSnapshot(`
    [
      "2026-11-20 19:01:00Z  FAIL      3 of 12 links are down   run run-2",
      "2026-11-20 19:01:00Z  finding   PARTY_DOWN  party 3",
      "2026-11-20 19:01:00Z  down      all links to 3  REFUSED",
      "2026-11-20 19:01:00Z  unknown   all links from 3  the core of party 3 is silent: port 50100 refused the connection",
      "2026-11-20 19:02:00Z  OK        All 12 links are up, in both directions   run run-3",
      "2026-11-20 19:02:00Z  up        all links from 3; 1→3; 2→3; 4→3  after 60 s",
      "2026-11-20 19:02:00Z  party     3 another release: 0.13.10 (2c2c2c2c…) → 0.14.0 (2c2c2c2c…)",
    ]
  `);
});

test("a round that could not be run is UNKNOWN with its reason, said once, and the next one that can be is news", async () => {
  await using run = await watched();
  await run.round(seenNetwork(4));
  await run.round(refused());
  await run.round(refused());
  const { lastRound, rounds } = run.watch.status();
  expect(lastRound).toMatchObject({ verdict: "UNKNOWN", lost: true });
  expect(rounds).toEqual({ ok: 1, fail: 0, unknown: 0, lost: 2 });
  await run.round(seenNetwork(4));
  expect(lines(run).slice(1)).toMatchInlineSnapshot(`
    [
      "2026-11-20 19:01:00Z  UNKNOWN   the round could not be run: OUTPUTS_MISSING  party 1: stack party-1 has no outputs: a stack that was never brought up",
      "2026-11-20 19:03:00Z  OK        All 12 links are up, in both directions   run run-2",
    ]
  `);
});

test("what is no error of the operator ends the watch as the bug that it is", async () => {
  const run = await watched();
  const round = run.round(new TypeError("x is not a function"));
  await expect(round).rejects.toThrow("x is not a function");
});

test("never two rounds at once: one that takes too long makes the next late, which is said once; one without an end is given up", async () => {
  await using run = await watched();
  await run.round(seenNetwork(4), { tookMs: 90_000 });
  await run.round(seenNetwork(4), { tookMs: 90_000 });
  expect(run.events.filter(({ kind }) => kind === "late")).toHaveLength(1);
  // The round limit of this watch is ten intervals.
  run.time.advance(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  run.time.advance(600_000);
  await expect.poll(() => run.watch.status().lastRound?.words).toMatch(/no end within 600 s/);
});

test("a stop in the middle of a round leaves nothing of that round", async () => {
  await using run = await watched();
  await run.round(seenNetwork(4));
  run.time.advance(60_000);
  await run.stop();
  expect(run.watch.status().rounds).toEqual({ ok: 1, fail: 0, unknown: 0, lost: 0 });
});

test("its age is told by whichever clock went on: the machine slept, or its clock was set back", async () => {
  await using run = await watched();
  await run.round(seenNetwork(4));
  run.time.wall += 3_600_000;
  expect(run.watch.status().ageSeconds).toBe(3_600);
  run.time.wall -= 7_200_000;
  run.time.elapsed += 10_000;
  expect(run.watch.status().ageSeconds).toBe(10);
});

test("history.json fits its published schema, whatever happened", async () => {
  const fits = await committedSchema("watch-history");
  await using run = await watched();
  const check = () => {
    fits(overJson(run.watch.history()));
    expect(fits.errors).toBe(null);
  };
  check();
  for (const found of [
    seenNetwork(4),
    refused(),
    seenNetwork(4, cut),
    seenNetwork(7, [{ kind: "unauthorized", party: 7 }]),
  ]) {
    await run.round(found);
    check();
  }
  const history = JSON.parse(JSON.stringify(run.watch.history()));
  expect(fits({ ...history, more: 1 })).toBe(false);
  expect(fits({ ...history, verdicts: [{ ...history.verdicts[0], verdict: "GREEN" }] })).toBe(false);
});
