import { type CardTrust, entryOf } from "../contract/card-trust.ts";
import type { Digest } from "../contract/names.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { type FoundHalf, type HalfProblem, type HalfRules, halfObjectName } from "../contract/validate-half.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { CardFiles } from "../stacks/card-files.ts";
import { requireFolder } from "../stacks/text-file.ts";
import { type CardSource, fetchPublic, folderSource, isForbidden, publicAddress } from "./card-sources.ts";
import { again, checkHalf, largestHalf, openHalf, type VerifiedHalf } from "./half-verification.ts";
import type { SeenHalf, SeenHalves } from "./seen-halves.ts";

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
  /** Whom this party trusts. */
  trust: CardTrust | undefined;
  manifest: NetworkManifest;
  manifestDigest: Digest;
  /** Where the AWS configuration sends S3's calls, if anywhere else than to AWS. */
  endpoint: string | undefined;
  /** Parties whose stacks lie here and were never brought up, by the stacks' names. */
  notUp?: ReadonlyMap<number, string> | undefined;
  /** Undefined for parties of others. */
  own(partyId: number): Promise<OwnHalf | undefined>;
  /** Which halves counted here before; undefined: none is remembered. */
  seen?: SeenHalves | undefined;
  now: Date;
  /** Ends the wait early. */
  signal?: AbortSignal | undefined;
}

/**
 * Looks for one party's half and verifies it; whatever is wrong with it, or with the way to it, becomes the answer's problem. Throws for a
 * folder that is none, and for what is remembered and can not be read: that is nobody's half.
 */
export async function readHalf(partyId: number, question: HalfRules, reading: HalfReading): Promise<FoundHalf> {
  if (question.folder !== undefined) await requireFolder(question.folder);
  // What this machine remembers is nobody's half either.
  const known = await reading.seen?.newest(partyId, question.stage);
  const verified = await verifiedHalf(partyId, question, reading, known);
  if ("problem" in verified) return { partyId, source: null, half: null, digest: null, problem: verified.problem };
  await reading.seen?.remember(verified, known);
  return { partyId, source: verified.source, half: verified.half, digest: verified.digest, problem: null };
}

async function verifiedHalf(
  partyId: number,
  question: HalfRules,
  reading: HalfReading,
  known: SeenHalf | undefined,
): Promise<(VerifiedHalf & { source: string }) | { problem: HalfProblem }> {
  const { files, trust, manifestDigest, now } = reading;
  try {
    const own = await reading.own(partyId);
    const expected = files.expected(partyId, trust);
    const source = sourceOf(question, reading, own);
    const found = await source(partyId, entryOf(trust?.parties ?? {}, partyId));
    if (found === undefined) throw missing(partyId, question, "no half where it was looked for");
    const fingerprint = own?.fingerprint ?? expected.fingerprint;
    const verified = await openHalf(found.text, { ...expected, fingerprint, source: found.source });
    checkHalf(verified, { ...question, manifestDigest, now, known, source: found.source });
    return { ...verified, source: found.source };
  } catch (failure) {
    if (!(failure instanceof OperatorError)) throw failure;
    const { code, found, expected, next, exitCode } = failure.problem;
    const refused = exitCode === exitCodes.refused;
    const stack = reading.notUp?.get(partyId);
    if (stack === undefined || (code !== "HALF_MISSING" && code !== "HALF_UNTRUSTED"))
      return { problem: { code, found, expected, next, refused } };
    const notUp = `${found}; stack ${stack} here was never brought up`;
    const up = `npx quorate up --party ${partyId}, where that party is yours; otherwise ${next}`;
    return { problem: { code: "HALF_MISSING", found: notUp, expected, next: up, refused } };
  }
}

function sourceOf(question: HalfRules, reading: HalfReading, own: OwnHalf | undefined): CardSource {
  const { manifest, endpoint, signal } = reading;
  if (question.folder !== undefined) return folderSource(question.folder, manifest.network, halfFileEnding);
  return async (partyId, trusted) => {
    const party = manifest.parties.find(({ id }) => id === partyId);
    const address = party && publicAddress(party, trusted);
    const url = own?.url ?? (address && `${address}/${halfObjectName}`);
    if (url === undefined) throw missing(partyId, question, "nobody here knows where its public vault is");
    const text = await fetchPublic(url, {
      endpoint,
      signal,
      accept: "application/jose",
      code: "HALF_UNREACHABLE",
      what: `party ${partyId}: its half can not be fetched`,
      largest: largestHalf,
    }).catch((failure: unknown) => {
      if (!isForbidden(failure)) throw failure;
      throw missing(partyId, question, `nothing that the world may read at ${url}`);
    });
    return text === undefined ? undefined : { text, source: url };
  };
}

function missing(partyId: number, { stage }: HalfRules, found: string): OperatorError {
  return new OperatorError({
    code: "HALF_MISSING",
    what: `party ${partyId}: there is no half of it`,
    found,
    expected: `what the party publishes as ${halfObjectName} in its public vault, at the address that came with its key`,
    next: again(partyId, stage),
    exitCode: exitCodes.unknown,
  });
}
