import type { PathProbe } from "../../contract/probe.ts";
import { sameMeasurements } from "../../contract/trusted-release.ts";
import type { LinkReport, PartyReport, ValidateReport } from "../../contract/validate-report.ts";
import { fail, ok, summarise, unknown, type Verdict } from "../../contract/verdict.ts";
import { type BrokenPair, fewestFaulty } from "./fault-tolerance.ts";
import { describeFindings } from "./findings.ts";
import { type Cause, depthOf, depths, isUnanswered, type Link, type OtherSights, workloadFault } from "./link.ts";
import { type Observations, openSince, type PartyObservation } from "./observations.ts";

/** From what was seen to what it means. Pure: the same observations give the same report. */
export function judge(seen: Observations): ValidateReport {
  const links = rawLinks(seen);
  const causes = [...partyCauses(seen, links)];
  for (const cause of causes) blame(cause);
  causes.push(...contradictions(seen, links), ...unheard(seen, links));
  causes.push(...callerCauses(seen, links, causes));
  blameViews(links, causes);
  doubtOwnRows(links, causes);
  for (const link of links) if (link.verdict.status === "FAIL" && link.fault === null) link.fault = "link";
  for (const link of links)
    if (link.fault === "link" && isAboutIdentity(link, seen)) link.disputed = otherSights(links, link.to, [link]);
  causes.push(...silentCores(seen, links, causes), ...otherManifests(seen));
  const byPair = new Map(links.map((link) => [`${link.from} ${link.to}`, link]));
  const reports = links.map((link) => linkReport(link, byPair.get(`${link.to} ${link.from}`)));
  const parties = seen.parties.map((party) => partyReport(party, causes, seen));
  const up = (link: LinkReport) => link.verdict.status === "OK";
  return {
    schema: "quorate/validate/v1",
    network: seen.network,
    environment: seen.environment,
    verdict: summarise([...reports, ...parties].map((report) => report.verdict)),
    findings: describeFindings(seen, links, causes),
    stage: seen.stage,
    startedAt: seen.startedAt,
    durationMs: seen.durationMs,
    manifestDigest: seen.manifestDigest,
    threshold: seen.threshold,
    linksUp: reports.filter(up).length,
    linksTotal: reports.length,
    partiesFullyConnected: parties.filter(({ partyId }) =>
      reports.every((link) => up(link) || (link.from !== partyId && link.to !== partyId)),
    ).length,
    faultsTolerated: faultsTolerated(seen.threshold, reports),
    latency: {
      tcp: latency(links, (probe) => probe.tcpMs),
      tls: latency(links, (probe) => probe.tlsMs),
    },
    parties,
    links: reports,
  };
}

/* Two facts per link. */

function rawLinks(seen: Observations): Link[] {
  const listeners = new Map(seen.parties.map((party) => [party.partyId, party.notListening]));
  return seen.parties.flatMap((from) =>
    seen.parties
      .filter((to) => to.partyId !== from.partyId)
      .map((to): Link => {
        const probe = probeOf(from, to.partyId);
        const path = pathVerdict(from, to.partyId, probe, seen, listeners.get(to.partyId) ?? null);
        const view = viewVerdict(from, to.partyId, seen);
        const verdict = seen.stage === "network" ? path : linkVerdict(path, view);
        return {
          from: from.partyId,
          to: to.partyId,
          probe,
          path,
          view,
          verdict,
          fault: null,
          follows: false,
          disputed: null,
        };
      }),
  );
}

function probeOf(from: PartyObservation, to: number): PathProbe | null {
  if (from.probe.status === "unknown") return null;
  return from.probe.reply.links.find((link) => link.peerId === to) ?? null;
}

