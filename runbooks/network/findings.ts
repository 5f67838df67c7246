import type { PathProbe } from "../../contract/probe.ts";
import type { Workload } from "../../contract/validate-half.ts";
import type { Finding } from "../../contract/verdict.ts";
import { kubectlCommand } from "../kubectl-command.ts";
import { type Cause, depthOf, isUnanswered, type Link, type OtherSights, workloadFault } from "./link.ts";
import { type Observations, openSince, type PartyObservation } from "./observations.ts";

/** Findings in the order of cause: parties that are not there, who they are, their own way out, single links, what could not be told. */
const order: readonly Cause["code"][] = [
  "PARTY_DOWN",
  "PARTY_HUNG",
  "PARTY_UNREACHABLE",
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_NOT_YET_VALID",
  "CERTIFICATE_WRONG",
  "RELEASE_NOT_TRUSTED",
  "CA_CERTIFICATE_NOT_PUBLISHED",
  "MANIFEST_DIFFERS",
  "OUTBOUND_BLOCKED",
  "RELEASE_LIST_STALE",
  "CA_CERTIFICATE_MISSING",
  "NOT_ACCEPTED",
  "ACCEPTS_NOBODY",
  "NOT_ANSWERED",
  "ANSWERS_NOBODY",
  "CONTRADICTED",
  "NOT_HEARD",
  "CORE_SILENT",
];

/** One finding per root cause, each with whom to chase and what to do next. */
export function describeFindings(seen: Observations, links: readonly Link[], causes: readonly Cause[]): Finding[] {
  const words = new Words(seen, links);
  const sorted = [...causes].sort((a, b) => order.indexOf(a.code) - order.indexOf(b.code) || a.party - b.party);
  const single = links.filter((link) => link.fault === "link" && !link.follows);
  return [
    ...sorted.map((cause) => words.ofCause(cause)),
    ...single.filter((link) => !words.saidOfReverse(link)).map((link) => words.ofLink(link)),
    ...words.couldNotTell(causes),
    ...words.wantingHalves(),
  ];
}

/** How a path ended, in words that follow "the path". */
const endings: Record<Exclude<PathProbe["code"], "OK">, (probe: PathProbe) => string> = {
  NAME_NOT_FOUND: () => "name not found",
  REFUSED: () => "refused",
  TIMED_OUT: ({ stage }) =>
    (({ dns: "DNS timed out", tcp: "timed out", tls: "TLS timed out" }) as Record<string, string>)[stage] ??
    "timed out",
  RESET: () => "reset",
  UNREACHABLE: () => "unreachable",
  NOT_TLS: () => "not TLS 1.3",
  WRONG_CERTIFICATE: () => "wrong certificate",
  EXPIRED_CERTIFICATE: () => "certificate expired",
  CERTIFICATE_NOT_YET_VALID: () => "certificate not valid yet",
  UNTRUSTED_RELEASE: () => "release not trusted",
  NO_CA_CERTIFICATE: () => "no CA certificate to check it with",
  WRONG_ANSWER: () => "wrong answer",
};

export function ending(probe: PathProbe): string {
  return probe.code === "OK" ? "works" : endings[probe.code](probe);
}

export const arrow = (link: { from: number; to: number }) => `${link.from}→${link.to}`;

/** What stage `network` needs of a party. */
const listening = {
  expected: "a prober that listens in place of the core",
  next: "npx quorate validate, where a core runs; stage network is for parties whose core is withheld",
};

class Words {
  readonly #seen: Observations;
  readonly #links: readonly Link[];

  constructor(seen: Observations, links: readonly Link[]) {
    this.#seen = seen;
    this.#links = links;
  }

  ofCause(cause: Cause): Finding {
    const party = this.#party(cause.party);
    const { found, expected, next } = this.#causeWords(cause, party);
    return { code: cause.code, party: cause.party, field: `party ${cause.party}`, found, expected, next };
  }

