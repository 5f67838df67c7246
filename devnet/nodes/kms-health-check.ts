import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

// What `kms-health-check live` of the image core-client is in the devnet: its flags, its output, its exit codes, and the
// core's own gRPC. It exits with 0 whenever it has printed a report, whatever stands in it, and with 2 for wrong flags.

const connectionTimeoutMs = 5_000;
const requestTimeoutMs = 10_000;
const searchDomain = "kms-decentralized.svc.cluster.local";

interface PeerStatus {
  peer_id: number;
  endpoint: string;
  reachable: boolean;
  latency_ms: number;
  error: string;
}

interface Health {
  peers_from_all_contexts: {
    context_id: { request_id: string } | null;
    my_party_id: number;
    threshold_required: number;
    nodes_reachable: number;
    status: string;
    peers: PeerStatus[];
  }[];
  my_fhe_key_ids: string[];
  my_crs_ids: string[];
  my_preprocessing_key_ids: string[];
  my_storage_info: string;
  node_type: string;
}

interface Asked {
  format: "text" | "json";
  endpoint: string;
}

/** Flags of all commands stand before the command, and nowhere else. */
function readFlags(args: readonly string[]): Asked {
  const at = args.indexOf("live");
  if (at === -1) throw new Error(`only 'live' can be asked here, not '${args.join(" ")}'`);
  const before = parseArgs({
    args: args.slice(0, at),
    options: {
      format: { type: "string", short: "f", default: "text" },
      verbose: { type: "boolean", short: "v", multiple: true },
    },
  });
  const after = parseArgs({
    args: args.slice(at + 1),
    options: { endpoint: { type: "string", short: "e" }, config: { type: "string", short: "c" } },
  });
  const { format } = before.values;
  if (format !== "text" && format !== "json") throw new Error(`invalid value '${format}' for '--format <FORMAT>'`);
  if (after.values.endpoint === undefined)
    throw new Error("the following required arguments were not provided: --endpoint");
  return { format, endpoint: after.values.endpoint };
}

/** The pod's DNS is the devnet's, which this machine does not ask by itself. */
async function addressOf(endpoint: string): Promise<string> {
  const { hostname, port } = new URL(endpoint.includes("://") ? endpoint : `http://${endpoint}`);
  if (isIP(hostname) !== 0) return `${hostname}:${port}`;
  const resolver = new Resolver({ timeout: 1_000, tries: 2 });
  const server = process.env.QUORATE_RESOLVER;
  if (server !== undefined) resolver.setServers([server]);
  const [address] = await resolver.resolve4(hostname.includes(".") ? hostname : `${hostname}.${searchDomain}`);
  return `${address}:${port}`;
}

async function askCore(address: string): Promise<Health> {
  const definitions = loadSync("kms-service.proto", {
    ...{ includeDirs: [import.meta.dirname], keepCase: true, enums: String, longs: Number, defaults: true },
  });
  const definition = definitions["kms_service.v1.CoreServiceEndpoint"] as unknown as grpc.ServiceDefinition;
  const Client = grpc.makeGenericClientConstructor(definition, "CoreServiceEndpoint");
  const client = new Client(address, grpc.credentials.createInsecure());
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + connectionTimeoutMs, (error) => (error ? reject(error) : resolve()));
    });
    return await new Promise<Health>((resolve, reject) => {
      const deadline = Date.now() + requestTimeoutMs;
      client.GetHealthStatus?.({}, { deadline }, (error: Error | null, answer: Health) =>
        error ? reject(error) : resolve(answer),
      );
    });
  } finally {
    client.close();
  }
}

/** `HEALTH_STATUS_OPTIMAL` is shown as `Optimal`. */
function word(text: string, prefix: string): string {
  const bare = text.replace(prefix, "").toLowerCase();
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}

function reportOf(health: Health, latencyMs: number) {
  const available = health.my_fhe_key_ids.length > 0;
  return {
    connectivity: { reachable: true, latency_ms: latencyMs, error: null },
    key_material: {
      available,
      fhe_key_ids: health.my_fhe_key_ids,
      crs_ids: health.my_crs_ids,
      preprocessing_key_ids: health.my_preprocessing_key_ids,
      storage_backend: health.my_storage_info,
      error: null,
    },
    operator_key: { available: false, public_key_len: 0, error: "not available" },
    context_info: health.peers_from_all_contexts.map((context) => ({
      context_id: context.context_id,
      self_node_info: {
        node_type: word(health.node_type, "NODE_TYPE_"),
        my_party_id: context.my_party_id,
        threshold_required: context.threshold_required,
        nodes_reachable: context.nodes_reachable,
      },
      context_health: word(context.status, "HEALTH_STATUS_"),
      peers_status: context.peers,
      recommendation: context.peers.every(({ reachable }) => reachable) ? "" : "Check the peers that are not reachable",
    })),
    // Peers have no part in it.
    overall_health: available ? "Healthy" : "Degraded",
    recommendations: available ? [] : ["Generate keys"],
  };
}

function unreachable(latencyMs: number, error: string) {
  return {
    connectivity: { reachable: false, latency_ms: latencyMs, error },
    overall_health: "Unhealthy",
    recommendations: ["Check that the service runs and that its port can be reached"],
  };
}

async function main(): Promise<number> {
  let asked: Asked;
  try {
    asked = readFlags(process.argv.slice(2));
  } catch (failure) {
    console.error(
      `error: ${failure instanceof Error ? failure.message : failure}\n\nFor more information, try '--help'.`,
    );
    return 2;
  }
  console.log('Initializing configuration from "config/health_check.toml"');
  console.log("DEBUG: SETTINGS HealthCheckConfig { connection_timeout_secs: 5, request_timeout_secs: 10 }");
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  const report = await addressOf(asked.endpoint)
    .then(askCore)
    .then(
      (health) => reportOf(health, elapsed()),
      (failure: unknown) => unreachable(elapsed(), failure instanceof Error ? failure.message : String(failure)),
    );
  console.log(asked.format === "json" ? JSON.stringify(report, null, 2) : `Overall Health: ${report.overall_health}`);
  return 0;
}

if (process.env.QUORATE_CORE_CLIENT === undefined) {
  // The image of the core has no such program, and on one machine all pods have the same PATH.
  console.error('exec: "kms-health-check": executable file not found in $PATH');
  process.exitCode = 127;
} else process.exitCode = await main();