function pathVerdict(
  from: PartyObservation,
  to: number,
  probe: PathProbe | null,
  seen: Observations,
  notListening: string | null,
): Verdict {
  if (from.notAsked !== null) return unknown(from.notAsked);
  if (from.probe.status === "unknown") return unknown(from.probe.reason);
  if (probe === null) return unknown(`the prober of party ${from.partyId} said nothing of this link`);
  if (probe.code === "OK")
    return isToStranger(probe, seen)
      ? unknown(`party ${from.partyId} calls it open, to a release that the manifest does not trust`)
      : ok;
  const unreadable = from.caUnreadable[String(to)];
  if (probe.code === "NO_CA_CERTIFICATE" && unreadable !== undefined) return unknown(unreadable);
  // At stage `link` no step of a probe ends like this but by a failure of the prober itself.
  if (seen.stage === "link" && probe.code === "WRONG_ANSWER") return unknown(probe.detail);
  // Without a listener nothing can be open; only a path that ends before it says something.
  if (notListening !== null && depthOf(probe) >= depths.tcp && probe.code !== "TIMED_OUT")
    // Why it does not is the finding's; here it would be told once for each peer.
    return unknown("the peer's prober does not listen");
  return fail(probe.code, probe.detail);
}

function viewVerdict(from: PartyObservation, to: number, seen: Observations): Verdict {
  if (from.notAsked !== null) return unknown(from.notAsked);
  if (seen.stage === "network") return unknown("cores are not asked at stage network");
  if (from.probe.status === "unknown") return unknown(from.probe.reason);
  const { view } = from.probe.reply;
  if (view.status === "silent") return unknown(`the core of party ${from.partyId} is silent: ${view.detail}`);
  if (view.myPartyId !== from.partyId)
    return unknown(`the core that answered for party ${from.partyId} says that it is party ${view.myPartyId}`);
  const peer = view.peers.find((entry) => entry.peerId === to);
  if (peer === undefined) return unknown(`the core of party ${from.partyId} does not mention party ${to}`);
  if (peer.reachable) return ok;
  if (saidNothing.test(peer.error)) return fail("NOT_ANSWERED", peer.error);
  return fail("NOT_ACCEPTED", peer.error || `the core of party ${from.partyId} cannot reach party ${to}`);
}

/**
 * KMS Core's words for a peer that it waited for in vain; a refusal begins with "Error". Who is busy gives no answer either.
 * @see https://github.com/zama-ai/kms/blob/main/core/service/src/engine/threshold/endpoint.rs
 */
const saidNothing = /^Timeout after /;

/** Down if either fact says so, up only if both do. */
function linkVerdict(path: Verdict, view: Verdict): Verdict {
  if (path.status === "FAIL") return path;
  if (view.status === "FAIL") return view;
  if (path.status === "UNKNOWN") return path;
  return view;
}

/* Whose fault: first the parties that are not there or are not who they should be. */

function* partyCauses(seen: Observations, links: readonly Link[]): Generator<Cause> {
  for (const party of seen.parties) {
    const into = links.filter((link) => link.to === party.partyId);
    const stranger = into.filter((link) => isStranger(link, seen));
    if (stranger.length > 0 && otherSights(links, party.partyId, stranger) === null) {
      yield { code: "RELEASE_NOT_TRUSTED", party: party.partyId, links: stranger };
      continue;
    }
    const known = into.filter((link) => link.path.status !== "UNKNOWN" && link.probe !== null);
    const deepest = Math.max(-1, ...known.map((link) => (link.probe ? depthOf(link.probe) : -1)));
    // Those that came less far failed on their own way; only who came this far can tell about the party.
    const witnesses = known.filter((link) => link.probe !== null && depthOf(link.probe) === deepest);
    const code = partyFault(party, deepest, { witnesses, isWhole: known.length === into.length }, seen);
    // Who a party is takes more than one witness where others see otherwise.
    if (isAboutDates(code) && otherSights(links, party.partyId, witnesses) !== null) continue;
    if (code !== null) yield { code, party: party.partyId, links: witnesses };
  }
}

/** An enclave whose measurements no release of the manifest has: the fault of who runs it, whoever sees it. */
function isStranger({ path, probe }: Link, seen: Observations): boolean {
  if (path.status !== "FAIL" || probe?.code !== "UNTRUSTED_RELEASE") return false;
  return probe.release === null || isToStranger(probe, seen);
}

