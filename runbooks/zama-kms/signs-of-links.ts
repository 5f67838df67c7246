import type { Evidence, LinkEnds } from "../../contract/doctor-report.ts";
import type { CoreView } from "../../contract/probe.ts";
import type { LinkReport, ValidateReport } from "../../contract/validate-report.ts";
import type { Finding } from "../../contract/verdict.ts";
import type { DoctorSights } from "./doctor-sights.ts";
import { arrow, clockSign, duration, type Sign, type Signs, skewMs, type Unseen, withheldSign } from "./sign.ts";

const ends = ({ from, to }: LinkEnds): LinkEnds => ({ from, to });

/** Findings whose state itself was seen: a certificate, a measurement, a digest, an object. */
const provedByProbe = new Set([
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_WRONG",
  "RELEASE_NOT_TRUSTED",
  "RELEASE_LIST_STALE",
  "MANIFEST_DIFFERS",
  "CA_CERTIFICATE_MISSING",
]);

/** What probers and cores say of the links, by the rules of the validation. */
export function signsOfLinks(seen: DoctorSights, report: ValidateReport): Signs {
  const { links: observed } = seen;
  const signs = report.findings
    .flatMap((finding) => signsOfFinding(finding, report, observed.startedAt))
    .map((sign) => ({ ...sign, next: beyondAws(sign, report, seen) ?? sign.next }));
  const held = observed.parties.filter(({ notAsked }) => notAsked === null);
  const strangers = held.flatMap(({ partyId, probe }): Sign[] => {
    const view = probe.status === "replied" ? probe.reply.view : null;
    if (view?.status !== "answered" || view.myPartyId === partyId) return [];
    const found = `the core that answers for party ${partyId} says that it is party ${view.myPartyId}`;
    return [
      {
        ...{ code: "HEALTH_OF_ANOTHER_PARTY", party: partyId, links: [], certainty: "proved", found },
        expected: `party ${partyId}`,
        next: `npx quorate up --party ${partyId}`,
        evidence: [{ source: "links", party: partyId, line: found }],
      },
    ];
  });
  const withheld = observed.parties.flatMap(({ partyId, coreWithheld, coreHeldFor }): Sign[] => {
    if (coreWithheld) return [withheldSign(partyId, "the core is withheld: no release")];
    const peers = coreHeldFor.join(", ");
    return peers === "" ? [] : [withheldSign(partyId, `the core waits for the CA certificates of parties ${peers}`)];
  });
  return {
    signs: [...signs, ...strangers, ...withheld, ...slowLinks(report)],
    unseen: unseenOfLinks(report, new Set(held.map(({ partyId }) => partyId))),
  };
}

function signsOfFinding(finding: Finding, report: ValidateReport, startedAt: string): Sign[] {
  const { code, party, field, found, expected, next } = finding;
  if (code === "COULD_NOT_TELL" || party === null || field.startsWith("half")) return [];
  const base = { code, party, found, expected, next };
  const evidence = (line: string): Evidence[] => [{ source: "links", party, line }];
  const named = [...field.matchAll(/(\d+)→(\d+)/g)].map(([, from, to]) => ({ from: Number(from), to: Number(to) }));
  if (named.length > 0) {
    const links = report.links.filter((link) => named.some((one) => one.from === link.from && one.to === link.to));
    return [signOfLinks({ ...base, evidence: evidence(`${named.map(arrow).join(" and ")}: ${found}`) }, links)];
  }
  const down = report.links.filter(({ verdict, fault }) => verdict.status === "FAIL" && fault === party);
  if (code === "CA_CERTIFICATE_MISSING")
    return down
      .filter(({ probe }) => probe?.code === "NO_CA_CERTIFICATE")
      .map((link) => ({ ...base, links: [ends(link)], certainty: "proved", evidence: evidence(found) }));
  const proved = provedByProbe.has(code);
  const witnesses = new Set(down.map(({ from, to }) => (from === party ? to : from)));
  // Of a core that waits in vain for all of its peers, it alone is the witness.
  const alone = witnesses.size === 1 || code === "NOT_ANSWERED";
  const certainty = proved ? "proved" : alone ? "possible" : "likely";
  const sign: Sign = { ...base, links: down.map(ends), certainty, evidence: evidence(found) };
  const skewed = skewOf(sign, down, startedAt);
  if (skewed !== null) return [skewed];
  return [code === "CERTIFICATE_NOT_YET_VALID" ? clockSign(party, sign.links, found, "links", certainty) : sign];
}

/** Ends of a path that endpoint, security group and connection can have to do with. */
const onTheWay = new Set(["TIMED_OUT", "RESET", "REFUSED", "UNREACHABLE"]);

/** Where to look on when AWS was asked for both ends of a link: had it shown what stops the link, that were the cause. */
function beyondAws({ code, links: [link] }: Sign, report: ValidateReport, seen: DoctorSights): string | undefined {
  if (code !== "LINK_DOWN" || link === undefined || seen.network.transport !== "privatelink") return undefined;
  const { from, to } = link;
  const probed = report.links.find((one) => one.from === from && one.to === to)?.probe?.code;
  if (probed === undefined || !onTheWay.has(probed)) return undefined;
  const cloudOf = (id: number) => seen.closer.find(({ partyId }) => partyId === id)?.cloud;
  const answers = [cloudOf(from)?.endpoints, cloudOf(from)?.groupRules, cloudOf(to)?.connections];
  if (answers.some((answer) => answer?.status !== "seen")) return undefined;
  return `AWS shows endpoint, security group and connection in order: party ${from} looks at network ACLs and routes on its side, party ${to} at the targets of its load balancer; for whoever is to help: npx quorate collect --party ${from},${to}`;
}

