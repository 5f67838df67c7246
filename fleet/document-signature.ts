import { canonicalJson } from "../contract/manifest-digest.ts";
import type { Arn, Digest } from "../contract/names.ts";
import type { PublicJwk } from "../contract/party-card.ts";
import { keyFingerprint } from "../stacks/signed-document.ts";

/** A party's key, wherever it lies: it gives its public half, and signs. */
export interface DocumentSigner {
  /** The key's name. */
  id: Arn;
  publicJwk(): Promise<PublicJwk>;
  /** ECDSA over the message's SHA-256, in DER as AWS KMS gives it. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** Adds the key to what is said, and signs both: a JWS in compact form, ES256. */
export async function signDocument(
  typ: string,
  said: object,
  signer: DocumentSigner,
): Promise<{ jws: string; fingerprint: Digest }> {
  const jwk = await signer.publicJwk();
  const fingerprint = keyFingerprint(jwk);
  const document = { ...said, signingKey: { id: signer.id, fingerprint } };
  const header = { alg: "ES256", typ, kid: fingerprint, jwk };
  const signed = [header, document].map((part) => Buffer.from(canonicalJson(part)).toString("base64url")).join(".");
  const signature = await signer.sign(Buffer.from(signed));
  return { jws: `${signed}.${Buffer.from(rawSignature(signature)).toString("base64url")}`, fingerprint };
}

const coordinateBytes = 32;

/** The two numbers of an ECDSA signature side by side, as JWS has them, out of DER. */
export function rawSignature(der: Uint8Array): Uint8Array {
  const numbers = readSequence(der);
  const raw = new Uint8Array(2 * coordinateBytes);
  for (const [index, number] of numbers.entries()) {
    const digits = number[0] === 0 ? number.subarray(1) : number;
    if (digits.length > coordinateBytes) throw new Error("a number of the signature is too large for P-256");
    raw.set(digits, (index + 1) * coordinateBytes - digits.length);
  }
  return raw;
}

/** SEQUENCE of two INTEGERs, each shorter than 128 bytes, and nothing after it. */
function readSequence(der: Uint8Array): [Uint8Array, Uint8Array] {
  const [body, rest] = readElement(der, 0x30);
  const [r, afterR] = readElement(body, 0x02);
  const [s, afterS] = readElement(afterR, 0x02);
  if (rest.length > 0 || afterS.length > 0) throw new Error("bytes after the signature");
  return [r, s];
}

function readElement(bytes: Uint8Array, tag: number): [content: Uint8Array, rest: Uint8Array] {
  const length = bytes[1] ?? 0x80;
  if (bytes[0] !== tag || length > 0x7f || length === 0 || bytes.length < 2 + length)
    throw new Error("the signature is not ECDSA's DER");
  return [bytes.subarray(2, 2 + length), bytes.subarray(2 + length)];
}