/** Whether a probe met measurements that no release of the manifest has. */
function isToStranger({ release }: PathProbe, { trustedReleases }: Observations): boolean {
  return release !== null && !trustedReleases.some((trusted) => sameMeasurements(trusted, release));
}

const isOutOfDate = (probe: PathProbe | null): boolean =>
  probe?.code === "EXPIRED_CERTIFICATE" || probe?.code === "CERTIFICATE_NOT_YET_VALID";

const isAboutDates = (code: Cause["code"] | null): boolean =>
  code === "CERTIFICATE_EXPIRED" || code === "CERTIFICATE_NOT_YET_VALID";

/** Whether a path is down because of who the other end is, which is the same for whoever looks. */
function isAboutIdentity(link: Link, seen: Observations): boolean {
  return isStranger(link, seen) || (link.path.status === "FAIL" && isOutOfDate(link.probe));
}

/** Who sees otherwise than the only witness against a party; null where nobody does, or where there are more witnesses. */
function otherSights(links: readonly Link[], party: number, witnesses: readonly Link[]): OtherSights | null {
  const [witness, ...more] = witnesses.map(({ from }) => from);
  if (more.length > 0) return null;
  const isOk = ({ path, view }: Link) => path.status === "OK" || view.status === "OK";
  const getThrough = links.filter((link) => link.to === party && link.from !== witness && isOk(link));
  // To be let in by its peers a core shows them the same certificate and release.
  const reached = links.filter((link) => link.from === party && link.to !== witness && link.view.status === "OK");
  if (getThrough.length + reached.length === 0) return null;
  return { getThrough: getThrough.map(({ from }) => from), reached: reached.map(({ to }) => to) };
}

function partyFault(
  party: PartyObservation,
  deepest: number,
  { witnesses, isWhole }: { witnesses: readonly Link[]; isWhole: boolean },
  seen: Observations,
): Cause["code"] | null {
  const own = seen.stage === "link" ? ownEvidence(party) : { core: "unknown" as const, workload: null };
  const lost = own.workload === "gone" || (own.workload === "unready" && own.core === "silent");
  const codes = new Set(witnesses.map((link) => link.probe?.code));
  // Without a pod, whatever may answer on the port is not the core: a prober that still listens, or a foreign program.
  if (own.workload === "gone" && own.core !== "answered") return "PARTY_DOWN";
  // One witness cannot tell a party's fault from that of its own way to it, unless the party's own cluster agrees.
  const sure = witnesses.length >= 2;
  // A party whose core answers fails alike for whoever looks; ends that differ are of ways to it, as long as not all of them are known to fail.
  const isOfWays = codes.size > 1 && !isWhole && own.core === "answered";
  switch (deepest) {
    case -1:
      return lost && own.core !== "answered" ? "PARTY_DOWN" : null;
    case depths.dns:
      if (lost) return "PARTY_DOWN";
      return sure && codes.size === 1 && codes.has("NAME_NOT_FOUND") ? "PARTY_UNREACHABLE" : null;
    case depths.tcp:
      if (own.core !== "answered" && (own.workload !== null || own.core === "silent")) return "PARTY_DOWN";
      if (!sure || isOfWays) return null;
      return own.core === "unknown" && (codes.has("REFUSED") || codes.has("RESET"))
        ? "PARTY_DOWN"
        : "PARTY_UNREACHABLE";
    case depths.tls:
      if (codes.size === 1 && codes.has("TIMED_OUT") && own.core !== "answered" && (own.core === "silent" || sure))
        return "PARTY_HUNG";
      return sure && !isOfWays ? "PARTY_UNREACHABLE" : null;
    case depths.ca:
      return sure && witnesses.length === seen.parties.length - 1 ? "CA_CERTIFICATE_NOT_PUBLISHED" : null;
    case depths.chain:
      return sure ? "CERTIFICATE_WRONG" : null;
    case depths.dates:
      return codes.has("CERTIFICATE_NOT_YET_VALID") ? "CERTIFICATE_NOT_YET_VALID" : "CERTIFICATE_EXPIRED";
  }
  return null;
}

