import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { OperatorError } from "../../contract/operator-error.ts";

/** What a route answers: a value, sent as JSON. */
export type Routes = Record<string, (body: unknown) => Promise<unknown>>;

/** Serves devnetd's control interface: `POST /<route>` with a bearer token; errors for the operator travel as such. */
export async function serveControl(host: string, port: number, token: string, routes: Routes): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, token, routes).then(
      ({ status, body }) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      },
      (error: Error) => {
        console.error(error);
        response.writeHead(500, { "content-type": "application/json" });
        response.end(JSON.stringify({ error: error.message }));
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => resolve());
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  token: string,
  routes: Routes,
): Promise<{ status: number; body: unknown }> {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const presented = digest(request.headers.authorization ?? "");
  if (!timingSafeEqual(presented, digest(`Bearer ${token}`)))
    return { status: 401, body: { error: "needs the bearer token of the state file" } };
  const route = routes[(request.url ?? "/").slice(1)];
  if (route === undefined || request.method !== "POST") return { status: 404, body: { error: "no such route" } };
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    return { status: 200, body: (await route(text === "" ? null : JSON.parse(text))) ?? {} };
  } catch (error) {
    if (error instanceof OperatorError) return { status: 422, body: { problem: error.problem } };
    throw error;
  }
}
