import type { CoreView, PathProbe } from "../../../contract/probe.ts";
import type { Observations, PartyObservation } from "../../../runbooks/network/observations.ts";
import { hex } from "../../support/network.ts";

/** Something that is wrong in a modelled network, and what it makes the parts of the network say. */
export type Fault =
  | {
      kind: "kill" | "hang" | "expire-cert" | "skew-clock" | "wrong-release" | "scale-to-zero" | "unschedulable";
      party: number;
    }
  /** The party's API server gives no answer: nothing is learned from its side. */
  | { kind: "unauthorized"; party: number }
  /** The party's core does not answer health on its gRPC port, and is fine otherwise. */
  | { kind: "mute"; party: number }
  | { kind: "cut" | "revoke" | "lose-ca" | "refuse"; from: number; to: number };

const trusted = { pcr0: hex(96, "1"), pcr1: hex(96, "b"), pcr2: hex(96, "c") };
const strange = { pcr0: hex(96, "7"), pcr1: hex(96, "b"), pcr2: hex(96, "c") };

/** What is observed in a network of n parties with these faults, as the real parts would tell it. */
export function modelNetwork(
  n: number,
  faults: readonly Fault[] = [],
  options: { mine?: readonly number[]; stage?: "link" | "network" } = {},
): Observations {
  const ids = Array.from({ length: n }, (_, index) => index + 1);
  const stage = options.stage ?? "link";
  return {
    network: "devnet",
    environment: "devnet",
    stage,
    startedAt: "2026-11-20T18:55:02.000Z",
    durationMs: 812,
    manifestDigest: `sha256:${hex(64, "e")}`,
    threshold: Math.floor((n - 1) / 3),
    namespace: "kms-decentralized",
    ports: { peer: 50_001, grpc: 50_100 },
    trustedReleases: [{ version: "0.13.10", ...trusted }] as Observations["trustedReleases"],
    parties: ids.map((id): PartyObservation => {
      const base = {
        partyId: id,
        name: `party-${id}`,
        seenAt: null,
        halfDigest: null,
        halfProblem: null,
        release: null,
        coreWithheld: false,
        coreHeldFor: [],
        caUnreadable: {},
        notListening: null,
        listened: null,
        openAt: {},
      };
      const silent = (reason: string, notAsked: string | null): PartyObservation => ({
        ...base,
        notAsked,
        manifestDigest: notAsked === null ? `sha256:${hex(64, "e")}` : null,
        workload: { status: "unknown", reason },
        probe: { status: "unknown", reason },
      });
      if (options.mine && !options.mine.includes(id)) return silent("not mine", "not mine");
      if (has(faults, "unauthorized", id)) return silent("the API server does not know the caller", null);
      const arrives = (from: number, to: number) => path(from, to, faults, stage).code === "OK";
      return {
        ...base,
        ...(stage === "network" ? heardAndReached(id, ids, arrives) : {}),
        notAsked: null,
        manifestDigest: `sha256:${hex(64, "e")}`,
        workload: { status: "seen", workload: workload(id, faults) },
        probe: {
          status: "replied",
          reply: {
            contract: "probe/v1",
            partyId: id as never,
            startedAt: "2026-11-20T18:55:02.100Z",
            durationMs: 12,
            links: ids.filter((peer) => peer !== id).map((peer) => path(id, peer, faults, stage)),
            view: stage === "network" ? notAsked : coreView(id, ids, faults),
          },
        },
      };
    }),
  };
}

/** What the party's listening prober heard, and when its own prober got through. */
function heardAndReached(
  id: number,
  ids: readonly number[],
  arrives: (from: number, to: number) => boolean,
): Pick<PartyObservation, "listened" | "openAt"> {
  const peers = ids.filter((peer) => peer !== id);
  return {
    listened: {
      from: "2026-11-20T18:55:01.900Z",
      until: "2026-11-20T18:55:02.900Z",
      heard: peers.filter((peer) => arrives(peer, id)) as never[],
    },
    openAt: Object.fromEntries(
      peers.filter((peer) => arrives(id, peer)).map((peer) => [String(peer), "2026-11-20T18:55:02.100Z"]),
    ),
  };
}

const notAsked: CoreView = { status: "silent", code: "NOT_ASKED", detail: "there is no core to ask at this stage" };

export function has(faults: readonly Fault[], kind: Fault["kind"], party: number): boolean {
  return faults.some((fault) => fault.kind === kind && "party" in fault && fault.party === party);
}

export function onLink(faults: readonly Fault[], kind: Fault["kind"], from: number, to: number): boolean {
  return faults.some((fault) => fault.kind === kind && "from" in fault && fault.from === from && fault.to === to);
}

export function isGone(faults: readonly Fault[], party: number): boolean {
  return (["kill", "scale-to-zero", "unschedulable"] as const).some((kind) => has(faults, kind, party));
}

