import {
  type CeremonyAnswer,
  type CeremonyDesk,
  type CeremonyNumber,
  CeremonyProposal,
  type CeremonyState,
  compareCeremonies,
  isOpenState,
  keptAnswers,
  nextCeremony,
} from "../contract/ceremony.ts";
import { canonicalJson } from "../contract/manifest-digest.ts";
import type { Digest } from "../contract/names.ts";
import { OperatorError, type Problem } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import { textDigest } from "../stacks/signed-document.ts";

/*
 * One ceremony at a time, without a server. A party's acceptance is its lock: it holds one ceremony at most, and takes up only numbers above all
 * that it ever answered. Acting needs everybody's acceptance, one's own included. So while a party acts, no other ceremony can have all
 * acceptances, whatever clocks say and however old the desks are that anybody reads: a desk that is behind shows fewer answers, never others.
 */

/** Desks as they were last read, by party; a party whose desk is not there, or could not be read, is left out. */
export type Desks = ReadonlyMap<number, CeremonyDesk>;

export const emptyDesk: CeremonyDesk = { sequence: 0, proposal: null, answers: [] };

export function proposalDigest(proposal: CeremonyProposal): Digest {
  return textDigest(canonicalJson(proposal));
}

/** The answer that holds a ceremony, if one does. */
export function openAnswer({ answers }: CeremonyDesk): CeremonyAnswer | undefined {
  const [newest] = answers;
  return newest !== undefined && isOpenState(newest.state) ? newest : undefined;
}

/** Proposals that stand: whose proposers hold them. Lowest number first. */
export function standingProposals(desks: Desks): CeremonyProposal[] {
  const standing = [...desks].flatMap(([partyId, desk]) =>
    desk.proposal?.proposer === partyId && openAnswer(desk) !== undefined ? [desk.proposal] : [],
  );
  return standing.sort((a, b) => compareCeremonies(a.number, b.number));
}

/** Puts a proposal on the party's own desk, with its own acceptance. Its number is above all that are known. */
export function propose(
  own: CeremonyDesk,
  draft: Omit<CeremonyProposal, "number">,
  desks: Desks,
  now: Date,
): CeremonyDesk {
  requireNoneOpen(own);
  const known = [own, ...desks.values()].flatMap(({ answers }) => answers.map(({ number }) => number));
  const proposal = CeremonyProposal.parse({ ...draft, number: nextCeremony(known, draft.proposer) });
  return answered(own, proposal, "accepted", now);
}

/** Takes a proposal up. Once more changes nothing. */
export function accept(own: CeremonyDesk, partyId: number, proposal: CeremonyProposal, now: Date): CeremonyDesk {
  const held = openAnswer(own);
  if (held?.number === proposal.number && held.proposalDigest === proposalDigest(proposal)) return own;
  requireParticipant(partyId, proposal);
  requireNoneOpen(own);
  requireNewer(own, proposal);
  if (now.getTime() >= Date.parse(proposal.closesAt))
    throw refusal({
      code: "CEREMONY_EXPIRED",
      what: `ceremony ${proposal.number} is over before anybody could begin`,
      found: `it is ${now.toISOString()} here`,
      expected: `before ${proposal.closesAt}`,
      next: "compare this machine's clock with a time server; then: npx quorate ceremony propose",
    });
  return answered(own, proposal, "accepted", now);
}

/** Says no, for good: whoever still waits for this party's acceptance learns that it never comes. */
export function reject(
  own: CeremonyDesk,
  partyId: number,
  proposal: CeremonyProposal,
  { reason, now }: { reason: string; now: Date },
): CeremonyDesk {
  requireParticipant(partyId, proposal);
  if (openAnswer(own)?.number === proposal.number) return withdraw(own, proposal.number, { reason, now });
  requireNoneOpen(own);
  requireNewer(own, proposal);
  return answered(own, proposal, "rejected", now, reason);
}