  ofLink(link: Link): Finding {
    const notAccepted = link.path.status !== "FAIL";
    const back = this.#back(link);
    const reverse = reverseWords(back);
    const field = `link ${arrow(link)}`;
    if (notAccepted) {
      const both = back !== undefined && this.saidOfReverse(back);
      const of = {
        party: link.to,
        field: both ? `links ${arrow(link)} and ${arrow(back)}` : field,
        found: `${link.path.status === "OK" ? "the path is open" : "of the path nothing is known"}, but core ${link.from} cannot use it: ${reason(link.view)}; ${reverse}`,
      };
      if (isUnanswered(link))
        return {
          ...{ code: "NOT_ANSWERED", ...of, expected: `an answer of core ${link.to} in time` },
          next: `npx quorate validate again, for a core that is busy is late; if it stays so, party ${link.to} looks at the load and the log of its core, party ${link.from} at its way there`,
        };
      return {
        ...{ code: "NOT_ACCEPTED", ...of },
        expected: `party ${link.to} accepts the client certificate of party ${link.from}`,
        next: `ask party ${link.to} which CA certificate and which releases of party ${link.from} its core trusts; its log names the refusal`,
      };
    }
    if (link.disputed !== null) return this.#disputed(link, link.disputed);
    const party = this.#chase(link);
    return {
      code: "LINK_DOWN",
      party,
      field,
      found: `${link.probe ? ending(link.probe) : "down"}: ${reason(link.path)}; ${reverse}`,
      expected: `an open path ${arrow(link)} on port ${this.#seen.ports.peer}`,
      next: this.#linkNext(link, party),
    };
  }

