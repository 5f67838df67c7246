import type { ClusterCheck, HealthFacts, PartySights } from "../../contract/cluster-check-report.ts";

type Said = Omit<ClusterCheck, "party" | "check">;

const ranks = ["optimal", "healthy", "degraded", "unhealthy"] as const;
export type HealthRank = (typeof ranks)[number];

/**
 * The core's rule for n nodes, itself counted as reachable: of 13 that is 13, 9 to 12, 6 to 8, 5 or fewer. Of 4 none is
 * Degraded: 4, 3, 2 or fewer.
 */
export function healthRank(nodes: number, reachable: number): HealthRank {
  if (reachable >= nodes) return "optimal";
  if (reachable >= Math.floor((2 * nodes) / 3) + 1) return "healthy";
  return reachable > Math.floor(nodes / 3) + 1 ? "degraded" : "unhealthy";
}

/** `overall_health` knows nothing of peers: what counts is each context, by its own word and by the count, whichever is worse. */
export function judgeHealth(health: HealthFacts, party: PartySights, nodes: number, expected: string): Said {
  const validate = "npx quorate validate";
  const fail = (code: string, found: string, next: string): Said => ({ verdict: "FAIL", code, found, expected, next });
  const untold = (found: string, next: string): Said => ({ verdict: "UNKNOWN", code: null, found, expected, next });
  if (!health.reachable)
    return fail(
      "HEALTH_UNREACHABLE",
      `its port does not answer the core-client: ${health.error || "no reason given"}`,
      validate,
    );
  if (health.contexts.length === 0) return untold("it says nothing of any context", validate);
  const other = health.contexts.find(({ partyId }) => partyId !== null && partyId !== party.partyId);
  if (other)
    return fail("HEALTH_OF_ANOTHER_PARTY", `party ${other.partyId} answers`, `npx quorate up --party ${party.partyId}`);
  const contexts = health.contexts.map((context) => {
    const word = context.health.toLowerCase().replace(/^health_status_/, "");
    const said = (ranks as readonly string[]).indexOf(word);
    const counted = ranks.indexOf(healthRank(nodes, context.reachable));
    const unreachable = context.unreachablePeers.map(
      ({ peerId, error }) => `party ${peerId}${error ? `: ${error}` : ""}`,
    );
    const shown = `${context.health}: ${context.reachable} of ${nodes} reachable${unreachable.length > 0 ? `, not ${unreachable.join("; ")}` : ""}`;
    return { said, rank: Math.max(said, counted), shown };
  });
  const shown = contexts.map((context) => context.shown).join("\n");
  const worst = ranks[Math.max(...contexts.map(({ rank }) => rank))];
  if (worst === "unhealthy") return fail("HEALTH_UNHEALTHY", shown, validate);
  if (worst === "degraded") return fail("HEALTH_DEGRADED", shown, validate);
  if (contexts.some(({ said }) => said === -1)) return untold(shown, "its word for its health is none that is known");
  // The key material decides the tool's own verdict, and a network before its ceremony has none.
  const keys = health.keysAvailable === false ? "\nno keys yet" : "";
  return { verdict: "OK", code: null, found: `${shown}${keys}`, expected, next: "" };
}
