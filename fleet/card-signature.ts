import type { CardHeader, PartyCard } from "../contract/party-card.ts";
import { openCard, type VerifiedCard } from "../stacks/card-verification.ts";
import { type DocumentSigner, signDocument } from "./document-signature.ts";

/** Everything in a card but the key, which is the signer's to say. */
export type CardContent = Omit<PartyCard, "signingKey">;

/** Signs a card, and opens it again as a peer would: what peers would refuse is never published. */
export async function signCard(content: CardContent, signer: DocumentSigner): Promise<VerifiedCard> {
  const typ: CardHeader["typ"] = "quorate-card+jws";
  const { jws, fingerprint } = await signDocument(typ, content, signer);
  const { network, partyId } = content;
  return await openCard(jws, { network, partyId, fingerprint, source: "the signer" });
}
