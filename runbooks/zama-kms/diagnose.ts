import {
  type Cause,
  certainties,
  type DoctorReport,
  type DoctorSource,
  doctorSources,
  type LinkEnds,
  type Symptom,
} from "../../contract/doctor-report.ts";
import type { Finding } from "../../contract/verdict.ts";
import { type CauseRow, causes as tree } from "./causes.ts";
import type { DoctorSights } from "./doctor-sights.ts";
import { arrow, type Sign, type Unseen } from "./sign.ts";
import { readSigns } from "./signs.ts";
import { readSymptom } from "./symptom.ts";

const ranks = new Map(tree.map(({ code }, index) => [code, index]));

/** Whatever the tree has not heard of comes last, and explains nothing. */
function rankOf({ code }: Pick<Sign, "code">): number {
  return ranks.get(code) ?? tree.length;
}

function rowOf(code: string): CauseRow {
  const unknown: CauseRow = { code, branch: "beside", means: "", needs: [], whose: "party", explains: [] };
  return tree[rankOf({ code })] ?? unknown;
}

/** From what was seen to what it comes from. Pure: the same sights give the same report. */
export function diagnose(seen: DoctorSights): DoctorReport {
  const { signs, unseen } = readSigns(seen);
  const symptom = seen.symptom === null ? null : readSymptom(seen.symptom, seen);
  const all = explain(signs, symptom);
  const chosen = new Set(seen.chosen);
  const concerns = ({ party, links, explains }: Cause) =>
    [party, ...explains.map((one) => one.party), ...links.flatMap(({ from, to }) => [from, to])].some((id) =>
      chosen.has(id),
    );
  const found = all.filter(concerns);
  const missing = distinct(unseen).filter(
    ({ party, source }) => source === "certificates" || chosen.has(party) || source === "links",
  );
  const told = missing.filter(({ party }) => !found.some((cause) => cause.party === party && explainsSilence(cause)));
  const { network, environment, manifestDigest } = seen.links;
  return {
    schema: "quorate/doctor/v1",
    network,
    environment,
    verdict: found.length > 0 ? "FAIL" : missing.length > 0 ? "UNKNOWN" : "OK",
    findings: found.map(findingOf),
    startedAt: seen.startedAt,
    durationMs: seen.durationMs,
    manifestDigest,
    partiesTotal: seen.links.parties.length,
    parties: seen.clusters.parties.map(({ partyId, name }) => ({
      partyId,
      name,
      verdict: found.some((cause) => cause.party === partyId)
        ? "FAIL"
        : missing.some(({ party }) => party === partyId)
          ? "UNKNOWN"
          : "OK",
    })),
    causes: found,
    unseen: told,
    looked: looked(seen, missing),
    symptom: symptom === null ? null : settleSymptom(symptom, found),
  };
}

function distinct(unseen: readonly Unseen[]): Unseen[] {
  return [...new Map(unseen.map((one) => [`${one.party} ${one.source} ${one.reason}`, one])).values()];
}

/** Where no core runs its pages, its logs and what it says of others are not there to be read; that needs no telling of its own. */
function explainsSilence({ code }: Cause): boolean {
  const { explains } = rowOf(code);
  return code === "PARTY_DOWN" || code === "PARTY_HUNG" || explains.includes("PARTY_DOWN");
}

/* Which explains which. */

/** One sign for each code, party and link: what several sources say alike is said once, and is the surer. */
function merge(signs: readonly Sign[]): Sign[] {
  const groups = Map.groupBy(signs, (sign) => {
    const ofLink = rowOf(sign.code).whose === "link";
    return `${sign.code} ${sign.party} ${ofLink ? sign.links.map(arrow).sort().join() : ""}`;
  });
  return [...groups.values()].flatMap((group): Sign[] => {
    const [first, ...more] = [...group].sort((a, b) => sureness(a.certainty) - sureness(b.certainty));
    if (first === undefined) return [];
    const evidence = [first, ...more].flatMap((sign) => sign.evidence);
    const sources = new Set(evidence.map(({ source }) => source));
    const certainty = sources.size > 1 ? "proved" : first.certainty;
    const links = new Map([first, ...more].flatMap((sign) => sign.links.map((link) => [arrow(link), link])));
    return [{ ...first, certainty, evidence, links: [...links.values()] }];
  });
}

const sureness = (certainty: Sign["certainty"]) => certainties.indexOf(certainty);

function explain(given: readonly Sign[], symptom: Symptom | null): Cause[] {
  const signs = merge(given).sort(
    (a, b) => rankOf(a) - rankOf(b) || sureness(a.certainty) - sureness(b.certainty) || a.party - b.party,
  );
  const explainedBy = new Map<Sign, Sign[]>();
  for (const sign of signs) {
    const before = signs.filter(
      (other) => rankOf(other) < rankOf(sign) && rowOf(other.code).explains.includes(sign.code),
    );
    const whole = before.filter((other) => explainsWhole(other, sign));
    const parts = before.filter((other) => !whole.includes(other) && rowOf(other.code).whose === "link");
    const covered = (link: LinkEnds) => parts.some((part) => reaches(part, link, sign));
    if (whole.length > 0) explainedBy.set(sign, whole);
    else if (sign.links.length > 0 && sign.links.every(covered))
      explainedBy.set(
        sign,
        parts.filter((part) => sign.links.some((link) => reaches(part, link, sign))),
      );
  }
  const roots = signs.filter((sign) => !explainedBy.has(sign));
  const consequences = signs.filter((sign) => explainedBy.has(sign));
  // In the order of the tree, so that whatever explains a sign has its own roots by then.
  const rootsOf = new Map<Sign, Set<Sign>>(roots.map((root) => [root, new Set([root])]));
  for (const sign of consequences)
    rootsOf.set(sign, new Set(explainedBy.get(sign)?.flatMap((by) => [...(rootsOf.get(by) ?? [])])));
  return roots
    .map((root) =>
      causeOf(
        root,
        consequences.filter((sign) => rootsOf.get(sign)?.has(root)),
        symptom,
      ),
    )
    .filter(({ code, explains, meant }) => !rowOf(code).past || explains.length > 0 || meant)
    .sort((a, b) => order(a) - order(b));
}

