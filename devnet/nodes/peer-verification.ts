import { X509Certificate } from "node:crypto";
import { type Pcrs, verifyAttestation } from "../attestation.ts";
import { attestationOid } from "./certificates.ts";
import { extensionValue } from "./der-reader.ts";
import { objectIdentifier } from "./der-writer.ts";

// The prober verifies the same certificates with its own readers of DER and CBOR. This is written apart from it, on another CBOR
// library, so that each of the two checks the other: what one wrongly accepts, the other's core or prober shows as a broken link.

/** What a core knows of one peer before it has ever met it. */
export interface KnownPeer {
  mpcIdentity: string;
  caCertificate: X509Certificate;
}

export interface Trust {
  /** Empty turns the attestation check off, as in KMS Core. */
  trustedReleases: readonly Pcrs[];
  attestationRootSha256: string;
}

/** Who connects to whom: upstream's log names the verifier by the other side's part. */
export type Verifier = "client" | "server";

/** Why a peer is refused; `logLine` has the words of KMS Core's log. */
export class PeerRefused extends Error {
  readonly #words: (verifier: Verifier) => string;

  constructor(message: string, words: (verifier: Verifier) => string) {
    super(message);
    this.#words = words;
  }

  logLine(verifier: Verifier): string {
    return this.#words(verifier);
  }
}

/** A certificate under a name that no peer has. */
export function notATrustAnchor(subject: string): PeerRefused {
  const words = `${subject} is not a trust anchor`;
  return new PeerRefused(words, () => words);
}

const attestationOidDer = objectIdentifier(attestationOid);
/** Leaves that passed; dates are looked at again each time. Chains of P-384 cost some milliseconds, and links are probed often. */
const passed = new Map<string, Pcrs>();

/** Throws a PeerRefused that says why this is not the peer's certificate, in the order of KMS Core: name, chain, dates, attestation. */
export function verifyPeer(leafDer: Buffer, peer: KnownPeer, trust: Trust, now = new Date()): void {
  const leaf = new X509Certificate(leafDer);
  const ca = peer.caCertificate;
  const key = `${leaf.fingerprint256} ${ca.fingerprint256}`;
  if (leaf.subject !== `CN=${peer.mpcIdentity}`) throw notATrustAnchor(leaf.subject.replace(/^CN=/, ""));
  if (!altNames(leaf).includes(peer.mpcIdentity))
    throw untrusted(`certificate is for ${leaf.subject}, expected ${peer.mpcIdentity}`, "NotValidForName");
  if (!passed.has(key) && (!ca.ca || !leaf.checkIssued(ca) || !leaf.verify(ca.publicKey)))
    throw untrusted(`certificate is not signed by the CA of ${peer.mpcIdentity}`, "BadSignature");
  checkDates(leaf, now);
  if (trust.trustedReleases.length === 0) return;
  const pcrs = passed.get(key) ?? attestedPcrs(leaf, peer, trust, now);
  passed.set(key, pcrs);
  const triple = [pcrs.pcr0, pcrs.pcr1, pcrs.pcr2];
  if (triple.some((pcr) => /^0+$/.test(pcr))) throw unattested(peer, "untrusted release: a PCR is all zeros");
  if (!trust.trustedReleases.some((release) => `${release.pcr0} ${release.pcr1} ${release.pcr2}` === triple.join(" ")))
    throw unattested(peer, `untrusted release hash triple ${triple.join(", ")} in attestation document`);
}

function checkDates(leaf: X509Certificate, now: Date): void {
  const seconds = (time: Date) => Math.floor(time.getTime() / 1000);
  const [at, from, until] = [now, leaf.validFromDate, leaf.validToDate].map(seconds) as [number, number, number];
  if (at < from)
    throw untrusted(
      `certificate not valid yet: from ${leaf.validFrom}`,
      `certificate not valid yet: verification time ${at} (UNIX), but certificate is not valid before ${from} (${from - at} seconds in future)`,
    );
  if (at > until)
    throw untrusted(
      `certificate expired: until ${leaf.validTo}`,
      `certificate expired: verification time ${at} (UNIX), but certificate is not valid after ${until} (${at - until} seconds ago)`,
    );
}

/** Of rustls, with its words for what is wrong. */
function untrusted(message: string, words: string): PeerRefused {
  return new PeerRefused(
    message,
    (verifier) =>
      `${verifier} verifier validation error: invalid peer certificate: ${words}, supported algorithms: ${supportedAlgorithms}`,
  );
}

const supportedAlgorithms =
  "WebPkiSupportedAlgorithms { all: [ .. ], mapping: [ECDSA_NISTP384_SHA384, ECDSA_NISTP256_SHA256, ED25519] }";

/** Of the certificate's attestation document. */
function unattested(peer: KnownPeer, message: string): PeerRefused {
  return new PeerRefused(
    message,
    () =>
      `bundled attestation document validation error for party ${peer.mpcIdentity}: Bad certificate: ${message.replace(/^untrusted release: /, "untrusted release hash triple: ")}`,
  );
}

function attestedPcrs(leaf: X509Certificate, peer: KnownPeer, trust: Trust, now: Date): Pcrs {
  const document = extensionValue(leaf.raw, attestationOidDer);
  if (!document) throw unattested(peer, "attestation document not present");
  let attested: ReturnType<typeof verifyAttestation>;
  try {
    attested = verifyAttestation(document, trust.attestationRootSha256, now);
  } catch (error) {
    throw unattested(peer, `Could not validate attestation document: ${(error as Error).message}`);
  }
  const publicKey = leaf.publicKey.export({ type: "spki", format: "der" });
  if (!attested.publicKey.equals(publicKey))
    throw unattested(
      peer,
      `subject public key info ${publicKey.toString("hex")} does not match attestation document public key info ${attested.publicKey.toString("hex")}`,
    );
  return attested.pcrs;
}

function altNames(leaf: X509Certificate): string[] {
  return (leaf.subjectAltName ?? "").split(", ").flatMap((name) => (name.startsWith("DNS:") ? [name.slice(4)] : []));
}
