import type { Digest } from "../contract/names.ts";
import { OperatorError, type Problem } from "../contract/operator-error.ts";
import { HalfHeader, ValidateHalf } from "../contract/validate-half.ts";
import { exitCodes } from "../contract/verdict.ts";
import {
  clockSkewMinutes,
  type ExpectedDocument,
  keyFingerprint,
  readHeader,
  readPayload,
  signedPayload,
  textDigest,
} from "../stacks/signed-document.ts";

/** Above what a half takes in a network of a hundred parties: some thousand characters for each link. */
export const largestHalf = 512 * 1024;

export interface VerifiedHalf {
  half: ValidateHalf;
  /** SHA-256 of the signed text. */
  digest: Digest;
}

/** Opens one half: size, form, key, signature, contract, network and party, in this order. Nothing of it is believed before its signature is. */
export async function openHalf(text: string, expected: ExpectedDocument): Promise<VerifiedHalf> {
  const { partyId, source } = expected;
  const refuse = refusal(expected);
  const jws = text.trim();
  if (Buffer.byteLength(jws) > largestHalf)
    throw refuse({
      code: "HALF_TOO_LARGE",
      what: "what was found is too large to be a half",
      found: `more than ${largestHalf} bytes from ${source}`,
      expected: `at most ${largestHalf}`,
      next: `ask party ${partyId} what it published there`,
    });
  const { jwk, kid } = headerOf(jws, expected);
  const signedBy = keyFingerprint(jwk);
  requireKey(signedBy, expected);
  const payload = await signedPayload(jws, jwk);
  if (payload === undefined)
    throw refuse({
      code: "HALF_TAMPERED",
      what: "its half is not what was signed",
      found: `a signature that does not fit, from ${source}`,
      expected: `a half as the key ${signedBy} signed it`,
      next: `${again(partyId)}; if it stays so, others may have written to its vault`,
    });
  const half = readPayload(payload, ValidateHalf);
  const wrong = "value" in half ? disagreement(half.value, expected, { signedBy, kid }) : half.fault;
  if ("value" in half && wrong === undefined) return { half: half.value, digest: textDigest(jws) };
  throw refuse({
    code: "HALF_INVALID",
    what: "its half breaks the contract half/v1",
    found: `${wrong}\nfrom ${source}`,
    expected: `a half of party ${partyId} of network ${expected.network} that fits the contract`,
    next: `${again(partyId)}, with the same version of this program`,
  });
}

/** What makes a verified half count in a report. */
export interface HalfUse {
  stage: "link" | "network";
  manifestDigest: Digest;
  /** Milliseconds since its probing began. */
  maxAgeMs: number;
  now: Date;
  /** The newest half of the party and stage that counted here before. */
  known?: { fingerprint: Digest; issuedAt: string } | undefined;
  source: string;
}

/** Whether a half says something about the network as it is now, and about the network that is meant. */
export function checkHalf(
  { half }: VerifiedHalf,
  { stage, manifestDigest, maxAgeMs, now, known, source }: HalfUse,
): void {
  const { partyId, network } = half;
  const refuse = refusal({ partyId, network });
  if (Date.parse(half.issuedAt) > now.getTime() + clockSkewMinutes * 60_000)
    throw refuse({
      code: "HALF_FROM_FUTURE",
      what: "its half is from the future",
      found: `issuedAt ${half.issuedAt}, from ${source}`,
      expected: `not after ${now.toISOString()}, this machine's clock, and ${clockSkewMinutes} minutes`,
      next: `compare this machine's clock and party ${partyId}'s with a time server`,
    });
  if (half.manifestDigest !== manifestDigest)
    throw refuse({
      code: "HALF_OTHER_MANIFEST",
      what: "its half is about another manifest",
      found: `manifest ${half.manifestDigest}, from ${source}`,
      expected: `${manifestDigest}, the manifest here`,
      next: `compare the manifest with party ${partyId}'s; whoever is behind runs up with the agreed one, and validates again`,
    });
  if (half.stage !== stage)
    throw refuse({
      code: "HALF_OTHER_STAGE",
      what: "its half is of another stage",
      found: `stage ${half.stage}, from ${source}`,
      expected: `stage ${stage}`,
      next: again(partyId, stage),
      exitCode: exitCodes.unknown,
    });
  const isSameKey = known?.fingerprint === half.signingKey.fingerprint;
  if (isSameKey && Date.parse(half.issuedAt) < Date.parse(known.issuedAt))
    throw refuse({
      code: "HALF_OLDER",
      what: "its half is older than one that was seen here before",
      found: `signed at ${half.issuedAt}, from ${source}`,
      expected: `signed at ${known.issuedAt}, as the newest one seen here, or later`,
      next: `${again(partyId, stage)}; if it published nothing since, ask it who may write to its vault; a folder of halves may be behind`,
    });
  const ageMs = now.getTime() - Date.parse(half.startedAt);
  if (ageMs > maxAgeMs)
    throw refuse({
      code: "HALF_STALE",
      what: "its half is too old to tell how the network is now",
      found: `${ageWords(ageMs)} old, seen at ${half.startedAt}, from ${source}`,
      expected: `at most ${ageWords(maxAgeMs)} old`,
      next: again(partyId, stage),
      exitCode: exitCodes.unknown,
    });
}

