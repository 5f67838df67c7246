import { canonicalJson } from "../contract/manifest-digest.ts";
import type { Digest } from "../contract/names.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError, type Problem } from "../contract/operator-error.ts";
import { CardHeader, PartyCard } from "../contract/party-card.ts";
import { exitCodes } from "../contract/verdict.ts";
import {
  clockSkewMinutes,
  type ExpectedDocument,
  keyFingerprint,
  readHeader,
  readPayload,
  signedPayload,
  textDigest,
} from "./signed-document.ts";

/** Far above what a card takes: a certificate and some names. */
export const largestCard = 64 * 1024;

/** A card whose signature was verified against the key that its party is known by. */
export interface VerifiedCard {
  card: PartyCard;
  /** The card as it was signed: JWS, compact. */
  jws: string;
  /** SHA-256 of that text. */
  digest: Digest;
}

/**
 * Opens one card: size, form, key, signature, contract, network and party, in this order, so that nothing of a card is believed before its
 * signature is. Whether it may replace the one that is known is for `checkNews` to say.
 */
export async function openCard(text: string, expected: ExpectedDocument): Promise<VerifiedCard> {
  const { partyId, source } = expected;
  const refuse = refusal(expected);
  if (Buffer.byteLength(text) > largestCard)
    throw refuse({
      code: "CARD_TOO_LARGE",
      what: "what was found is too large to be a card",
      found: `${Buffer.byteLength(text)} bytes from ${source}`,
      expected: `at most ${largestCard}`,
      next: `ask party ${partyId} what it published there`,
    });
  const jws = text.trim();
  const header = headerOf(jws, expected);
  const fingerprint = keyFingerprint(header.jwk);
  requireKey(fingerprint, expected);
  const payload = await signedPayload(jws, header.jwk);
  if (payload === undefined)
    throw refuse({
      code: "CARD_TAMPERED",
      what: "its card is not what was signed",
      found: `a signature that does not fit, from ${source}`,
      expected: `a card as the key ${fingerprint} signed it`,
      next: `fetch it again; if it stays so, ask party ${partyId} to publish its card again: others may have written to its vault`,
    });
  const card = cardOf(payload, expected);
  if (card.signingKey.fingerprint !== fingerprint || header.kid !== fingerprint)
    throw refuse({
      code: "CARD_INVALID",
      what: "its card names another key than the one that signed it",
      found: `signingKey.fingerprint ${card.signingKey.fingerprint}, kid ${header.kid}, from ${source}`,
      expected: fingerprint,
      next: `ask party ${partyId} to publish its card again`,
    });
  if (card.network !== expected.network)
    throw refuse({
      code: "CARD_OTHER_NETWORK",
      what: "its card is for another network",
      found: `network: ${card.network}, from ${source}`,
      expected: expected.network,
      next: `have party ${partyId} publish its card of ${expected.network}`,
    });
  if (card.partyId !== partyId)
    throw refuse({
      code: "CARD_OTHER_PARTY",
      what: "a card of another party lies in its place",
      found: `partyId: ${card.partyId}, from ${source}`,
      expected: `a card of party ${partyId}`,
      next: `ask party ${partyId} why its key signs for party ${card.partyId}`,
    });
  return { card, jws, digest: textDigest(jws) };
}

/** What is known of a party before a card of it comes in. */
export interface KnownCard {
  sequence: number;
  digest: Digest;
  /** The card itself, where it is still there. */
  card?: PartyCard | undefined;
}

export interface NewsOptions {
  manifest: NetworkManifest;
  manifestDigest: Digest;
  now: Date;
  known: KnownCard | undefined;
  source: string;
}

/** Whether an opened card may be taken over now: time, manifest, and what was seen of the party before. */
export function checkNews({ card, digest }: VerifiedCard, options: NewsOptions): void {
  const { manifestDigest, now, known, source } = options;
  const refuse = refusal({ partyId: card.partyId, network: card.network });
  const skewMs = clockSkewMinutes * 60_000;
  const again = `ask party ${card.partyId} to publish its card again: npx quorate cards publish`;
  if (Date.parse(card.issuedAt) > now.getTime() + skewMs)
    throw refuse({
      code: "CARD_NOT_YET_VALID",
      what: "its card is from the future",
      found: `issuedAt ${card.issuedAt}, from ${source}`,
      expected: `not after ${now.toISOString()}, this machine's clock, and ${clockSkewMinutes} minutes`,
      next: `compare this machine's clock and party ${card.partyId}'s with a time server, then sync again`,
    });
  if (Date.parse(card.expiresAt) <= now.getTime() - skewMs)
    throw refuse({
      code: "CARD_EXPIRED",
      what: "its card has expired",
      found: `expiresAt ${card.expiresAt}, from ${source}`,
      expected: `after ${now.toISOString()}, this machine's clock, less ${clockSkewMinutes} minutes`,
      next: again,
    });
  if (known !== undefined && card.sequence < known.sequence)
    throw refuse({
      code: "CARD_REPLAYED",
      what: "its card is older than the one already seen",
      found: `sequence ${card.sequence}, from ${source}`,
      expected: `at least ${known.sequence}`,
      next: `${again}; someone may be serving an old one`,
    });
  if (known !== undefined && card.sequence === known.sequence && !isSame(card, digest, known))
    throw refuse({
      code: "CARD_EQUIVOCATION",
      what: "it signed two different cards with one sequence number",
      found: `sequence ${card.sequence} twice: ${differences(known.card ?? card, card)} differ, from ${source}`,
      expected: "one card for each sequence number",
      next: `keep both and ask party ${card.partyId} about them: two publishers are at work, or its key is in other hands`,
    });
  if (card.manifestDigest !== manifestDigest)
    throw refuse({
      code: "CARD_OTHER_MANIFEST",
      what: "its card was made from another manifest",
      found: `manifest ${card.manifestDigest}, from ${source}`,
      expected: `${manifestDigest}, the manifest here`,
      next: `compare the manifest with party ${card.partyId}'s; whoever is behind runs up with the agreed one`,
    });
  checkAgainstManifest(card, options);
}

