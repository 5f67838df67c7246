import { X509Certificate } from "node:crypto";
import { Resolver } from "node:dns/promises";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import type { CoreSpeech } from "./core-log.ts";
import type { CoreMetrics } from "./metrics.ts";
import { notATrustAnchor, PeerRefused, type Trust, type Verifier, verifyPeer } from "./peer-verification.ts";
import type { Peer } from "./server-config.ts";

/** How long a core waits for one peer when it is asked for its health. */
const pingTimeoutMs = 2500;
const handshakeTimeoutMs = 10_000;
/** After a payload that a peer did not take. */
const retryMs = 50;
/** Of one session to one peer. */
const fastestBytesPerSecond = 8 * 2 ** 20;
/** What a peer may say before its line ends. */
const longestLine = 64;

/** What both sides of a link need. `identity` changes when the certificate is renewed. */
export interface LinkOptions {
  myId: number;
  listenHost: string;
  port: number;
  resolver: string;
  searchDomain: string;
  /** Peers without the own entry, each with its CA certificate. */
  peers: readonly Peer[];
  trust: Trust;
  identity: () => { certificatePem: string; keyPem: string };
  /** The core's own clock. */
  now: () => Date;
  speech: CoreSpeech;
  metrics: CoreMetrics;
}

export interface PeerHealth {
  peer: Peer;
  reachable: boolean;
  latencyMs: number;
  error: string;
}

/** What one session saw of one peer. */
export interface PeerBench {
  peer: Peer;
  /** Those of payloads that nobody acknowledged too, as KMS Core counts. */
  bytesSent: number;
  elapsedMs: number;
  /** Of each payload, in ms; null where the peer did not acknowledge it. */
  latenciesMs: (number | null)[];
}

export interface PeerLinks {
  listen(): Promise<void>;
  /** Every peer over a connection of its own, all at once: a dead peer costs one timeout, not one each. */
  pingAll(): Promise<PeerHealth[]>;
  /** Sends one payload after the other to every peer, each when the one before is acknowledged, until `until` says that it is enough. */
  benchAll(session: { payload: Buffer; until: (elapsedMs: number) => boolean }): Promise<PeerBench[]>;
  /** Takes a renewed certificate into use for connections from now on. */
  renew(): void;
  close(): void;
}

/** The mutual TLS between cores: serves the peers and asks them. */
export function createPeerLinks(options: LinkOptions): PeerLinks {
  const known = new Map(options.peers.map((peer) => [peer.mpcIdentity, knownPeer(peer)]));
  let context = secureContext(options);
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    options.metrics.session(1);
    socket.on("close", () => {
      open.delete(socket);
      options.metrics.session(-1);
      count(socket, options);
    });
    servePeer(socket, context, known, options);
  });
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: options.listenHost, port: options.port, backlog: 511 }, () => resolve());
      }),
    benchAll: (session) => Promise.all([...known.values()].map((peer) => bench(peer, context, options, session))),
    pingAll: () => Promise.all([...known.values()].map((peer) => ping(peer, context, options))),
    renew: () => {
      context = secureContext(options);
    },
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

type MetPeer = ReturnType<typeof knownPeer>;
type Known = Map<string, MetPeer>;

function knownPeer(peer: Peer) {
  return { ...peer, caCertificate: new X509Certificate(peer.caCertificatePem ?? "") };
}

/** No `ca` here, ever: Node 24 crashes on one with a secp256k1 key, and every party's has one. */
function secureContext(options: LinkOptions): tls.SecureContext {
  const { certificatePem, keyPem } = options.identity();
  return tls.createSecureContext({ cert: certificatePem, key: keyPem, minVersion: "TLSv1.3" });
}

/**
 * A TLS socket on a plain server, because only there `requestCert` with `rejectUnauthorized` makes OpenSSL itself demand a client
 * certificate (alert certificate_required) while the judgement of the certificate stays ours.
 */
