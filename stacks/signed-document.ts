import { createHash } from "node:crypto";
import { compactVerify, importJWK, type JWK } from "jose";
import { z } from "zod";
import { canonicalJson } from "../contract/manifest-digest.ts";
import { Digest } from "../contract/names.ts";
import { OperatorError, type Problem } from "../contract/operator-error.ts";
import type { PublicJwk } from "../contract/party-card.ts";
import { cutShort } from "../contract/printable.ts";
import { exitCodes } from "../contract/verdict.ts";

/** How far the clocks of two parties may be apart. */
export const clockSkewMinutes = 5;

/** Whose document it is to be. */
export interface ExpectedDocument {
  network: string;
  partyId: number;
  /** Fingerprint that the party is known by; undefined where nobody decided yet. */
  fingerprint: Digest | undefined;
  /** Whose key another fingerprint is, for the error about it. */
  ownerOf?: ((fingerprint: Digest) => number | undefined) | undefined;
  /** Where it came from, for errors. */
  source: string;
}

/** What every signed document says of itself. */
interface Signed {
  network: string;
  partyId: number;
  signingKey: { fingerprint: Digest };
}

/** One kind of document: its contracts, and how errors speak of it. */
export interface DocumentKind<T extends Signed> {
  /** How the codes of its errors begin. */
  prefix: "HALF" | "DESK";
  noun: string;
  contract: string;
  header: z.ZodType<{ kid: Digest; jwk: PublicJwk }>;
  payload: z.ZodType<T>;
  /** Bytes; far above what one takes. */
  largest: number;
  /** What brings another one of the party. */
  again(partyId: number): string;
}

/** A document whose signature was verified against the key that its party is known by. */
export interface OpenedDocument<T> {
  document: T;
  /** SHA-256 of the signed text. */
  digest: Digest;
}

/** Opens one document: size, form, key, signature, contract, network and party, in this order. Nothing of it is believed before its signature is. */
export async function openDocument<T extends Signed>(
  text: string,
  expected: ExpectedDocument,
  kind: DocumentKind<T>,
): Promise<OpenedDocument<T>> {
  const { prefix, noun, contract, largest } = kind;
  const { partyId, source } = expected;
  const refuse = documentRefusal(expected);
  const jws = text.trim();
  if (Buffer.byteLength(jws) > largest)
    throw refuse({
      code: `${prefix}_TOO_LARGE`,
      what: `what was found is too large to be a ${noun}`,
      found: `more than ${largest} bytes from ${source}`,
      expected: `at most ${largest}`,
      next: `ask party ${partyId} what it published there`,
    });
  const header = readHeader(jws, kind.header);
  if (header === undefined || "fault" in header)
    throw refuse({
      code: `${prefix}_UNREADABLE`,
      what: `what was found is not a ${noun}, or not all of one`,
      found: `${header === undefined ? `${jws.length} characters` : header.fault}, from ${source}`,
      expected: "a JWS in compact form, with alg ES256, typ, kid and jwk in its header and nothing else",
      next: kind.again(partyId),
    });
  const { jwk, kid } = header.value;
  const signedBy = keyFingerprint(jwk);
  requireKey(signedBy, expected, kind);
  const payload = await signedPayload(jws, jwk);
  if (payload === undefined)
    throw refuse({
      code: `${prefix}_TAMPERED`,
      what: `its ${noun} is not what was signed`,
      found: `a signature that does not fit, from ${source}`,
      expected: `a ${noun} as the key ${signedBy} signed it`,
      next: `${kind.again(partyId)}; if it stays so, others may have written to its vault`,
    });
  const read = readPayload(payload, kind.payload);
  const wrong = "value" in read ? disagreement(read.value, expected, { signedBy, kid }) : read.fault;
  if ("value" in read && wrong === undefined) return { document: read.value, digest: textDigest(jws) };
  throw refuse({
    code: `${prefix}_INVALID`,
    what: `its ${noun} breaks the contract ${contract}`,
    found: `${wrong}\nfrom ${source}`,
    expected: `a ${noun} of party ${partyId} of network ${expected.network} that fits the contract`,
    next: `${kind.again(partyId)}, with the same version of this program`,
  });
}

/** A document is refused for safety unless it is only not there, or not for this. */
export function documentRefusal({ partyId, network }: { partyId: number; network: string }) {
  return (problem: Problem) =>
    new OperatorError({
      exitCode: exitCodes.refused,
      ...problem,
      what: `party ${partyId} (${network}): ${problem.what}`,
    });
}

