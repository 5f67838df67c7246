import type { ClusterSights } from "../../contract/cluster-check-report.ts";
import type { Certainty, DoctorSource, Evidence, LinkEnds } from "../../contract/doctor-report.ts";
import type { LinkReport, ValidateReport } from "../../contract/validate-report.ts";
import type { Finding } from "../../contract/verdict.ts";
import { judge } from "../network/judge.ts";
import type { CloserSights, DoctorSights } from "./doctor-sights.ts";
import { judgeCertificates } from "./judge-certificates.ts";
import { judgeClusters } from "./judge-cluster.ts";
import { logSignatures, type Place } from "./log-signatures.ts";
import { signsOfCloud } from "./signs-of-cloud.ts";

/** Something that is not as it should be, before anybody asked why. */
export interface Sign {
  code: string;
  /** Whom to chase. */
  party: number;
  /** Links that it brings down, or that it is of. */
  links: LinkEnds[];
  certainty: Certainty;
  found: string;
  expected: string;
  next: string;
  evidence: Evidence[];
}

/** What gave no answer. */
export interface Unseen {
  party: number;
  source: DoctorSource;
  reason: string;
}

export interface Signs {
  signs: Sign[];
  unseen: Unseen[];
}

/** Everything that is not as it should be, and everything that nobody could see, from each source by its own rules. */
export function readSigns(seen: DoctorSights): Signs {
  const report = judge(seen.links);
  const all = [
    signsOfClusters(seen.clusters),
    signsOfLinks(seen, report),
    signsOfCertificates(seen),
    ...seen.closer.flatMap((closer) => [signsOfLogs(closer, seen, report), signsOfPages(closer)]),
    ...seen.closer.flatMap(({ cloud, facts }) =>
      cloud === null ? [] : [signsOfCloud(cloud, facts, seen.network, report)],
    ),
  ];
  return { signs: all.flatMap(({ signs }) => signs), unseen: all.flatMap(({ unseen }) => unseen) };
}

/* The clusters. */

const imageProblem = /ErrImagePull|ImagePullBackOff|InvalidImageName/;

function signsOfClusters(clusters: ClusterSights): Signs {
  const { checks, findings } = judgeClusters(clusters);
  const failed = checks.filter(({ verdict }) => verdict === "FAIL");
  const signs = failed.flatMap(({ party, code, found, expected, next }): Sign[] => {
    const sights = clusters.parties.find(({ partyId }) => partyId === party);
    if (code === null || code.startsWith("HEALTH_") || sights === undefined) return [];
    const pod = sights.pod.status === "seen" ? sights.pod.value : null;
    const named =
      code.startsWith("POD_") && pod?.lastTermination?.reason === "OOMKilled"
        ? "POD_OUT_OF_MEMORY"
        : code.startsWith("POD_") && imageProblem.test(pod?.problem ?? "")
          ? "IMAGE_NOT_PULLED"
          : code;
    const evidence = found.split("\n").map((line): Evidence => ({ source: "cluster", party, line }));
    return [{ code: named, party, links: [], certainty: "proved", found, expected, next, evidence }];
  });
  const withheld = clusters.parties.flatMap(({ partyId, withheld: why }): Sign[] =>
    why === null ? [] : [withheldSign(partyId, why)],
  );
  return { signs: [...signs, ...withheld], unseen: findings.flatMap((finding) => unseenOfCluster(finding, clusters)) };
}

function withheldSign(party: number, why: string): Sign {
  return {
    ...{ code: "CORE_WITHHELD", party, links: [], certainty: "proved", found: why },
    expected: "a core that is released",
    next: `npx quorate preview --party ${party}; before there are cores: npx quorate validate --stage network`,
    evidence: [{ source: "cluster", party, line: why }],
  };
}

/** Health is asked of the core through the prober; what the core-client would say is no question of this one. */
function unseenOfCluster({ code, party, field, found }: Finding, { parties }: ClusterSights): Unseen[] {
  if (code !== "COULD_NOT_TELL" || party === null) return [];
  const sights = parties.find(({ partyId }) => partyId === party);
  const isHealthAlone = field.replace(/^party \d+: /, "") === "health";
  return isHealthAlone || found === sights?.withheld ? [] : [{ party, source: "cluster", reason: found }];
}

/* The links. */

const ends = ({ from, to }: LinkEnds): LinkEnds => ({ from, to });
export const arrow = ({ from, to }: LinkEnds) => `${from}→${to}`;

/** Findings whose state itself was seen: a certificate, a measurement, a digest, an object. */
const provedByProbe = new Set([
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_WRONG",
  "RELEASE_NOT_TRUSTED",
  "RELEASE_LIST_STALE",
  "MANIFEST_DIFFERS",
  "CA_CERTIFICATE_MISSING",
]);

function signsOfLinks({ links: observed }: DoctorSights, report: ValidateReport): Signs {
  const signs = report.findings.flatMap((finding) => signsOfFinding(finding, report, observed.startedAt));
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
  const certainty = proved ? "proved" : witnesses.size === 1 ? "possible" : "likely";
  const sign: Sign = { ...base, links: down.map(ends), certainty, evidence: evidence(found) };
  const skewed = skewOf(sign, down, startedAt);
  if (skewed !== null) return [skewed];
  return [code === "CERTIFICATE_NOT_YET_VALID" ? clockSign(party, sign.links, found, "links", certainty) : sign];
}

