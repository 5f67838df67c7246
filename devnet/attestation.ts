import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from "node:crypto";
import { decode, encode, Token, Type } from "cborg";
import { createCertificate, issuerExtensions, keyUsage } from "./nodes/certificates.ts";
import { subjectName } from "./nodes/der-reader.ts";

/** PCR index to its 96 hex digits. */
export type Pcrs = Readonly<Record<"pcr0" | "pcr1" | "pcr2", string>>;

/** What the simulated Nitro hypervisor signs for one enclave. */
export interface Enclave {
  /** An attestation document in AWS Nitro's form for a public key (DER of its SPKI). */
  attest(publicKey: Buffer, userData?: Buffer): Buffer;
}

const dayMs = 86_400_000;
/** CBOR tag-free COSE header `{1: -35}`: ES384. */
const es384Header = encode(new Map([[1, -35]]));

/**
 * Boots a simulated enclave with these measurements. Its documents chain to the devnet's own root, so that nothing of a devnet is
 * believed where a manifest names AWS Nitro's.
 */
export function bootEnclave(root: { keyPem: string; certPem: string }, pcrs: Pcrs, now = new Date()): Enclave {
  const rootCertificate = new X509Certificate(root.certPem);
  const around = (days: number) => ({
    notBefore: new Date(now.getTime() - 3_600_000),
    notAfter: new Date(now.getTime() + days * dayMs),
  });
  const zone = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const zoneName = "quorate devnet nitro zone";
  const zoneCertificate = createCertificate({
    subject: zoneName,
    issuer: subjectName(rootCertificate.raw),
    publicKey: zone.publicKey,
    signer: createPrivateKey(root.keyPem),
    ...around(7),
    extensions: issuerExtensions(0),
  });
  const enclave = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const moduleId = `i-${createHash("sha256").update(zoneCertificate).digest("hex").slice(0, 17)}-enc0`;
  const certificate = createCertificate({
    subject: moduleId,
    issuer: zoneName,
    publicKey: enclave.publicKey,
    signer: zone.privateKey,
    ...around(3),
    extensions: [keyUsage(0b1000_0000, 7)],
  });
  const cabundle = [rootCertificate.raw, zoneCertificate];
  return {
    attest: (publicKey, userData) =>
      signDocument(enclave.privateKey, {
        module_id: moduleId,
        digest: "SHA384",
        timestamp: Date.now(),
        pcrs: new Map([pcrs.pcr0, pcrs.pcr1, pcrs.pcr2].map((pcr, index) => [index, Buffer.from(pcr, "hex")])),
        certificate,
        cabundle,
        public_key: publicKey,
        user_data: userData ?? null,
        nonce: null,
      }),
  };
}

function signDocument(key: KeyObject, fields: Record<string, unknown>): Buffer {
  const payload = encode(new Map(Object.entries(fields)), { typeEncoders: { Buffer: asBytes }, mapSorter: () => 0 });
  const signature = sign("sha384", signedStructure(es384Header, payload), { key, dsaEncoding: "ieee-p1363" });
  return Buffer.from(encode([es384Header, new Map(), payload, new Uint8Array(signature)]));
}

/** cborg knows Uint8Array and would take a Buffer for an object of its own. */
function asBytes(value: unknown): Token[] {
  return [new Token(Type.bytes, new Uint8Array(value as Buffer))];
}

function signedStructure(protectedHeader: Uint8Array, payload: Uint8Array): Uint8Array {
  return encode(["Signature1", protectedHeader, new Uint8Array(), payload]);
}

/** What an attestation document proves, once its chain and signature hold. */
export interface Attested {
  pcrs: Pcrs;
  publicKey: Buffer;
  madeAt: Date;
}

/**
 * Reads an attestation document and checks its signature, its chain up to the root of this SHA-256, and all dates. Throws an Error
 * that says what does not hold. The simulated AWS KMS decides with this on a key policy's PCR condition.
 */
export function verifyAttestation(document: Buffer, rootSha256: string, now = new Date()): Attested {
  const sign1: unknown = decode(document, { useMaps: true, tags: { 18: (inner) => inner() } });
  if (!Array.isArray(sign1) || sign1.length !== 4) throw new Error("the attestation document is not a COSE_Sign1");
  const [protectedHeader, , payload, signature] = sign1.map((part) => (part instanceof Uint8Array ? part : undefined));
  if (!protectedHeader || !payload || !signature) throw new Error("the attestation document is not a COSE_Sign1");
  const header: unknown = decode(protectedHeader, { useMaps: true });
  if (!(header instanceof Map) || header.get(1) !== -35)
    throw new Error("the attestation document is not signed with ES384");
  const fields: unknown = decode(payload, { useMaps: true });
  if (!(fields instanceof Map)) throw new Error("the attestation document holds no map");
  const bundle: unknown = fields.get("cabundle");
  if (!Array.isArray(bundle) || bundle.length === 0) throw new Error("the attestation document has no cabundle");
  const chain = [...bundle, fields.get("certificate")].map((der) => new X509Certificate(bytes(der, "a certificate")));
  checkChain(chain, rootSha256, now);
  const signer = chain.at(-1) as X509Certificate;
  const signed = signedStructure(protectedHeader, payload);
  if (!verify("sha384", signed, { key: signer.publicKey, dsaEncoding: "ieee-p1363" }, signature))
    throw new Error("the signature of the attestation document is wrong");
  const pcrs: unknown = fields.get("pcrs");
  if (!(pcrs instanceof Map)) throw new Error("the attestation document has no PCRs");
  const pcr = (index: number) => {
    const value = bytes(pcrs.get(index), `PCR${index}`);
    if (value.length !== 48) throw new Error(`PCR${index} of the attestation document is not 48 bytes`);
    return value.toString("hex");
  };
  return {
    pcrs: { pcr0: pcr(0), pcr1: pcr(1), pcr2: pcr(2) },
    publicKey: bytes(fields.get("public_key"), "public_key"),
    madeAt: new Date(Number(fields.get("timestamp"))),
  };
}

function checkChain(chain: readonly X509Certificate[], rootSha256: string, now: Date): void {
  const root = chain[0] as X509Certificate;
  const found = createHash("sha256").update(root.raw).digest("hex");
  if (found !== rootSha256.toLowerCase()) throw new Error(`the attestation document chains to another root: ${found}`);
  chain.forEach((certificate, index) => {
    const issuer = chain[Math.max(0, index - 1)] as X509Certificate;
    if (!issuer.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
      throw new Error("the chain of the attestation document does not hold");
    if (now < certificate.validFromDate || now > certificate.validToDate)
      throw new Error("a certificate of the attestation document is out of date");
  });
}

function bytes(value: unknown, what: string): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value);
  throw new Error(`${what} of the attestation document is not bytes`);
}

/** SHA-256 of a certificate's DER, from its PEM: how a manifest names an attestation root. */
export function certificateSha256(pem: string): string {
  return createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
}
