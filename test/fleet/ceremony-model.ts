import { type CeremonyDesk, type CeremonyNumber, compareCeremonies, isOpenState } from "../../contract/ceremony.ts";
import { Digest, PartyId } from "../../contract/names.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import * as rules from "../../fleet/ceremony-rules.ts";
import { randomFrom } from "../support/random.ts";

export type Rules = typeof rules;

export interface ModelOptions {
  seed: number;
  parties: number;
  /** Parties that have something to propose; one that is named twice does so twice. */
  proposers: readonly number[];
  /** Whether they do so at the same time, so that none of them knows of another's. */
  atOnce: boolean;
  /** Seconds for which a proposal is open. */
  windowSeconds: number;
  /** How far a clock may be off, in seconds. */
  skewSeconds: number;
  /** Chance that a party's program is taken for dead after a step, and begun anew; every second one only stood still, and goes on later. */
  crash: number;
  /** Chance that a party, or one that a proposal needs, says no. */
  refuse: number;
  /** What parties go by; others than the real ones are mistakes that a test has to find. */
  rules?: Partial<Rules> | undefined;
  rounds: number;
}

/** One thing that a party did to its core, in the name of a ceremony. */
export interface Act {
  at: number;
  party: number;
  number: CeremonyNumber;
}

export interface Modelled {
  acts: Act[];
  desks: ReadonlyMap<number, CeremonyDesk>;
  /** Acts that were refused, since the party held the ceremony no more. */
  refused: number;
}

const begin = Date.parse("2026-11-21T09:00:00.000Z");
const digest = (letter: string) => Digest.parse(`sha256:${letter.repeat(64)}`);
const actSteps = 3;
/** Chance that somebody of a party tries to take up another ceremony than the one that it holds. */
const meddle = 0.1;
/** Chance that a program that finds its party acting, begun by another one, ends that. */
const giveUp = 0.5;
/** Seconds that a program stands still at most. */
const longestSleep = 1_000;

/**
 * Parties that read each other's desks late, die in the middle and have clocks of their own; each of their steps comes when chance says so. What
 * a party holds lies in its Lease, which is written by compare and swap, and is published after.
 */
