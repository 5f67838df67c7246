import type { PartyOutputs } from "../contract/party-outputs.ts";

type Brought = Pick<PartyOutputs, "partyId" | "release" | "coreHeldFor">;

/** The last lines of an `up`: which core waits, what for, and what to type now. */
export function nextAfterUp(parties: readonly Brought[]): string[] {
  const held = parties.filter(({ coreHeldFor = [] }) => coreHeldFor.length > 0);
  if (held.length > 0)
    return [
      ...held.map(
        ({ partyId, coreHeldFor = [] }) =>
          `party ${partyId}: its core waits for a card with a CA certificate from part${coreHeldFor.length === 1 ? "y" : "ies"} ${coreHeldFor.join(", ")}`,
      ),
      `next  npx quorate cards sync, then: npx quorate up --party ${held.map(({ partyId }) => partyId).join(",")}; before that: npx quorate validate --stage network`,
    ];
  // No core is there to answer where all are withheld; the links are.
  const isNone = parties.every(({ release }) => release === null);
  return [`next  npx quorate validate${isNone ? " --stage network" : ""}`];
}
