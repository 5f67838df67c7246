import { type CeremonyDesk, type DeskHeader, DeskHeader as Header, SignedDesk } from "../contract/ceremony.ts";
import { canonicalJson } from "../contract/manifest-digest.ts";
import type { Digest } from "../contract/names.ts";
import {
  clockSkewMinutes,
  type DocumentKind,
  documentRefusal,
  type ExpectedDocument,
  openDocument,
  textDigest,
} from "../stacks/signed-document.ts";
import { proposalDigest } from "./ceremony-rules.ts";
import { type DocumentSigner, signDocument } from "./document-signature.ts";

/** Above what twenty answers take, and one proposal to a thousand parties. */
export const largestDesk = 64 * 1024;

/** A desk whose signature was verified against the key that its party is known by. */
export interface VerifiedDesk {
  desk: CeremonyDesk;
  fingerprint: Digest;
  issuedAt: string;
  /** SHA-256 of what it says: signed once more, the same has another text. */
  digest: Digest;
}

const deskKind: DocumentKind<SignedDesk> = {
  prefix: "DESK",
  noun: "desk",
  contract: "ceremony-desk/v1",
  header: Header,
  payload: SignedDesk,
  largest: largestDesk,
  again,
};

/** Signs what a party says of ceremonies, and opens it again as a peer would: what peers would refuse is never published. */
export async function signDesk(
  { network, partyId, now }: { network: string; partyId: number; now: Date },
  desk: CeremonyDesk,
  signer: DocumentSigner,
): Promise<{ jws: string; verified: VerifiedDesk }> {
  const typ: DeskHeader["typ"] = "quorate-ceremony+jws";
  const said = { contract: "ceremony-desk/v1", network, partyId, issuedAt: now.toISOString(), desk };
  const { jws, fingerprint } = await signDocument(typ, said, signer);
  return { jws, verified: await openDesk(jws, { network, partyId, fingerprint, source: "the signer" }) };
}

/** Opens one desk. Nothing of it is believed before its signature is. */
export async function openDesk(text: string, expected: ExpectedDocument): Promise<VerifiedDesk> {
  const { document } = await openDocument(text, expected, deskKind);
  const { desk, issuedAt, signingKey } = document;
  const [newest] = desk.answers;
  const { partyId, source } = expected;
  if (desk.proposal !== null && newest?.proposalDigest !== proposalDigest(desk.proposal))
    throw documentRefusal(expected)({
      code: "DESK_INVALID",
      what: "its desk answers another proposal than it shows",
      found: `${newest?.number} with ${newest?.proposalDigest}, from ${source}`,
      expected: proposalDigest(desk.proposal),
      next: again(partyId),
    });
  return { desk, fingerprint: signingKey.fingerprint, issuedAt, digest: textDigest(canonicalJson(desk)) };
}

/** What is known of a party's desk before another one comes in. */
export interface KnownDesk {
  fingerprint: Digest;
  sequence: number;
  digest: Digest;
}

/** Whether a desk may count: not one from the future, none from before the one that is known, and one for each sequence number. */
export function checkDesk(
  { desk, fingerprint, issuedAt, digest }: VerifiedDesk,
  {
    network,
    partyId,
    source,
    now,
    known,
  }: Omit<ExpectedDocument, "fingerprint"> & { now: Date; known?: KnownDesk | undefined },
): void {
  const refuse = documentRefusal({ partyId, network });
  if (Date.parse(issuedAt) > now.getTime() + clockSkewMinutes * 60_000)
    throw refuse({
      code: "DESK_FROM_FUTURE",
      what: "its desk is from the future",
      found: `issuedAt ${issuedAt}, from ${source}`,
      expected: `not after ${now.toISOString()}, this machine's clock, and ${clockSkewMinutes} minutes`,
      next: `compare this machine's clock and party ${partyId}'s with a time server`,
    });
  if (known === undefined || known.fingerprint !== fingerprint || known.digest === digest) return;
  if (desk.sequence < known.sequence)
    throw refuse({
      code: "DESK_OLDER",
      what: "its desk is older than one that was seen here before",
      found: `sequence ${desk.sequence}, from ${source}`,
      expected: `at least ${known.sequence}`,
      next: `${again(partyId)}; if it did so already, ask it who may write to its vault`,
    });
  if (desk.sequence === known.sequence)
    throw refuse({
      code: "DESK_EQUIVOCATION",
      what: "it signed two different desks with one sequence number",
      found: `sequence ${desk.sequence} twice: ${known.digest} and ${digest}, from ${source}`,
      expected: "one desk for each sequence number",
      next: `accept nothing of party ${partyId}, and ask it: two operators are at work, or its key is in other hands`,
    });
}

function again(partyId: number): string {
  return `ask party ${partyId} to run: npx quorate ceremony status, which publishes its desk again`;
}