function servePeer(socket: net.Socket, secureContext: tls.SecureContext, known: Known, options: LinkOptions): void {
  const secure = new tls.TLSSocket(socket, {
    isServer: true,
    secureContext,
    requestCert: true,
    rejectUnauthorized: true,
  });
  const end = () => secure.destroy();
  socket.setNoDelay(true);
  socket.on("error", end);
  secure.on("error", end);
  secure.setTimeout(handshakeTimeoutMs, end);
  secure.once("secure", () => {
    try {
      const certificate = secure.getPeerX509Certificate();
      const identity = /^CN=(.*)$/m.exec(certificate?.subject ?? "")?.[1] ?? "";
      const peer = known.get(identity);
      if (!certificate || !peer) throw notATrustAnchor(identity || "a client without a name");
      verifyPeer(certificate.raw, peer, options.trust, options.now());
    } catch (error) {
      logRefusal(error as Error, "client", options);
      end();
      return;
    }
    secure.on("data", answering(secure, options.myId));
  });
}

/** Answers `ping <id>`, and each payload behind `bench <bytes>` once all of it is here. */
function answering(secure: tls.TLSSocket, myId: number): (chunk: Buffer) => void {
  let line = "";
  let missing = 0;
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (missing === 0) {
        const end = rest.indexOf(0x0a);
        line += rest.subarray(0, end === -1 ? rest.length : end).toString("latin1");
        if (end === -1 && line.length < longestLine) return;
        rest = rest.subarray(end + 1);
        const bytes = Number(/^bench (\d{1,9})$/.exec(line)?.[1] ?? Number.NaN);
        if (line.startsWith("ping")) return void secure.end(`pong ${myId}\n`);
        if (!(bytes >= 0) || end === -1) return void secure.destroy();
        line = "";
        missing = bytes;
      }
      const taken = Math.min(missing, rest.length);
      missing -= taken;
      rest = rest.subarray(taken);
      if (missing === 0) secure.write(`pong ${myId}\n`);
    }
  };
}

/** Over one connection, which is made anew after a failure, as a gRPC channel is. */
async function bench(
  peer: MetPeer,
  secureContext: tls.SecureContext,
  options: LinkOptions,
  { payload, until }: Parameters<PeerLinks["benchAll"]>[0],
): Promise<PeerBench> {
  const start = performance.now();
  const elapsed = () => performance.now() - start;
  const latenciesMs: (number | null)[] = [];
  let link: BenchLink | undefined;
  do {
    const sent = performance.now();
    const signal = AbortSignal.timeout(pingTimeoutMs);
    try {
      link ??= await openBenchLink(peer, secureContext, options, signal);
      await link.send(payload, signal);
      latenciesMs.push(performance.now() - sent);
    } catch {
      latenciesMs.push(null);
      link?.close();
      link = undefined;
      await sleep(retryMs);
    }
    // This machine plays everybody, and is to stay usable.
    await sleep(Math.max(0, (latenciesMs.length * payload.length * 1000) / fastestBytesPerSecond - elapsed()));
  } while (!until(elapsed()));
  link?.close();
  return { peer, bytesSent: latenciesMs.length * payload.length, elapsedMs: elapsed(), latenciesMs };
}

interface BenchLink {
  send(payload: Buffer, signal: AbortSignal): Promise<void>;
  close(): void;
}

