import { createHash, verify, X509Certificate } from "node:crypto";
import { decode, encode } from "cborg";
import { z } from "zod";

/** How long a document counts after the enclave made it. */
const maxAgeMs = 5 * 60_000;

const Bytes = z.instanceof(Uint8Array);
const CoseSign1 = z.tuple([Bytes, z.unknown(), Bytes, Bytes]);
// @see https://github.com/aws/aws-nitro-enclaves-nsm-api/blob/main/docs/attestation_process.md
const Payload = z.object({
  module_id: z.string().min(1),
  digest: z.literal("SHA384"),
  timestamp: z.union([z.number(), z.bigint()]).transform(Number),
  pcrs: z.map(z.number(), Bytes),
  certificate: Bytes,
  cabundle: z.array(Bytes).min(1),
  public_key: Bytes.nullish(),
});

export interface Attestation {
  /** Index to lower-case hex. */
  pcrs: Map<number, string>;
  /** SubjectPublicKeyInfo, DER; what the answer is encrypted to. */
  publicKeyDer: Uint8Array | undefined;
}

/**
 * COSE_Sign1 bytes → what the enclave is, after its signature, its certificates up to the root, and its age were checked. Throws an Error
 * that says what is wrong. `rootSha256` undefined trusts whatever root the document brings.
 */
export function verifyAttestation(document: Uint8Array, rootSha256: string | undefined, now: Date): Attestation {
  const untagged = document[0] === 0xd2 ? document.subarray(1) : document;
  const [protectedHeader, , payloadBytes, signature] = CoseSign1.parse(decode(untagged, { useMaps: true }));
  const algorithm = (decode(protectedHeader, { useMaps: true }) as Map<number, unknown>).get(1);
  if (algorithm !== -35) throw new Error(`signed with COSE algorithm ${algorithm}, expected ES384 (-35)`);
  const fields = decode(payloadBytes, { useMaps: true }) as Map<string, unknown>;
  const payload = Payload.parse(Object.fromEntries(fields));

  const certificate = new X509Certificate(payload.certificate);
  const toVerify = encode(["Signature1", protectedHeader, new Uint8Array(0), payloadBytes]);
  const key = { key: certificate.publicKey, dsaEncoding: "ieee-p1363" as const };
  if (!verify("sha384", toVerify, key, signature)) throw new Error("the signature is not the certificate's");
  checkChain([...payload.cabundle.map((each) => new X509Certificate(each)), certificate], rootSha256, now);
  const age = now.getTime() - payload.timestamp;
  if (age > maxAgeMs || age < -maxAgeMs)
    throw new Error(`made ${Math.round(age / 1000)} s ago, at most 300 s are accepted`);

  const pcrs = new Map([...payload.pcrs].map(([index, value]) => [index, Buffer.from(value).toString("hex")]));
  // What an enclave in debug mode reports. It proves nothing.
  if (/^0*$/.test(pcrs.get(0) ?? "")) throw new Error("PCR0 is all zeros: the enclave runs in debug mode");
  return { pcrs, publicKeyDer: payload.public_key ?? undefined };
}

/** Root first, as Nitro orders its bundle. */
function checkChain(chain: X509Certificate[], rootSha256: string | undefined, now: Date): void {
  chain.forEach((certificate, index) => {
    const issuer = chain[index - 1] ?? certificate;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
      throw new Error(`certificate ${index} of the chain is not signed by the one before it`);
    if (index < chain.length - 1 && !certificate.ca) throw new Error(`certificate ${index} of the chain is no CA`);
    if (now < new Date(certificate.validFrom) || now > new Date(certificate.validTo))
      throw new Error(
        `certificate ${index} of the chain is valid from ${certificate.validFrom} to ${certificate.validTo}`,
      );
  });
  const found = createHash("sha256")
    .update(chain[0]?.raw ?? "")
    .digest("hex");
  if (rootSha256 !== undefined && found !== rootSha256)
    throw new Error(`root certificate ${found}, expected ${rootSha256}`);
}