function requireKey<T extends Signed>(found: Digest, expected: ExpectedDocument, kind: DocumentKind<T>): void {
  const { prefix, noun } = kind;
  const { partyId, fingerprint, ownerOf, source } = expected;
  const refuse = documentRefusal(expected);
  if (fingerprint === found) return;
  if (fingerprint === undefined)
    throw refuse({
      code: `${prefix}_UNTRUSTED`,
      what: "nobody here decided yet which key it signs with",
      found: `a ${noun} signed by ${found}, from ${source}`,
      expected: "a fingerprint that the party told by another way",
      next: `ask party ${partyId} for its fingerprint, by telephone or in person, then: npx quorate cards trust ${partyId} <fingerprint>`,
      exitCode: exitCodes.unknown,
    });
  const owner = ownerOf?.(found);
  throw refuse({
    code: `${prefix}_FOREIGN_KEY`,
    what: `its ${noun} is signed by another key than its own`,
    found: `${found}${owner === undefined ? "" : `, the key of party ${owner}`}, from ${source}`,
    expected: `${fingerprint}, as trusted`,
    next: `ask party ${partyId} whether it has a new key; only if it says so: npx quorate cards trust ${partyId} <fingerprint> --replace`,
  });
}

/** What a document says of whose it is, where that is not what it should be. */
function disagreement(
  document: Signed,
  { network, partyId }: ExpectedDocument,
  { signedBy, kid }: { signedBy: Digest; kid: Digest },
): string | undefined {
  if (document.network !== network) return `network: ${document.network}`;
  if (document.partyId !== partyId) return `partyId: ${document.partyId}`;
  const { fingerprint } = document.signingKey;
  if (fingerprint === signedBy && kid === signedBy) return undefined;
  return `signingKey.fingerprint ${fingerprint}, kid ${kid}, where ${signedBy} signed`;
}

/** What a reader of a document goes on with, or why there is nothing to go on with. */
export type Read<T> = { value: T } | { fault: string };

/** Header of a JWS as it stands there, before anything about it is known; undefined where the text is none, or not all of one. */
export function readHeader<H extends z.ZodType>(jws: string, schema: H): Read<z.output<H>> | undefined {
  const parts = jws.split(".");
  const isWhole = parts.length === 3 && parts.every((part) => /^[A-Za-z0-9_-]*$/.test(part));
  if (!isWhole) return undefined;
  const header = schema.safeParse(json(Buffer.from(parts[0] ?? "", "base64url").toString("utf8")));
  return header.success ? { value: header.data } : { fault: faultOf(header.error) };
}

/** What the key signed; undefined where it signed something else. An invalid point of the curve is as a wrong signature. */
export async function signedPayload(jws: string, jwk: PublicJwk): Promise<Uint8Array | undefined> {
  try {
    const { payload } = await compactVerify(jws, await importJWK(jwk, "ES256"), { algorithms: ["ES256"] });
    return payload;
  } catch {
    return undefined;
  }
}

/** Of a list, as many as a network can have parties. Each entry of a list that fits nothing is a problem of its own, with words of its own. */
const longestList = 1_000;
const deepest = 16;
/** Characters. */
const longestFault = 1_000;

/** Another spelling of the same JSON could say something else to another reader: a key given twice, for one. */
export function readPayload<P extends z.ZodType>(payload: Uint8Array, schema: P): Read<z.output<P>> {
  const value = json(Buffer.from(payload).toString("utf8"));
  if (!isOfModestSize(value))
    return { fault: `a list of more than ${longestList} entries, or lists ${deepest} deep in each other` };
  const read = schema.safeParse(value);
  if (!read.success) return { fault: faultOf(read.error) };
  return Buffer.from(canonicalJson(value)).equals(payload)
    ? { value: read.data }
    : { fault: "JSON that is not in canonical form" };
}

/** By what a key is known: SHA-256 of its public JWK in the form of RFC 7638. */
export function keyFingerprint({ crv, kty, x, y }: JWK): Digest {
  return textDigest(JSON.stringify({ crv, kty, x, y }));
}

export function textDigest(text: string): Digest {
  return Digest.parse(`sha256:${createHash("sha256").update(text).digest("hex")}`);
}

/** What is wrong with a document may be as long as the document. */
function faultOf(error: z.ZodError): string {
  return cutShort(z.prettifyError(error), longestFault);
}

/** Whether a contract can be held against a value in a moment, whatever it says. */
function isOfModestSize(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return true;
  const entries = Object.values(value);
  return depth < deepest && entries.length <= longestList && entries.every((entry) => isOfModestSize(entry, depth + 1));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
