// The prober of one party: shipped to the enclave node in a ConfigMap, run there by a pinned Node image, asked by `kubectl exec`.
//
//   node prober.mjs probe   < request.json     judges every link to the peers and prints one JSON reply; exit 0 whenever it replied
//   node prober.mjs listen --port 50001 --seconds 20 --party 3     answers peers' probers before a core exists, then ends by itself;
//                                              told a line on standard input, it ends with the next one, or with that input's end
//   node prober.mjs http   < request.json      reads pages of the own core's metrics port and prints them in one JSON reply
//
// It is one plain file without dependencies because nothing may have to be installed next to an enclave, and because an auditor
// should be able to read all of what runs there. Requests and replies are `contract/probe.ts` and `contract/core-http.ts`.
//
// No prober can complete mutual TLS: the client certificate exists only inside the enclave. So it verifies what the server shows
// (chain, name, dates, attestation) and stops; whether the peer accepts *this* party is asked of the party's own core.

import { createHash, verify as verifySignature, X509Certificate } from "node:crypto";
import { Resolver } from "node:dns";
import { realpathSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** Handshakes that may compete for this process at once: more would measure our own queue instead of the network. */
const handshakesInFlight = 32;
/** A link that waits this long is idle, not busy: its slot goes to the next, so that dead links time out side by side. */
const leaseMs = 150;
const maxAnswerBytes = 1024;
const maxPages = 20;
const maxPageBytes = 2 * 1024 * 1024;
const maxCoreReplyBytes = 4 * 1024 * 1024;
const defaultContextId = `07${"0".repeat(61)}1`;

/** A link is down, and why: `code` is one of the contract's path codes. */
class LinkFault extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

/** Bytes from the network that are not what they should be. */
class Malformed extends Error {}

/** The request cannot be read: the caller's mistake, exit 2. */
export class UnreadableRequest extends Error {}

/** The request from its JSON text, or an UnreadableRequest that names the first field that does not fit. */
export function parseRequest(text) {
  let request;
  try {
    request = JSON.parse(text);
  } catch (error) {
    throw new UnreadableRequest(`the request is not JSON: ${error.message}`);
  }
  const need = (condition, what) => {
    if (!condition) throw new UnreadableRequest(`the request does not fit probe/v1: ${what}`);
  };
  const isText = (value) => typeof value === "string" && value.length > 0;
  const isPort = (value) => Number.isInteger(value) && value >= 1 && value <= 65_535;
  const isParty = (value) => Number.isInteger(value) && value >= 1 && value <= 1000;
  const isHex = (value, digits) => typeof value === "string" && value.length === digits && /^[0-9a-fA-F]+$/.test(value);

  need(request !== null && typeof request === "object", "it is not an object");
  need(request.contract === "probe/v1", 'contract is not "probe/v1"');
  need(isParty(request.partyId), "partyId");
  need(request.stage === "link" || request.stage === "network", 'stage is neither "link" nor "network"');
  const { timeoutMs } = request;
  need(Number.isInteger(timeoutMs) && timeoutMs >= 50 && timeoutMs <= 60_000, "timeoutMs is not within 50 and 60000");
  need(Array.isArray(request.peers), "peers");
  request.peers.forEach((peer, index) => {
    need(peer !== null && typeof peer === "object", `peers[${index}]`);
    need(isParty(peer.partyId), `peers[${index}].partyId`);
    need(isText(peer.host), `peers[${index}].host`);
    need(isPort(peer.port), `peers[${index}].port`);
    need(isText(peer.mpcIdentity), `peers[${index}].mpcIdentity`);
    const pem = peer.caCertificatePem;
    need(pem === null || typeof pem === "string", `peers[${index}].caCertificatePem`);
  });
  need(Array.isArray(request.trustedReleases), "trustedReleases");
  request.trustedReleases.forEach((release, index) => {
    for (const pcr of ["pcr0", "pcr1", "pcr2"]) need(isHex(release?.[pcr], 96), `trustedReleases[${index}].${pcr}`);
  });
  need(isHex(request.attestationRootSha256, 64), "attestationRootSha256");
  const { core } = request;
  need(core === null || (isText(core?.host) && isPort(core?.port)), "core");
  return request;
}

let batchStart = null;

/**
 * When the event that is being handled became visible to this process. Events that are ready together are handled one after the
 * other; the time spent on those before is our own queue, not the network's latency, so all of them count from the first.
 */
function readyAt() {
  const now = performance.now();
  if (batchStart === null) {
    batchStart = now;
    setImmediate(() => {
      batchStart = null;
    });
  }
  return batchStart;
}

const since = (start) => Math.max(0, Math.round((readyAt() - start) * 1000) / 1000);

/**
 * Bounds how many links use this process at once. A slot is given back when its link is done, or when it has waited for the
 * network for `leaseMs`: waiting needs no processor. `quiet()` resolves when no slot is held, which is the time for work that
 * would disturb measurements, such as checking signatures.
 */
export function createGate(slots = handshakesInFlight, lease = leaseMs) {
  let held = 0;
  const waiting = [];
  const listeners = [];
  const leave = () => {
    held -= 1;
    const next = waiting.shift();
    if (next) next();
    else if (held === 0) for (const listener of listeners.splice(0)) listener();
  };
  return {
    async enter() {
      if (held < slots) held += 1;
      else
        await new Promise((resolve) => {
          waiting.push(() => {
            held += 1;
            resolve();
          });
        });
      let mine = true;
      const release = () => {
        if (!mine) return;
        mine = false;
        clearTimeout(timer);
        leave();
      };
      const timer = setTimeout(release, lease);
      return release;
    },
    async quiet() {
      if (held > 0 || waiting.length > 0) await new Promise((resolve) => listeners.push(resolve));
    },
  };
}

/** One for the whole process, whose one thread it shares out. */
const processGate = createGate();

/** Judges all links of the request in parallel and asks the own core meanwhile. Never throws because of what a peer does. */
export async function probe(request, { resolver = createResolver(request.timeoutMs), gate = processGate } = {}) {
  const startedAt = new Date();
  const start = performance.now();
  const secureContext = tls.createSecureContext({ minVersion: "TLSv1.3", ecdhCurve: "X25519:P-256:P-384" });
  const [view, ...links] = await Promise.all([
    askCore(request, resolver),
    ...request.peers.map((peer) => probeLink(peer, request, { resolver, gate, secureContext })),
  ]);
  resolver.cancel();
  return {
    contract: "probe/v1",
    partyId: request.partyId,
    startedAt: startedAt.toISOString(),
    durationMs: Math.round((performance.now() - start) * 1000) / 1000,
    links,
    view,
  };
}

async function probeLink(peer, request, { resolver, gate, secureContext }) {
  const link = {
    peerId: peer.partyId,
    code: "OK",
    stage: "dns",
    detail: "",
    address: null,
    dnsMs: null,
    tcpMs: null,
    tlsMs: null,
    release: null,
    certificate: null,
    sourceSeenByPeer: null,
  };
  const leave = await gate.enter();
  // The clock of a link starts when it is its turn: a peer must not time out because we were busy.
  const deadline = performance.now() + request.timeoutMs;
  try {
    const addresses = await resolveHost(resolver, peer.host, deadline, link);
    link.stage = "tcp";
    const socket = await connectToAny(addresses, peer.port, deadline, link);
    if (request.stage === "network") {
      link.stage = "answer";
      await readAnswer(socket, { peer, partyId: request.partyId }, deadline, link);
    } else {
      link.stage = "tls";
      const leaf = await handshake(socket, peer, secureContext, deadline, link);
      leave();
      await gate.quiet();
      judgeCertificate(leaf, peer, request, link, new Date());
    }
    link.detail ||= "ok";
  } catch (error) {
    link.code = error instanceof LinkFault ? error.code : "WRONG_ANSWER";
    // Anything else is a bug of the prober; it must not take the answers about all other links with it.
    link.detail =
      error instanceof LinkFault ? error.message : `the prober failed at this link: ${error.stack ?? error}`;
  } finally {
    leave();
  }
  return link;
}

/** The resolver of the pod, or the one that QUORATE_RESOLVER names (host:port). */
function createResolver(timeoutMs) {
  const resolver = new Resolver({ timeout: Math.max(50, Math.min(1000, Math.floor(timeoutMs / 3))), tries: 3 });
  if (process.env.QUORATE_RESOLVER) resolver.setServers([process.env.QUORATE_RESOLVER]);
  return resolver;
}

async function resolveHost(resolver, host, deadline, link) {
  if (net.isIP(host)) {
    link.dnsMs = 0;
    return [host];
  }
  const start = performance.now();
  const query = (method) =>
    within(deadline, `no answer from DNS for ${host}`, (resolve, reject) => {
      resolver[method](host, (error, addresses) => {
        link.dnsMs = since(start);
        if (error) reject(error);
        else resolve(addresses);
      });
    });
  try {
    return await query("resolve4").catch((error) => {
      if (error.code === "ENODATA") return query("resolve6");
      throw error;
    });
  } catch (error) {
    if (error instanceof LinkFault) throw error;
    const fault = {
      ENOTFOUND: ["NAME_NOT_FOUND", `DNS knows no ${host}`],
      ENODATA: ["NAME_NOT_FOUND", `DNS has no address for ${host}`],
      EBADNAME: ["NAME_NOT_FOUND", `${host} is not a DNS name`],
      ETIMEOUT: ["TIMED_OUT", `no answer from DNS for ${host}`],
    }[error.code];
    throw new LinkFault(...(fault ?? ["UNREACHABLE", `DNS failed for ${host}: ${error.code ?? error.message}`]));
  }
}

/** Settles as `start` says, or rejects with TIMED_OUT at the deadline; `stop` then ends what is still going on. */
function within(deadline, late, start, stop = () => {}) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        stop();
        reject(new LinkFault("TIMED_OUT", late));
      },
      Math.max(0, deadline - performance.now()),
    );
    const done = (settle) => (value) => {
      clearTimeout(timer);
      settle(value);
    };
    start(done(resolve), done(reject));
  });
}

