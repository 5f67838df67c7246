import { kmsSigner } from "../fleet/card-publishing.ts";
import { CardVault } from "../fleet/card-vault.ts";
import { Fleet } from "../fleet/driver.ts";
import { readOutputs } from "../fleet/outputs.ts";
import type { PartyStack } from "../fleet/party-stacks.ts";
import { inWaves } from "../fleet/waves.ts";
import { keyFingerprint } from "../stacks/signed-document.ts";
import type { Decision } from "./card-trust.ts";
import type { Session } from "./session.ts";
import { stoppable } from "./stoppable.ts";

/** The keys that sign the cards of parties whose stacks lie here, each from the party's own account. */
export async function ownKeys(session: Session, parties: readonly PartyStack[]): Promise<Decision[]> {
  const work = {
    what: `asking for the keys of network ${session.network}`,
    expected: "the key of each party whose stack lies here; none was written down",
    next: `npx quorate cards trust --own --network ${session.network}`,
  };
  return await stoppable(work, async (signal) => {
    const workDir = await new Fleet(session).workDir();
    return await inWaves(parties, 4, async (party) => {
      signal.throwIfAborted();
      const outputs = await readOutputs(workDir, party);
      const fingerprint = keyFingerprint(await kmsSigner(outputs, signal).publicJwk());
      return { partyId: outputs.partyId, fingerprint, url: new CardVault(outputs).cardUrl };
    });
  });
}