/**
 * Links that one end says are up, while the other end's own cluster says that nothing is there to be reached. Both were seen first hand, at
 * different times or of different machines; which of them holds now, nobody can tell from here.
 */
function contradictions(seen: Observations, links: readonly Link[]): Cause[] {
  return seen.parties.flatMap((party): Cause[] => {
    if (!deniesToBeThere(party, seen)) return [];
    const said = links.filter((link) => link.to === party.partyId && link.verdict.status === "OK");
    for (const link of said)
      link.verdict = unknown(`party ${link.from} says that it is up, and party ${link.to} that nothing is there`);
    return said.length === 0 ? [] : [{ code: "CONTRADICTED", party: party.partyId, links: said }];
  });
}

/**
 * Paths that one end's prober found open while the other's, which hears whoever comes by, heard nobody of that name: then something else
 * answers in its place. Of a path that was found open at another time than when the other end listened, nobody can tell where it leads.
 */
function unheard(seen: Observations, links: readonly Link[]): Cause[] {
  if (seen.stage !== "network") return [];
  return seen.parties.flatMap(({ partyId, listened }): Cause[] => {
    if (listened === null) return [];
    const heard: readonly number[] = listened.heard;
    const said = links.filter(
      (link) => link.to === partyId && link.verdict.status === "OK" && !heard.includes(link.from),
    );
    const byTime = Map.groupBy(said, (link) =>
      isWithin(listened, openSince(link, seen)) ? ("CONTRADICTED" as const) : ("NOT_HEARD" as const),
    );
    return [...byTime].map(([code, unheardOf]) => {
      const when = code === "CONTRADICTED" ? "listened then" : "listened at another time";
      for (const link of unheardOf)
        link.verdict = unknown(
          `party ${link.from} says that it is open, and party ${partyId}, which ${when}, did not hear it`,
        );
      return { code, party: partyId, links: unheardOf };
    });
  });
}

function isWithin({ from, until }: { from: string; until: string }, time: string | null): boolean {
  return time !== null && Date.parse(time) >= Date.parse(from) && Date.parse(time) <= Date.parse(until);
}

function deniesToBeThere(party: PartyObservation, seen: Observations): boolean {
  if (party.notAsked !== null) return false;
  if (seen.stage === "network") return party.notListening !== null;
  const own = ownEvidence(party);
  return own.workload === "gone" && own.core !== "answered";
}

/** What a party's own cluster says of its core. */
function ownEvidence(party: PartyObservation): {
  core: "answered" | "silent" | "unknown";
  workload: "gone" | "unready" | null;
} {
  const core =
    party.probe.status === "replied" ? (party.probe.reply.view.status === "silent" ? "silent" : "answered") : "unknown";
  return { core, workload: party.workload.status === "seen" ? workloadFault(party.workload.workload) : null };
}

/* Then the parties whose own side keeps them from others. */

/** Everything from a party fails alike while others get through, or it lacks what it needs to trust a peer. */
function* callerCauses(seen: Observations, links: readonly Link[], known: readonly Cause[]): Generator<Cause> {
  for (const { partyId } of seen.parties) {
    const open = links.filter((link) => link.from === partyId && link.verdict.status === "FAIL" && link.fault === null);
    const failing = open.filter((link) => link.path.status === "FAIL");
    const stale = failing.filter((link) => link.probe?.code === "UNTRUSTED_RELEASE" && !isStranger(link, seen));
    const missing = failing.filter((link) => link.probe?.code === "NO_CA_CERTIFICATE");
    if (stale.length > 0) yield blame({ code: "RELEASE_LIST_STALE", party: partyId, links: stale });
    if (missing.length > 0) yield blame({ code: "CA_CERTIFICATE_MISSING", party: partyId, links: missing });
    const alike = failing.filter((link) => link.fault === null);
    const others = links.filter(
      (link) => link.from === partyId && !known.some((cause) => cause.links.includes(link)) && link.fault === null,
    );
    const kinds = new Set(alike.map((link) => `${link.probe?.code} ${link.probe?.stage}`));
    if (alike.length >= 2 && alike.length === others.length && kinds.size === 1)
      yield blame({ code: "OUTBOUND_BLOCKED", party: partyId, links: alike });
  }
}