/** An endpoint has one address per zone: the next is tried when one fails, with the time shared among those that are left. */
async function connectToAny(addresses, port, deadline, link) {
  const failed = [];
  for (const [index, address] of addresses.entries()) {
    const share = (deadline - performance.now()) / (addresses.length - index);
    link.address = address;
    try {
      return await connectTo(address, port, performance.now() + share, link);
    } catch (error) {
      failed.push(error);
    }
  }
  const last = failed.at(-1);
  if (!last) throw new LinkFault("NAME_NOT_FOUND", "DNS answered without an address");
  throw new LinkFault(last.code, failed.map((error) => error.message).join("; "));
}

function connectTo(address, port, deadline, link) {
  const socket = new net.Socket();
  return within(
    deadline,
    `no TCP connection to ${address} port ${port}`,
    (resolve, reject) => {
      let start = performance.now();
      // connect() itself runs some ticks later; with many links these would count as latency.
      socket.once("connectionAttempt", () => {
        start = performance.now();
      });
      socket.once("connect", () => {
        link.tcpMs = since(start);
        socket.removeAllListeners("error");
        resolve(socket);
      });
      socket.once("error", (error) => reject(socketFault(error, `${address} port ${port}`)));
      socket.connect({ host: address, port });
      socket.setNoDelay(true);
    },
    () => socket.destroy(),
  );
}

function socketFault(error, where) {
  const fault = {
    ECONNREFUSED: ["REFUSED", `${where} refused the connection`],
    ECONNRESET: ["RESET", `${where} reset the connection`],
    EPIPE: ["RESET", `${where} closed the connection`],
    ETIMEDOUT: ["TIMED_OUT", `no TCP connection to ${where}`],
  }[error.code];
  return new LinkFault(...(fault ?? ["UNREACHABLE", `${where} cannot be reached: ${error.code ?? error.message}`]));
}

