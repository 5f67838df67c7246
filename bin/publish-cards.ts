import type { PartyOutputs } from "../contract/party-outputs.ts";
import { printable } from "../contract/printable.ts";
import { type Published, publishCard } from "../fleet/card-publishing.ts";
import { Fleet } from "../fleet/driver.ts";
import { readOutputs } from "../fleet/outputs.ts";
import type { PartyStack } from "../fleet/party-stacks.ts";
import { inWaves } from "../fleet/waves.ts";
import { publishedText } from "./cards-text.ts";
import type { Session } from "./session.ts";
import { stoppable, type Work } from "./stoppable.ts";
import { terminal } from "./terminal.ts";

/** Publishes the cards of stacks that were brought up. */
export async function publishCards(session: Session, parties: readonly PartyStack[]): Promise<Published[]> {
  return await stoppable(publishing(session, parties), async (signal) => {
    return await publish(session, await outputsOf(session, parties), signal);
  });
}

/**
 * What `up` has changed, the peers have to hear of. Says what it published; a card that says the same already is left
 * alone. Gives what the parties are now.
 */
export async function publishAfterUp(session: Session, parties: readonly PartyStack[]): Promise<PartyOutputs[]> {
  terminal.progress(`publishing the cards of ${parties.length === 1 ? "the party" : `${parties.length} parties`}`);
  return await stoppable(publishing(session, parties), async (signal) => {
    const outputs = await outputsOf(session, parties);
    const published = await publish(session, outputs, signal);
    terminal.endProgress();
    for (const one of published)
      if (one.status === "published") process.stderr.write(`${printable(publishedText(one))}\n`);
    return outputs;
  });
}

function publishing({ network }: Session, parties: readonly PartyStack[]): Work {
  const ids = parties.map(({ partyId }) => partyId).join(",");
  return {
    what: `publishing the cards of network ${network}`,
    expected: "the card of each party that was asked for; each is published whole, or not at all",
    next: `npx quorate cards publish --network ${network} --party ${ids}`,
  };
}

async function outputsOf(session: Session, parties: readonly PartyStack[]): Promise<PartyOutputs[]> {
  const workDir = await new Fleet(session).workDir();
  return await inWaves(parties, 4, (party) => readOutputs(workDir, party));
}

async function publish(
  { manifestDigest }: Session,
  outputs: readonly PartyOutputs[],
  signal: AbortSignal,
): Promise<Published[]> {
  return await inWaves(outputs, 4, async (party) => {
    signal.throwIfAborted();
    return await publishCard(party, { manifestDigest, signal });
  });
}