  /** What one party alone says of who another is, others seeing otherwise: a host in the other's place, its own clock, or no true word. */
  #disputed(link: Link, { getThrough, reached }: OtherSights): Finding {
    const { from, to } = link;
    const others = [
      ...(getThrough.length > 0
        ? [
            `${parties(getThrough)} get${getThrough.length === 1 ? "s" : ""} through to party ${to}${this.#times(getThrough)}`,
          ]
        : []),
      ...(reached.length > 0 ? [`core ${to} reaches ${parties(reached)}${this.#times([to])}`] : []),
    ];
    const address = link.probe?.address ? ` (it reached ${link.probe.address})` : "";
    return {
      code: "CONTRADICTED",
      party: from,
      field: `link ${arrow(link)}`,
      found: join(`${reason(link.path)}; party ${from} alone says so${this.#times([from])}`, ...others),
      expected: `what party ${from} sees of party ${to} as others see it`,
      next: `party ${from} checks where its name for party ${to} leads${address}, and its clock; then all: npx quorate validate`,
    };
  }

  /** Two cores that refuse each other are one matter: the finding of the lower party tells of both. */
  saidOfReverse(link: Link): boolean {
    const back = this.#back(link);
    const refused = (one: Link | undefined) => one?.fault === "link" && !one.follows && one.path.status !== "FAIL";
    const isAlike = back !== undefined && isUnanswered(link) === isUnanswered(back);
    return isAlike && refused(link) && refused(back) && link.verdict.status === "FAIL" && link.from > link.to;
  }

  /** Parties that were asked and did not answer, unless something above says why. */
  couldNotTell(causes: readonly Cause[]): Finding[] {
    const asked = this.#seen.parties.filter(
      (party) => party.notAsked === null && !causes.some((cause) => cause.party === party.partyId),
    );
    const deaf = asked.filter((party) => party.notListening !== null);
    // Where cores run, no prober can listen in their place, which is one matter and not one for each party.
    const together = deaf.length > 1 ? [this.#notListening(deaf)] : [];
    return [...together, ...this.#silent(together.length > 0 ? asked.filter((party) => !deaf.includes(party)) : asked)];
  }

  /** Halves that are not there, or were refused: whom to ask for another. */
  wantingHalves(): Finding[] {
    return this.#seen.parties.flatMap(({ partyId, name, halfProblem }): Finding[] => {
      if (halfProblem === null) return [];
      const { refused: _told, ...problem } = halfProblem;
      const field = `half of party ${partyId}${name === `party-${partyId}` ? "" : ` (${name})`}`;
      return [{ ...problem, party: partyId, field }];
    });
  }

  #notListening(parties: readonly PartyObservation[]): Finding {
    return {
      code: "COULD_NOT_TELL",
      party: null,
      field: `parties ${parties.map(({ partyId }) => partyId).join(", ")}`,
      found: unique(parties.map(({ notListening }) => `listener: ${notListening}`)).join("\n"),
      ...listening,
    };
  }

  #silent(parties: readonly PartyObservation[]): Finding[] {
    return parties.flatMap((party): Finding[] => {
      const reasons = [
        ...(party.probe.status === "unknown" ? [party.probe.reason] : []),
        ...(party.workload.status === "unknown" && this.#seen.stage === "link"
          ? [`pods: ${party.workload.reason}`]
          : []),
        ...unique(Object.values(party.caUnreadable)),
        ...(party.notListening === null ? [] : [`listener: ${party.notListening}`]),
      ];
      if (reasons.length === 0) return [];
      return [
        {
          code: "COULD_NOT_TELL",
          party: party.partyId,
          field: `party ${party.partyId}`,
          found: unique(reasons).join("\n"),
          ...(party.notListening === null
            ? {
                expected: "answers from its cluster, its prober and its public vault",
                next: this.#kubectl(party.partyId, "get pods"),
              }
            : listening),
        },
      ];
    });
  }

  #causeWords(cause: Cause, party: PartyObservation): Pick<Finding, "found" | "expected" | "next"> {
    const paths = this.#paths(cause);
    const { peer, grpc } = this.#seen.ports;
    const answers = `a core that answers on port ${peer}`;
    const look = this.#look(party);
    const workload = party.workload.status === "seen" ? party.workload.workload : null;
    switch (cause.code) {
      case "PARTY_DOWN":
        if (party.coreWithheld)
          return {
            found: "no core is released: it is withheld in its stack file, or waits for a Secret that people make",
            expected: answers,
            next: `npx quorate validate --stage network; or remove quorate:core: withheld, then: npx quorate up --party ${party.partyId}`,
          };
        if (party.coreHeldFor.length > 0)
          return {
            found: `the core is held back: no CA certificate yet of part${party.coreHeldFor.length === 1 ? "y" : "ies"} ${party.coreHeldFor.join(", ")}`,
            expected: answers,
            next: `npx quorate cards sync, then: npx quorate up --party ${party.partyId}; before that: npx quorate validate --stage network`,
          };
        return { found: join(workload && podWords(workload), paths), expected: answers, next: this.#revive(party) };
      case "PARTY_HUNG":
        return {
          found: join(`connections are accepted, then nothing comes: ${paths}`, this.#ownCore(party)),
          expected: answers,
          next: this.#restart(party),
        };
      case "PARTY_UNREACHABLE":
        return {
          found: join(paths, this.#ownCore(party)),
          expected: `a way in to party ${cause.party} on port ${peer}`,
          next: `${look}; then its load balancer, its endpoint service and who may connect to it`,
        };
      case "CERTIFICATE_EXPIRED":
        return {
          found: join(certificateWords(cause), paths),
          expected: "a certificate within its dates; a core renews its own",
          next: this.#restart(party),
        };
      case "CERTIFICATE_NOT_YET_VALID":
        return {
          found: join(certificateWords(cause), paths),
          expected:
            "a certificate that is valid by its peers' clocks: its enclave's clock is ahead, or theirs are behind",
          next: `compare the clock of its enclave node with its peers'; once it is right: ${this.#restart(party)}`,
        };
      case "CERTIFICATE_WRONG":
        return {
          found: join(first(cause)?.detail, paths),
          expected: `a certificate of party ${cause.party}, signed by the CA that it published`,
          next: `compare the CA certificate in its public vault with what its core uses; a new CA has to reach all peers' vaults`,
        };
      case "RELEASE_NOT_TRUSTED":
        return {
          found: join(releaseWords(cause), paths),
          expected: `PCR0 of a trusted release: ${this.#seen.trustedReleases.map((release) => `${release.version} (${release.pcr0.slice(0, 8)}…)`).join(", ")}`,
          next: `party ${cause.party} deploys a trusted release; or all agree on this one in the network manifest`,
        };
      case "CA_CERTIFICATE_NOT_PUBLISHED":
        return {
          found: `no party has a CA certificate of party ${cause.party} in its public vault`,
          expected: "its CA certificate in every peer's public vault",
          next: `party ${cause.party} publishes its CA certificate, then its peers copy it`,
        };
      case "MANIFEST_DIFFERS":
        return {
          found: `built from manifest ${shortened(party.manifestDigest)}`,
          expected: `manifest ${shortened(this.#seen.manifestDigest)}, as here`,
          next: `agree on one manifest, then: npx quorate up --party ${cause.party}`,
        };
      case "OUTBOUND_BLOCKED":
        return {
          found: join(`every path out of it fails alike: ${paths}`, this.#amongPeers(cause.party)),
          expected: `a way out of the cluster of party ${cause.party} to its peers on port ${peer}`,
          next: this.#blockedNext(cause),
        };
      case "RELEASE_LIST_STALE":
        return {
          found: `it does not trust a release that the manifest does: ${paths}`,
          expected: "the manifest's trusted releases",
          next: `npx quorate up --party ${cause.party}`,
        };
      case "CA_CERTIFICATE_MISSING":
        return {
          found: `its public vault has no CA certificate of party ${cause.links.map((link) => link.to).join(", ")}`,
          expected: "the CA certificate of every peer",
          next: `copy it from the public vault of party ${cause.links.map((link) => link.to).join(", ")}`,
        };
      case "NOT_ACCEPTED":
        return {
          found: `its core reaches no peer although the paths are open: ${reason(cause.links[0]?.view)}`,
          expected: "peers that accept its client certificate",
          next: `compare its CA certificate in the peers' vaults with its own; then ${look}`,
        };
      case "ACCEPTS_NOBODY":
        return {
          found: `no peer's core gets through to it although the paths are open: ${reason(cause.links[0]?.view)}`,
          expected: "a core that accepts its peers' client certificates",
          next: `compare the peers' CA certificates in its vault with theirs, and its trusted releases; then ${look}`,
        };
      case "NOT_ANSWERED":
        return {
          found: `its core gets no peer's answer in time although the paths are open: ${reason(cause.links[0]?.view)}`,
          expected: "answers of its peers in time",
          next: `npx quorate validate again, for a core that is busy is late; if it stays so: ${look}`,
        };
      case "ANSWERS_NOBODY":
        return {
          found: `no peer's core gets an answer of it in time although the paths are open: ${reason(cause.links[0]?.view)}`,
          expected: "a core that answers its peers in time",
          next: `npx quorate validate again, for a core that is busy is late; if it stays so: ${look}`,
        };
      case "NOT_HEARD":
        return {
          found: `${this.#saidOpen(cause)}; party ${cause.party} listened at another time (${this.#listening(party)}) and did not hear ${cause.links.length === 1 ? "it" : "them"}`,
          expected: `a listening prober of party ${cause.party} that heard who got through to it`,
          next: `both ends in the same quarter of an hour: npx quorate validate --stage network --wait 15`,
        };
      case "CONTRADICTED":
        if (party.listened !== null) return this.#unheard(cause, party);
        return {
          found: `links ${listed(cause.links.map(arrow))} are up, say their other ends${this.#times(cause.links.map(({ from }) => from))}; party ${cause.party} says that nothing is there to be reached${this.#times([cause.party])}: ${join(workload && podWords(workload), party.notListening)}`,
          expected: "one answer from both ends",
          next: `validate at both ends within a minute of each other; if it stays so, party ${cause.party} finds out what answers in its place`,
        };
      case "CORE_SILENT":
        return {
          found: join(this.#ownCore(party), "its peers may still reach it"),
          expected: `a health answer on port ${grpc}`,
          next: look,
        };
    }
  }

  #unheard(cause: Cause, party: PartyObservation): Pick<Finding, "found" | "expected" | "next"> {
    const heard = party.listened?.heard ?? [];
    const whom = heard.length === 0 ? "nobody" : `${parties(heard)} alone`;
    const checks = cause.links.map(
      (link) =>
        `party ${link.from} checks where its name for party ${link.to} leads${link.probe?.address ? ` (it reached ${link.probe.address})` : ""}`,
    );
    return {
      found: `${this.#saidOpen(cause)}; party ${cause.party} listened (${this.#listening(party)}) and heard ${whom}: what answers there is another`,
      expected: "one answer from both ends",
      next: `${listed(checks)}; then both: npx quorate validate --stage network`,
    };
  }

  #saidOpen({ links }: Cause): string {
    const times = clockTimes(links.flatMap((link) => openSince(link, this.#seen) ?? []));
    return links.length === 1
      ? `path ${links.map(arrow)} is open${times}, says the prober at its other end`
      : `paths ${listed(links.map(arrow))} are open${times}, say the probers at their other ends`;
  }

  /** From when to when a party listened. */
  #listening({ listened }: PartyObservation): string {
    return listened === null ? "" : `${clock(listened.from)} to ${clock(listened.until)}`;
  }

  /** Who is asked first about a single link. */
  #chase(link: Link): number {
    const othersReach = this.#links.some((other) => other.to === link.to && other.path.status === "OK");
    const early = link.probe === null || depthOf(link.probe) === 0 || link.probe.code === "TIMED_OUT";
    return othersReach || (early && link.probe?.stage !== "tls") ? link.from : link.to;
  }

  #linkNext(link: Link, party: number): string {
    const inCluster = this.#kubectl(link.from, "get services");
    switch (link.probe?.code) {
      case "NAME_NOT_FOUND":
        return `party ${link.from} checks its Service and its endpoint for party ${link.to}: ${inCluster}`;
      case "WRONG_CERTIFICATE":
      case "EXPIRED_CERTIFICATE":
      case "CERTIFICATE_NOT_YET_VALID":
        return `party ${party} checks where its name for party ${link.to} leads, its copy of that CA certificate, and its clock`;
      default:
        return `party ${link.from} checks its endpoint and security group for party ${link.to}; party ${link.to} checks that it accepted the connection of party ${link.from}`;
    }
  }

  #blockedNext(cause: Cause): string {
    const probe = first(cause);
    const where = this.#kubectl(cause.party, "get services,endpointslices");
    if (probe?.stage === "dns") return `${where}; look at its DNS, its peer Services and their endpoints`;
    if (probe?.code === "UNTRUSTED_RELEASE")
      return `look at where its names for its peers lead, for others find trusted releases there: ${where}`;
    if (probe?.code === "EXPIRED_CERTIFICATE" || probe?.code === "CERTIFICATE_NOT_YET_VALID")
      return `look at the clock of its enclave node: others find the same certificates in order`;
    if (probe?.code === "WRONG_CERTIFICATE") return `renew its copies of its peers' CA certificates`;
    return `${where}; look at its security groups, route tables and endpoints`;
  }

  /** The paths of a cause, grouped by how they ended: "3 of 3 paths to it refused (1→4, 2→4, 3→4)". */
  #paths(cause: Cause): string | null {
    const failed = cause.links.filter((link) => link.path.status === "FAIL");
    if (failed.length === 0) return null;
    const groups = Map.groupBy(failed, (link) => (link.probe ? ending(link.probe) : "down"));
    return [...groups]
      .map(([how, links]) => `${how} on ${links.length === 1 ? "path" : "paths"} ${listed(links.map(arrow))}`)
      .join("; ");
  }

  /** What is known of the links between a party's peers, which tells its own side from the others'. */
  #amongPeers(party: number): string {
    const among = this.#links.filter((link) => link.from !== party && link.to !== party);
    if (among.some(({ verdict }) => verdict.status === "OK")) return "its peers reach each other";
    const isKnown = among.some(({ verdict }) => verdict.status !== "UNKNOWN");
    return isKnown
      ? "its peers do not reach each other either"
      : "whether its peers reach each other is not known here";
  }

  /** When it was that parties saw something, where that is known: what changed in between is no contradiction. */
  #times(parties: readonly number[]): string {
    return clockTimes(parties.flatMap((id) => this.#party(id).seenAt ?? []));
  }

  /** Who runs a command: we, or the party itself where all that is known comes from its half. */
  #by(party: PartyObservation, command: string): string {
    return party.halfDigest === null ? command : `party ${party.partyId} (${party.name}) runs: ${command}`;
  }

  #ownCore(party: PartyObservation): string | null {
    if (party.probe.status === "unknown") return null;
    const { view } = party.probe.reply;
    if (view.status === "answered") return `its own core answers (${view.nodesReachable} nodes reachable)`;
    return view.code === "NOT_ASKED" ? null : `its own core is silent: ${view.detail}`;
  }

  #kubectl(partyId: number, words: string): string {
    return kubectlCommand(partyId, `--namespace ${this.#seen.namespace} ${words}`);
  }

  #look(party: PartyObservation): string {
    if (party.notAsked !== null) return `ask party ${party.partyId} (${party.name}) to look at its core`;
    const pod = party.workload.status === "seen" ? party.workload.workload.pod?.name : undefined;
    return this.#by(party, this.#kubectl(party.partyId, pod ? `describe pod ${pod}` : "get pods"));
  }

  #restart(party: PartyObservation): string {
    const pod = party.workload.status === "seen" ? party.workload.workload.pod?.name : undefined;
    if (party.notAsked !== null || pod === undefined)
      return `ask party ${party.partyId} (${party.name}) to restart its core`;
    return this.#by(party, this.#kubectl(party.partyId, `delete pod ${pod}`));
  }

  #revive(party: PartyObservation): string {
    const workload = party.workload.status === "seen" ? party.workload.workload : null;
    if (workload?.replicas === 0)
      return this.#by(party, this.#kubectl(party.partyId, `scale statefulset ${workload.statefulSet} --replicas 1`));
    if (workload?.replicas === null) return this.#by(party, `npx quorate up --party ${party.partyId}`);
    // Not too few of them: none at all, which no size of a node group mends.
    if (
      workload?.pod?.phase === "Pending" &&
      /insufficient aws\.ec2\.nitro\/nitro_enclaves(?!_)/i.test(workload.pod.reason ?? "")
    )
      return this.#by(
        party,
        `npx quorate run cluster-check --parties ${party.partyId}, for the device plugin: no node offers enclaves`,
      );
    if (workload?.pod?.phase === "Pending" && /insufficient|didn't match|taint/i.test(workload.pod.reason ?? ""))
      return `give the node group what the enclave asks for (enclaveNodes in the stack file), then: npx quorate up --party ${party.partyId}`;
    return this.#look(party);
  }

  #party(id: number): PartyObservation {
    const party = this.#seen.parties.find((entry) => entry.partyId === id);
    if (party === undefined) throw new Error(`party ${id} is not among the observations`);
    return party;
  }

  #back(link: Link): Link | undefined {
    return this.#links.find((other) => other.from === link.to && other.to === link.from);
  }
}

