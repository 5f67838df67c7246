import type { PartyOutputs } from "../contract/party-outputs.ts";

type Brought = Pick<PartyOutputs, "partyId" | "release" | "coreHeldFor" | "heldForSecrets">;

/** The last lines of an `up`: which core waits, what for, and what to type now. */
export function nextAfterUp(parties: readonly Brought[]): string[] {
  const lackSecrets = parties.filter(({ heldForSecrets = [] }) => heldForSecrets.length > 0);
  // Without its Secrets a core makes no certificate: cards can not help yet.
  if (lackSecrets.length > 0)
    return [
      ...lackSecrets.flatMap(({ partyId, heldForSecrets = [] }) =>
        heldForSecrets.map(
          ({ release, secrets }) => `party ${partyId}: its ${titles[release]} waits for Secret ${secrets.join(", ")}`,
        ),
      ),
      ...lackSecrets.flatMap(({ partyId, heldForSecrets = [] }) =>
        [...new Set(heldForSecrets.flatMap(({ commands }) => commands))].map(
          (command) => `party ${partyId}: ${command}`,
        ),
      ),
      `next  make the Secrets, each in its party's cluster: npx quorate kubeconfig; then: npx quorate up --party ${lackSecrets.map(({ partyId }) => partyId).join(",")}`,
    ];
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

const titles = { core: "core", connector: "connector", coreClient: "core-client", gatewayNode: "gateway node" };