/** Lets a ceremony go in which the party does not act yet. */
export function withdraw(
  own: CeremonyDesk,
  number: CeremonyNumber,
  { reason, now }: { reason: string; now: Date },
): CeremonyDesk {
  const held = requireOpen(own, number);
  if (held.state === "acting")
    throw refusal({
      code: "CEREMONY_ACTING",
      what: `this party acts in ceremony ${number}`,
      found: `acting since ${held.since}`,
      expected: "one in which it does not act yet",
      next: "npx quorate resume, which asks the core how far it came, and ends it with what it finds",
    });
  return moved(own, "withdrawn", now, { detail: reason });
}

/** Begins to act: only with everybody's acceptance, and in the window. */
export function begin(own: CeremonyDesk, partyId: number, desks: Desks, now: Date): CeremonyDesk {
  const held = openAnswer(own);
  const { proposal } = own;
  if (held === undefined || proposal === null) throw notOpen(own);
  if (held.state === "acting") return own;
  const missing = proposal.participants.filter((id) => id !== partyId && !hasAccepted(desks.get(id), held));
  if (missing.length > 0)
    throw refusal({
      code: "CEREMONY_NOT_ACCEPTED",
      what: `not everybody accepted ceremony ${held.number}`,
      found: missing.map((id) => `party ${id}: ${stateWords(desks.get(id), held)}`).join("\n"),
      expected: `an acceptance of each of parties ${proposal.participants.join(", ")}`,
      next: `ask party ${missing.join(", ")}: npx quorate ceremony accept ${held.number}`,
      exitCode: exitCodes.failed,
    });
  const [opens, closes] = [Date.parse(proposal.opensAt), Date.parse(proposal.closesAt)];
  if (now.getTime() < opens || now.getTime() >= closes)
    throw refusal({
      code: now.getTime() < opens ? "CEREMONY_NOT_YET" : "CEREMONY_EXPIRED",
      what: `ceremony ${held.number} is ${now.getTime() < opens ? "not open yet" : "closed"}`,
      found: `it is ${now.toISOString()} here`,
      expected: `from ${proposal.opensAt} to before ${proposal.closesAt}`,
      next: now.getTime() < opens ? "wait" : "npx quorate ceremony propose",
    });
  return moved(own, "acting", now);
}

/** To be asked before each step that changes something: whether the party still acts in this ceremony and no other. */
export function requireActing(own: CeremonyDesk, number: CeremonyNumber): void {
  const held = requireOpen(own, number);
  if (held.state === "acting") return;
  throw refusal({
    code: "CEREMONY_NOT_BEGUN",
    what: `this party accepted ceremony ${number}, and does not act in it`,
    found: `${held.state} since ${held.since}`,
    expected: "acting",
    next: "npx quorate ceremony status",
  });
}

/** Ends the party's own part with what came of it. */
export function finish(
  own: CeremonyDesk,
  number: CeremonyNumber,
  outcome: { state: "done" | "failed"; detail: string | null; result: Digest | null },
  now: Date,
): CeremonyDesk {
  requireActing(own, number);
  return moved(own, outcome.state, now, outcome);
}

/** Lets go of what can not come about any more, where the party does not act in it. The same desk where there is nothing of that kind. */
export function letGo(own: CeremonyDesk, partyId: number, desks: Desks, now: Date): CeremonyDesk {
  const held = openAnswer(own);
  if (held?.state !== "accepted" || own.proposal === null) return own;
  const lost = own.proposal.participants.find((id) => id !== partyId && neverAccepts(desks.get(id), held));
  if (lost !== undefined)
    return moved(own, "impossible", now, { detail: `party ${lost}: ${stateWords(desks.get(lost), held)}` });
  if (now.getTime() < Date.parse(own.proposal.closesAt)) return own;
  const silent = own.proposal.participants.filter((id) => id !== partyId && !hasAccepted(desks.get(id), held));
  const detail = silent.length === 0 ? "nobody began here in time" : `no acceptance of party ${silent.join(", ")}`;
  return moved(own, "expired", now, { detail });
}

