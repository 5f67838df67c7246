import type { Symptom } from "../../contract/doctor-report.ts";
import { causes } from "./causes.ts";
import type { DoctorSights } from "./doctor-sights.ts";
import { type Place, signatureOf } from "./log-signatures.ts";

/** Words that people put around what they mean. */
const filling = new Set(
  "a again all an and any are as at be been but by can core cores do does for from get gets go goes has have how i in is it its kms me my no node not now of on one or our party parties peer peers says seems she since so the their them then there they this to up us was we what when which why will with you".split(
    " ",
  ),
);

/** What words about it mean: whom they name, which signatures a line fits, by which causes they are told. */
export function readSymptom(
  text: string,
  { links, clusters, closer }: Pick<DoctorSights, "links" | "clusters" | "closer">,
): Symptom {
  const parties = partiesIn(
    text,
    links.parties.map(({ partyId }) => partyId),
  );
  const lines = text.split("\n").flatMap((line) => signatureOf(line) ?? []);
  const [about] = parties;
  const cluster = clusters.parties.find(({ partyId }) => partyId === about) ?? clusters.parties[0];
  const place: Place = {
    party: about ?? cluster?.partyId ?? "<party>",
    peer: "<peer>",
    namespace: cluster?.namespaceName ?? links.namespace,
    pod: cluster?.podName ?? "<pod>",
    stack: closer.find(({ partyId }) => partyId === (about ?? cluster?.partyId))?.facts.stack ?? null,
  };
  const bySignature = lines.map(({ signature, peer }) => ({
    signature: signature.id,
    cause: signature.cause,
    meaning: signature.meaning,
    found: false,
    next: signature.next({ ...place, peer: peer ?? place.peer }),
  }));
  const spoken = causes.filter(({ code, words }) => text.includes(code) || words?.test(text));
  const known = new Set(bySignature.map(({ cause }) => cause));
  const byWords = spoken
    .filter(({ code }) => !known.has(code))
    .map(({ code, means }) => ({
      ...{ signature: null, cause: code, meaning: means, found: false },
      next: "docs/doctor.md says what shows it",
    }));
  const understood = bySignature.length > 0;
  return {
    text,
    parties,
    matched: [...bySignature, ...byWords],
    // A line that fits a signature was understood as a whole.
    unmatched: understood
      ? []
      : unmatchedIn(
          text,
          spoken.flatMap(({ words }) => words ?? []),
        ),
  };
}

/** Parties that exist: `3`, `party 3`, `3→4`, `mpc-node-3`. Numbers of anything else, as of a time or a port, are none. */
function partiesIn(text: string, ids: readonly number[]): number[] {
  const named = [
    ...text.matchAll(/\b(?:part(?:y|ies)|node|core|mpc-node|kms-core|p)[ -]?(\d{1,3})\b/gi),
    ...text.matchAll(/(?<![\w.:-])(\d{1,3})(?= *(?:→|->|to\b|and\b|,))/g),
    ...text.matchAll(/(?:→|->|\bto|\band|,) *(\d{1,3})(?![\w.:-])/g),
    ...text.matchAll(/^(\d{1,3})$/g),
  ].map(([, id]) => Number(id));
  return [...new Set(named)].filter((id) => ids.includes(id)).sort((a, b) => a - b);
}

/** Words that lie outside of everything that was understood. Each pattern sees the whole text: one sentence may mean several things. */
function unmatchedIn(text: string, patterns: readonly RegExp[]): string[] {
  const understood = [...patterns, new RegExp(causes.map(({ code }) => code).join("|"))].flatMap((pattern) =>
    [...text.matchAll(new RegExp(pattern, "gi"))].map(({ index, 0: { length } }) => [index, index + length] as const),
  );
  const words = [...text.matchAll(/[\p{L}\p{N}_-]+/gu)].filter(
    ({ index, 0: word }) =>
      /\p{L}{2}/u.test(word) && !understood.some(([from, to]) => index < to && index + word.length > from),
  );
  return [...new Set(words.map(([word]) => word))].filter(
    (word) => !filling.has(word.toLowerCase()) && !/^(?:mpc-node|kms-core)-\d+$/.test(word),
  );
}