export function playCeremonies(options: ModelOptions): Modelled {
  const { parties, proposers, atOnce, windowSeconds, skewSeconds, crash, refuse, rounds } = options;
  const by: Rules = { ...rules, ...options.rules };
  const chance = randomFrom(options.seed);
  const ids = Array.from({ length: parties }, (_, index) => index + 1);
  const leases = new Map(ids.map((id) => [id, { desk: rules.emptyDesk, version: 0 }]));
  const published = new Map(ids.map((id) => [id, [rules.emptyDesk]]));
  const skew = new Map(ids.map((id) => [id, (2 * chance() - 1) * skewSeconds]));
  const wishes = [...proposers];
  const acts: Act[] = [];
  let tick = 0;
  let refused = 0;
  const clock = (party: number) => new Date(begin + (tick + (skew.get(party) ?? 0)) * 1000);
  const lease = (party: number) => leases.get(party) ?? { desk: rules.emptyDesk, version: 0 };

  function* write(party: number, version: number, desk: CeremonyDesk): Generator<void, boolean> {
    yield;
    if (lease(party).version !== version) return false;
    leases.set(party, { desk, version: version + 1 });
    yield;
    published.get(party)?.push(desk);
    return true;
  }

  function* act(party: number, number: CeremonyNumber): Generator<void> {
    for (let step = 0; step < actSteps; step++) {
      yield;
      by.requireActing(lease(party).desk, number);
      acts.push({ at: tick, party, number });
    }
    yield;
    const { desk, version } = lease(party);
    const outcome = { state: "done", detail: null, result: digest("a") } as const;
    yield* write(party, version, by.finish(desk, number, outcome, clock(party)));
  }

  function* life(party: number): Generator<void> {
    const seen = new Map(ids.map((id) => [id, 0]));
    // What a program that died may not have published.
    published.get(party)?.push(lease(party).desk);
    for (;;) {
      yield;
      const { desk, version } = lease(party);
      const desks = new Map([[party, desk]]);
      for (const peer of ids) {
        if (peer === party) continue;
        yield;
        const all = published.get(peer) ?? [];
        const from = seen.get(peer) ?? 0;
        const index = from + Math.floor(chance() * (all.length - from));
        seen.set(peer, index);
        desks.set(peer, all[index] ?? rules.emptyDesk);
      }
      try {
        const held = rules.openAnswer(desk);
        if (held !== undefined && chance() < meddle) yield* write(party, version, takeUp(party, desk, desks));
        else if (held?.state === "acting" && chance() < giveUp) {
          const failed = { state: "failed", detail: "taken for dead", result: null } as const;
          yield* write(party, version, by.finish(desk, held.number, failed, clock(party)));
        } else if (held?.state === "acting") yield* act(party, held.number);
        else {
          const next = decide(party, desk, desks);
          const isWritten = yield* write(party, version, next);
          const begun = rules.openAnswer(next);
          if (isWritten && begun?.state === "acting") yield* act(party, begun.number);
        }
      } catch (failure) {
        if (!(failure instanceof OperatorError)) throw failure;
        if (failure.problem.code === "CEREMONY_CLOSED") refused++;
      }
    }
  }

  /** What somebody else of the same party may try, whatever it holds. */
  function takeUp(party: number, desk: CeremonyDesk, desks: rules.Desks): CeremonyDesk {
    const others = rules.standingProposals(desks).filter(({ number }) => number !== desk.answers[0]?.number);
    const taken = others[Math.floor(chance() * others.length)];
    return taken === undefined ? desk : by.accept(desk, party, taken, clock(party));
  }

  const draftOf = (party: number, now: Date) => ({
    kind: "prss-init" as const,
    proposer: PartyId.parse(party),
    participants: ids.map((id) => PartyId.parse(id)),
    manifestDigest: digest("b"),
    release: "0.13.10",
    preflightDigest: digest("c"),
    values: {},
    opensAt: new Date(now.getTime() - 2 * skewSeconds * 1000).toISOString(),
    closesAt: new Date(now.getTime() + windowSeconds * 1000).toISOString(),
    reason: "first keys",
  });

  function decide(party: number, desk: CeremonyDesk, desks: rules.Desks): CeremonyDesk {
    const now = clock(party);
    const rid = by.letGo(desk, party, desks, now);
    if (rid !== desk) return rid;
    if (rules.openAnswer(desk) !== undefined) return by.begin(desk, party, desks, now);
    const newest = desk.answers[0]?.number;
    const others = rules
      .standingProposals(desks)
      .filter(({ number }) => newest === undefined || compareCeremonies(number, newest) > 0);
    const taken = others[Math.floor(chance() * others.length)];
    if (taken !== undefined && !(wishes.includes(party) && chance() < 0.5)) {
      if (chance() < refuse) return by.reject(desk, party, taken, { reason: "not now", now });
      return by.accept(desk, party, taken, now);
    }
    if (!wishes.includes(party)) return desk;
    wishes.splice(wishes.indexOf(party), 1);
    return by.propose(desk, draftOf(party, now), desks, now);
  }

  const lives = ids.map((party) => ({ party, program: life(party), asleepUntil: 0 }));
  if (atOnce)
    for (const party of proposers) {
      const desk = by.propose(rules.emptyDesk, draftOf(party, clock(party)), new Map(), clock(party));
      leases.set(party, { desk, version: 1 });
      wishes.splice(wishes.indexOf(party), 1);
    }
  for (; tick < rounds; tick++) {
    const index = Math.floor(chance() * lives.length);
    const one = lives[index];
    if (one === undefined || one.asleepUntil > tick) continue;
    one.program.next();
    if (chance() >= crash) continue;
    if (chance() < 0.5) lives.splice(index, 1);
    else one.asleepUntil = tick + Math.floor(chance() * longestSleep);
    lives.push({ party: one.party, program: life(one.party), asleepUntil: 0 });
  }
  return { acts, desks: new Map([...leases].map(([id, { desk }]) => [id, desk])), refused };
}

/** Pairs of ceremonies of which one was acted in before the other's last act: none, where there is one at a time. */
export function overlaps({ acts }: Modelled): string[] {
  const spans = [...Map.groupBy(acts, ({ number }) => number)].map(([number, own]) => ({
    number,
    first: Math.min(...own.map(({ at }) => at)),
    last: Math.max(...own.map(({ at }) => at)),
  }));
  return spans.flatMap((a) =>
    spans
      .filter((b) => a.number < b.number && a.first <= b.last && b.first <= a.last)
      .map((b) => `${a.number} and ${b.number}`),
  );
}

/** Ceremonies that every party did. */
export function doneByAll({ desks }: Modelled): CeremonyNumber[] {
  const numbers = new Set([...desks.values()].flatMap(({ answers }) => answers.map(({ number }) => number)));
  return [...numbers].filter((number) =>
    [...desks.values()].every(({ answers }) =>
      answers.some((answer) => answer.number === number && answer.state === "done"),
    ),
  );
}

export function stillOpen({ desks }: Modelled): number {
  return [...desks.values()].filter(({ answers: [newest] }) => newest !== undefined && isOpenState(newest.state))
    .length;
}
