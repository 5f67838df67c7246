import type { CoreStart } from "../components/zama-kms/core-start.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import type { PartyCard } from "../contract/party-card.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import type { LastDeployment } from "./deployment-facts.ts";

/** Digits of a certificate's digest by which a pod says with which one it started. */
const digits = 16;

/**
 * Decides whether the core may start: only with the CA certificate of every peer. Without one its configuration would be invalid, and Helm would
 * wait for a pod that can not come up. A core that runs is never stopped for a certificate that is missing: it has read all of them.
 */
export function settleCoreStart(
  config: Pick<StackConfig, "core" | "party" | "peerCertificates">,
  { parties }: Pick<NetworkManifest, "parties">,
  cards: ReadonlyMap<number, PartyCard>,
  last: LastDeployment,
): { start: CoreStart; notes: string[] } {
  if (config.peerCertificates === "copied") return { start: { heldFor: [], peerCertificates: undefined }, notes: [] };
  const peers = parties.map(({ id }) => id).filter((id) => id !== config.party);
  const lacking = peers.filter((id) => !cards.get(id)?.caCertificate);
  const isWithheld = config.core === "withheld";
  if (lacking.length > 0 && last.core !== undefined)
    return {
      start: { heldFor: [], peerCertificates: last.core.peerCertificates },
      notes: isWithheld
        ? []
        : [
            `the core goes on with the CA certificates that it has: none comes with an accepted card of ${named(lacking)}; npx quorate cards sync`,
          ],
    };
  if (lacking.length > 0)
    return {
      start: { heldFor: lacking, peerCertificates: undefined },
      notes: isWithheld ? [] : [heldNote(lacking, cards)],
    };
  const peerCertificates = peers
    .toSorted((a, b) => a - b)
    .map((id) => fingerprint(id, cards))
    .join(" ");
  const notes = isWithheld ? [] : restartNotes(last.core, peerCertificates);
  return { start: { heldFor: [], peerCertificates }, notes };
}

function heldNote(lacking: readonly number[], cards: ReadonlyMap<number, PartyCard>): string {
  const without = lacking.filter((id) => cards.has(id));
  const unknown = lacking.filter((id) => !cards.has(id));
  const why = [
    ...(unknown.length > 0 ? [`no card of ${named(unknown)}`] : []),
    ...(without.length > 0 ? [`no certificate in the card of ${named(without)}`] : []),
  ];
  return `the core is held back until every peer's CA certificate is there: ${why.join(", ")}. Its keys and its own certificate are made now; npx quorate cards sync, then npx quorate up`;
}

/** Who is down for a moment because of this, and what the other operators should know of it. */
function restartNotes(core: LastDeployment["core"], now: string): string[] {
  if (core === undefined || core.peerCertificates === now) return [];
  const before = new Set(core.peerCertificates?.split(" "));
  const changed = now.split(" ").filter((one) => !before.has(one));
  const whose =
    core.peerCertificates === undefined ? "" : ` of ${named(changed.map((one) => Number.parseInt(one.slice(1), 10)))}`;
  return [
    `the core restarts, to read the CA certificate${whose}: it is down for that long, so one party of the network after the other, with npx quorate validate between them`,
  ];
}

function fingerprint(partyId: number, cards: ReadonlyMap<number, PartyCard>): string {
  return `p${partyId}:${cards.get(partyId)?.caCertificate?.sha256.replace("sha256:", "").slice(0, digits)}`;
}

function named(ids: readonly number[]): string {
  return `part${ids.length === 1 ? "y" : "ies"} ${ids.join(", ")}`;
}
