import type { LinkEnds } from "../../contract/doctor-report.ts";
import type { ValidateReport } from "../../contract/validate-report.ts";
import type { CloserSights, DoctorSights } from "./doctor-sights.ts";
import { judgeCertificates } from "./judge-certificates.ts";
import { logSignatures, type Place } from "./log-signatures.ts";
import { clockSign, duration, type Sign, type Signs, skewMs } from "./sign.ts";

const recentMs = 10 * 60_000;

/** What a core said of itself and of others, as far as it can still hold. */
export function signsOfLogs(
  { partyId, logs, pages, facts }: CloserSights,
  seen: DoctorSights,
  report: ValidateReport,
): Signs {
  if (logs.status === "unknown")
    return { signs: [], unseen: [{ party: partyId, source: "logs", reason: logs.reason }] };
  const { lines, unreadable, aheadSeconds } = logs.value;
  const cluster = seen.clusters.parties.find((party) => party.partyId === partyId);
  const pod = cluster?.pod.status === "seen" ? cluster.pod.value : null;
  const now = Date.parse(seen.startedAt);
  const isDown = (touches: (link: LinkEnds) => boolean) =>
    report.links.some((link) => link.verdict.status === "FAIL" && touches(link));
  const holds = (line: (typeof lines)[number], over: (typeof logSignatures)[number]["over"]): boolean => {
    const at = line.at === null ? now : Date.parse(line.at);
    switch (over) {
      case "start":
        return pod?.ready ? pod.readySince !== null && at > Date.parse(pod.readySince) && !line.previous : true;
      case "link": {
        const { peer } = line;
        const isOf = ({ from, to }: LinkEnds) =>
          peer !== null && [from, to].includes(peer) && [from, to].includes(partyId);
        // Whom the prober beside the speaker verifies, the speaker would not refuse now.
        const verified = report.links.some(
          ({ from, to, path }) => from === partyId && to === peer && path.status === "OK",
        );
        return now - at <= recentMs && !verified && isDown(isOf);
      }
      case "now":
        // What was said before the pod became what it is, was said by a core of before.
        return now - at <= recentMs && !(pod?.readySince && at < Date.parse(pod.readySince));
      case "never":
        return !line.previous;
    }
  };
  // A line of links that names nobody is of the one peer that does not work; where several do not, nobody knows of whom it is.
  const broken = [
    ...new Set(
      report.links.flatMap(({ from, to, verdict }) =>
        verdict.status === "FAIL" && (from === partyId || to === partyId) ? [from === partyId ? to : from] : [],
      ),
    ),
  ];
  const isOfLinks = (id: string) => logSignatures.find((one) => one.id === id)?.over === "link";
  const withPeer = (line: (typeof lines)[number]) =>
    line.peer === null && isOfLinks(line.signature) && broken.length === 1
      ? { ...line, peer: broken[0] ?? null }
      : line;
  const { copies } = judgeCertificates(seen.certificates);
  const hasCopyOf = (peer: number) =>
    copies.some(({ holder, of, verdict }) => holder === partyId && of === peer && verdict.status === "OK");
  const limiter = pages.status === "seen" ? pages.value.rateLimiter : null;
  const signs = lines.map(withPeer).flatMap((line): Sign[] => {
    const signature = logSignatures.find(({ id }) => id === line.signature);
    if (signature === undefined || !holds(line, signature.over)) return [];
    // A copy that is there, and is the peer's, is not what is missing now.
    if (signature.cause === "CA_CERTIFICATE_MISSING" && line.peer !== null && hasCopyOf(line.peer)) return [];
    // What is used at this moment is known better than what was said of it before.
    if (signature.cause === "RATE_LIMITED" && limiter !== null && limiter.used < limiter.bucket) return [];
    const named = line.peer !== null && line.peer !== partyId ? line.peer : null;
    const party = signature.blames === "peer" && named !== null ? named : partyId;
    const place: Place = {
      party,
      peer: named ?? "<peer>",
      namespace: cluster?.namespaceName ?? seen.links.namespace,
      pod: cluster?.podName ?? "kms-core-0",
      // What mends a peer is in the peer's hands.
      stack: party === partyId ? facts.stack : null,
    };
    const times = line.count > 1 ? ` (${line.count} times)` : "";
    const where = `${line.container}${line.previous ? ", the run before" : ""}`;
    return [
      {
        code: signature.cause,
        party,
        links: named === null ? [] : [{ from: partyId, to: named }],
        certainty: signature.vague ? "possible" : "likely",
        found: `${signature.meaning.replace(/\.$/, "")}: ${line.text}`,
        expected: signature.expected,
        next: signature.next(place),
        evidence: [{ source: "logs", party: partyId, line: `${where}: ${line.text}${times}` }],
      },
    ];
  });
  const isSkewed = aheadSeconds !== null && Math.abs(aheadSeconds) * 1000 > skewMs;
  const clock = isSkewed
    ? [
        clockSign(
          partyId,
          [],
          `the core's clock is ${duration(aheadSeconds)} ${aheadSeconds > 0 ? "ahead" : "behind"}, by the times in its log`,
          "logs",
          "proved",
        ),
      ]
    : [];
  return {
    signs: [...signs, ...clock],
    unseen: unreadable.map(({ container, reason }) => ({
      party: partyId,
      source: "logs",
      reason: `${container}: ${reason}`,
    })),
  };
}

/** What a core says of itself at its metrics port. */
export function signsOfPages({ partyId, pages }: CloserSights): Signs {
  if (pages.status === "unknown")
    return { signs: [], unseen: [{ party: partyId, source: "http", reason: pages.reason }] };
  const { rateLimiter } = pages.value;
  if (rateLimiter === null || rateLimiter.used < rateLimiter.bucket) return { signs: [], unseen: [] };
  const found = `its rate limiter has ${rateLimiter.used} of ${rateLimiter.bucket} tokens in use`;
  return {
    signs: [
      {
        ...{ code: "RATE_LIMITED", party: partyId, links: [], certainty: "proved", found },
        expected: "tokens that are left",
        next: "find out who sends that much, and wait for it to end; rateLimiter has to be the same at all parties",
        evidence: [{ source: "http", party: partyId, line: found }],
      },
    ],
    unseen: [],
  };
}