/** What a card may not say otherwise than the manifest, which all parties agreed on. */
export function checkAgainstManifest(
  card: PartyCard,
  { manifest, source }: Pick<NewsOptions, "manifest" | "source">,
): void {
  const party = manifest.parties.find(({ id }) => id === card.partyId);
  const agreed: [field: string, found: string | undefined, expected: string | undefined][] = [
    ["partyId", String(card.partyId), party === undefined ? "a party of the manifest" : String(party.id)],
    ["accountId", card.accountId, party?.accountId],
    ["region", card.region, party?.region],
    ["endpoint.transport", card.endpoint?.transport, manifest.transport],
    [
      "endpoint.serviceName",
      card.endpoint?.transport === "privatelink" ? card.endpoint.serviceName : undefined,
      party?.endpointServiceName,
    ],
    [
      "endpoint.elasticIp",
      card.endpoint?.transport === "kubeip" ? card.endpoint.elasticIp : undefined,
      party?.elasticIp,
    ],
  ];
  const wrong = agreed.filter(
    ([, found, expected]) => found !== undefined && expected !== undefined && found !== expected,
  );
  if (wrong.length === 0) return;
  throw refusal({ partyId: card.partyId, network: card.network })({
    code: "CARD_CONTRADICTS_MANIFEST",
    what: "its card says otherwise than the manifest",
    found: `${wrong.map(([field, found]) => `${field}: ${found}`).join(", ")}, from ${source}`,
    expected: wrong.map(([field, , expected]) => `${field}: ${expected}`).join(", "),
    next: `have party ${card.partyId} correct its stack, or have the manifest changed by all parties`,
  });
}

function headerOf(jws: string, expected: ExpectedDocument): CardHeader {
  const header = readHeader(jws, CardHeader);
  const refuse = refusal(expected);
  const next = `fetch it again; if it stays so, ask party ${expected.partyId} to publish its card again`;
  if (header === undefined)
    throw refuse({
      code: "CARD_UNREADABLE",
      what: "what was found is not a card, or not all of one",
      found: `${jws.length} characters from ${expected.source}`,
      expected: "a JWS in compact form: three parts in base64url",
      next,
    });
  if ("value" in header) return header.value;
  throw refuse({
    code: "CARD_TAMPERED",
    what: "its card is not signed as cards are",
    found: `${header.fault}\nfrom ${expected.source}`,
    expected: "alg ES256, and nothing in the header but alg, typ, kid and jwk",
    next,
  });
}

function requireKey(found: Digest, expected: ExpectedDocument): void {
  const { partyId, fingerprint, ownerOf, source } = expected;
  const refuse = refusal(expected);
  if (fingerprint === found) return;
  if (fingerprint === undefined)
    throw refuse({
      code: "CARD_UNTRUSTED",
      what: "nobody here decided yet which key its cards are signed with",
      found: `a card signed by ${found}, from ${source}`,
      expected: "a fingerprint that the party told by another way than its card",
      next: `ask party ${partyId} for its fingerprint, by telephone or in person, then: npx quorate cards trust ${partyId} <fingerprint>`,
    });
  const owner = ownerOf?.(found);
  throw refuse({
    code: "CARD_FOREIGN_KEY",
    what: "its card is signed by another key than its own",
    found: `${found}${owner === undefined ? "" : `, the key of party ${owner}`}, from ${source}`,
    expected: `${fingerprint}, as trusted`,
    next: `ask party ${partyId} whether it has a new key; only if it says so: npx quorate cards trust ${partyId} <fingerprint> --replace`,
  });
}

function cardOf(payload: Uint8Array, expected: ExpectedDocument): PartyCard {
  const card = readPayload(payload, PartyCard);
  if ("value" in card) return card.value;
  throw refusal(expected)({
    code: "CARD_INVALID",
    what: "its card breaks the contract card/v1",
    found: `${card.fault}\nfrom ${expected.source}`,
    expected: "values that fit the contract",
    next: `have party ${expected.partyId} publish its card again, with the same version of this program`,
  });
}

/** A signature can be written in more than one way; what was signed counts. */
function isSame(card: PartyCard, digest: Digest, known: KnownCard): boolean {
  return known.card === undefined ? digest === known.digest : canonicalJson(card) === canonicalJson(known.card);
}

function differences(a: PartyCard, b: PartyCard): string {
  const fields = Object.keys(b) as (keyof PartyCard)[];
  return fields.filter((field) => canonicalJson(a[field]) !== canonicalJson(b[field])).join(", ") || "their digests";
}

/** A card is refused for safety, whatever the reason. */
function refusal({ partyId, network }: { partyId: number; network: string }) {
  return (problem: Problem) =>
    new OperatorError({
      ...problem,
      what: `party ${partyId} (${network}): ${problem.what}`,
      exitCode: exitCodes.refused,
    });
}