/** An age as people say it. */
export function ageWords(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2 * 1440 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}

/** What brings another half of the party. */
export function again(partyId: number, stage: "link" | "network" = "link"): string {
  const validate = `npx quorate validate${stage === "link" ? "" : ` --stage ${stage}`}`;
  return `ask party ${partyId} to run: ${validate}, then: npx quorate reports publish`;
}

function headerOf(jws: string, { partyId, network, source }: ExpectedDocument): HalfHeader {
  const header = readHeader(jws, HalfHeader);
  if (header !== undefined && "value" in header) return header.value;
  throw refusal({ partyId, network })({
    code: "HALF_UNREADABLE",
    what: "what was found is not a half, or not all of one",
    found: `${header === undefined ? `${jws.length} characters` : header.fault}, from ${source}`,
    expected: "a JWS in compact form, with alg ES256, typ, kid and jwk in its header and nothing else",
    next: again(partyId),
  });
}

function requireKey(found: Digest, expected: ExpectedDocument): void {
  const { partyId, fingerprint, ownerOf, source } = expected;
  const refuse = refusal(expected);
  if (fingerprint === found) return;
  if (fingerprint === undefined)
    throw refuse({
      code: "HALF_UNTRUSTED",
      what: "nobody here decided yet which key it signs with",
      found: `a half signed by ${found}, from ${source}`,
      expected: "a fingerprint that the party told by another way",
      next: `ask party ${partyId} for its fingerprint, by telephone or in person, then: npx quorate cards trust ${partyId} <fingerprint>`,
      exitCode: exitCodes.unknown,
    });
  const owner = ownerOf?.(found);
  throw refuse({
    code: "HALF_FOREIGN_KEY",
    what: "its half is signed by another key than its own",
    found: `${found}${owner === undefined ? "" : `, the key of party ${owner}`}, from ${source}`,
    expected: `${fingerprint}, as trusted`,
    next: `ask party ${partyId} whether it has a new key; only if it says so: npx quorate cards trust ${partyId} <fingerprint> --replace`,
  });
}

/** What a half says of whose it is, where that is not what it should be. */
function disagreement(
  half: ValidateHalf,
  { network, partyId }: ExpectedDocument,
  { signedBy, kid }: { signedBy: Digest; kid: Digest },
): string | undefined {
  if (half.network !== network) return `network: ${half.network}`;
  if (half.partyId !== partyId) return `partyId: ${half.partyId}`;
  if (half.signingKey.fingerprint === signedBy && kid === signedBy) return undefined;
  return `signingKey.fingerprint ${half.signingKey.fingerprint}, kid ${kid}, where ${signedBy} signed`;
}

/** A half is refused for safety unless it is only not there, or not for this. */
function refusal({ partyId, network }: { partyId: number; network: string }) {
  return (problem: Problem) =>
    new OperatorError({
      exitCode: exitCodes.refused,
      ...problem,
      what: `party ${partyId} (${network}): ${problem.what}`,
    });
}