/**
 * TLS 1.3 up to the server's Finished; returns the server's leaf certificate as DER. Without a client certificate the server then
 * ends the connection (alert certificate_required): that comes after all we came for, so it is not waited for.
 *
 * Node's own verification is off and no CA is given on purpose: Node 24 crashes on a CA with a secp256k1 key, which the parties'
 * CAs have. `judgeCertificate` verifies instead.
 */
function handshake(socket, peer, secureContext, deadline, link) {
  const where = `${link.address} port ${peer.port}`;
  socket.on("error", () => {});
  return within(
    deadline,
    `${where} accepted the connection, then no TLS answer`,
    (resolve, reject) => {
      const secure = tls.connect({
        socket,
        secureContext,
        rejectUnauthorized: false,
        ...(net.isIP(peer.mpcIdentity) ? {} : { servername: peer.mpcIdentity }),
      });
      const start = performance.now();
      secure.once("secureConnect", () => {
        link.tlsMs = since(start);
        const leaf = secure.getPeerX509Certificate()?.raw;
        secure.destroySoon();
        setTimeout(() => secure.destroy(), 200).unref();
        if (leaf) resolve(leaf);
        else reject(new LinkFault("WRONG_CERTIFICATE", `${where} showed no certificate`));
      });
      secure.on("error", (error) => {
        reject(tlsFault(error, where));
        secure.destroy();
      });
      secure.once("close", () =>
        reject(new LinkFault("RESET", `${where} closed the connection during the TLS handshake`)),
      );
    },
    () => socket.destroy(),
  );
}

function tlsFault(error, where) {
  const code = String(error.code ?? "");
  if (code === "ECONNRESET" || code === "EPIPE")
    return new LinkFault("RESET", `${where} ended the connection during the TLS handshake`);
  if (code.includes("ALERT")) return new LinkFault("NOT_TLS", `${where} speaks TLS but refused TLS 1.3: ${code}`);
  if (/^ERR_OSSL_(ASN1|X509|EC|EVP)/.test(code))
    return new LinkFault("WRONG_CERTIFICATE", `${where} showed a certificate that cannot be read: ${code}`);
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_OSSL") || code === "EPROTO")
    return new LinkFault("NOT_TLS", `${where} does not speak TLS 1.3: ${code}`);
  return socketFault(error, where);
}

const attestationOid = "1.2.840.113549.1.7.2";
const subjectAltNameOid = "2.5.29.17";
const basicConstraintsOid = "2.5.29.19";
const keyUsageOid = "2.5.29.15";
const extendedKeyUsageOid = "2.5.29.37";
const serverAuthOid = "1.3.6.1.5.5.7.3.1";

/**
 * Name, chain, dates and attestation of a peer's leaf certificate, in this order; the first that does not hold is the fault.
 * Fills `link.certificate` and `link.release` with what could be read and, for the release, proven.
 */
export function judgeCertificate(leafDer, peer, request, link, now) {
  link.stage = "certificate";
  const leaf = readable("the peer's certificate", () => readCertificate(leafDer));
  link.certificate = {
    commonName: leaf.commonName ?? "",
    notBefore: leaf.notBefore.toISOString(),
    notAfter: leaf.notAfter.toISOString(),
  };
  if (peer.caCertificatePem === null)
    throw new LinkFault("NO_CA_CERTIFICATE", `this party's vault holds no CA certificate of party ${peer.partyId}`);
  checkName(leaf, peer.mpcIdentity, "the peer's certificate");
  checkChain(leaf, peer, now);
  checkDates(leaf, "the peer's certificate", now);
  link.stage = "attestation";
  checkAttestation(leaf, request, link, now);
}

function readable(what, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof LinkFault) throw error;
    // node:crypto has its own words for bytes it cannot take; for the operator both are an unreadable certificate.
    throw new LinkFault("WRONG_CERTIFICATE", `${what} cannot be read: ${error.message}`);
  }
}

function checkChain(leaf, peer, now) {
  let ca;
  try {
    const pem = peer.caCertificatePem;
    ca = remember(`pem ${pem}`, () => parseCertificate(new X509Certificate(pem).raw));
  } catch (error) {
    const what = `what this party's vault holds as CA certificate of party ${peer.partyId} cannot be read`;
    throw new LinkFault("NO_CA_CERTIFICATE", `${what}: ${error.message}`);
  }
  const what = `the CA certificate of party ${peer.partyId}`;
  if (!readable(what, () => mayIssue(ca))) throw new LinkFault("WRONG_CERTIFICATE", `${what} is not a CA's`);
  checkName(ca, peer.mpcIdentity, what);
  if (!readable(what, () => issued(ca, ca)))
    throw new LinkFault("WRONG_CERTIFICATE", `${what} is not signed by its own key`);
  checkDates(ca, what, now);
  if (!readable("the peer's certificate", () => issued(ca, leaf)))
    throw new LinkFault("WRONG_CERTIFICATE", `the peer's certificate is not signed by ${what} that this party trusts`);
  const usage = leaf.extensions.get(extendedKeyUsageOid);
  if (usage && !readable("the peer's certificate", () => readOids(usage)).includes(serverAuthOid))
    throw new LinkFault("WRONG_CERTIFICATE", "the peer's certificate is not for TLS servers");
}

/** CN and a SAN have to be the identity: KMS Core compares both. */
function checkName(certificate, identity, what) {
  const names = readable(what, () => dnsNames(certificate));
  if (certificate.commonName === identity && names.includes(identity)) return;
  const found = `CN ${certificate.commonName ?? "absent"}, SAN ${names.join(", ") || "absent"}`;
  throw new LinkFault("WRONG_CERTIFICATE", `${what} is for another name: ${found}; expected ${identity} in both`);
}

