import { printable } from "../contract/printable.ts";
import { type Published, publishCard } from "../fleet/card-publishing.ts";
import { Fleet } from "../fleet/driver.ts";
import { readOutputs } from "../fleet/outputs.ts";
import type { PartyStack } from "../fleet/party-stacks.ts";
import { inWaves } from "../fleet/waves.ts";
import { publishedText } from "./cards-text.ts";
import type { Session } from "./session.ts";
import { terminal } from "./terminal.ts";

/** Publishes the cards of stacks that were brought up. */
export async function publishCards(session: Session, parties: readonly PartyStack[]): Promise<Published[]> {
  const workDir = await new Fleet(session).workDir();
  return await inWaves(parties, 4, async (party) => {
    const outputs = await readOutputs(workDir, party);
    return await publishCard(outputs, { manifestDigest: session.manifestDigest });
  });
}

/** What `up` has changed, the peers have to hear of. Says what it published; a card that says the same already is left alone. */
export async function publishAfterUp(session: Session, parties: readonly PartyStack[]): Promise<void> {
  terminal.progress(`publishing the cards of ${parties.length === 1 ? "the party" : `${parties.length} parties`}`);
  const published = await publishCards(session, parties);
  terminal.endProgress();
  for (const one of published)
    if (one.status === "published") process.stderr.write(`${printable(publishedText(one))}\n`);
}
