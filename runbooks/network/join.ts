import type { FoundHalf } from "../../contract/validate-half.ts";
import type { Observations, PartyObservation } from "./observations.ts";

/** Puts what parties say of themselves in the place of what could not be seen from here. What was seen from here stays. */
export function joinHalves(seen: Observations, halves: readonly FoundHalf[]): Observations {
  return { ...seen, parties: seen.parties.map((party) => join(party, halves, seen)) };
}

function join(party: PartyObservation, halves: readonly FoundHalf[], { parties }: Observations): PartyObservation {
  const found = halves.find(({ partyId }) => partyId === party.partyId);
  if (party.notAsked === null || found === undefined) return party;
  const { half, digest, problem } = found;
  if (half === null) return withoutHalf(party, problem);
  const peersOf = (record: Record<string, string>) =>
    Object.fromEntries(Object.entries(record).filter(([id]) => parties.some(({ partyId }) => String(partyId) === id)));
  return {
    ...half.sight,
    caUnreadable: peersOf(half.sight.caUnreadable),
    openAt: peersOf(half.sight.openAt),
    partyId: party.partyId,
    name: party.name,
    notAsked: null,
    manifestDigest: half.manifestDigest,
    seenAt: half.startedAt,
    halfDigest: digest,
    halfProblem: null,
    release: half.release,
  };
}

function withoutHalf(party: PartyObservation, problem: FoundHalf["problem"]): PartyObservation {
  const reason = problem === null ? "no half of it" : `no half of it that counts: ${problem.found.split("\n", 1)[0]}`;
  const unknown = { status: "unknown" as const, reason };
  return { ...party, notAsked: reason, halfProblem: problem, workload: unknown, probe: unknown };
}