/** What is to be said of the other direction, which tells whose side a fault is on. */
function reverseWords(back: Link | undefined): string {
  if (back === undefined) return "of the reverse nothing is known";
  const name = arrow(back);
  if (back.verdict.status === "OK") return `${name} works`;
  if (back.follows) return `over ${name} the path is open, but core ${back.from} cannot use it either`;
  if (back.path.status === "OK" && back.verdict.status === "UNKNOWN") return `the path ${name} is open`;
  if (back.verdict.status === "UNKNOWN") return `of ${name} nothing is known: ${reason(back.verdict)}`;
  return `${name} is down too`;
}

function podWords({ pod, replicas, statefulSet }: Workload): string {
  if (replicas === 0) return `statefulset ${statefulSet} is scaled to 0`;
  if (replicas === null) return `there is no statefulset ${statefulSet}`;
  if (pod === null) return `statefulset ${statefulSet} wants ${replicas} pod, and there is none`;
  const state = workloadFault({ pod, replicas, statefulSet }) === "unready" ? "Running, but not ready" : pod.phase;
  return `pod ${pod.name} is ${state}${pod.reason === null ? "" : `: ${pod.reason.replace(/\.$/, "")}`}`;
}

function certificateWords(cause: Cause): string | undefined {
  const probe = first(cause);
  return probe?.certificate
    ? `certificate of ${probe.certificate.commonName} is for ${minute(probe.certificate.notBefore)} to ${minute(probe.certificate.notAfter)}`
    : probe?.detail;
}

