import { X509Certificate } from "node:crypto";
import { canonicalJson } from "../contract/manifest-digest.ts";
import type { Digest } from "../contract/names.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { type CardEndpoint, certificateSha256, type PartyCard } from "../contract/party-card.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { exitCodes } from "../contract/verdict.ts";
import { openCard, type VerifiedCard } from "../stacks/card-verification.ts";
import { keyFingerprint } from "../stacks/signed-document.ts";
import { type CardContent, signCard } from "./card-signature.ts";
import { CardVault, type StoredText } from "./card-vault.ts";
import type { DocumentSigner } from "./document-signature.ts";
import { KmsSigner } from "./kms-signer.ts";

/** How long peers accept a card. Long enough for a party that changes nothing in a quarter, short enough to forget one that is gone. */
export const cardLifeDays = 90;

const dayMs = 86_400_000;

export interface Published {
  /** `unchanged`: the card that is published says the same, for long enough still. */
  status: "published" | "unchanged";
  card: VerifiedCard;
  /** Where peers find it. */
  url: string;
}

export interface PublishOptions {
  manifestDigest: Digest;
  now?: Date;
  /** Ends the calls to AWS early: a card is published whole or not at all. */
  signal?: AbortSignal;
  /** Left out: the party's own in AWS. */
  vault?: Pick<CardVault, "readCard" | "writeCard" | "readCaCertificate" | "cardUrl">;
  signer?: DocumentSigner;
}

/** Signs what a party's stack exports as its card, and puts it into the party's public vault, unless it is there already. */
export async function publishCard(outputs: PartyOutputs, options: PublishOptions): Promise<Published> {
  const { manifestDigest, now = new Date(), signal, vault = new CardVault(outputs, signal) } = options;
  requireSameManifest(outputs, manifestDigest);
  const signer = options.signer ?? kmsSigner(outputs, signal);
  const fingerprint = keyFingerprint(await signer.publicJwk());
  const said = sayings(outputs, certificateOf(outputs, await vault.readCaCertificate()));
  for (let round = 0; ; round++) {
    const stored = await vault.readCard();
    const before = await ownCard(outputs, stored, fingerprint);
    if (before !== undefined && isCurrent(before.card, said, now))
      return { status: "unchanged", card: before, url: vault.cardUrl };
    const card = await signCard({ ...said, ...times(before?.card, now) }, signer);
    if (await vault.writeCard(`${card.jws}\n`, stored)) return { status: "published", card, url: vault.cardUrl };
    // Two operators of one party that say the same are no conflict: the next round finds the card.
    if (round > 0) throw conflict(outputs, vault.cardUrl);
  }
}

/** The party's key in its own account. A stack that was built before there were cards has none. */
export function kmsSigner(outputs: PartyOutputs, signal?: AbortSignal): KmsSigner {
  const { signingKeyArn, partyId, awsProfile: profile, region, accountId } = outputs;
  if (signingKeyArn !== undefined) return new KmsSigner(signingKeyArn, { partyId, profile, region, accountId }, signal);
  throw new OperatorError({
    code: "CARD_KEY_MISSING",
    what: `party ${partyId}: there is no key to sign its card with`,
    found: "outputs without signingKeyArn: the stack was last brought up by an earlier version",
    expected: "a signing key in the party's account",
    next: `npx quorate up --party ${partyId}`,
  });
}

type Sayings = Omit<CardContent, "sequence" | "issuedAt" | "expiresAt">;

/** What the card says, but for when. */
function sayings(outputs: PartyOutputs, caCertificate: PartyCard["caCertificate"]): Sayings {
  const { network, partyId, manifestDigest, accountId, region, publicVault, release } = outputs;
  return {
    contract: "card/v1",
    network,
    partyId,
    manifestDigest,
    accountId,
    region,
    endpoint: endpointOf(outputs),
    publicVault: { url: publicVault.url, prefix: publicVault.prefix },
    caCertificate,
    release: release && { version: release.version, imageDigest: release.imageDigest },
  };
}

function endpointOf(outputs: PartyOutputs): CardEndpoint | null {
  const { transport, endpointServiceName: serviceName, availabilityZoneIds = [], elasticIp } = outputs;
  const { furtherIps = [] } = outputs;
  if (transport === "kubeip")
    return elasticIp === null ? null : { transport, elasticIp, ...(furtherIps.length > 0 && { furtherIps }) };
  return serviceName === null ? null : { transport, serviceName, availabilityZoneIds };
}

/** The core's own certificate in the one spelling that cards have; null until the core has made it. */
function certificateOf(outputs: PartyOutputs, text: string | undefined): PartyCard["caCertificate"] {
  if (text === undefined) return null;
  const sha256 = certificateSha256(text);
  const count = text.split("-----BEGIN CERTIFICATE-----").length - 1;
  if (sha256 !== undefined && count === 1) return { pem: new X509Certificate(text).toString(), sha256 };
  throw new OperatorError({
    code: "CARD_CERTIFICATE_INVALID",
    what: `party ${outputs.partyId}: what lies in its public vault as CA certificate is none`,
    found: sha256 === undefined ? "no certificate that can be read" : `${count} certificates`,
    expected: `exactly one certificate in PEM, at ${outputs.caCertificate.url}`,
    next: `aws s3 cp s3://${outputs.caCertificate.bucketName}/${outputs.caCertificate.key} - --profile ${outputs.awsProfile}`,
  });
}

async function ownCard(
  { network, partyId }: PartyOutputs,
  stored: StoredText | undefined,
  fingerprint: Digest,
): Promise<VerifiedCard | undefined> {
  if (stored === undefined) return undefined;
  try {
    return await openCard(stored.text, { network, partyId, fingerprint, source: "the own public vault" });
  } catch (failure) {
    // Of an earlier key, or written by others: either way the own card takes its place.
    if (failure instanceof OperatorError) return undefined;
    throw failure;
  }
}

function isCurrent(card: PartyCard, said: Sayings, now: Date): boolean {
  const { sequence: _number, issuedAt: _since, expiresAt, signingKey: _key, ...before } = card;
  return (
    canonicalJson(before) === canonicalJson(said) && Date.parse(expiresAt) - now.getTime() > (cardLifeDays / 2) * dayMs
  );
}

/** The clock gives the number, so that a vault that was lost does not make a party begin at one again. */
function times(before: PartyCard | undefined, now: Date): Pick<PartyCard, "sequence" | "issuedAt" | "expiresAt"> {
  return {
    sequence: Math.max((before?.sequence ?? 0) + 1, Math.floor(now.getTime() / 1000)),
    issuedAt: now.toISOString(),
    expiresAt: new Date(now.getTime() + cardLifeDays * dayMs).toISOString(),
  };
}

function requireSameManifest({ partyId, manifestDigest }: PartyOutputs, expected: Digest): void {
  if (manifestDigest === expected) return;
  throw new OperatorError({
    code: "CARD_STACK_BEHIND",
    what: `party ${partyId}: its stack was built from another manifest than the one here, so its card would be refused`,
    found: manifestDigest,
    expected,
    next: `npx quorate up --party ${partyId}`,
  });
}

function conflict({ partyId }: PartyOutputs, url: string): OperatorError {
  return new OperatorError({
    code: "CARD_CONFLICT",
    what: `party ${partyId}: someone else is publishing its card at this moment, and says otherwise`,
    found: `another write to ${url}, twice`,
    expected: "one publisher at a time, or several that say the same",
    next: "find out who else works on this party, then repeat: npx quorate cards publish",
    exitCode: exitCodes.refused,
  });
}
