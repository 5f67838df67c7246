import type { PeerHealth, PeerLinks } from "./peer-links.ts";
import type { ServerConfig } from "./server-config.ts";

/** The context that a core makes of its peer list at every start. */
export const defaultContextId = `07${"0".repeat(61)}1`;

export type HealthStatus =
  | "HEALTH_STATUS_OPTIMAL"
  | "HEALTH_STATUS_HEALTHY"
  | "HEALTH_STATUS_DEGRADED"
  | "HEALTH_STATUS_UNHEALTHY";

/** KMS Core's rule for n nodes, itself counted as reachable. */
export function healthStatus(nodes: number, reachable: number): HealthStatus {
  if (reachable >= nodes) return "HEALTH_STATUS_OPTIMAL";
  if (reachable >= Math.floor((2 * nodes) / 3) + 1) return "HEALTH_STATUS_HEALTHY";
  if (reachable > thresholdRequired(nodes)) return "HEALTH_STATUS_DEGRADED";
  return "HEALTH_STATUS_UNHEALTHY";
}

/** Fewest nodes that could reconstruct anything. */
export function thresholdRequired(nodes: number): number {
  return Math.floor(nodes / 3) + 1;
}

/** Answers GetHealthStatus. Callers that ask at the same time share one round of pings. */
export function createHealthCheck(server: ServerConfig, links: PeerLinks, storageInfo: string): () => Promise<object> {
  let round: Promise<object> | undefined;
  const run = async () => response(server, storageInfo, await links.pingAll());
  return () => {
    round ??= run().finally(() => {
      round = undefined;
    });
    return round;
  };
}

function response(server: ServerConfig, storageInfo: string, peers: readonly PeerHealth[]): object {
  const reachable = 1 + peers.filter((peer) => peer.reachable).length;
  return {
    peers_from_all_contexts: [
      {
        context_id: { request_id: defaultContextId },
        my_party_id: server.myId,
        threshold_required: thresholdRequired(server.peers.length),
        nodes_reachable: reachable,
        status: healthStatus(server.peers.length, reachable),
        peers: peers.map((health) => ({
          peer_id: health.peer.partyId,
          endpoint: health.peer.address,
          reachable: health.reachable,
          latency_ms: health.latencyMs,
          error: health.error,
        })),
      },
    ],
    my_fhe_key_ids: [],
    my_crs_ids: [],
    my_preprocessing_key_ids: [],
    my_storage_info: storageInfo,
    node_type: "NODE_TYPE_THRESHOLD",
  };
}
