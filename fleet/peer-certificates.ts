import { X509Certificate } from "node:crypto";
import type { Digest } from "../contract/names.ts";
import { type ManifestParty, partyHost, publishedAt } from "../contract/network-manifest.ts";
import { OperatorError, type Problem } from "../contract/operator-error.ts";
import { certificateSha256 } from "../contract/party-card.ts";
import { signingKeyHandle } from "../contract/signing-key-handle.ts";
import { exitCodes } from "../contract/verdict.ts";
import { inWaves } from "./waves.ts";

/** What came of one live peer's CA certificate. */
export interface CertificateReport {
  partyId: number;
  status: "copied" | "replaced" | "unchanged" | "none";
  /** SHA-256 of the certificate that the own vault has now. */
  sha256: Digest | undefined;
  problem: Problem | undefined;
}

/** The own public vault, as far as peers' certificates are concerned. */
export interface CertificateVault {
  read(partyId: number): Promise<string | undefined>;
  write(partyId: number, pem: string): Promise<void>;
}

export interface CopyOptions {
  peers: readonly ManifestParty[];
  vault: CertificateVault;
  /** Fetches a public object as anybody may; undefined where there is none. */
  fetchText(url: string): Promise<string | undefined>;
  /** Whether a certificate may take the place of another. */
  replace: boolean;
}

/**
 * Copies live peers' CA certificates from their public vaults into the own one, where a starting core looks for them: for peers that have no card.
 * Nothing but the manifest says whose vault it is, so a certificate that is there already is never exchanged unasked. One peer's trouble is nobody else's.
 */
export async function copyCertificates(options: CopyOptions): Promise<CertificateReport[]> {
  return await inWaves(options.peers, 4, async (peer) => {
    let before: string | undefined;
    try {
      before = await options.vault.read(peer.id);
      return await copyOne(peer, before, options);
    } catch (failure) {
      if (!(failure instanceof OperatorError)) throw failure;
      const sha256 = before === undefined ? undefined : certificateSha256(before);
      return {
        partyId: peer.id,
        status: before === undefined ? "none" : "unchanged",
        sha256,
        problem: failure.problem,
      };
    }
  });
}

async function copyOne(
  peer: ManifestParty,
  before: string | undefined,
  options: CopyOptions,
): Promise<CertificateReport> {
  const base = publishedAt(peer);
  if (base === undefined) throw missing(peer, "no parties[].publicVault in the manifest");
  const url = `${base}/CACert/${signingKeyHandle}`;
  const text = await options.fetchText(url);
  if (text === undefined) throw missing(peer, `nothing at ${url}`);
  const pem = `${text.replaceAll("\r\n", "\n").trim()}\n`;
  const sha256 = checkCertificate(peer, pem, url);
  const known = before === undefined ? undefined : (certificateSha256(before) ?? "something that is no certificate");
  if (known === sha256) return { partyId: peer.id, status: "unchanged", sha256, problem: undefined };
  if (known !== undefined && !options.replace) throw changed(peer, sha256, known, url);
  await options.vault.write(peer.id, pem);
  return { partyId: peer.id, status: known === undefined ? "copied" : "replaced", sha256, problem: undefined };
}

/** A core refuses a peer whose certificate has another name than its host; and one that is not whole makes its own configuration invalid. */
function checkCertificate(peer: ManifestParty, pem: string, url: string): Digest {
  const host = partyHost(peer);
  const refuse = (found: string) =>
    new OperatorError({
      code: "CERTIFICATE_UNFIT",
      what: `party ${peer.id}: what it publishes is not its CA certificate`,
      found: `${found}, from ${url}`,
      expected: `one certificate, signed by its own key, with CN and SAN ${host}`,
      next: `ask party ${peer.id} what lies there; compare the manifest's parties[].publicVault with it`,
      exitCode: exitCodes.refused,
    });
  const sha256 = pem.split("-----BEGIN ").length === 2 ? certificateSha256(pem) : undefined;
  if (sha256 === undefined) throw refuse(`${pem.length} characters that are not one certificate`);
  const certificate = new X509Certificate(pem);
  const names = certificate.subject.split("\n").filter((line) => line.startsWith("CN="));
  if (names.length !== 1 || names[0] !== `CN=${host}`)
    throw refuse(`subject ${certificate.subject.replaceAll("\n", ", ")}`);
  if (!certificate.subjectAltName?.split(", ").includes(`DNS:${host}`))
    throw refuse(`subjectAltName ${certificate.subjectAltName ?? "none"}`);
  if (!certificate.ca || !certificate.verify(certificate.publicKey))
    throw refuse("a certificate that another key signed");
  return sha256;
}

function missing(peer: ManifestParty, found: string): OperatorError {
  return new OperatorError({
    code: "CERTIFICATE_MISSING",
    what: `party ${peer.id}: there is no CA certificate of it`,
    found,
    expected: "the bucket of its public vault in the manifest, and a certificate that its core made",
    next: `ask party ${peer.id} for its bucket, or exchange cards: npx quorate cards trust ${peer.id} <fingerprint>`,
    exitCode: exitCodes.unknown,
  });
}

function changed(peer: ManifestParty, found: Digest, known: string, url: string): OperatorError {
  return new OperatorError({
    code: "CERTIFICATE_CHANGED",
    what: `party ${peer.id}: it publishes another CA certificate than the one that was copied before`,
    found: `${found}, from ${url}`,
    expected: `${known}, in the own public vault`,
    next: `ask party ${peer.id} by another way whether it has a new one; only then: npx quorate cards certificates --replace`,
    exitCode: exitCodes.refused,
  });
}
