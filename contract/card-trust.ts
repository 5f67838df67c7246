import { z } from "zod";
import { Digest, NetworkName, type PartyId } from "./names.ts";
import { PublicUrl } from "./party-card.ts";

const byParty = <T extends z.ZodType>(entry: T) =>
  z.record(z.string().regex(/^[1-9]\d{0,3}$/, "a party's number, in quotes"), entry);

const Trusted = z.strictObject({
  fingerprint: Digest.describe("Fingerprint of the key that signs the party's cards, as the party itself told it."),
  url: PublicUrl.optional().describe("Where the party publishes its card. Left out: its cards come by hand."),
});

/** Whose key signs which party's cards: `stacks/cards/<network>/trust.yaml`. Decided by people, reviewed like code. */
export const CardTrust = z
  .strictObject({
    contract: z.literal("card-trust/v1").describe("Version of this contract."),
    network: NetworkName.describe("The network that the cards are of."),
    parties: byParty(Trusted).describe("By party: what its cards have to be signed with, and where they are."),
  })
  .superRefine(({ parties }, context) => {
    const seen = new Map<string, string>();
    for (const [party, { fingerprint }] of Object.entries(parties)) {
      const other = seen.get(fingerprint);
      if (other !== undefined)
        context.addIssue({
          code: "custom",
          path: ["parties", party, "fingerprint"],
          message: `is that of party ${other} too: each party has a key of its own`,
        });
      seen.set(fingerprint, party);
    }
  });
export type CardTrust = z.infer<typeof CardTrust>;
export type Trusted = z.infer<typeof Trusted>;

const Pin = z.strictObject({
  digest: Digest.describe("SHA-256 of the card's file."),
  sequence: z.int().min(1).describe("Sequence number of that card: no lower one is accepted again."),
});

/** Which cards were accepted: `stacks/cards/<network>/pins.json`, written by `cards sync`. The party program reads no other. */
export const CardPins = z.strictObject({
  contract: z.literal("card-pins/v1").describe("Version of this contract."),
  network: NetworkName.describe("The network that the cards are of."),
  parties: byParty(Pin).describe("By party: the card that was accepted last."),
});
export type CardPins = z.infer<typeof CardPins>;
export type Pin = z.infer<typeof Pin>;

/** Entry of one party, of either file. */
export function entryOf<T>(entries: Readonly<Record<string, T>>, partyId: PartyId | number): T | undefined {
  return Object.hasOwn(entries, String(partyId)) ? entries[String(partyId)] : undefined;
}
