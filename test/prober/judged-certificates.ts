import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { judgeCertificate } from "../../components/kubernetes/prober.mjs";
import type { Measurements } from "../../contract/trusted-release.ts";
import { bootEnclave, certificateSha256, type Pcrs } from "../../devnet/attestation.ts";
import {
  certificatePem,
  createCaCertificate,
  createCertificate,
  createSigningKey,
  createTlsCertificate,
  issuerExtensions,
} from "../../devnet/nodes/certificates.ts";
import { verifyPeer } from "../../devnet/nodes/peer-verification.ts";

export const hourMs = 3_600_000;
export const release: Pcrs = { pcr0: "a1".repeat(48), pcr1: "b1".repeat(48), pcr2: "c1".repeat(48) };
export const asMeasurements = (pcrs: Pcrs) => pcrs as unknown as Measurements;

/** A self-signed P-384 root, as PEM. */
export function createRoot() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const certificate = createCertificate({
    subject: "test root",
    issuer: "test root",
    publicKey,
    signer: privateKey,
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + 1000 * hourMs),
    extensions: issuerExtensions(),
  });
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { keyPem, certPem: certificatePem(certificate) };
}

export const root = createRoot();
export const rootSha256 = certificateSha256(root.certPem);

export interface PartyOptions {
  pcrs?: Pcrs;
  root?: typeof root;
  leafName?: string;
  startsInMs?: number;
  endsInMs?: number;
  attest?: (publicKey: Buffer) => Buffer;
}

/** A party's CA and a leaf of it, right in all respects except those that `options` spoil. */
export function createParty(identity: string, options: PartyOptions = {}) {
  const signingKey = createSigningKey();
  const enclave = bootEnclave(options.root ?? root, options.pcrs ?? release);
  const leaf = createTlsCertificate({
    signingKey,
    mpcIdentity: options.leafName ?? identity,
    notBefore: new Date(Date.now() + (options.startsInMs ?? -hourMs)),
    notAfter: new Date(Date.now() + (options.endsInMs ?? hourMs)),
    attest: options.attest ?? ((publicKey) => enclave.attest(publicKey)),
  });
  return { signingKey, caPem: certificatePem(createCaCertificate(signingKey, identity)), ...leaf };
}

export type Party = ReturnType<typeof createParty>;

/** Code of the prober's judgement, or OK. */
export function judged(leaf: Buffer, caPem: string | null, identity = "mpc-node-2", trusted = [release]) {
  const link = { stage: "tls" as const, certificate: null, release: null };
  try {
    judgeCertificate(
      leaf,
      { partyId: 2 as never, mpcIdentity: identity, caCertificatePem: caPem },
      { trustedReleases: trusted.map(asMeasurements), attestationRootSha256: rootSha256 },
      link,
      new Date(),
    );
    return { code: "OK", detail: "", ...link };
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, detail: message, ...link };
  }
}

/** What a core says of the same certificate: undefined where it accepts it. */
export function refusedByCore(leaf: Buffer, caPem: string, identity = "mpc-node-2", trusted = [release]) {
  try {
    const peer = { mpcIdentity: identity, caCertificate: new X509Certificate(caPem) };
    verifyPeer(leaf, peer, { trustedReleases: trusted, attestationRootSha256: rootSha256 });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
