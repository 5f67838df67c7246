import { type ManifestParty, type NetworkManifest, namedWay } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { PartyCard } from "../contract/party-card.ts";
import { CardFiles } from "./card-files.ts";
import { checkAgainstManifest } from "./card-verification.ts";
import type { ManifestFile } from "./manifest-file.ts";

/** What the peers say of themselves, as far as it was accepted. */
export interface PeerCards {
  /** By party. The own card is not among them. */
  cards: ReadonlyMap<number, PartyCard>;
  /** What the operator should hear before an update: what is missing, and what is out of date. */
  notes: readonly string[];
}

export const noPeerCards: PeerCards = { cards: new Map(), notes: [] };

/**
 * Reads the peers' accepted cards from disk. A card that expired since, or that was made from an earlier manifest, still says where the peer is: were
 * it left out, a change of the manifest would take a running network apart. It is said aloud.
 */
export async function readPeerCards(
  stacksDir: string,
  { manifest, digest }: ManifestFile,
  ownId: number,
  now = new Date(),
): Promise<PeerCards> {
  const files = new CardFiles(stacksDir, manifest.network);
  const [trust, pins] = [await files.readTrust(), await files.readPins()];
  const cards = new Map<number, PartyCard>();
  const missing: ManifestParty[] = [];
  const notes: string[] = [];
  for (const peer of manifest.parties) {
    if (peer.id === ownId) continue;
    const found = await files.readCard(peer.id, trust, pins);
    if (found === undefined) {
      missing.push(peer);
      continue;
    }
    const isStale = found.card.manifestDigest !== digest;
    const contradiction = contradictionOf(found.card, manifest, files.cardPath(peer.id));
    if (contradiction !== undefined && !isStale) throw contradiction;
    cards.set(peer.id, contradiction === undefined ? found.card : { ...found.card, endpoint: null });
    notes.push(...notesAbout(found.card, { isStale, now, contradiction }));
  }
  // A network whose manifest names everything, and in which nobody is trusted yet, gets its certificates by another way.
  if (missing.some((peer) => trust !== undefined || namedWay(manifest, peer) === undefined))
    notes.unshift(
      `no card yet of party ${missing.map(({ id }) => id).join(", ")}, so no CA certificate either: npx quorate cards sync, then up again`,
    );
  return { cards, notes };
}

/** The manifest, with what only the cards know: a way to a party that it does not name. Where it names one, the card says the same. */
export function joinCards(manifest: NetworkManifest, { cards }: PeerCards): NetworkManifest {
  if (cards.size === 0) return manifest;
  const parties = manifest.parties.map((party) => {
    const endpoint = cards.get(party.id)?.endpoint;
    if (endpoint?.transport === "kubeip") return { ...party, elasticIp: party.elasticIp ?? endpoint.elasticIp };
    return party.endpointServiceName === undefined && endpoint?.transport === "privatelink"
      ? { ...party, endpointServiceName: endpoint.serviceName }
      : party;
  });
  return { ...manifest, parties };
}

/** What a card of an earlier manifest says otherwise than this one is no error: its party has not followed yet. */
function contradictionOf(card: PartyCard, manifest: NetworkManifest, source: string): OperatorError | undefined {
  try {
    checkAgainstManifest(card, { manifest, source });
    return undefined;
  } catch (failure) {
    if (failure instanceof OperatorError) return failure;
    throw failure;
  }
}

function notesAbout(
  card: PartyCard,
  { isStale, now, contradiction }: { isStale: boolean; now: Date; contradiction: OperatorError | undefined },
): string[] {
  const party = `the card of party ${card.partyId}`;
  const warn = (text: string) => [`${party} ${text}: npx quorate cards sync`];
  return [
    ...(Date.parse(card.expiresAt) <= now.getTime() ? warn(`expired ${card.expiresAt} and is used all the same`) : []),
    ...(isStale && contradiction === undefined
      ? warn(`was made from another manifest, ${card.manifestDigest.slice(0, 19)}, and is used all the same`)
      : []),
    ...(contradiction === undefined
      ? []
      : warn(`was made from another manifest and says ${contradiction.problem.found}; its endpoint is left out`)),
    ...(card.caCertificate === null ? warn("brings no CA certificate: its core had made none yet") : []),
  ];
}
