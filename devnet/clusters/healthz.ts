import { Agent, type RequestOptions, request } from "node:https";

/** A program is asked many times while it starts; a TLS handshake each time would cost more than the start itself. */
const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 2_000 });

/** Rejects unless `https://host:port<path>` answers 200 within a second. Without TLS options, whoever answers there will do. */
export function askHealthz(host: string, port: number, path = "/healthz", tls: RequestOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = {
      rejectUnauthorized: "ca" in tls,
      ...tls,
      host,
      port,
      path,
      agent,
      timeout: 1_000,
    };
    const asked = request(options, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${host}:${port}${path} answers ${response.statusCode}`));
    });
    asked.on("timeout", () => asked.destroy(new Error(`${host}:${port} is silent`)));
    asked.on("error", reject);
    asked.end();
  });
}
