import http from "node:http";

/** KMS Core says it is not ready for this long after its start, whatever its state. */
const notReadyMs = 10_000;

export interface HttpOptions {
  host: string;
  port: number;
  /** Answer of /version. */
  version: string;
  /** Answer of /config: KMS Core encodes the running configuration twice. */
  config: object;
  metrics: () => string;
  /** The core's own clock: the answers' header `date`. */
  now: () => Date;
}

/** The core's metrics and health endpoints. */
export async function serveHttp(options: HttpOptions): Promise<http.Server> {
  const startedAt = Date.now();
  const routes: Record<string, () => { status?: number; type?: string; text: string }> = {
    "/metrics": () => ({ type: "text/plain; version=0.0.4", text: options.metrics() }),
    "/health": () => ({ text: "ok" }),
    "/live": () => ({ text: "alive" }),
    "/ready": () => (Date.now() - startedAt < notReadyMs ? { status: 503, text: "warming up" } : { text: "ready" }),
    "/version": () => ({ text: options.version }),
    "/config": () => ({
      type: "application/json",
      text: JSON.stringify(JSON.stringify(options.config, undefined, 2)),
    }),
  };
  const server = http.createServer((request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const answer = Object.hasOwn(routes, path) ? routes[path]?.() : undefined;
    response.writeHead(answer ? (answer.status ?? 200) : 404, {
      "content-type": answer?.type ?? "text/plain; charset=utf-8",
      date: options.now().toUTCString(),
    });
    response.end(answer?.text ?? "");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port }, () => resolve());
  });
  return server;
}