function checkDates(certificate, what, now) {
  if (now < certificate.notBefore)
    throw new LinkFault(
      "CERTIFICATE_NOT_YET_VALID",
      `${what} is not valid before ${certificate.notBefore.toISOString()}`,
    );
  if (now > certificate.notAfter)
    throw new LinkFault("EXPIRED_CERTIFICATE", `${what} expired at ${certificate.notAfter.toISOString()}`);
}

function checkAttestation(leaf, request, link, now) {
  const what = "the attestation document";
  const wrong = (detail) => new LinkFault("WRONG_CERTIFICATE", detail);
  const bytes = leaf.extensions.get(attestationOid);
  if (!bytes) throw wrong("the peer's certificate carries no attestation document");
  const document = readable(what, () => parseAttestation(bytes));
  const chain = readable(what, () => [...document.cabundle, document.certificate].map(readCertificate));
  const root = sha256(chain[0].raw);
  if (root !== request.attestationRootSha256.toLowerCase())
    throw wrong(`${what} chains to another root: SHA-256 ${root}, expected ${request.attestationRootSha256}`);
  chain.forEach((certificate, index) => {
    const issuer = chain[Math.max(0, index - 1)];
    if (!readable(what, () => mayIssue(issuer) && issued(issuer, certificate)))
      throw wrong(`certificate ${index + 1} of the chain of ${what} is not signed by the one before`);
  });
  const signer = chain.at(-1);
  if (!readable(what, () => coseSignatureHolds(document, signer))) throw wrong(`the signature of ${what} is wrong`);
  chain.forEach((certificate, index) => {
    checkDates(certificate, `certificate ${index + 1} of the chain of ${what}`, now);
  });
  if (!document.publicKey.equals(leaf.publicKeyDer))
    throw wrong(`${what} was made for another key than the peer's certificate`);

  const found = document.measurements;
  if (Object.values(found).some((pcr) => /^0+$/.test(pcr)))
    throw new LinkFault("UNTRUSTED_RELEASE", "the peer's enclave runs in debug mode: a PCR is all zeros");
  link.release = found;
  const same = (release) => ["pcr0", "pcr1", "pcr2"].every((pcr) => release[pcr].toLowerCase() === found[pcr]);
  if (request.trustedReleases.some(same)) return;
  const trusted = request.trustedReleases.map((release) => short(release.pcr0.toLowerCase())).join(", ") || "none";
  throw new LinkFault(
    "UNTRUSTED_RELEASE",
    `the peer's enclave has PCR0 ${short(found.pcr0)}; trusted as a triple: ${trusted}`,
  );
}

const short = (hex) => `${hex.slice(0, 8)}…${hex.slice(-8)}`;

/** AWS Nitro's document: COSE_Sign1 (ES384) around a CBOR map. @see https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html */
export function parseAttestation(bytes) {
  let sign1 = readCbor(bytes);
  if (sign1 instanceof CborTag && sign1.tag === 18) sign1 = sign1.value;
  const isSign1 = Array.isArray(sign1) && sign1.length === 4 && [0, 2, 3].every((part) => Buffer.isBuffer(sign1[part]));
  if (!isSign1) throw new Malformed("not a COSE_Sign1");
  const [protectedHeader, , payload, signature] = sign1;
  const header = readCbor(protectedHeader);
  if (!(header instanceof Map) || header.get(1) !== -35) throw new Malformed("not signed with ES384");
  const map = readCbor(payload);
  if (!(map instanceof Map)) throw new Malformed("its payload is not a map");
  const field = (name, fits) => {
    const value = map.get(name);
    if (!fits(value)) throw new Malformed(`its field ${name} is missing or of the wrong kind`);
    return value;
  };
  if (field("digest", (value) => typeof value === "string") !== "SHA384")
    throw new Malformed("its digest is not SHA384");
  const pcrs = field("pcrs", (value) => value instanceof Map);
  const measurement = (index) => {
    const value = pcrs.get(index);
    if (!Buffer.isBuffer(value) || value.length !== 48) throw new Malformed(`its PCR${index} is not 48 bytes`);
    return value.toString("hex");
  };
  const isBundle = (value) =>
    Array.isArray(value) && value.length > 0 && value.length <= 8 && value.every((entry) => Buffer.isBuffer(entry));
  return {
    protectedHeader,
    payload,
    signature,
    certificate: field("certificate", Buffer.isBuffer),
    cabundle: field("cabundle", isBundle),
    publicKey: field("public_key", Buffer.isBuffer),
    measurements: { pcr0: measurement(0), pcr1: measurement(1), pcr2: measurement(2) },
  };
}

function coseSignatureHolds({ protectedHeader, payload, signature }, signer) {
  const signed = Buffer.concat([
    Buffer.from([0x84, 0x6a]),
    Buffer.from("Signature1"),
    cborBytes(protectedHeader),
    cborBytes(Buffer.alloc(0)),
    cborBytes(payload),
  ]);
  return remember(`cose ${sha256(signed)} ${sha256(signature)} ${signer.fingerprint}`, () => {
    const key = signer.x509.publicKey;
    if (key.asymmetricKeyDetails?.namedCurve !== "secp384r1") return false;
    return verifySignature("sha384", signed, { key, dsaEncoding: "ieee-p1363" }, signature);
  });
}

function cborBytes(bytes) {
  const { length } = bytes;
  const head = length < 24 ? [0x40 + length] : length < 256 ? [0x58, length] : null;
  if (head) return Buffer.concat([Buffer.from(head), bytes]);
  const long = Buffer.alloc(length < 65_536 ? 3 : 5);
  long[0] = length < 65_536 ? 0x59 : 0x5a;
  long.writeUIntBE(length, 1, long.length - 1);
  return Buffer.concat([long, bytes]);
}

const answers = new Map();