export interface PartyStanding {
  partyId: number;
  /** `silent`: its desk tells nothing of it, or was not to be had. */
  state: CeremonyState | "silent" | "never";
  since: string | null;
  detail: string | null;
  result: Digest | null;
}

export interface CeremonyStanding {
  number: CeremonyNumber;
  /** `waiting` for acceptances, `ready` to act, `acting`, `done` by all, or `failed`: it ended, or will, without. */
  phase: "waiting" | "ready" | "acting" | "done" | "failed";
  parties: PartyStanding[];
  /** Parties to chase. */
  blames: number[];
}

/** How a ceremony stands, as far as the desks tell. */
export function standingOf(proposal: CeremonyProposal, desks: Desks, now: Date): CeremonyStanding {
  const asked = { number: proposal.number, proposalDigest: proposalDigest(proposal) };
  const parties = proposal.participants.map((partyId): PartyStanding => {
    const answer = answerTo(desks.get(partyId), asked);
    if (answer !== undefined) return { partyId, ...pick(answer) };
    const state = neverAccepts(desks.get(partyId), asked) ? "never" : "silent";
    return { partyId, state, since: null, detail: null, result: null };
  });
  const who = (...states: PartyStanding["state"][]) =>
    parties.filter(({ state }) => states.includes(state)).map(({ partyId }) => partyId);
  const of = (phase: CeremonyStanding["phase"], blames: number[]) => ({
    number: proposal.number,
    phase,
    parties,
    blames,
  });
  const results = new Map(parties.map(({ partyId, result }) => [partyId, result]));
  if (who("done").length === parties.length) {
    const odd = oddOnes(results);
    return of(odd.length === 0 ? "done" : "failed", odd);
  }
  const lost = who("failed", "rejected", "withdrawn", "never");
  if (lost.length > 0) return of("failed", lost);
  const isOver = now.getTime() >= Date.parse(proposal.closesAt);
  if (isOver && who("acting", "done").length === 0) return of("failed", who("silent", "expired"));
  if (who("expired", "impossible").length > 0) return of("failed", who("silent", "expired", "impossible"));
  if (who("acting", "done").length > 0) return of("acting", isOver ? who("accepted", "silent", "acting") : []);
  return who("silent").length > 0 ? of("waiting", who("silent")) : of("ready", []);
}

/** Parties whose result is not what most have. Where no result is that of most, all of them. */
function oddOnes(results: ReadonlyMap<number, Digest | null>): number[] {
  const groups = [...Map.groupBy(results, ([, result]) => result).values()].sort((a, b) => b.length - a.length);
  const [most = [], ...others] = groups;
  if (others.length === 0) return [];
  const isMost = most.length > results.size / 2;
  return (isMost ? others : groups)
    .flat()
    .map(([partyId]) => partyId)
    .sort((a, b) => a - b);
}

/* One desk. */

type Asked = Pick<CeremonyAnswer, "number" | "proposalDigest">;

function answerTo(desk: CeremonyDesk | undefined, { number, proposalDigest }: Asked): CeremonyAnswer | undefined {
  return desk?.answers.find((answer) => answer.number === number && answer.proposalDigest === proposalDigest);
}

function hasAccepted(desk: CeremonyDesk | undefined, asked: Asked): boolean {
  const state = answerTo(desk, asked)?.state;
  return state === "accepted" || state === "acting" || state === "done";
}

/** A party answers upwards only: what it passed over, or answered otherwise, it never takes up. */
function neverAccepts(desk: CeremonyDesk | undefined, asked: Asked): boolean {
  const [newest] = desk?.answers ?? [];
  if (newest === undefined || hasAccepted(desk, asked)) return false;
  return answerTo(desk, asked) !== undefined || compareCeremonies(newest.number, asked.number) >= 0;
}

