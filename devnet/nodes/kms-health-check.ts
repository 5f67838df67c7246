import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

// What `live` and `bandwidth-bench` of `kms-health-check` in the image core-client are in the devnet: flags, output, exit
// codes, and the core's own gRPC. It exits with 0 whenever it has printed a report, whatever stands in it, and with 2 for
// wrong flags. A bench of which one endpoint fails prints no report at all, and exits with 1.

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

interface Bench {
  endpoints: string[];
  contextId: string;
  duration: number;
  sessions: number;
  payloadBytes: number;
}

interface Asked {
  format: "text" | "json";
  what: { endpoint: string } | Bench;
}

/** Flags of all commands stand before the command, and nowhere else. */
function readFlags(args: readonly string[]): Asked {
  const at = args.findIndex((word) => word === "live" || word === "bandwidth-bench");
  if (at === -1) throw new Error(`unrecognized subcommand '${args.join(" ")}'`);
  const before = parseArgs({
    args: args.slice(0, at),
    options: {
      format: { type: "string", short: "f", default: "text" },
      verbose: { type: "boolean", short: "v", multiple: true },
    },
  });
  const { format } = before.values;
  if (format !== "text" && format !== "json") throw new Error(`invalid value '${format}' for '--format <FORMAT>'`);
  const rest = args.slice(at + 1);
  return { format, what: args[at] === "live" ? readLive(rest) : readBench(rest) };
}

const required = (names: string) => new Error(`the following required arguments were not provided: ${names}`);

function readLive(args: string[]): { endpoint: string } {
  const { values } = parseArgs({
    args,
    options: { endpoint: { type: "string", short: "e" }, config: { type: "string", short: "c" } },
  });
  if (values.endpoint === undefined) throw required("--endpoint");
  return { endpoint: values.endpoint };
}

function readBench(args: string[]): Bench {
  const { values } = parseArgs({
    args,
    options: {
      endpoints: { type: "string", short: "e", multiple: true },
      "context-id": { type: "string", short: "c" },
      duration: { type: "string", short: "d" },
      "num-sessions": { type: "string", short: "n" },
      "payload-size": { type: "string", short: "p" },
    },
  });
  const number = (name: "duration" | "num-sessions" | "payload-size") => {
    const text = values[name];
    if (text === undefined) throw required(`--${name}`);
    if (!/^\d{1,10}$/.test(text)) throw new Error(`invalid value '${text}' for '--${name}'`);
    return Number(text);
  };
  if (values.endpoints === undefined || values["context-id"] === undefined) throw required("--endpoints --context-id");
  return {
    endpoints: values.endpoints,
    contextId: values["context-id"],
    duration: number("duration"),
    sessions: number("num-sessions"),
    payloadBytes: number("payload-size"),
  };
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

async function askCore<T>(address: string, method: string, request: object, timeoutMs: number): Promise<T> {
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
    return await new Promise<T>((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      client[method]?.(request, { deadline }, (error: Error | null, answer: T) =>
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

/* The bench. */

interface BenchAnswer {
  peers_info: {
    peer_id: number;
    endpoint: string;
    bytes_sent: number;
    duration: number;
    latency: Record<"average" | "p50" | "p90" | "p99" | "slowest" | "fastest", number> | null;
  }[];
}

const mib = 2 ** 20;

async function benchReport(bench: Bench) {
  const { endpoints, contextId, duration, sessions, payloadBytes } = bench;
  const request = {
    context_id: { request_id: contextId },
    duration,
    number_sessions: sessions,
    payload_size_per_session: payloadBytes,
    kind: duration === 0 ? "Once" : "Duration",
  };
  const timeoutMs = duration * 1000 + requestTimeoutMs;
  return {
    config: {
      benchmark_type: duration === 0 ? "oneshot" : "duration",
      duration_secs: duration,
      num_sessions: sessions,
      payload_size_bytes: payloadBytes,
    },
    endpoints: await Promise.all(
      endpoints.map(async (endpoint) => {
        const address = await addressOf(endpoint);
        return endpointReport(endpoint, await askCore<BenchAnswer>(address, "BandwidthBenchmark", request, timeoutMs));
      }),
    ),
  };
}

function endpointReport(endpoint: string, { peers_info: infos }: BenchAnswer) {
  const total = infos.reduce((sum, { bytes_sent }) => sum + bytes_sent, 0);
  const longest = Math.max(0, ...infos.map(({ duration }) => duration));
  const rate = (bytes: number, seconds: number) => (seconds === 0 ? 0 : bytes / mib / seconds);
  return {
    endpoint,
    num_peers: infos.length,
    peers: infos.map(({ peer_id, endpoint: address, bytes_sent, duration, latency }) => ({
      peer_id,
      endpoint: address,
      bytes_sent,
      duration_secs: duration,
      throughput_mib_per_sec: rate(bytes_sent, duration),
      latency: latency && {
        average_ms: latency.average,
        p50_ms: latency.p50,
        p90_ms: latency.p90,
        p99_ms: latency.p99,
        slowest_ms: latency.slowest,
        fastest_ms: latency.fastest,
      },
    })),
    summary: {
      total_bytes_sent: total,
      total_mib: total / mib,
      duration_secs: longest,
      aggregate_mib_per_sec: rate(total, longest),
    },
  };
}

/** Words of the tool's gRPC library. */
const statuses: Partial<Record<grpc.status, string>> = {
  [grpc.status.RESOURCE_EXHAUSTED]: "Some resource has been exhausted",
  [grpc.status.INVALID_ARGUMENT]: "Client specified an invalid argument",
  [grpc.status.UNIMPLEMENTED]: "Operation is not implemented or not supported",
  [grpc.status.INTERNAL]: "Internal error",
  [grpc.status.DEADLINE_EXCEEDED]: "The operation was cancelled",
};

function wordsOf(failure: unknown): string {
  const { code, details, message } = failure as Partial<grpc.ServiceError>;
  const status = code === undefined ? undefined : statuses[code];
  return status === undefined ? `transport error: ${message ?? failure}` : `code: '${status}', message: "${details}"`;
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
  const { what, format } = asked;
  return "endpoint" in what ? await live(what.endpoint, format) : await bandwidthBench(what, format);
}

async function live(endpoint: string, format: Asked["format"]): Promise<number> {
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  const report = await addressOf(endpoint)
    .then((address) => askCore<Health>(address, "GetHealthStatus", {}, requestTimeoutMs))
    .then(
      (health) => reportOf(health, elapsed()),
      (failure: unknown) => unreachable(elapsed(), failure instanceof Error ? failure.message : String(failure)),
    );
  console.log(format === "json" ? JSON.stringify(report, null, 2) : `Overall Health: ${report.overall_health}`);
  return 0;
}

async function bandwidthBench(bench: Bench, format: Asked["format"]): Promise<number> {
  try {
    const report = await benchReport(bench);
    if (format === "json") console.log(JSON.stringify(report, null, 2));
    else
      for (const { endpoint, num_peers } of report.endpoints)
        console.log(`Endpoint: ${endpoint}\nPeers:    ${num_peers}`);
    return 0;
  } catch (failure) {
    console.error(`Error: ${wordsOf(failure)}`);
    return 1;
  }
}

if (process.env.QUORATE_CORE_CLIENT === undefined) {
  // The image of the core has no such program, and on one machine all pods have the same PATH.
  console.error('exec: "kms-health-check": executable file not found in $PATH');
  process.exitCode = 127;
} else process.exitCode = await main();
