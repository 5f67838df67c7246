import http from "node:http";
import os from "node:os";

/** KMS Core says it is not ready for this long after its start, whatever its state. */
const notReadyMs = 10_000;

export interface HttpOptions {
  host: string;
  port: number;
  /** Answer of /version. */
  version: object;
  /** Answer of /config: KMS Core encodes the running configuration twice. */
  config: object;
  extraMetrics: () => Record<string, number>;
}

/** The core's metrics and health endpoints. */
export async function serveHttp(options: HttpOptions): Promise<http.Server> {
  const startedAt = Date.now();
  const routes: Record<string, () => { status?: number; type?: string; text: string }> = {
    "/metrics": () => ({ type: "text/plain; version=0.0.4", text: metrics(options.extraMetrics()) }),
    "/health": () => ({ text: "ok" }),
    "/live": () => ({ text: "ok" }),
    "/ready": () => (Date.now() - startedAt < notReadyMs ? { status: 503, text: "not ready" } : { text: "ready" }),
    "/version": () => ({ type: "application/json", text: JSON.stringify(options.version) }),
    "/config": () => ({ type: "application/json", text: JSON.stringify(JSON.stringify(options.config)) }),
  };
  const server = http.createServer((request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const answer = Object.hasOwn(routes, path) ? routes[path]?.() : undefined;
    response.writeHead(answer ? (answer.status ?? 200) : 404, { "content-type": answer?.type ?? "text/plain" });
    response.end(answer?.text ?? "not found");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port }, () => resolve());
  });
  return server;
}

function metrics(extra: Record<string, number>): string {
  const memory = process.memoryUsage();
  const values: Record<string, number> = {
    kms_version: 1,
    'kms_operations_total{operation="system_startup"}': 1,
    kms_cpu_load: (os.loadavg()[0] ?? 0) / os.cpus().length,
    kms_total_cpus: os.cpus().length,
    kms_memory_usage: os.totalmem() - os.freemem(),
    kms_total_memory: os.totalmem(),
    kms_process_memory_usage: memory.rss,
    process_resident_memory_bytes: memory.rss,
    ...extra,
  };
  const gauge = (name: string) => (name.includes("_total{") ? "counter" : "gauge");
  return Object.entries(values)
    .map(([name, value]) => `# TYPE ${name.replace(/\{.*/, "")} ${gauge(name)}\n${name} ${value}\n`)
    .join("");
}