function stateWords(desk: CeremonyDesk | undefined, asked: Asked): string {
  const answer = answerTo(desk, asked);
  if (answer !== undefined) return answer.detail === null ? answer.state : `${answer.state}, ${answer.detail}`;
  const newest = desk?.answers[0];
  if (newest !== undefined && neverAccepts(desk, asked)) return `answers ${newest.number} by now`;
  return desk === undefined ? "no desk to be had" : "no answer";
}

function answered(
  own: CeremonyDesk,
  proposal: CeremonyProposal,
  state: CeremonyState,
  now: Date,
  detail: string | null = null,
): CeremonyDesk {
  const answer: CeremonyAnswer = {
    number: proposal.number,
    proposalDigest: proposalDigest(proposal),
    state,
    since: now.toISOString(),
    detail,
    result: null,
  };
  return { sequence: own.sequence + 1, proposal, answers: [answer, ...own.answers].slice(0, keptAnswers) };
}

function moved(
  own: CeremonyDesk,
  state: CeremonyState,
  now: Date,
  more: Partial<Pick<CeremonyAnswer, "detail" | "result">> = {},
): CeremonyDesk {
  const [newest, ...older] = own.answers;
  if (newest === undefined) throw notOpen(own);
  const { detail = newest.detail, result = newest.result } = more;
  const answer = { ...newest, state, since: now.toISOString(), detail, result };
  return { ...own, sequence: own.sequence + 1, answers: [answer, ...older] };
}

const pick = ({ state, since, detail, result }: CeremonyAnswer) => ({ state, since, detail, result });

function requireParticipant(partyId: number, { number, participants }: CeremonyProposal): void {
  if (participants.some((id) => id === partyId)) return;
  throw refusal({
    code: "CEREMONY_OF_OTHERS",
    what: `party ${partyId} has no part in ceremony ${number}`,
    found: `participants ${participants.join(", ")}`,
    expected: "a ceremony in which this party acts",
    next: "npx quorate ceremony status",
  });
}

function requireNoneOpen(own: CeremonyDesk): void {
  const held = openAnswer(own);
  if (held === undefined) return;
  throw refusal({
    code: "CEREMONY_OPEN",
    what: "this party holds another ceremony",
    found: `${held.number}, ${held.state} since ${held.since}`,
    expected: "none, or one that ended",
    next: held.state === "acting" ? "npx quorate ceremony status" : `npx quorate ceremony reject ${held.number}`,
  });
}

function requireNewer(own: CeremonyDesk, { number }: CeremonyProposal): void {
  const [newest] = own.answers;
  if (newest === undefined || compareCeremonies(number, newest.number) > 0) return;
  throw refusal({
    code: "CEREMONY_OLDER",
    what: `ceremony ${number} is not newer than what this party answered last`,
    found: `${newest.number}, ${newest.state} since ${newest.since}`,
    expected: `a number above ${newest.number}`,
    next: "ask its proposer to propose it anew: npx quorate ceremony propose",
  });
}

function requireOpen(own: CeremonyDesk, number: CeremonyNumber): CeremonyAnswer {
  const held = openAnswer(own);
  if (held?.number === number) return held;
  throw refusal({
    code: "CEREMONY_CLOSED",
    what: `this party does not hold ceremony ${number}`,
    found: newestWords(own),
    expected: `${number}, accepted or acting`,
    next: "npx quorate ceremony status",
  });
}

function notOpen(own: CeremonyDesk): OperatorError {
  return refusal({
    code: "CEREMONY_CLOSED",
    what: "this party holds no ceremony",
    found: newestWords(own),
    expected: "one that it accepted",
    next: "npx quorate ceremony status",
  });
}

function newestWords({ answers: [newest] }: CeremonyDesk): string {
  return newest === undefined ? "no answer yet" : `${newest.number}, ${newest.state} since ${newest.since}`;
}

function refusal(problem: Problem): OperatorError {
  return new OperatorError({ exitCode: exitCodes.refused, ...problem });
}