/** Faults of who a party is: peers refuse its client certificate just as they refuse its server certificate. */
const identityCodes: ReadonlySet<Cause["code"]> = new Set([
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_NOT_YET_VALID",
  "CERTIFICATE_WRONG",
  "RELEASE_NOT_TRUSTED",
  "CA_CERTIFICATE_NOT_PUBLISHED",
]);

/** Links whose path may be open, but of which the core says that they are not. */
function blameViews(links: readonly Link[], causes: Cause[]): void {
  const open = links.filter(
    (link) => link.verdict.status === "FAIL" && link.fault === null && link.path.status !== "FAIL",
  );
  for (const link of open) {
    const identity = causes.find((cause) => cause.party === link.from && identityCodes.has(cause.code));
    const absent = link.path.status === "UNKNOWN" ? causes.find((cause) => cause.party === link.to) : undefined;
    const cause = absent ?? identity;
    if (cause !== undefined) {
      link.fault = cause.party;
      cause.links.push(link);
      continue;
    }
    // Mutual TLS: the peer that cannot verify us, or cannot reach us, does not accept us either.
    const back = links.find((other) => other.from === link.to && other.to === link.from);
    if (back?.path.status === "FAIL") {
      link.fault = back.fault ?? "link";
      link.follows = true;
    }
  }
  const left = open.filter((link) => link.fault === null);
  const whole = (end: "from" | "to", party: number) => {
    const mine = left.filter((link) => link[end] === party && link.fault === null);
    const judged = links.filter(
      (link) =>
        link[end] === party && link.verdict.status !== "UNKNOWN" && (link.fault === null || mine.includes(link)),
    );
    return mine.length >= 2 && mine.length === judged.length ? mine : [];
  };
  for (const party of new Set(left.flatMap((link) => [link.from, link.to]))) {
    const nobodyAccepts = whole("from", party);
    if (nobodyAccepts.length > 0) {
      const code = nobodyAccepts.every(isUnanswered) ? "NOT_ANSWERED" : "NOT_ACCEPTED";
      causes.push(blame({ code, party, links: nobodyAccepts }));
    }
    const acceptsNobody = whole("to", party);
    if (acceptsNobody.length > 0) {
      const code = acceptsNobody.every(isUnanswered) ? "ANSWERS_NOBODY" : "ACCEPTS_NOBODY";
      causes.push(blame({ code, party, links: acceptsNobody }));
    }
  }
}

/** What a party says of its links to peers that do not let it in, for who it is, is no proof that they are up. */
function doubtOwnRows(links: readonly Link[], causes: readonly Cause[]): void {
  for (const cause of causes) {
    if (cause.code !== "RELEASE_NOT_TRUSTED" && !isAboutDates(cause.code)) continue;
    for (const { from: witness, to: party } of [...cause.links]) {
      const back = links.find((link) => link.from === party && link.to === witness);
      if (party === cause.party && back?.verdict.status === "OK")
        back.verdict = unknown(`party ${party} says that it is up, and party ${witness} does not trust who it is`);
    }
  }
}

function blame(cause: Cause): Cause {
  for (const link of cause.links) link.fault = cause.party;
  return cause;
}

/** Faults that keep a core from saying anything; its silence needs no finding of its own then. */
const absentCodes: ReadonlySet<Cause["code"]> = new Set(["PARTY_DOWN", "PARTY_HUNG"]);

function silentCores(seen: Observations, links: readonly Link[], causes: readonly Cause[]): Cause[] {
  return seen.parties.flatMap(({ partyId, probe }) => {
    if (seen.stage === "network" || probe.status === "unknown" || probe.reply.view.status === "answered") return [];
    const explained = causes.some((cause) => cause.party === partyId && absentCodes.has(cause.code));
    // A core asks its peers before it answers, so a peer that keeps it waiting makes it late too.
    const waiting = links.some((link) => link.from === partyId && link.probe?.code === "TIMED_OUT");
    const late = probe.reply.view.code === "TIMED_OUT" && waiting;
    return explained || late ? [] : [{ code: "CORE_SILENT" as const, party: partyId, links: [] }];
  });
}

