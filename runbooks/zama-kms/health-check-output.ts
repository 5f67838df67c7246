import { z } from "zod";
import type { HealthFacts } from "../../contract/cluster-check-report.ts";
import { readJson } from "../../contract/json-text.ts";

const HealthCheckReport = z.object({
  connectivity: z.object({ reachable: z.boolean(), error: z.string().nullish() }).nullish(),
  key_material: z.object({ available: z.boolean() }).nullish(),
  context_info: z
    .array(
      z.object({
        self_node_info: z.object({ my_party_id: z.int().nullish(), nodes_reachable: z.int() }),
        context_health: z.string(),
        peers_status: z.array(z.object({ peer_id: z.int(), reachable: z.boolean(), error: z.string().nullish() })),
      }),
    )
    .nullish(),
  overall_health: z.string(),
});

/**
 * What `kms-health-check --format json` printed, or null where there is no report in it. Its loader of configuration
 * prints before the JSON, so the report begins at the first line that is just a brace; its exit code is 0 whatever it
 * found.
 */
export function readHealthCheck(stdout: string): HealthFacts | null {
  const parsed = HealthCheckReport.safeParse(healthReportIn(stdout));
  if (!parsed.success) return null;
  const { connectivity, key_material, context_info, overall_health } = parsed.data;
  return {
    // Without a word about the connection there was none to speak of.
    reachable: connectivity?.reachable ?? false,
    error: connectivity?.error ?? "",
    overall: overall_health,
    keysAvailable: key_material?.available ?? null,
    contexts: (context_info ?? []).map(({ self_node_info: self, context_health, peers_status }) => ({
      health: context_health,
      partyId: self.my_party_id ?? null,
      reachable: self.nodes_reachable,
      unreachablePeers: peers_status
        .filter(({ reachable }) => !reachable)
        .map(({ peer_id, error }) => ({ peerId: peer_id, error: error ?? "" })),
    })),
  };
}

/** The JSON in what the tool printed; undefined where there is none. */
export function healthReportIn(stdout: string): unknown {
  const lines = stdout.split(/\r?\n/);
  const first = lines.findIndex((line) => line.trimEnd() === "{");
  const last = lines.findLastIndex((line) => line.trimEnd() === "}");
  return first === -1 || last < first ? undefined : readJson(lines.slice(first, last + 1).join("\n"));
}
