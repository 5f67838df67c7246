import { randomBytes } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { defaultContextId } from "./fixed-ids.ts";
import type { PeerBench, PeerLinks } from "./peer-links.ts";

/** What one may ask for, as KMS Core has it where its configuration says nothing. */
const limits = { payloadBytes: 2 ** 28, sessions: 256, totalBytes: 2 ** 30, seconds: 60 };

/** What the core refuses, with the status that its caller sees. */
class Refused extends Error {
  readonly code: grpc.status;
  readonly details: string;

  constructor(code: grpc.status, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

interface Request {
  context_id: { request_id: string } | null;
  duration: number;
  number_sessions: number;
  payload_size_per_session: number;
  kind: "Duration" | "Once";
}

/** Answers BandwidthBenchmark: sends payloads to all peers over the links between the cores, one run at a time. */
export function createBandwidthBench(links: PeerLinks): (request: unknown) => Promise<object> {
  let running = false;
  return async (asked) => {
    const request = asked as Request;
    refuseTooMuch(request);
    if (running)
      throw new Refused(
        grpc.status.RESOURCE_EXHAUSTED,
        "too many concurrent bandwidth benchmark requests in flight; retry later",
      );
    running = true;
    try {
      return { peers_info: await run(request, links) };
    } finally {
      running = false;
    }
  };
}

function refuseTooMuch({ context_id, duration, number_sessions, payload_size_per_session, kind }: Request): void {
  const invalid = (message: string) => new Refused(grpc.status.INVALID_ARGUMENT, message);
  if (payload_size_per_session > limits.payloadBytes)
    throw invalid(`payload_size_per_session ${payload_size_per_session} exceeds ${limits.payloadBytes} bytes`);
  if (number_sessions === 0 || number_sessions > limits.sessions)
    throw invalid(`number_sessions ${number_sessions} must be in 1..=${limits.sessions}`);
  if (payload_size_per_session * number_sessions > limits.totalBytes)
    throw invalid(`payload_size_per_session * number_sessions exceeds ${limits.totalBytes} bytes`);
  if (kind === "Duration" && duration > limits.seconds)
    throw invalid(`duration ${duration} exceeds ${limits.seconds} seconds`);
  if (context_id?.request_id !== defaultContextId)
    throw new Refused(
      grpc.status.INTERNAL,
      `Failed to create health check session for context ${context_id?.request_id ?? ""}: not found`,
    );
}

async function run(request: Request, links: PeerLinks): Promise<object[]> {
  const { duration, number_sessions, payload_size_per_session, kind } = request;
  const payload = randomBytes(payload_size_per_session);
  const until = (elapsedMs: number) => kind === "Once" || elapsedMs >= duration * 1000;
  const sessions = await Promise.all(Array.from({ length: number_sessions }, () => links.benchAll({ payload, until })));
  const byPeer = Map.groupBy(sessions.flat(), ({ peer }) => peer.partyId);
  return [...byPeer.values()].map((seen) => peerInfo(seen, kind));
}

function peerInfo(seen: readonly PeerBench[], kind: Request["kind"]): object {
  const elapsed = seen.map(({ elapsedMs }) => elapsedMs / 1000);
  const seconds = kind === "Once" ? Math.max(...elapsed) : elapsed.reduce((sum, one) => sum + one, 0) / elapsed.length;
  return {
    peer_id: seen[0]?.peer.partyId,
    endpoint: seen[0]?.peer.address,
    bytes_sent: seen.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    duration: Math.floor(seconds),
    latency: latencyOf(seen.flatMap(({ latenciesMs }) => latenciesMs)),
  };
}

/** None at all as soon as one payload was not acknowledged. */
function latencyOf(all: readonly (number | null)[]): object | null {
  const found = all.flatMap((one) => (one === null ? [] : [Math.floor(one)])).sort((a, b) => a - b);
  if (found.length < all.length) return null;
  const at = (share: number) => found[Math.floor(found.length * share)] ?? 0;
  return {
    average: Math.floor(found.reduce((sum, one) => sum + one, 0) / found.length),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    slowest: found.at(-1),
    fastest: found[0],
  };
}
