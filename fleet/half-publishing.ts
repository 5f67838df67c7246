import { cutShort, printableLine } from "../contract/printable.ts";
import { type HalfHeader, longestHalfText, type ValidateHalf } from "../contract/validate-half.ts";
import type { CardVault } from "./card-vault.ts";
import { type DocumentSigner, signDocument } from "./document-signature.ts";
import { openHalf } from "./half-verification.ts";

/** Everything in a half but the key, which is the signer's to say. */
export type HalfContent = Omit<ValidateHalf, "signingKey">;

/** Signs a half, its texts in the form that halves have, and opens it again as a peer would: what peers would refuse is never published. */
export async function signHalf(content: HalfContent, signer: DocumentSigner): Promise<string> {
  const typ: HalfHeader["typ"] = "quorate-half+jws";
  const { jws, fingerprint } = await signDocument(typ, { ...content, sight: plain(content.sight) }, signer);
  const { network, partyId } = content;
  await openHalf(jws, { network, partyId, fingerprint, source: "the signer" });
  return jws;
}

/** What a cluster says may be long, in several lines and in colour. */
function plain<T>(value: T): T;
function plain(value: unknown): unknown {
  if (typeof value === "string") return cutShort(printableLine(value.replaceAll(/\s*\n\s*/g, "; ")), longestHalfText);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

/** Puts a party's signed half into its public vault, in the place of the one of before. Gives its address. */
export async function publishHalf(vault: CardVault, jws: string): Promise<string> {
  await vault.writeHalf(`${jws}\n`);
  return vault.halfUrl;
}
