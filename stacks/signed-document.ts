import { createHash } from "node:crypto";
import { compactVerify, importJWK, type JWK } from "jose";
import { z } from "zod";
import { canonicalJson } from "../contract/manifest-digest.ts";
import { Digest } from "../contract/names.ts";
import type { PublicJwk } from "../contract/party-card.ts";
import { cutShort } from "../contract/printable.ts";

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