function workload(id: number, faults: readonly Fault[]) {
  const name = `kms-core-${id}`;
  const pod = (phase: string, ready: boolean, reason: string | null) => ({
    statefulSet: "kms-core",
    replicas: 1,
    pod: { name, phase, ready, reason },
  });
  if (has(faults, "scale-to-zero", id)) return { statefulSet: "kms-core", replicas: 0, pod: null };
  if (has(faults, "unschedulable", id))
    return pod("Pending", false, "0/1 nodes are available: 1 Insufficient hugepages-1Gi.");
  if (has(faults, "kill", id)) return pod("Running", false, "the core's process ended");
  return pod("Running", true, null);
}

function path(from: number, to: number, faults: readonly Fault[], stage: "link" | "network"): PathProbe {
  const host = `mpc-node-${to}`;
  const probe = (code: PathProbe["code"], at: PathProbe["stage"], detail: string): PathProbe => ({
    peerId: to as never,
    code,
    stage: at,
    detail,
    address: at === "dns" ? null : `127.1.${from}.${to}`,
    dnsMs: 0.4,
    tcpMs: at === "dns" || at === "tcp" ? null : 0.3 + to / 100,
    tlsMs: ["certificate", "attestation"].includes(at) ? 2 + from / 10 : null,
    release: null,
    certificate: null,
    sourceSeenByPeer: code === "OK" && stage === "network" ? `127.1.0.${from}` : null,
  });
  if (onLink(faults, "revoke", from, to)) return probe("NAME_NOT_FOUND", "dns", `DNS knows no ${host}`);
  if (onLink(faults, "cut", from, to)) return probe("TIMED_OUT", "tcp", `no TCP connection to 127.1.${from}.${to}`);
  if (isGone(faults, to)) return probe("REFUSED", "tcp", `127.1.${from}.${to} port 50001 refused the connection`);
  if (stage === "network") return probe("OK", "answer", "ok");
  if (has(faults, "hang", to)) return probe("TIMED_OUT", "tls", "accepted the connection, then no TLS answer");
  if (onLink(faults, "lose-ca", from, to)) return probe("NO_CA_CERTIFICATE", "certificate", `no CA of party ${to}`);
  const certificate = {
    commonName: host,
    notBefore: "2026-11-19T18:00:00.000Z",
    notAfter: "2026-11-20T18:00:00.000Z",
  };
  if (has(faults, "expire-cert", to))
    return { ...probe("EXPIRED_CERTIFICATE", "certificate", "expired on 2026-11-20"), certificate };
  if (has(faults, "skew-clock", to))
    return { ...probe("CERTIFICATE_NOT_YET_VALID", "certificate", "is not valid before 2099-11-20"), certificate };
  if (has(faults, "wrong-release", to))
    return { ...probe("UNTRUSTED_RELEASE", "attestation", "is not trusted"), release: strange as never };
  return { ...probe("OK", "attestation", "ok"), release: trusted as never };
}

function coreView(id: number, ids: readonly number[], faults: readonly Fault[]): CoreView {
  if (isGone(faults, id)) return { status: "silent", code: "REFUSED", detail: "port 50100 refused the connection" };
  if (has(faults, "hang", id)) return { status: "silent", code: "TIMED_OUT", detail: "no health answer from the core" };
  if (has(faults, "mute", id))
    return { status: "silent", code: "REFUSED", detail: "port 50100 refused the connection" };
  const peers = ids
    .filter((peer) => peer !== id)
    .map((peer) => {
      const reachable = trusts(id, peer, faults) && trusts(peer, id, faults) && connects(id, peer, faults);
      return {
        peerId: peer,
        endpoint: `https://mpc-node-${peer}:50001`,
        reachable,
        latencyMs: reachable ? 2 : 0,
        error: reachable ? "" : "transport error",
      };
    });
  const nodesReachable = peers.filter((peer) => peer.reachable).length + 1;
  return {
    status: "answered",
    contextStatus: nodesReachable === ids.length ? "optimal" : "degraded",
    myPartyId: id,
    thresholdRequired: 2,
    nodesReachable,
    latencyMs: 3,
    peers,
  };
}

function connects(from: number, to: number, faults: readonly Fault[]): boolean {
  const cut = (["cut", "revoke", "refuse"] as const).some((kind) => onLink(faults, kind, from, to));
  return !cut && !isGone(faults, to) && !has(faults, "hang", to);
}

/** A running core keeps the CA certificates that it read when it started: `lose-ca` does not show here. */
function trusts(_verifier: number, subject: number, faults: readonly Fault[]): boolean {
  return (
    !has(faults, "expire-cert", subject) &&
    !has(faults, "skew-clock", subject) &&
    !has(faults, "wrong-release", subject)
  );
}
