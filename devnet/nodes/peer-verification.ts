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

const attestationOidDer = objectIdentifier(attestationOid);
/** Leaves that passed; dates are looked at again each time. Chains of P-384 cost some milliseconds, and links are probed often. */
const passed = new Map<string, Pcrs>();

/** Throws an Error that says why this is not the peer's certificate, in the order of KMS Core: chain, name, dates, attestation. */
export function verifyPeer(leafDer: Buffer, peer: KnownPeer, trust: Trust, now = new Date()): void {
  const leaf = new X509Certificate(leafDer);
  const ca = peer.caCertificate;
  const key = `${leaf.fingerprint256} ${ca.fingerprint256}`;
  if (!passed.has(key) && (!ca.ca || !leaf.checkIssued(ca) || !leaf.verify(ca.publicKey)))
    throw new Error(`certificate is not signed by the CA of ${peer.mpcIdentity}`);
  if (leaf.subject !== `CN=${peer.mpcIdentity}` || !altNames(leaf).includes(peer.mpcIdentity))
    throw new Error(`certificate is for ${leaf.subject}, expected ${peer.mpcIdentity}`);
  if (now < leaf.validFromDate || now > leaf.validToDate)
    throw new Error(`certificate expired or not valid yet: ${leaf.validFrom} to ${leaf.validTo}`);
  if (trust.trustedReleases.length === 0) return;
  const pcrs = passed.get(key) ?? attestedPcrs(leaf, trust, now);
  passed.set(key, pcrs);
  const triple = [pcrs.pcr0, pcrs.pcr1, pcrs.pcr2];
  if (triple.some((pcr) => /^0+$/.test(pcr))) throw new Error("untrusted release: a PCR is all zeros");
  if (!trust.trustedReleases.some((release) => `${release.pcr0} ${release.pcr1} ${release.pcr2}` === triple.join(" ")))
    throw new Error(`untrusted release hash triple ${triple.join(", ")} in attestation document`);
}

function attestedPcrs(leaf: X509Certificate, trust: Trust, now: Date): Pcrs {
  const document = extensionValue(leaf.raw, attestationOidDer);
  if (!document) throw new Error("attestation document not present");
  const attested = verifyAttestation(document, trust.attestationRootSha256, now);
  const publicKey = leaf.publicKey.export({ type: "spki", format: "der" });
  if (!attested.publicKey.equals(publicKey)) throw new Error("attestation document was made for another public key");
  return attested.pcrs;
}

function altNames(leaf: X509Certificate): string[] {
  return (leaf.subjectAltName ?? "").split(", ").flatMap((name) => (name.startsWith("DNS:") ? [name.slice(4)] : []));
}