/** Signatures are dear and peers share issuers: each is checked once per process, and each certificate read once. */
function remember(key, check) {
  if (!answers.has(key)) answers.set(key, check());
  return answers.get(key);
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const readCertificate = (der) => remember(`der ${sha256(der)}`, () => parseCertificate(der));

function issued(issuer, certificate) {
  if (!certificate.x509.checkIssued(issuer.x509)) return false;
  return remember(`x509 ${issuer.fingerprint} ${certificate.fingerprint}`, () =>
    certificate.x509.verify(issuer.x509.publicKey),
  );
}

function mayIssue({ extensions }) {
  const constraints = extensions.get(basicConstraintsOid);
  if (!constraints) return false;
  const isCa = derChildren(constraints, readDer(constraints))[0];
  if (isCa?.tag !== 0x01 || derBytes(constraints, isCa).every((byte) => byte === 0)) return false;
  const usage = extensions.get(keyUsageOid);
  // BIT STRING: one byte of unused bits, then keyCertSign is bit 5 from the left.
  return usage === undefined || ((derBytes(usage, readDer(usage))[1] ?? 0) & 0x04) !== 0;
}

function dnsNames({ extensions }) {
  const value = extensions.get(subjectAltNameOid);
  if (!value) return [];
  return derChildren(value, readDer(value))
    .filter((name) => name.tag === 0x82)
    .map((name) => derBytes(value, name).toString("latin1"));
}

const readOids = (value) => derChildren(value, readDer(value)).map((oid) => readOid(derBytes(value, oid)));

/** The parts of a certificate that `X509Certificate` does not show, or shows only as text for people. */
export function parseCertificate(der) {
  const certificate = readDer(der);
  if (certificate.end !== der.length) throw new Malformed("bytes after the certificate");
  const tbs = derChildren(der, expectTag(derChildren(der, expectTag(certificate, 0x30))[0], 0x30));
  if (tbs[0]?.tag === 0xa0) tbs.shift();
  const [, , , validity, subject, publicKey, ...rest] = tbs;
  const [notBefore, notAfter] = derChildren(der, expectTag(validity, 0x30)).map((time) => readTime(der, time));
  if (!notBefore || !notAfter) throw new Malformed("no dates");
  const extensions = new Map();
  const wrapper = rest.find((node) => node.tag === 0xa3);
  for (const extension of wrapper ? derChildren(der, expectTag(derChildren(der, wrapper)[0], 0x30)) : []) {
    const parts = derChildren(der, expectTag(extension, 0x30));
    const oid = readOid(derBytes(der, expectTag(parts[0], 0x06)));
    if (extensions.has(oid)) throw new Malformed(`extension ${oid} twice`);
    extensions.set(oid, derBytes(der, expectTag(parts.at(-1), 0x04)));
  }
  return {
    raw: der,
    x509: new X509Certificate(der),
    fingerprint: sha256(der),
    commonName: commonName(der, expectTag(subject, 0x30)),
    notBefore,
    notAfter,
    publicKeyDer: derWhole(der, expectTag(publicKey, 0x30)),
    extensions,
  };
}

function commonName(der, name) {
  for (const set of derChildren(der, name)) {
    for (const attribute of derChildren(der, expectTag(set, 0x31))) {
      const [oid, value] = derChildren(der, expectTag(attribute, 0x30));
      if (value && readOid(derBytes(der, expectTag(oid, 0x06))) === "2.5.4.3")
        return derBytes(der, value).toString("utf8");
    }
  }
  return undefined;
}

/** UTCTime (two-digit years turn at 50) or GeneralizedTime; both in Z, as RFC 5280 wants. */
function readTime(der, node) {
  const text = derBytes(der, node).toString("latin1");
  const full = node.tag === 0x17 ? `${Number(text.slice(0, 2)) >= 50 ? "19" : "20"}${text}` : text;
  const parts = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(full);
  if (!parts || (node.tag !== 0x17 && node.tag !== 0x18))
    throw new Malformed(`a date that is none: ${JSON.stringify(text)}`);
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

/** One element at `offset`: its tag and where its content lies. Low tag numbers and definite lengths only, as X.509 uses. */
export function readDer(bytes, offset = 0, limit = bytes.length) {
  if (offset + 2 > limit) throw new Malformed("DER ends early");
  const tag = bytes[offset];
  if ((tag & 0x1f) === 0x1f) throw new Malformed("DER with a high tag number");
  let length = bytes[offset + 1];
  let start = offset + 2;
  if (length >= 0x80) {
    const size = length & 0x7f;
    if (size === 0 || size > 4 || start + size > limit) throw new Malformed("DER with a bad length");
    length = bytes.readUIntBE(start, size);
    start += size;
  }
  if (start + length > limit) throw new Malformed("DER ends early");
  return { tag, offset, start, end: start + length };
}

function derChildren(bytes, node) {
  const children = [];
  for (let offset = node.start; offset < node.end; ) {
    const child = readDer(bytes, offset, node.end);
    children.push(child);
    offset = child.end;
  }
  return children;
}

const derBytes = (bytes, node) => bytes.subarray(node.start, node.end);
const derWhole = (bytes, node) => bytes.subarray(node.offset, node.end);

function expectTag(node, tag) {
  if (node?.tag !== tag) throw new Malformed(`DER with tag ${node?.tag ?? "absent"} where ${tag} belongs`);
  return node;
}

function readOid(bytes) {
  const arcs = [];
  let arc = 0;
  for (const byte of bytes) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new Malformed("an object identifier that is too long");
    if (byte & 0x80) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  return arcs.join(".");
}

class CborTag {
  constructor(tag, value) {
    this.tag = tag;
    this.value = value;
  }
}

/** The one CBOR value that `bytes` are: integers, byte and text strings, arrays, maps (as Map), tags, booleans and null. */
export function readCbor(bytes) {
  const reader = { bytes, offset: 0 };
  const value = readCborValue(reader, 0);
  if (reader.offset !== bytes.length) throw new Malformed("bytes after the CBOR value");
  return value;
}

function readCborValue(reader, depth) {
  if (depth > 16) throw new Malformed("CBOR nested too deep");
  const first = takeBytes(reader, 1)[0];
  const major = first >> 5;
  const info = first & 0x1f;
  if (major === 7) {
    const simple = new Map([
      [20, false],
      [21, true],
      [22, null],
      [23, undefined],
    ]);
    if (!simple.has(info)) throw new Malformed("CBOR with a float or an unknown simple value");
    return simple.get(info);
  }
  const endless = info === 31;
  if (endless && major !== 4 && major !== 5) throw new Malformed("CBOR with an endless string");
  const argument = endless ? Number.POSITIVE_INFINITY : readCborArgument(reader, info);
  const more = (count) => (endless ? !takeBreak(reader) : count < argument);
  if (major === 0) return argument;
  if (major === 1) return -1 - argument;
  if (major === 2) return takeBytes(reader, argument);
  if (major === 3) return takeBytes(reader, argument).toString("utf8");
  if (major === 6) return new CborTag(argument, readCborValue(reader, depth + 1));
  if (major === 4) {
    const list = [];
    while (more(list.length)) list.push(readCborValue(reader, depth + 1));
    return list;
  }
  const map = new Map();
  for (let count = 0; more(count); count += 1) {
    const key = readCborValue(reader, depth + 1);
    if (map.has(key)) throw new Malformed("CBOR map with a key twice");
    map.set(key, readCborValue(reader, depth + 1));
  }
  return map;
}

function readCborArgument(reader, info) {
  if (info < 24) return info;
  if (info > 27) throw new Malformed("CBOR with a reserved length");
  const size = 2 ** (info - 24);
  const bytes = takeBytes(reader, size);
  if (size < 8) return bytes.readUIntBE(0, size);
  const value = bytes.readBigUInt64BE();
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed("CBOR with a number that is too large");
  return Number(value);
}

function takeBytes(reader, count) {
  const end = reader.offset + count;
  if (end > reader.bytes.length) throw new Malformed("CBOR ends early");
  const taken = reader.bytes.subarray(reader.offset, end);
  reader.offset = end;
  return taken;
}

function takeBreak(reader) {
  if (reader.bytes[reader.offset] !== 0xff) return false;
  reader.offset += 1;
  return true;
}

const contextStatuses = ["unspecified", "optimal", "healthy", "degraded", "unhealthy"];

async function askCore(request, resolver) {
  if (request.core === null)
    return { status: "silent", code: "NOT_ASKED", detail: "there is no core to ask at this stage" };
  const deadline = performance.now() + request.timeoutMs;
  const { host, port } = request.core;
  try {
    const link = {};
    const addresses = await resolveHost(resolver, host, deadline, link);
    const start = performance.now();
    const socket = await connectToAny(addresses, port, deadline, link);
    const reply = await callCore(socket, `${link.address} port ${port}`, deadline);
    return readHealthStatus(reply, since(start));
  } catch (error) {
    const known = error instanceof LinkFault && ["NAME_NOT_FOUND", "REFUSED", "TIMED_OUT"].includes(error.code);
    return { status: "silent", code: known ? error.code : "WRONG_ANSWER", detail: error.message || String(error) };
  }
}

/** One unary gRPC call in clear text (h2c), by hand: a frame is one flag byte, four length bytes and the message. */
function callCore(socket, where, deadline) {
  let session;
  return within(
    deadline,
    `no health answer from the core at ${where}`,
    (resolve, reject) => {
      const fail = (error) => {
        reject(error instanceof LinkFault ? error : socketFault(error.cause ?? error, where));
        session.destroy();
      };
      session = http2.connect("http://core", { createConnection: () => socket });
      session.on("error", fail);
      session.on("close", () => fail(new LinkFault("WRONG_ANSWER", `the core at ${where} ended the connection`)));
      const call = session.request({
        ":method": "POST",
        ":path": "/kms_service.v1.CoreServiceEndpoint/GetHealthStatus",
        "content-type": "application/grpc",
        te: "trailers",
      });
      const chunks = [];
      let size = 0;
      let status;
      // The status comes in the trailers, or in the headers of an answer that has no body.
      const note = (headers) => {
        if (headers[":status"] && headers[":status"] !== 200)
          fail(new LinkFault("WRONG_ANSWER", `the core at ${where} answered with HTTP status ${headers[":status"]}`));
        if (headers["grpc-status"] !== undefined)
          status = { code: String(headers["grpc-status"]), message: String(headers["grpc-message"] ?? "") };
      };
      call.on("response", note);
      call.on("trailers", note);
      call.on("error", fail);
      call.on("data", (chunk) => {
        size += chunk.length;
        if (size > maxCoreReplyBytes) fail(new LinkFault("WRONG_ANSWER", `the core at ${where} answered without end`));
        else chunks.push(chunk);
      });
      call.on("end", () => {
        const body = Buffer.concat(chunks);
        if (status?.code !== "0") {
          const what = status ? `gRPC status ${status.code} ${percentDecoded(status.message)}` : "no gRPC status";
          fail(new LinkFault("WRONG_ANSWER", `the core at ${where} answered with ${what}`));
        } else if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5)
          fail(new LinkFault("WRONG_ANSWER", `the core at ${where} answered with no single plain gRPC message`));
        else {
          resolve(body.subarray(5));
          session.destroy();
        }
      });
      call.end(Buffer.alloc(5));
    },
    () => session.destroy(),
  );
}

function percentDecoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** kms.v1 HealthStatusResponse → CoreView. Of several contexts the default one counts: it is rebuilt from the peer list. */
export function readHealthStatus(bytes, latencyMs) {
  const contexts = readProto(bytes)
    .filter(({ field }) => field === 1)
    .map(({ value }) => readProto(messageBytes(value)));
  const idOf = (context) => readProto(messageBytes(last(context, 1) ?? Buffer.alloc(0)));
  const isDefault = (context) => textOf(last(idOf(context), 1)) === defaultContextId;
  const context = contexts.find(isDefault) ?? contexts[0] ?? [];
  return {
    status: "answered",
    contextStatus: contextStatuses[numberOf(last(context, 5))] ?? "unspecified",
    myPartyId: numberOf(last(context, 2)),
    thresholdRequired: numberOf(last(context, 3)),
    nodesReachable: numberOf(last(context, 4)),
    latencyMs,
    peers: context
      .filter(({ field }) => field === 6)
      .map(({ value }) => readProto(messageBytes(value)))
      .map((peer) => ({
        peerId: numberOf(last(peer, 1)),
        endpoint: textOf(last(peer, 2)),
        reachable: numberOf(last(peer, 3)) !== 0,
        latencyMs: numberOf(last(peer, 4)),
        error: textOf(last(peer, 5)),
      })),
  };
}

/** The fields of a protobuf message in their order: numbers for varints, Buffers for the rest. */
export function readProto(bytes) {
  const fields = [];
  let offset = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (offset >= bytes.length) throw new LinkFault("WRONG_ANSWER", "a protobuf message that ends early");
      const byte = bytes[offset++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
    throw new LinkFault("WRONG_ANSWER", "a protobuf number that is too long");
  };
  const take = (length) => {
    if (offset + length > bytes.length) throw new LinkFault("WRONG_ANSWER", "a protobuf message that ends early");
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  while (offset < bytes.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    const kind = key % 8;
    if (kind === 0) fields.push({ field, value: varint() });
    else if (kind === 1) fields.push({ field, value: take(8) });
    else if (kind === 2) fields.push({ field, value: take(varint()) });
    else if (kind === 5) fields.push({ field, value: take(4) });
    else throw new LinkFault("WRONG_ANSWER", "a protobuf message with an unknown wire type");
  }
  return fields;
}

const last = (fields, number) => fields.findLast(({ field }) => field === number)?.value;
const textOf = (value) => (Buffer.isBuffer(value) ? value.toString("utf8") : "");

function numberOf(value) {
  if (value === undefined) return 0;
  if (typeof value === "number" && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new LinkFault("WRONG_ANSWER", "a protobuf field of the wrong kind");
}

function messageBytes(value) {
  if (Buffer.isBuffer(value)) return value;
  throw new LinkFault("WRONG_ANSWER", "a protobuf field of the wrong kind");
}

/** The request for pages from its JSON text, or an UnreadableRequest that names the first field that does not fit. */
export function parseHttpRequest(text) {
  let request;
  try {
    request = JSON.parse(text);
  } catch (error) {
    throw new UnreadableRequest(`the request is not JSON: ${error.message}`);
  }
  const need = (condition, what) => {
    if (!condition) throw new UnreadableRequest(`the request does not fit http/v1: ${what}`);
  };
  const within = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
  need(request !== null && typeof request === "object", "it is not an object");
  const { contract, host, port, timeoutMs, maxBytes, paths } = request;
  need(contract === "http/v1", 'contract is not "http/v1"');
  need(typeof host === "string" && host.length > 0, "host");
  need(within(port, 1, 65_535), "port");
  need(within(timeoutMs, 50, 60_000), "timeoutMs is not within 50 and 60000");
  need(within(maxBytes, 1, maxPageBytes), `maxBytes is not within 1 and ${maxPageBytes}`);
  need(Array.isArray(paths) && paths.length <= maxPages, "paths");
  // A line break in a path would begin a header of its own.
  for (const path of paths) need(typeof path === "string" && /^\/[\w./-]*$/.test(path), "paths");
  return request;
}

/** GETs all pages side by side, each with the deadline for itself. Never throws because of what the server does. */
export async function readPages(request, { resolver = createResolver(request.timeoutMs) } = {}) {
  const answers = await Promise.all(request.paths.map((path) => readPage(path, request, resolver)));
  resolver.cancel();
  return { contract: "http/v1", answers };
}

async function readPage(path, { host, port, timeoutMs, maxBytes }, resolver) {
  const start = performance.now();
  const deadline = start + timeoutMs;
  try {
    const link = {};
    const addresses = await resolveHost(resolver, host, deadline, link);
    const socket = await connectToAny(addresses, port, deadline, link);
    const where = `${link.address} port ${port}`;
    const { status, body, truncated } = await getPage(socket, { path, host, maxBytes, where }, deadline);
    return { outcome: "answered", path, status, text: body.toString("utf8"), truncated, durationMs: since(start) };
  } catch (error) {
    const code = error instanceof LinkFault ? error.code : "WRONG_ANSWER";
    return { outcome: "silent", path, code, detail: error.message || String(error) };
  }
}

function getPage(socket, { path, host, maxBytes, where }, deadline) {
  return within(
    deadline,
    `${where} accepted the connection, then gave no whole answer to GET ${path}`,
    (resolve, reject) => {
      const chunks = [];
      let size = 0;
      const fail = (error) => {
        socket.destroy();
        const isHttp = String(error.code).startsWith("HPE_");
        reject(isHttp ? new LinkFault("WRONG_ANSWER", `${where} does not speak HTTP`) : socketFault(error, where));
      };
      const call = http.get(
        { path, headers: { host, connection: "close" }, createConnection: () => socket },
        (response) => {
          const done = (truncated) => {
            socket.destroy();
            resolve({ status: response.statusCode, body: Buffer.concat(chunks).subarray(0, maxBytes), truncated });
          };
          response.on("data", (chunk) => {
            chunks.push(chunk);
            size += chunk.length;
            if (size > maxBytes) done(true);
          });
          response.on("end", () => done(false));
          response.on("error", fail);
        },
      );
      call.on("error", fail);
    },
    () => socket.destroy(),
  );
}

/**
 * Reads the one line of the peer's listening prober. We say a line first: a core that is already there takes it for a broken TLS
 * hello and hangs up, where it would otherwise wait for us in silence until the deadline.
 */
function readAnswer(socket, { peer, partyId }, deadline, link) {
  const where = `${link.address} port ${peer.port}`;
  return within(
    deadline,
    `${where} accepted the connection, then no answer`,
    (resolve, reject) => {
      let text = "";
      const judge = (done) => {
        const line = text.split("\n", 1)[0];
        if (!done && !text.includes("\n") && text.length < maxAnswerBytes) return;
        socket.destroy();
        let answer;
        try {
          answer = JSON.parse(line);
        } catch {
          const other = text.startsWith("\x15\x03") || text === "";
          const guess = other ? "; a core may be there already: then use stage link" : "";
          reject(new LinkFault("WRONG_ANSWER", `${where} is no listening prober${guess}`));
          return;
        }
        if (answer?.quorate !== "prober" || answer.partyId !== peer.partyId) {
          const found = answer?.quorate === "prober" ? `the prober of party ${answer.partyId}` : "something else";
          reject(new LinkFault("WRONG_ANSWER", `${where} is ${found}, expected party ${peer.partyId}`));
          return;
        }
        link.sourceSeenByPeer = typeof answer.source === "string" ? answer.source : null;
        resolve();
      };
      socket.setEncoding("latin1");
      socket.on("data", (chunk) => {
        text += chunk;
        judge(false);
      });
      socket.once("end", () => judge(true));
      socket.on("error", (error) => reject(socketFault(error, where)));
      socket.write(`${JSON.stringify({ quorate: "prober", partyId })}\n`);
    },
    () => socket.destroy(),
  );
}

/**
 * Answers every connection with who we are and from where we see it, until closed; `onHeard` is told who says to be there.
 * @param {number} partyId
 * @param {(from: number, source: string) => void} [onHeard]
 */
export function createAnsweringServer(partyId, onHeard = () => {}) {
  return net.createServer((socket) => {
    const source = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    socket.on("error", () => {});
    socket.setTimeout(5000, () => socket.destroy());
    let said = "";
    socket.on("data", (chunk) => {
      if (said.length < maxAnswerBytes) said += chunk.toString("latin1");
      const from = said.includes("\n") ? claimedParty(said.split("\n", 1)[0]) : undefined;
      if (from === undefined) return;
      said = "";
      onHeard(from, source);
    });
    socket.end(`${JSON.stringify({ quorate: "prober", partyId, source })}\n`);
  });
}

/** Who a peer's prober says it is; earlier ones say nothing of it. Nothing rests on it but when we stop listening. */
function claimedParty(line) {
  try {
    const { partyId } = JSON.parse(line);
    return Number.isInteger(partyId) && partyId > 0 ? partyId : undefined;
  } catch {
    return undefined;
  }
}

const usage = `usage: node prober.mjs probe < request.json
       node prober.mjs listen --port <port> --seconds <seconds> --party <id>
       node prober.mjs http < request.json`;

function quit(exitCode, message) {
  process.stderr.write(`${message}\n`, () => process.exit(exitCode));
}

/** The request ends where its JSON does: not every container runtime passes the end of standard input on. */
async function readRequestText() {
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) {
    text += chunk;
    if (isWhole(text)) break;
  }
  return text;
}

function isWhole(text) {
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function runProbe() {
  const reply = await probe(parseRequest(await readRequestText()));
  process.stdout.write(`${JSON.stringify(reply)}\n`, () => process.exit(0));
}

async function runHttp() {
  const reply = await readPages(parseHttpRequest(await readRequestText()));
  process.stdout.write(`${JSON.stringify(reply)}\n`, () => process.exit(0));
}

function runListen(options) {
  const whole = (name, most) => {
    const value = Number(options[name]);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new UnreadableRequest(`--${name} has to be a whole number from 1 to ${most}\n${usage}`);
  };
  const port = whole("port", 65_535);
  const seconds = whole("seconds", 3600);
  const host = process.env.QUORATE_POD_IP || "0.0.0.0";
  const heard = new Set();
  const server = createAnsweringServer(whole("party", 1000), (from, source) => {
    if (heard.has(from) || heard.size >= 1000) return;
    heard.add(from);
    process.stdout.write(`heard party ${from} from ${source}\n`);
  });
  server.once("error", (error) => {
    if (error.code === "EADDRINUSE")
      quit(3, `port ${port} of ${host} is taken: the core is already there, so use stage link`);
    else quit(2, `cannot listen on port ${port} of ${host}: ${error.code ?? error.message}`);
  });
  server.listen({ host, port }, () => {
    process.stdout.write(`listening on ${host} port ${port} for ${seconds} s\n`);
    setTimeout(() => process.exit(0), seconds * 1000);
    endWithHolder();
  });
}

/** Who says a line holds us, and lets go with another, or by going away. Who says none left it to the bound. */
function endWithHolder() {
  let lines = 0;
  process.stdin.on("data", (chunk) => {
    lines += chunk.toString("latin1").split("\n").length - 1;
    if (lines > 1) process.exit(0);
  });
  process.stdin.on("end", () => {
    if (lines > 0) process.exit(0);
  });
  process.stdin.on("error", () => {});
}

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { port: { type: "string" }, seconds: { type: "string" }, party: { type: "string" } },
  });
  if (positionals.length === 1 && positionals[0] === "probe") await runProbe();
  else if (positionals.length === 1 && positionals[0] === "listen") runListen(values);
  else if (positionals.length === 1 && positionals[0] === "http") await runHttp();
  else throw new UnreadableRequest(usage);
}

// Not `import.meta.main`: a Node that does not know it would do nothing and exit 0. A ConfigMap mounts its files as links.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    const isUsage = error instanceof UnreadableRequest || String(error.code).startsWith("ERR_PARSE_ARGS");
    quit(isUsage ? 2 : 70, isUsage ? error.message : (error.stack ?? String(error)));
  });
}
