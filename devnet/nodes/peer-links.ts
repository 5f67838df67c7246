import { X509Certificate } from "node:crypto";
import { Resolver } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";
import { type Trust, verifyPeer } from "./peer-verification.ts";
import type { Peer } from "./server-config.ts";

/** How long a core waits for one peer when it is asked for its health. */
const pingTimeoutMs = 2500;
const handshakeTimeoutMs = 10_000;

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
}

export interface PeerHealth {
  peer: Peer;
  reachable: boolean;
  latencyMs: number;
  error: string;
}

export interface PeerLinks {
  listen(): Promise<void>;
  /** Every peer over a connection of its own, all at once: a dead peer costs one timeout, not one each. */
  pingAll(): Promise<PeerHealth[]>;
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
    socket.on("close", () => open.delete(socket));
    servePeer(socket, context, known, options);
  });
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: options.listenHost, port: options.port, backlog: 511 }, () => resolve());
      }),
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
      if (!certificate || !peer) throw new Error(`${identity || "a client without a name"} is not a peer`);
      verifyPeer(certificate.raw, peer, options.trust);
    } catch (error) {
      console.error(`refused ${socket.remoteAddress}: ${(error as Error).message}`);
      end();
      return;
    }
    secure.on("data", (chunk: Buffer) => {
      if (chunk.toString("latin1").startsWith("ping")) secure.end(`pong ${options.myId}\n`);
      else end();
    });
  });
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
          verifyPeer(leaf.raw, peer, options.trust);
          secure.write(`ping ${options.myId}\n`);
        } catch (error) {
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
    socket.destroy();
  }
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