/** What was meant comes first, then what is more than possible; each in the order of the tree. */
function order({ meant, certainty, code }: Cause): number {
  return (meant ? 0 : 2_000) + (certainty === "possible" ? 1_000 : 0) + rankOf({ code });
}

/** What a core says of a link takes both of its directions: who does not get through to a peer is not accepted by it either. */
const ofBothWays = new Set([
  "NOT_ACCEPTED",
  "ACCEPTS_NOBODY",
  "NOT_ANSWERED",
  "ANSWERS_NOBODY",
  "CORE_SILENT",
  "CONTRADICTED",
  "SESSION_UNKNOWN",
]);

/** Whether a fault of these links is one of this link too, in the eyes of who told of it. */
function reaches({ links }: Sign, link: LinkEnds, { code }: Sign): boolean {
  return links.some(
    ({ from, to }) =>
      (from === link.from && to === link.to) || (ofBothWays.has(code) && from === link.to && to === link.from),
  );
}

function explainsWhole(cause: Sign, sign: Sign): boolean {
  const row = rowOf(cause.code);
  if (row.whose === "party" || row.stops)
    return (
      cause.party === sign.party ||
      (sign.links.length > 0 && sign.links.every(({ from, to }) => from === cause.party || to === cause.party))
    );
  return sign.links.length > 0 && sign.links.every((link) => reaches(cause, link, sign));
}

const mostEvidence = 12;

function causeOf(root: Sign, consequences: readonly Sign[], symptom: Symptom | null): Cause {
  const { branch, whose } = rowOf(root.code);
  const [first] = root.links;
  const own = root.evidence;
  const links = new Map([root, ...consequences].flatMap((sign) => sign.links.map((link) => [arrow(link), link])));
  const lines = [
    ...own,
    ...consequences.flatMap((sign) => sign.evidence.map((one) => ({ ...one, line: `${sign.code}: ${one.line}` }))),
  ];
  const evidence = [...new Map(lines.map((one) => [`${one.source} ${one.party} ${one.line}`, one])).values()];
  return {
    code: root.code,
    branch,
    party: root.party,
    link: whose === "link" && first !== undefined ? first : null,
    links: [...links.values()],
    certainty: root.certainty,
    found: root.found,
    expected: root.expected,
    next: root.next,
    evidence: evidence.slice(0, mostEvidence),
    explains: consequences.map(({ code, party, links }) => ({ code, party, links })),
    meant: symptom !== null && isMeant(root, consequences, symptom),
  };
}

/** What the words name: the cause itself, or the party or link that they are about, where they name nothing else. */
function isMeant(root: Sign, consequences: readonly Sign[], { matched, parties }: Symptom): boolean {
  const codes = new Set(matched.map(({ cause }) => cause));
  const named = [root, ...consequences].some(({ code }) => codes.has(code));
  const touched = [root, ...consequences].flatMap(({ party, links }) => [
    party,
    ...links.flatMap(({ from, to }) => [from, to]),
  ]);
  const about = parties.length === 0 || parties.some((party) => touched.includes(party));
  return about && (named || (parties.length > 0 && codes.size === 0));
}

/* What the report says of it. */

function findingOf({ code, party, link, certainty, found, expected, next }: Cause): Finding {
  const field = link === null ? `party ${party}` : `link ${arrow(link)}`;
  return { code, party, field: `${field}, ${certainty}`, found, expected, next };
}

function settleSymptom(symptom: Symptom, found: readonly Cause[]): Symptom {
  const codes = new Set(found.flatMap(({ code, explains }) => [code, ...explains.map((one) => one.code)]));
  return { ...symptom, matched: symptom.matched.map((one) => ({ ...one, found: codes.has(one.cause) })) };
}

function looked(
  { chosen, links, certificates, closer }: DoctorSights,
  missing: readonly Unseen[],
): DoctorReport["looked"] {
  const probed = links.parties.filter(({ notAsked }) => notAsked === null).map(({ partyId }) => partyId);
  const inside = chosen.filter((id) => probed.includes(id));
  const asked: Record<DoctorSource, number[]> = {
    ...{ cluster: inside, links: probed, logs: inside, http: inside },
    cloud: closer.filter(({ cloud }) => cloud !== null).map(({ partyId }) => partyId),
    certificates: certificates.parties.map(({ partyId }) => partyId),
  };
  return doctorSources.map((source) => {
    const silent = asked[source].filter((id) => missing.some((one) => one.party === id && one.source === source));
    return { source, asked: asked[source].length, answered: asked[source].length - silent.length };
  });
}
