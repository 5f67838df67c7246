import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Pair } from "./pki.ts";

/** What every Kubernetes object has, as far as the devnet looks at it. */
export interface KubeObject {
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; name: string; controller?: boolean }[];
  };
}

export interface WatchEvents<T> {
  /** Everything there is, at the start and after each lost connection. */
  listed(objects: T[]): void;
  changed(type: "ADDED" | "MODIFIED" | "DELETED", object: T): void;
  /** The connection is lost, or could not be made; the watch goes on by itself. */
  lost?(error: Error): void;
}

/** The API server answered with another status than asked for. */
export class KubeError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(what: string, status: number, reason: string) {
    super(`${what}: ${status} ${reason}`);
    this.name = "KubeError";
    this.status = status;
    this.reason = reason;
  }
}

/** A small client of one API server, with the devnet's own administrator certificate. */
export class KubeClient {
  readonly #endpoint: { host: string; port: number };
  readonly #agent: Agent;

  constructor(host: string, port: number, caFile: string, admin: Pair) {
    this.#endpoint = { host, port };
    this.#agent = new Agent({
      keepAlive: true,
      ca: readFileSync(caFile),
      cert: readFileSync(admin.cert),
      key: readFileSync(admin.key),
    });
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#json("GET", path)) as T;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return (await this.#json("POST", path, body)) as T;
  }

  async mergePatch<T>(path: string, body: unknown): Promise<T> {
    return (await this.#json("PATCH", path, body, "application/merge-patch+json")) as T;
  }

  async strategicPatch<T>(path: string, body: unknown): Promise<T> {
    return (await this.#json("PATCH", path, body, "application/strategic-merge-patch+json")) as T;
  }

  async delete(path: string): Promise<void> {
    await this.#json("DELETE", path);
  }

  /** Text of an endpoint such as /readyz. */
  async text(path: string, timeoutMs: number): Promise<string> {
    const response = await this.#send("GET", path, undefined, undefined, AbortSignal.timeout(timeoutMs));
    const text = await textOf(response);
    if (response.statusCode !== 200) throw new KubeError(`GET ${path}`, response.statusCode ?? 0, text);
    return text;
  }

  /** Lists a collection and follows it until aborted, across lost connections and restarts of the API server. */
  watch<T extends KubeObject>(
    path: string,
    query: Record<string, string>,
    events: WatchEvents<T>,
    signal: AbortSignal,
  ) {
    void this.#follow(path, query, events, signal);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #follow<T extends KubeObject>(
    path: string,
    query: Record<string, string>,
    events: WatchEvents<T>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const list = await this.get<{ metadata: { resourceVersion: string }; items: T[] }>(
          `${path}?${new URLSearchParams(query)}`,
        );
        if (signal.aborted) return;
        events.listed(list.items);
        await this.#stream(path, query, list.metadata.resourceVersion, events, signal);
      } catch (error) {
        if (signal.aborted) return;
        events.lost?.(error as Error);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
  }

  /** Follows until the server ends the watch, or its resource version is too old: then the caller lists again. */
  async #stream<T extends KubeObject>(
    path: string,
    query: Record<string, string>,
    resourceVersion: string,
    events: WatchEvents<T>,
    signal: AbortSignal,
  ): Promise<void> {
    const parameters = new URLSearchParams({ ...query, watch: "true", resourceVersion, timeoutSeconds: "1800" });
    const response = await this.#send("GET", `${path}?${parameters}`, undefined, undefined, signal);
    if (response.statusCode !== 200)
      throw new KubeError(`watch ${path}`, response.statusCode ?? 0, await textOf(response));
    response.setEncoding("utf8");
    let rest = "";
    for await (const chunk of response) {
      const lines = (rest + (chunk as string)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = JSON.parse(line) as { type: string; object: T };
        if (event.type === "ERROR") return;
        if (event.type === "ADDED" || event.type === "MODIFIED" || event.type === "DELETED")
          events.changed(event.type, event.object);
      }
    }
  }

  async #json(method: string, path: string, body?: unknown, type = "application/json"): Promise<unknown> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await this.#send(method, path, text, type, AbortSignal.timeout(10_000));
    const answer = await textOf(response);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw new KubeError(`${method} ${path}`, status, reasonOf(answer));
    return JSON.parse(answer);
  }

  #send(
    method: string,
    path: string,
    body: string | undefined,
    type: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          ...this.#endpoint,
          method,
          path,
          agent: this.#agent,
          signal,
          headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": type }) },
        },
        resolve,
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function reasonOf(answer: string): string {
  try {
    return String((JSON.parse(answer) as { message?: string }).message ?? answer);
  } catch (error) {
    // Not JSON: a proxy's page, or the API server's plain text while it starts.
    if (error instanceof SyntaxError) return answer.slice(0, 500);
    throw error;
  }
}
