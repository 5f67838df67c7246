import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  bitString,
  boolean,
  element,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from "./der-writer.ts";

/** Extension of a core's TLS certificate that carries its attestation document; KMS Core reuses the OID of PKCS#7 signed data. */
export const attestationOid = "1.2.840.113549.1.7.2";

export interface Extension {
  oid: string;
  critical: boolean;
  /** DER of the extension's value, without the OCTET STRING around it. */
  value: Buffer;
}

export interface CertificateSpec {
  subject: string;
  /** Common name of the issuer, or its whole name in DER where it is another program's certificate. */
  issuer: string | Buffer;
  publicKey: KeyObject;
  signer: KeyObject;
  notBefore: Date;
  notAfter: Date;
  extensions: readonly Extension[];
}

const signatureAlgorithms: Record<string, { oid: string; hash: string }> = {
  secp256k1: { oid: "1.2.840.10045.4.3.2", hash: "sha256" },
  prime256v1: { oid: "1.2.840.10045.4.3.2", hash: "sha256" },
  secp384r1: { oid: "1.2.840.10045.4.3.3", hash: "sha384" },
};

/** An X.509 v3 certificate with a common name on both sides, signed with any EC key that node:crypto knows. DER. */
export function createCertificate(spec: CertificateSpec): Buffer {
  const curve = spec.signer.asymmetricKeyDetails?.namedCurve ?? "";
  const algorithm = signatureAlgorithms[curve];
  if (!algorithm) throw new Error(`certificates are signed with EC keys here, found ${curve || "another kind"}`);
  const algorithmId = sequence(objectIdentifier(algorithm.oid));
  const body = sequence(
    element(0xa0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    algorithmId,
    typeof spec.issuer === "string" ? commonName(spec.issuer) : spec.issuer,
    sequence(time(spec.notBefore), time(spec.notAfter)),
    commonName(spec.subject),
    spec.publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(...spec.extensions.map(encodeExtension))),
  );
  return sequence(body, algorithmId, bitString(sign(algorithm.hash, body, spec.signer)));
}

/** PEM of a certificate in DER. */
export function certificatePem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** A party's signing key: it signs its answers, and is the key of its CA. */
export function createSigningKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
}

/** The party's self-signed CA certificate, as KMS Core makes it: 1975 to 4096, so that only its key says who the party is. */
export function createCaCertificate(signingKey: KeyObject, mpcIdentity: string): Buffer {
  return createCertificate({
    subject: mpcIdentity,
    issuer: mpcIdentity,
    publicKey: createPublicKey(signingKey),
    signer: signingKey,
    notBefore: new Date("1975-01-01T00:00:00Z"),
    notAfter: new Date("4096-01-01T00:00:00Z"),
    extensions: [...issuerExtensions(0), subjectAltName(mpcIdentity)],
  });
}

/** Certificate and key for the TLS of one core, both sides of it, signed by the party's own CA. */
export function createTlsCertificate(options: {
  signingKey: KeyObject;
  mpcIdentity: string;
  notBefore: Date;
  notAfter: Date;
  /** The attestation document that vouches for this public key (its SPKI in DER). */
  attest: (publicKey: Buffer) => Buffer;
}): { certificate: Buffer; keyPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const certificate = createCertificate({
    subject: options.mpcIdentity,
    issuer: options.mpcIdentity,
    publicKey,
    signer: options.signingKey,
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    extensions: [
      keyUsage(0b1010_1000, 3),
      {
        oid: "2.5.29.37",
        critical: false,
        value: sequence(objectIdentifier("1.3.6.1.5.5.7.3.1"), objectIdentifier("1.3.6.1.5.5.7.3.2")),
      },
      subjectAltName(options.mpcIdentity),
      {
        oid: attestationOid,
        critical: false,
        value: options.attest(publicKey.export({ type: "spki", format: "der" })),
      },
    ],
  });
  return { certificate, keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** Marks a certificate as one that issues others: critical basicConstraints and keyUsage (digitalSignature, keyCertSign, cRLSign). */
export function issuerExtensions(pathLength?: number): Extension[] {
  const limit = pathLength === undefined ? [] : [integer(Buffer.from([pathLength]))];
  return [{ oid: "2.5.29.19", critical: true, value: sequence(boolean(true), ...limit) }, keyUsage(0b1000_0110, 1)];
}

/** Critical keyUsage; bit 0 of RFC 5280 is the leftmost bit of the byte. */
export function keyUsage(bits: number, unusedBits: number): Extension {
  return { oid: "2.5.29.15", critical: true, value: bitString(Buffer.from([bits]), unusedBits) };
}

export function subjectAltName(dnsName: string): Extension {
  return { oid: "2.5.29.17", critical: false, value: sequence(element(0x82, Buffer.from(dnsName, "latin1"))) };
}

/** 65 bytes, 0x04 first: the uncompressed point of a secp256k1 key. */
export function uncompressedPoint(key: KeyObject): Buffer {
  const { x = "", y = "" } = createPublicKey(key).export({ format: "jwk" });
  return Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

function commonName(name: string): Buffer {
  return sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(name))));
}

function encodeExtension({ oid, critical, value }: Extension): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value));
}
