import { describe, expect, test } from "vitest";
import {
  CeremonyDesk,
  CeremonyNumber,
  type CeremonyProposal,
  compareCeremonies,
  nextCeremony,
} from "../../contract/ceremony.ts";
import { Digest, PartyId } from "../../contract/names.ts";
import * as rules from "../../fleet/ceremony-rules.ts";
import { doneByAll, type ModelOptions, overlaps, playCeremonies, stillOpen } from "./ceremony-model.ts";

const at = (minute: number) => new Date(Date.parse("2026-11-21T09:00:00.000Z") + minute * 60_000);
const digest = (letter: string) => Digest.parse(`sha256:${letter.repeat(64)}`);
const number = (text: string) => CeremonyNumber.parse(text);

const draft = (proposer: number, parties = 4): Omit<CeremonyProposal, "number"> => ({
  kind: "prss-init",
  proposer: PartyId.parse(proposer),
  participants: Array.from({ length: parties }, (_, index) => PartyId.parse(index + 1)),
  manifestDigest: digest("b"),
  release: "0.13.10",
  preflightDigest: digest("c"),
  values: {},
  opensAt: at(10).toISOString(),
  closesAt: at(40).toISOString(),
  reason: "first keys",
});

/** Four parties of which `accepting` took up what party 1 proposed. */
function proposed(accepting: readonly number[] = [2, 3, 4]) {
  const desks = new Map<number, CeremonyDesk>([[1, rules.propose(rules.emptyDesk, draft(1), new Map(), at(0))]]);
  const proposal = desks.get(1)?.proposal;
  if (!proposal) throw new Error("party 1 proposes");
  for (const id of accepting) desks.set(id, rules.accept(rules.emptyDesk, id, proposal, at(1)));
  return { desks, proposal, own: (id: number) => desks.get(id) ?? rules.emptyDesk };
}

const outcome = { state: "done", detail: null, result: digest("a") } as const;
const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (failure) {
    return (failure as { problem: { code: string } }).problem.code;
  }
  return "nothing was refused";
};

describe("numbers", () => {
  test("go by their count first, then by who proposes", () => {
    const sorted = ["10.2", "2.10", "2.9", "9.1"].map(number).sort(compareCeremonies);
    expect(sorted).toEqual(["2.9", "2.10", "9.1", "10.2"]);
    expect(nextCeremony(sorted, 3)).toBe("11.3");
    expect(nextCeremony([], 3)).toBe("1.3");
  });
});

describe("a ceremony that goes well", () => {
  test("is proposed, accepted, begun, done, and stands so at each time", () => {
    const { desks, proposal } = proposed([2, 3]);
    expect(proposal.number).toBe("1.1");
    expect(rules.standingOf(proposal, desks, at(2))).toMatchObject({ phase: "waiting", blames: [4] });
    desks.set(4, rules.accept(rules.emptyDesk, 4, proposal, at(3)));
    expect(rules.standingOf(proposal, desks, at(3))).toMatchObject({ phase: "ready", blames: [] });
    for (const [id, desk] of desks) desks.set(id, rules.begin(desk, id, desks, at(10)));
    expect(rules.standingOf(proposal, desks, at(11))).toMatchObject({ phase: "acting", blames: [] });
    for (const [id, desk] of desks) desks.set(id, rules.finish(desk, proposal.number, outcome, at(12)));
    expect(rules.standingOf(proposal, desks, at(12))).toMatchObject({ phase: "done", blames: [] });
    for (const desk of desks.values()) expect(CeremonyDesk.parse(desk)).toEqual(desk);
    // The next one has a higher number, whoever proposes it.
    expect(rules.propose(desks.get(3) ?? rules.emptyDesk, draft(3), desks, at(50)).proposal?.number).toBe("2.3");
  });

  test("is accepted once, however often", () => {
    const { own, proposal } = proposed();
    expect(rules.accept(own(2), 2, proposal, at(5))).toBe(own(2));
  });
});

