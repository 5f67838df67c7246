import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { KubeAccess, KubeCredential } from "./kubeconfig.ts";

/** The API server said no, or nothing at all. */
export class KubeError extends Error {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "KubeError";
    this.status = status;
    this.reason = reason;
  }
}

export type KubeObject = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: { [name: string]: string };
    annotations?: { [name: string]: string };
    generation?: number;
    uid?: string;
    deletionTimestamp?: string;
    managedFields?: unknown;
  };
  spec?: { [name: string]: unknown };
  status?: { [name: string]: unknown };
  [field: string]: unknown;
};

const requestTimeoutMs = 30_000;

/** Requests to one API server as one user. */
export class KubeClient {
  readonly #access: KubeAccess;
  #agent: Agent | undefined;
  #credential: KubeCredential | undefined;

  constructor(access: KubeAccess) {
    this.#access = access;
  }

  get namespace(): string {
    return this.#access.namespace ?? "default";
  }

  async get(path: string, signal?: AbortSignal): Promise<KubeObject> {
    return (await this.request("GET", path, { signal })) as KubeObject;
  }

  /** Undefined where there is no such object, or no such kind. */
  async find(path: string, signal?: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await this.get(path, signal);
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Answer to a request that has to succeed, as JSON (or text where it is none). */
  async request(
    method: string,
    path: string,
    options: { body?: unknown; contentType?: string; signal?: AbortSignal | undefined } = {},
  ): Promise<unknown> {
    let answer = await this.#send(method, path, options, false);
    if (answer.status === 401) answer = await this.#send(method, path, options, true);
    const body = parseBody(answer.body);
    if (answer.status < 300) return body;
    const status = body as { reason?: string; message?: string };
    throw new KubeError(
      answer.status,
      status?.reason ?? String(answer.status),
      status?.message ?? `${method} ${path}: ${answer.status} ${answer.body.slice(0, 200)}`,
    );
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #send(
    method: string,
    path: string,
    options: { body?: unknown; contentType?: string; signal?: AbortSignal | undefined },
    renew: boolean,
  ): Promise<{ status: number; body: string }> {
    const credential = await this.#access.credential(renew);
    if (JSON.stringify(credential) !== JSON.stringify(this.#credential)) {
      this.#agent?.destroy();
      this.#agent = this.#newAgent(credential);
      this.#credential = credential;
    }
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const settings: RequestOptions = {
      method,
      agent: this.#agent,
      timeout: requestTimeoutMs,
      signal: options.signal,
      headers: {
        Accept: "application/json",
        ...(body !== undefined && {
          "Content-Type": options.contentType ?? "application/json",
          "Content-Length": Buffer.byteLength(body),
        }),
        ...("token" in credential && { Authorization: `Bearer ${credential.token}` }),
      },
    };
    return new Promise((resolve, reject) => {
      const url = new URL(path.replace(/^\//, ""), `${this.#access.server.replace(/\/$/, "")}/`);
      const failed = (cause: Error) =>
        reject(new KubeError(0, "Unreachable", `${method} ${url.origin}: ${cause.message}`, { cause }));
      const request = httpsRequest(url, settings, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
        );
        response.on("error", failed);
      });
      request.on("timeout", () => request.destroy(new Error(`no answer within ${requestTimeoutMs / 1000} s`)));
      request.on("error", failed);
      request.end(body);
    });
  }

  #newAgent(credential: KubeCredential): Agent {
    return new Agent({
      keepAlive: true,
      // Every engine brings its own connections: idle ones go away.
      timeout: requestTimeoutMs,
      rejectUnauthorized: !this.#access.skipVerify,
      ...(this.#access.caPem !== undefined && { ca: this.#access.caPem }),
      ...(this.#access.serverName !== undefined && { servername: this.#access.serverName }),
      ...("certPem" in credential && { cert: credential.certPem, key: credential.keyPem }),
    });
  }
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Waits, unless the signal says that nobody wants the result any more. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