function releaseWords(cause: Cause): string | undefined {
  const probe = first(cause);
  return probe?.release ? `its enclave has PCR0 ${probe.release.pcr0.slice(0, 16)}…` : probe?.detail;
}

function clockTimes(times: readonly string[]): string {
  const sorted = times.toSorted();
  const [first, last] = [sorted.at(0), sorted.at(-1)];
  if (first === undefined || last === undefined) return "";
  return clock(first) === clock(last) ? ` (at ${clock(first)})` : ` (at ${clock(first)} to ${clock(last)})`;
}

function clock(time: string): string {
  return `${time.slice(11, 19)}Z`;
}

function minute(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")}Z`;
}

function first(cause: Cause): PathProbe | null {
  return cause.links.find((link) => link.probe !== null)?.probe ?? null;
}

function reason(verdict: Link["view"] | undefined): string {
  if (verdict?.status === "FAIL") return verdict.detail;
  return verdict?.status === "UNKNOWN" ? verdict.reason : "";
}

function join(...parts: (string | null | undefined)[]): string {
  return parts.filter((part) => part !== null && part !== undefined && part !== "").join("; ");
}

function listed(names: readonly string[]): string {
  return names.length <= 6 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}

function parties(ids: readonly number[]): string {
  return `part${ids.length === 1 ? "y" : "ies"} ${listed(ids.map(String))}`;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function shortened(digest: string | null): string {
  return digest === null ? "unknown" : `${digest.slice(0, 19)}…`;
}