describe("what is refused", () => {
  test("a second ceremony while one is held, by its proposer as by others", () => {
    const { desks, own } = proposed();
    expect(codeOf(() => rules.propose(own(2), draft(2), desks, at(5)))).toBe("CEREMONY_OPEN");
    const other = rules.propose(rules.emptyDesk, draft(3), new Map(), at(5)).proposal;
    expect(codeOf(() => rules.accept(own(2), 2, other as CeremonyProposal, at(5)))).toBe("CEREMONY_OPEN");
  });

  test("a number that is not above the last one: a replayed proposal, or one that was passed over", () => {
    const { own, proposal } = proposed();
    const left = rules.withdraw(own(2), proposal.number, { reason: "not today", now: at(5) });
    expect(codeOf(() => rules.accept(left, 2, proposal, at(6)))).toBe("CEREMONY_OLDER");
  });

  test("another text under a number that is held", () => {
    const { own, proposal } = proposed();
    expect(codeOf(() => rules.accept(own(2), 2, { ...proposal, reason: "other keys" }, at(6)))).toBe("CEREMONY_OPEN");
  });

  test("an acceptance of other words does not count", () => {
    const { desks, proposal, own } = proposed([2, 3]);
    desks.set(4, rules.accept(rules.emptyDesk, 4, { ...proposal, release: "0.13.20" }, at(3)));
    expect(codeOf(() => rules.begin(own(1), 1, desks, at(10)))).toBe("CEREMONY_NOT_ACCEPTED");
    expect(rules.standingOf(proposal, desks, at(3))).toMatchObject({ phase: "failed", blames: [4] });
  });

  test("a proposal that ran out while the party slept", () => {
    const { proposal } = proposed([2, 3]);
    expect(codeOf(() => rules.accept(rules.emptyDesk, 4, proposal, at(40)))).toBe("CEREMONY_EXPIRED");
  });

  test("acting before the time, after it, and without everybody", () => {
    const { desks, own } = proposed();
    expect(codeOf(() => rules.begin(own(2), 2, desks, at(9)))).toBe("CEREMONY_NOT_YET");
    expect(codeOf(() => rules.begin(own(2), 2, desks, at(40)))).toBe("CEREMONY_EXPIRED");
    desks.delete(3);
    expect(codeOf(() => rules.begin(own(2), 2, desks, at(10)))).toBe("CEREMONY_NOT_ACCEPTED");
  });

  test("a step of a ceremony that the party let go, or did not begin", () => {
    const { own, proposal } = proposed();
    expect(codeOf(() => rules.requireActing(own(2), proposal.number))).toBe("CEREMONY_NOT_BEGUN");
    const left = rules.withdraw(own(2), proposal.number, { reason: "not today", now: at(5) });
    expect(codeOf(() => rules.requireActing(left, proposal.number))).toBe("CEREMONY_CLOSED");
    expect(codeOf(() => rules.finish(left, proposal.number, outcome, at(6)))).toBe("CEREMONY_CLOSED");
  });

  test("letting go of what the party acts in", () => {
    const { desks, own, proposal } = proposed();
    const acting = rules.begin(own(2), 2, desks, at(10));
    expect(codeOf(() => rules.withdraw(acting, proposal.number, { reason: "no", now: at(11) }))).toBe(
      "CEREMONY_ACTING",
    );
    expect(rules.letGo(acting, 2, desks, at(500))).toBe(acting);
  });

  test("a ceremony of others", () => {
    const { proposal } = proposed([2, 3]);
    expect(codeOf(() => rules.accept(rules.emptyDesk, 5, proposal, at(3)))).toBe("CEREMONY_OF_OTHERS");
  });
});

