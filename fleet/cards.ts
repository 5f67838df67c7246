import { entryOf } from "../contract/card-trust.ts";
import type { Digest } from "../contract/names.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError, type Problem } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { CardFiles } from "../stacks/card-files.ts";
import { checkNews, type KnownCard, openCard, type VerifiedCard } from "../stacks/card-verification.ts";
import { readIfThere } from "../stacks/text-file.ts";
import type { CardSource, FoundCard } from "./card-sources.ts";
import { inWaves } from "./waves.ts";

/** What came of one party's card. */
export interface CardReport {
  partyId: number;
  /** `kept`: nothing newer came, and the card of before stays in force. */
  status: "new" | "updated" | "unchanged" | "kept" | "none";
  /** The card that is in force now. */
  card: VerifiedCard | undefined;
  /** Why nothing newer came; undefined where all is well. */
  problem: Problem | undefined;
}

export interface SyncOptions {
  files: CardFiles;
  manifest: NetworkManifest;
  manifestDigest: Digest;
  partyIds: readonly number[];
  source: CardSource;
  now?: Date;
  /** Stops it before anything is taken over; a taking over that has begun is finished. */
  signal?: AbortSignal;
}

/** Fetches the parties' cards, verifies each, and takes over those that are good, all at once. One party's trouble is nobody else's. */
export async function syncCards(options: SyncOptions): Promise<CardReport[]> {
  const { files, partyIds, source } = options;
  await files.settle();
  const trust = await files.readTrust();
  const reports = await inWaves(partyIds, 4, async (partyId) => {
    const trusted = entryOf(trust?.parties ?? {}, partyId);
    return await judge(partyId, options, async () => {
      options.signal?.throwIfAborted();
      const found = await source(partyId, trusted);
      if (found === undefined) throw trusted === undefined ? untrusted(partyId, options) : missing(partyId, options);
      return found;
    });
  });
  options.signal?.throwIfAborted();
  await takeOver(files, reports);
  return reports;
}

/** Verifies cards that came by hand, and takes over those that are good. */
export async function importCards(
  cards: readonly { partyId: number; found: FoundCard }[],
  options: Omit<SyncOptions, "partyIds" | "source" | "signal">,
): Promise<CardReport[]> {
  await options.files.settle();
  const reports: CardReport[] = [];
  for (const { partyId, found } of cards) {
    const report = await judge(partyId, options, async () => found);
    reports.push(report);
    await takeOver(options.files, [report]);
  }
  return reports;
}

/** The cards that are in force, and what is wrong with each by now. */
export async function listCards(options: Omit<SyncOptions, "source" | "signal">): Promise<CardReport[]> {
  const { files, manifest, manifestDigest, partyIds, now = new Date() } = options;
  const [trust, pins] = [await files.readTrust(), await files.readPins()];
  return await inWaves(partyIds, 4, async (partyId): Promise<CardReport> => {
    let card: VerifiedCard | undefined;
    try {
      card = await files.readCard(partyId, trust, pins);
      if (card !== undefined)
        checkNews(card, { manifest, manifestDigest, now, known: undefined, source: files.cardPath(partyId) });
      const isTrusted = entryOf(trust?.parties ?? {}, partyId) !== undefined;
      const problem = card ? undefined : (isTrusted ? missing(partyId, options) : untrusted(partyId, options)).problem;
      return { partyId, status: card ? "unchanged" : "none", card, problem };
    } catch (failure) {
      return { partyId, status: card ? "kept" : "none", card, problem: problemOf(failure) };
    }
  });
}

/** What a party says of itself before anything about it is known: whose card a file may be. */
export function claimedParty(text: string): number | undefined {
  try {
    const payload: unknown = JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString("utf8"));
    const { partyId } = (payload ?? {}) as { partyId?: unknown };
    return Number.isInteger(partyId) ? (partyId as number) : undefined;
  } catch {
    return undefined;
  }
}

type Rules = Omit<SyncOptions, "partyIds" | "source" | "signal">;

async function judge(partyId: number, options: Rules, find: () => Promise<FoundCard>): Promise<CardReport> {
  const { files, manifest, manifestDigest, now = new Date() } = options;
  const [trust, pins] = [await files.readTrust(), await files.readPins()];
  // Whatever lies where the card will lie has to be one that can be replaced, before the pins name another.
  await readIfThere(files.cardPath(partyId));
  const before = await files.readCard(partyId, trust, pins).catch((failure: unknown) => {
    // A card that was changed or lost here, or whose key was replaced: its number still counts.
    if (failure instanceof OperatorError) return undefined;
    throw failure;
  });
  try {
    const { text, source } = await find();
    const card = await openCard(text, { ...files.expected(partyId, trust), source });
    const pin = entryOf(pins.parties, partyId);
    const known: KnownCard | undefined = pin && { ...pin, card: before?.card };
    checkNews(card, { manifest, manifestDigest, now, known, source });
    if (before !== undefined && card.card.sequence === before.card.sequence)
      return { partyId, status: "unchanged", card: before, problem: undefined };
    return { partyId, status: pin === undefined ? "new" : "updated", card, problem: undefined };
  } catch (failure) {
    return { partyId, status: before ? "kept" : "none", card: before, problem: problemOf(failure) };
  }
}

async function takeOver(files: CardFiles, reports: readonly CardReport[]): Promise<void> {
  const fresh = reports.flatMap(({ status, card }) =>
    card !== undefined && (status === "new" || status === "updated") ? [card] : [],
  );
  if (fresh.length > 0) await files.accept(fresh);
}

function problemOf(failure: unknown): Problem {
  if (failure instanceof OperatorError) return failure.problem;
  throw failure;
}

function untrusted(partyId: number, { files }: Pick<Rules, "files">): OperatorError {
  return new OperatorError({
    code: "CARD_UNTRUSTED",
    what: `party ${partyId} (${files.network}): nobody here decided yet which key its cards are signed with`,
    found: `no entry of party ${partyId} in ${files.trustPath}`,
    expected: "the party's fingerprint and the address of its card, which the party told by another way than its card",
    next: `npx quorate cards trust ${partyId} <fingerprint> --url <address>`,
    exitCode: exitCodes.unknown,
  });
}

function missing(partyId: number, { files }: Pick<Rules, "files">): OperatorError {
  return new OperatorError({
    code: "CARD_MISSING",
    what: `party ${partyId} (${files.network}): there is no card of it`,
    found: "no card where it was looked for",
    expected: "a card that the party published",
    next: `ask party ${partyId} to run: npx quorate cards publish; then: npx quorate cards sync`,
    exitCode: exitCodes.unknown,
  });
}