/** One link: what its prober and its core say of it. */
function signOfLinks(base: Omit<Sign, "links" | "certainty">, links: readonly LinkReport[]): Sign {
  const [link] = links;
  if (link?.probe?.code === "CERTIFICATE_NOT_YET_VALID")
    return clockSign(link.to, links.map(ends), link.probe.detail, "links", "possible");
  const both = links.some(({ path, view }) => path.status === "FAIL" && view.status === "FAIL");
  if (link?.probe?.code === "NAME_NOT_FOUND" && link.path.status === "FAIL")
    return { ...base, code: "PEER_NAME_MISSING", party: link.from, links: links.map(ends), certainty: "proved" };
  return { ...base, links: links.map(ends), certainty: both ? "likely" : "possible" };
}

/** A certificate of the future is of a clock that is ahead: what ran out can not look like it. */
function skewOf(sign: Sign, down: readonly LinkReport[], startedAt: string): Sign | null {
  const early = down.flatMap(({ from, to, probe }) => {
    const aheadMs = Date.parse(probe?.certificate?.notBefore ?? "") - Date.parse(startedAt);
    return probe?.code === "CERTIFICATE_NOT_YET_VALID" && aheadMs > skewMs ? [{ from, to, aheadMs }] : [];
  });
  const [first] = early;
  if (first === undefined) return null;
  // Whose certificates all are of the future to one party only, that party is behind.
  const party = sign.code === "OUTBOUND_BLOCKED" ? sign.party : first.to;
  const line = `${early.map(arrow).join(", ")}: the certificate begins ${duration(first.aheadMs / 1000)} from now`;
  return clockSign(party, sign.links, line, "links", early.length > 1 ? "proved" : "likely");
}

/** Slow is what is far slower than its own way back, and than what else its two ends do: a machine that is busy makes all of that slow. */
const slowMs = 100;
const slowTimes = 2.5;
/** Fewer links are no measure for one of them. */
const fewestMeasured = 6;

function slowLinks(report: ValidateReport): Sign[] {
  const views = new Map(report.parties.map(({ partyId, view }) => [partyId, view]));
  const measured = report.links.flatMap((link) => {
    const took = measure(link, views.get(link.from) ?? null);
    return took === null ? [] : [{ link, took }];
  });
  if (measured.length < fewestMeasured) return [];
  const byPair = new Map(measured.map(({ link, took }) => [arrow(link), took]));
  // Most links are not slow at all, and of those nothing more has to be known: a hundred parties have ten thousand.
  return measured.flatMap(({ link, took }): Sign[] => {
    const back = byPair.get(arrow({ from: link.to, to: link.from }));
    if (back === undefined || took.tls <= back.tls + slowMs || took.core <= back.core + slowMs) return [];
    const beside = measured.filter((other) => (other.link.from === link.from) !== (other.link.to === link.to));
    if (beside.length < 2) return [];
    const isSlow = (["tls", "core"] as const).every((kind) =>
      [back[kind], median(beside.map((other) => other.took[kind]))].every(
        (other) => took[kind] > other + slowMs && took[kind] > slowTimes * other,
      ),
    );
    if (!isSlow) return [];
    const found = `TLS takes ${Math.round(took.tls)} ms, its way back ${Math.round(back.tls)}; the core waits ${took.core} ms for its peer, the other way ${back.core}`;
    return [
      {
        ...{ code: "LINK_SLOW", party: link.from, links: [ends(link)], certainty: "likely", found },
        expected: "the same both ways",
        next: `npx quorate validate, a few times; if it stays so, party ${link.from} looks at its way to party ${link.to}: endpoint, zone, what else uses it`,
        evidence: [{ source: "links", party: link.from, line: `${arrow(link)}: ${found}` }],
      },
    ];
  });
}

/** Two measurements that know nothing of each other: the prober's handshake, and the core's own question. */
function measure(link: LinkReport, view: CoreView | null): { tls: number; core: number } | null {
  const peer = view?.status === "answered" ? view.peers.find(({ peerId }) => peerId === link.to) : undefined;
  const tls = link.path.status === "OK" ? (link.probe?.tlsMs ?? null) : null;
  return tls === null || !peer?.reachable ? null : { tls, core: peer.latencyMs };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Of links from parties that were asked, each that nobody could tell; rows of the others are not ours to see. */
function unseenOfLinks(report: ValidateReport, held: ReadonlySet<number>): Unseen[] {
  const asked = report.links.filter(({ from, verdict }) => held.has(from) && verdict.status === "UNKNOWN");
  const reasons = asked.map(({ from, verdict }) => `${from} ${verdict.status === "UNKNOWN" ? verdict.reason : ""}`);
  const ofLinks = [...new Set(reasons)].map((text): Unseen => {
    const [party = ""] = text.split(" ", 1);
    return { party: Number(party), source: "links", reason: text.slice(party.length + 1) };
  });
  const ofParties = report.parties.flatMap(({ partyId, verdict }): Unseen[] =>
    held.has(partyId) && verdict.status === "UNKNOWN"
      ? [{ party: partyId, source: "links", reason: verdict.reason }]
      : [],
  );
  return [...ofLinks, ...ofParties];
}