async function openBenchLink(
  peer: MetPeer,
  secureContext: tls.SecureContext,
  options: LinkOptions,
  signal: AbortSignal,
): Promise<BenchLink> {
  const socket = net.connect({ host: await resolve(peer.address, options, signal), port: peer.port });
  let acknowledged = Promise.withResolvers<void>();
  // Nobody may be waiting when the peer goes away.
  acknowledged.promise.catch(() => {});
  const fail = (error: Error) => acknowledged.reject(error);
  socket.setNoDelay(true);
  socket.on("error", fail);
  const secure = await new Promise<tls.TLSSocket>((done, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      const made = tls.connect({ socket, secureContext, rejectUnauthorized: false, servername: peer.mpcIdentity });
      made.on("error", reject);
      made.on("error", fail);
      made.once("close", () => {
        const closed = new Error("the peer closed the connection");
        reject(closed);
        fail(closed);
      });
      made.once("secureConnect", () => done(made));
    });
  }).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
  try {
    const leaf = secure.getPeerX509Certificate();
    if (!leaf) throw new Error("the peer showed no certificate");
    verifyPeer(leaf.raw, peer, options.trust, options.now());
  } catch (error) {
    socket.destroy();
    throw error;
  }
  secure.on("data", (chunk: Buffer) => {
    if (chunk.toString("latin1") === `pong ${peer.partyId}\n`) acknowledged.resolve();
    else fail(new Error(`expected party ${peer.partyId}`));
  });
  return {
    async send(payload, signal) {
      acknowledged = Promise.withResolvers<void>();
      const stop = () => acknowledged.reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      try {
        secure.write(`bench ${payload.length}\n`);
        secure.write(payload);
        await acknowledged.promise;
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    close: () => socket.destroy(),
  };
}

async function ping(peer: MetPeer, secureContext: tls.SecureContext, options: LinkOptions): Promise<PeerHealth> {
  const start = performance.now();
  const elapsed = () => Math.round(performance.now() - start);
  const signal = AbortSignal.timeout(pingTimeoutMs);
  try {
    await exchange(peer, secureContext, options, signal);
    return { peer, reachable: true, latencyMs: elapsed(), error: "" };
  } catch (error) {
    if (signal.aborted)
      return { peer, reachable: false, latencyMs: 0, error: `Timeout after ${pingTimeoutMs / 1000} s` };
    return { peer, reachable: false, latencyMs: elapsed(), error: `Error : ${(error as Error).message}` };
  }
}

async function exchange(peer: MetPeer, secureContext: tls.SecureContext, options: LinkOptions, signal: AbortSignal) {
  const address = await resolve(peer.address, options, signal);
  const socket = net.connect({ host: address, port: peer.port });
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    socket.setNoDelay(true);
    socket.once("error", reject);
    socket.once("connect", () => {
      const secure = tls.connect({ socket, secureContext, rejectUnauthorized: false, servername: peer.mpcIdentity });
      secure.on("error", reject);
      secure.once("close", () => reject(new Error("the peer closed the connection: it does not accept this party")));
      secure.once("secureConnect", () => {
        try {
          const leaf = secure.getPeerX509Certificate();
          if (!leaf) throw new Error("the peer showed no certificate");
          verifyPeer(leaf.raw, peer, options.trust, options.now());
          secure.write(`ping ${options.myId}\n`);
        } catch (error) {
          logRefusal(error as Error, "server", options);
          reject(error);
        }
      });
      secure.once("data", (chunk: Buffer) => {
        if (chunk.toString("latin1") === `pong ${peer.partyId}\n`) done();
        else reject(new Error(`expected party ${peer.partyId}, found ${JSON.stringify(chunk.toString("latin1"))}`));
      });
    });
    await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    count(socket, options);
    socket.destroy();
  }
}

function count(socket: net.Socket, { metrics }: LinkOptions): void {
  metrics.moved(socket.bytesRead, socket.bytesWritten);
}

function logRefusal(error: Error, verifier: Verifier, { speech }: LinkOptions): void {
  const line = error instanceof PeerRefused ? error.logLine(verifier) : error.message;
  speech.module("threshold_networking::tls", "ERROR", "core/threshold-networking/src/tls.rs:321", line);
}

/** A name without dots is looked up in the party's own namespace, as the search list of a pod's resolv.conf makes it. */
async function resolve(host: string, { resolver: server, searchDomain }: LinkOptions, signal: AbortSignal) {
  if (net.isIP(host)) return host;
  const resolver = new Resolver({ timeout: 800, tries: 3 });
  resolver.setServers([server]);
  const stop = () => resolver.cancel();
  signal.addEventListener("abort", stop);
  try {
    const [address] = await resolver.resolve4(host.includes(".") ? host : `${host}.${searchDomain}`);
    if (address === undefined) throw new Error(`no address for ${host}`);
    return address;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