describe("a ceremony that comes to nothing names who it was", () => {
  test("a party that rejects", () => {
    const { desks, proposal, own } = proposed([2, 3]);
    desks.set(4, rules.reject(rules.emptyDesk, 4, proposal, { reason: "our auditors are here", now: at(2) }));
    expect(rules.standingOf(proposal, desks, at(2))).toMatchObject({ phase: "failed", blames: [4] });
    expect(rules.letGo(own(1), 1, desks, at(3)).answers[0]).toMatchObject({
      state: "impossible",
      detail: "party 4: rejected, our auditors are here",
    });
  });

  test("a party that never answers, once the window is over", () => {
    const { desks, proposal, own } = proposed([2, 3]);
    expect(rules.letGo(own(2), 2, desks, at(39))).toBe(own(2));
    expect(rules.letGo(own(2), 2, desks, at(40)).answers[0]).toMatchObject({
      state: "expired",
      detail: "no acceptance of party 4",
    });
    expect(rules.standingOf(proposal, desks, at(40))).toMatchObject({ phase: "failed", blames: [4] });
  });

  test("a party that accepts and vanishes, while others act", () => {
    const { desks, proposal, own } = proposed();
    const begun = [1, 2, 3].map((id) => [id, rules.begin(own(id), id, desks, at(10))] as const);
    for (const [id, desk] of begun)
      desks.set(id, rules.finish(desk, proposal.number, { ...outcome, state: "failed" }, at(20)));
    expect(rules.standingOf(proposal, desks, at(21)).parties[3]).toMatchObject({ partyId: 4, state: "accepted" });
    expect(rules.standingOf(proposal, desks, at(21)).phase).toBe("failed");
  });

  test("one whose result is another one", () => {
    const { desks, proposal } = proposed();
    for (const [id, desk] of desks) desks.set(id, rules.begin(desk, id, desks, at(10)));
    for (const [id, desk] of desks) {
      const result = id === 3 ? digest("d") : digest("a");
      desks.set(id, rules.finish(desk, proposal.number, { ...outcome, result }, at(12)));
    }
    expect(rules.standingOf(proposal, desks, at(12))).toMatchObject({ phase: "failed", blames: [3] });
  });
});

describe("two ceremonies at once", () => {
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);
  const calm: Omit<ModelOptions, "seed"> = {
    parties: 4,
    proposers: [1, 2],
    atOnce: true,
    windowSeconds: 100_000,
    skewSeconds: 300,
    crash: 0,
    refuse: 0,
    rounds: 2_000,
  };
  const rough = {
    ...calm,
    windowSeconds: 700,
    atOnce: false,
    crash: 0.02,
    refuse: 0.1,
    proposers: [1, 2, 3, 4, 1, 2, 3, 4],
    rounds: 3_000,
  };

  test("exactly one of them runs, in 200 orders of events", () => {
    for (const seed of seeds) {
      const model = playCeremonies({ ...calm, seed });
      const ran = new Set(model.acts.map(({ number }) => number));
      expect({ seed, overlaps: overlaps(model), ran: ran.size, done: doneByAll(model).length }).toEqual({
        seed,
        overlaps: [],
        ran: 1,
        done: 1,
      });
      expect(stillOpen(model)).toBe(0);
    }
  });

  test("never two, with programs that die, windows that close, clocks that are off and parties that refuse", () => {
    let acted = 0;
    for (const seed of seeds) {
      const model = playCeremonies({ ...rough, seed });
      acted += new Set(model.acts.map(({ number }) => number)).size;
      expect({ seed, overlaps: overlaps(model) }).toEqual({ seed, overlaps: [] });
    }
    // A test in which nobody ever acts would find nothing.
    expect(acted).toBeGreaterThan(seeds.length / 4);
  });

  test.each<[string, ModelOptions["rules"]]>([
    ["steps that ask for nothing before they act", { requireActing: () => {} }],
    [
      "acting on one's own acceptance",
      {
        begin: (own, partyId, _desks, now) => {
          const all = own.proposal?.participants.map((id) => [id, own] as const) ?? [];
          return rules.begin(own, partyId, new Map(all), now);
        },
      },
    ],
  ])("with a mistake in the rules there are two: %s", (_name, broken) => {
    const found = seeds.some((seed) => overlaps(playCeremonies({ ...rough, rules: broken, seed })).length > 0);
    expect(found).toBe(true);
  });
});
