import { X509Certificate } from "node:crypto";
import { keccak_256 } from "@noble/hashes/sha3.js";
import type { CertificateFacts, FoundCertificate } from "../../contract/certificates-report.ts";

/** Reads what lies in a vault as one CA certificate. A core takes exactly one: more than one is as wrong as none. */
export function readCaCertificate(pem: string): FoundCertificate {
  const count = pem.split("-----BEGIN CERTIFICATE-----").length - 1;
  if (count !== 1) return { status: "unreadable", detail: `${count} certificates in PEM, where exactly one belongs` };
  try {
    return { status: "found", value: factsOf(new X509Certificate(pem)) };
  } catch (failure) {
    return { status: "unreadable", detail: `no certificate: ${failure instanceof Error ? failure.message : failure}` };
  }
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  const { publicKey } = certificate;
  const key = publicKey.export({ format: "jwk" });
  const point = [key.x, key.y].map((coordinate) => Buffer.from(coordinate ?? "", "base64url"));
  return {
    sha256: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    commonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? "",
    dnsNames: (certificate.subjectAltName ?? "").split(", ").flatMap((name) => /^DNS:(.*)$/.exec(name)?.[1] ?? []),
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    authority: certificate.ca && certificate.checkIssued(certificate) && certificate.verify(publicKey),
    curve: key.crv ?? key.kty ?? "unknown",
    address: key.crv === "secp256k1" ? ethereumAddress(Buffer.concat(point)) : null,
  };
}

/** The last 20 bytes of the Keccak-256 of a public key's two coordinates. */
function ethereumAddress(point: Uint8Array): string {
  return `0x${Buffer.from(keccak_256(point).subarray(12)).toString("hex")}`;
}
