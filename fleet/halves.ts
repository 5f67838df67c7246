import { entryOf } from "../contract/card-trust.ts";
import type { Digest } from "../contract/names.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { type FoundHalf, halfObjectName } from "../contract/validate-half.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { CardFiles } from "../stacks/card-files.ts";
import { type CardSource, fetchPublic, folderSource, halfAddress } from "./card-sources.ts";
import { checkHalf, largestHalf, openHalf } from "./half-verification.ts";

/** How the file of a half ends, where halves lie in a folder. */
export const halfFileEnding = ".half.jws";

/** An own party: its key needs nobody's trust, and its address is known. */
export interface OwnHalf {
  fingerprint: Digest;
  url: string;
}

/** What every half is read with. */
export interface HalfReading {
  files: CardFiles;
  manifest: NetworkManifest;
  manifestDigest: Digest;
  /** Where the AWS configuration sends S3's calls, if anywhere else than to AWS. */
  endpoint: string | undefined;
  /** Undefined for parties of others. */
  own(partyId: number): Promise<OwnHalf | undefined>;
  now: Date;
}

export interface HalfQuestion {
  stage: "link" | "network";
  maxAgeMs: number;
  /** A folder to look in. @default each party's public vault */
  folder?: string | undefined;
}

/** Looks for one party's half and verifies it; whatever is wrong with it, or with the way to it, becomes the answer's problem. */
export async function readHalf(partyId: number, question: HalfQuestion, reading: HalfReading): Promise<FoundHalf> {
  try {
    const { files, manifestDigest, now } = reading;
    const own = await reading.own(partyId);
    const trust = await files.readTrust();
    const expected = files.expected(partyId, trust);
    const source = sourceOf(question, reading, own);
    const found = await source(partyId, entryOf(trust?.parties ?? {}, partyId));
    if (found === undefined) throw missing(partyId, reading.manifest);
    const fingerprint = own?.fingerprint ?? expected.fingerprint;
    const verified = await openHalf(found.text, { ...expected, fingerprint, source: found.source });
    checkHalf(verified, { ...question, manifestDigest, now, source: found.source });
    return { partyId, source: found.source, half: verified.half, digest: verified.digest, problem: null };
  } catch (failure) {
    if (!(failure instanceof OperatorError)) throw failure;
    const { code, found, expected, next, exitCode } = failure.problem;
    const problem = { code, found, expected, next, refused: exitCode !== exitCodes.unknown };
    return { partyId, source: null, half: null, digest: null, problem };
  }
}

function sourceOf({ folder }: HalfQuestion, { manifest, endpoint }: HalfReading, own: OwnHalf | undefined): CardSource {
  if (folder !== undefined) return folderSource(folder, manifest.network, halfFileEnding);
  return async (partyId, trusted) => {
    const party = manifest.parties.find(({ id }) => id === partyId);
    const url = own?.url ?? (party && halfAddress(party, trusted));
    if (url === undefined) return undefined;
    const text = await fetchPublic(url, {
      endpoint,
      signal: undefined,
      accept: "application/jose",
      code: "HALF_UNREACHABLE",
      what: `party ${partyId}: its half can not be fetched`,
      largest: largestHalf,
    });
    return text === undefined ? undefined : { text, source: url };
  };
}

function missing(partyId: number, { network }: NetworkManifest): OperatorError {
  return new OperatorError({
    code: "HALF_MISSING",
    what: `party ${partyId} (${network}): there is no half of it`,
    found: "no half where it was looked for",
    expected: `what the party publishes as ${halfObjectName} in its public vault, at the address that came with its key`,
    next: `ask party ${partyId} to run: npx quorate validate, then: npx quorate reports publish`,
    exitCode: exitCodes.unknown,
  });
}