function otherManifests(seen: Observations): Cause[] {
  return seen.parties
    .filter((party) => party.manifestDigest !== null && party.manifestDigest !== seen.manifestDigest)
    .map((party) => ({ code: "MANIFEST_DIFFERS" as const, party: party.partyId, links: [] }));
}

/* What the report says of it. */

function linkReport(link: Link, back: Link | undefined): LinkReport {
  const { from, to, verdict, path, view, fault, probe } = link;
  const asymmetric = verdict.status === "FAIL" && back?.verdict.status === "OK";
  return { from, to, verdict, path, view, fault: verdict.status === "FAIL" ? fault : null, asymmetric, probe };
}

function partyReport(party: PartyObservation, causes: readonly Cause[], seen: Observations): PartyReport {
  return {
    partyId: party.partyId,
    name: party.name,
    verdict: partyVerdict(party, causes, seen),
    manifestDigest: party.manifestDigest,
    seenAt: party.seenAt,
    halfDigest: party.halfDigest,
    release: party.release,
    pod: party.workload.status === "seen" ? party.workload.workload.pod : null,
    view: party.probe.status === "replied" ? party.probe.reply.view : null,
  };
}

/** What two parties say differently: neither is at fault by that. */
const openQuestions: ReadonlySet<Cause["code"]> = new Set(["CONTRADICTED", "NOT_HEARD"]);

function partyVerdict(party: PartyObservation, causes: readonly Cause[], seen: Observations): Verdict {
  const cause = causes.find((entry) => entry.party === party.partyId && !openQuestions.has(entry.code));
  if (cause !== undefined) return fail(cause.code, `${cause.links.length} links concerned`);
  if (party.halfProblem?.refused) return fail(party.halfProblem.code, party.halfProblem.found);
  if (party.notAsked !== null) return unknown(party.notAsked);
  if (party.probe.status === "unknown") return unknown(party.probe.reason);
  if (seen.stage === "link" && party.workload.status === "unknown") return unknown(party.workload.reason);
  if (party.notListening !== null) return unknown(party.notListening);
  if (seen.stage === "link" && party.probe.reply.view.status === "silent")
    return unknown(`its core is silent: ${party.probe.reply.view.detail}`);
  return ok;
}

/** t less the fewest parties that the broken links make faulty; null where it depends on links that we could not tell. */
function faultsTolerated(threshold: number, links: readonly LinkReport[]): number | null {
  const pairs = (statuses: readonly Verdict["status"][]): BrokenPair[] =>
    links.filter((link) => statuses.includes(link.verdict.status)).map((link) => [link.from, link.to]);
  const atLeast = fewestFaulty(pairs(["FAIL"]));
  const atMost = fewestFaulty(pairs(["FAIL", "UNKNOWN"]));
  return atLeast === atMost ? threshold - atLeast : null;
}

function latency(links: readonly Link[], msOf: (probe: PathProbe) => number | null): ValidateReport["latency"]["tcp"] {
  const measured = links
    .flatMap(({ from, to, path, probe }) => {
      const ms = path.status === "OK" && probe !== null ? msOf(probe) : null;
      return ms === null ? [] : [{ ms, from, to }];
    })
    .sort((a, b) => a.ms - b.ms);
  const at = (share: number) => measured[Math.min(measured.length - 1, Math.ceil(share * measured.length) - 1)]?.ms;
  const [p50Ms, p90Ms, last] = [at(0.5), at(0.9), measured.at(-1)];
  if (p50Ms === undefined || p90Ms === undefined || last === undefined) return null;
  return { p50Ms, p90Ms, maxMs: last.ms, slowest: { from: last.from, to: last.to }, links: measured.length };
}
