import type { Digest } from "../contract/names.ts";
import { HalfHeader, ValidateHalf } from "../contract/validate-half.ts";
import { exitCodes } from "../contract/verdict.ts";
import {
  clockSkewMinutes,
  type DocumentKind,
  documentRefusal,
  type ExpectedDocument,
  openDocument,
} from "../stacks/signed-document.ts";

/** Above what a half takes in a network of a hundred parties: some thousand characters for each link. */
export const largestHalf = 512 * 1024;

export interface VerifiedHalf {
  half: ValidateHalf;
  /** SHA-256 of the signed text. */
  digest: Digest;
}

const halfKind: DocumentKind<ValidateHalf> = {
  prefix: "HALF",
  noun: "half",
  contract: "half/v1",
  header: HalfHeader,
  payload: ValidateHalf,
  largest: largestHalf,
  again: (partyId) => again(partyId),
};

/** Opens one half. Nothing of it is believed before its signature is. */
export async function openHalf(text: string, expected: ExpectedDocument): Promise<VerifiedHalf> {
  const { document, digest } = await openDocument(text, expected, halfKind);
  return { half: document, digest };
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
  const refuse = documentRefusal({ partyId, network });
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