/** One link: what its prober and its core say of it. */
function signOfLinks(base: Omit<Sign, "links" | "certainty">, links: readonly LinkReport[]): Sign {
  const [link] = links;
  const both = links.some(({ path, view }) => path.status === "FAIL" && view.status === "FAIL");
  if (link?.probe?.code === "NAME_NOT_FOUND" && link.path.status === "FAIL")
    return { ...base, code: "PEER_NAME_MISSING", party: link.from, links: links.map(ends), certainty: "proved" };
  return { ...base, links: links.map(ends), certainty: both ? "likely" : "possible" };
}

/** Clocks this far apart make certificates and requests invalid. */
const skewMs = 60_000;

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

function clockSign(party: number, links: LinkEnds[], found: string, source: DoctorSource, certainty: Certainty): Sign {
  return {
    ...{ code: "CLOCK_SKEW", party, links, certainty, found },
    expected: "a clock that is right to a few seconds",
    next: `look at the clock of the node of party ${party}, which its enclave takes over when it starts (chronyc tracking); right it, then restart the core: ${restartCommand(party)}`,
    evidence: [{ source, party, line: found }],
  };
}

const restartCommand = (party: number) =>
  `KUBECONFIG="$(npx quorate kubeconfig --party ${party})" kubectl delete pod --selector app=kms-core`;

function duration(seconds: number): string {
  const whole = Math.abs(Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7_200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3_600)} h`;
}

/** Slow is what is far slower than its own way back, and than what else its two ends do: a machine that is busy makes all of that slow. */
const slowMs = 100;
const slowTimes = 2.5;
/** Fewer links are no measure for one of them. */
const fewestMeasured = 6;

function slowLinks(report: ValidateReport): Sign[] {
  const measured = report.links.flatMap((link) => {
    const took = measure(link, report);
    return took === null ? [] : [{ link, took }];
  });
  if (measured.length < fewestMeasured) return [];
  return measured.flatMap(({ link, took }): Sign[] => {
    const back = measured.find((other) => other.link.from === link.to && other.link.to === link.from)?.took;
    const beside = measured.filter((other) => (other.link.from === link.from) !== (other.link.to === link.to));
    if (back === undefined || beside.length < 2) return [];
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
function measure(link: LinkReport, { parties }: ValidateReport): { tls: number; core: number } | null {
  const view = parties.find(({ partyId }) => partyId === link.from)?.view;
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

/* The certificates. */

function signsOfCertificates({ certificates }: DoctorSights): Signs {
  const { findings, copies } = judgeCertificates(certificates);
  const rotated = new Set(findings.filter(({ code }) => code === "CA_CERTIFICATE_ROTATED").map(({ party }) => party));
  const own = findings.filter(({ code }) => code.startsWith("CA_CERTIFICATE_"));
  const ofParties = own.flatMap(({ code, party, found, expected, next }): Sign[] =>
    party === null
      ? []
      : [
          {
            ...{ code, party, links: [], certainty: "proved", found, expected, next },
            evidence: [{ source: "certificates", party, line: found }],
          },
        ],
  );
  const ofCopies = copies.flatMap(({ holder, of, verdict }): Sign[] => {
    if (verdict.status !== "FAIL" || rotated.has(of)) return [];
    const found = `in its vault, of party ${of}: ${verdict.detail}`;
    return [
      {
        ...{ code: verdict.code, party: holder, links: [{ from: holder, to: of }], certainty: "proved", found },
        expected: `the CA certificate of party ${of} as that publishes it`,
        next: `party ${holder} runs: npx quorate cards sync, then: npx quorate up --party ${holder}; or, of live peers without a card: npx quorate cards certificates --party ${holder}`,
        evidence: [{ source: "certificates", party: holder, line: found }],
      },
    ];
  });
  const unseen = findings.flatMap(({ code, party, field, found }): Unseen[] =>
    code === "COULD_NOT_TELL" && party !== null
      ? [{ party, source: "certificates", reason: field === `party ${party}` ? found : `${field}: ${found}` }]
      : [],
  );
  return { signs: [...ofParties, ...ofCopies], unseen };
}

/* What only the party's own credentials see. */

const recentMs = 10 * 60_000;

function signsOfLogs({ partyId, logs, pages }: CloserSights, seen: DoctorSights, report: ValidateReport): Signs {
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
        return isDown(({ from, to }) =>
          peer === null
            ? from === partyId || to === partyId
            : [from, to].includes(peer) && [from, to].includes(partyId),
        );
      }
      case "now":
        return now - at <= recentMs;
      case "never":
        return !line.previous;
    }
  };
  const limiter = pages.status === "seen" ? pages.value.rateLimiter : null;
  const signs = lines.flatMap((line): Sign[] => {
    const signature = logSignatures.find(({ id }) => id === line.signature);
    if (signature === undefined || !holds(line, signature.over)) return [];
    // What is used at this moment is known better than what was said of it before.
    if (signature.cause === "RATE_LIMITED" && limiter !== null && limiter.used < limiter.bucket) return [];
    const named = line.peer !== null && line.peer !== partyId ? line.peer : null;
    const party = signature.blames === "peer" && named !== null ? named : partyId;
    const place: Place = {
      party,
      peer: named ?? "<peer>",
      namespace: cluster?.namespaceName ?? seen.links.namespace,
      pod: cluster?.podName ?? "kms-core-0",
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
        expected: "no such line",
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

function signsOfPages({ partyId, pages }: CloserSights): Signs {
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
