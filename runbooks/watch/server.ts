import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { renderWatchMetrics } from "./metrics.ts";
import { liveAnswer, renderWatchHtml, roundNumber } from "./page.ts";
import { staleAfterIntervals, type Watch, type WatchStatus } from "./watch.ts";

/** Nobody else's machine gets in, and no page of anybody else's either: see `isOurs`. */
const loopback = "127.0.0.1";

export interface WatchServer extends AsyncDisposable {
  address: string;
}

interface Answer {
  status: number;
  type: string;
  body: string;
  headers?: Record<string, string>;
}

/** How long a connection may stand in others' way: there is room for a hundred. */
export interface WatchPatience {
  /** Until it has asked. */
  askMs: number;
  /** Until it takes more of its answer. */
  takeMs: number;
  /** How often it is looked for those that have not asked: Node's own half a minute would be the patience. */
  checkMs: number;
}

/** Serves what a watch knows, on this machine only, to be read only. */
export async function serveWatch(
  watch: Pick<Watch, "status" | "history">,
  port: number,
  { askMs, takeMs, checkMs }: WatchPatience = { askMs: 10_000, takeMs: 30_000, checkMs: 1_000 },
): Promise<WatchServer> {
  const pages = answers(watch);
  const limits = { headersTimeout: askMs, requestTimeout: askMs, connectionsCheckingInterval: checkMs };
  const server = createServer(limits, (request, response) => respond(request, response, pages));
  server.timeout = takeMs;
  server.maxConnections = 100;
  await listen(server, port);
  const { port: got } = server.address() as AddressInfo;
  return {
    address: `http://${loopback}:${got}/`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === "EADDRINUSE";
      reject(
        new OperatorError(
          {
            code: "PORT_UNUSABLE",
            what: `the watch can not be served on port ${port} of this machine`,
            found: isTaken ? "another process that listens there" : cause.message,
            expected: "a port that is free; those below 1024 are for root",
            next: "choose another one, or leave --port away: then a free one is taken",
            exitCode: exitCodes.usage,
          },
          { cause },
        ),
      );
    });
    server.listen({ port, host: loopback }, resolve);
  });
}

function respond(request: IncomingMessage, response: ServerResponse, pages: ReturnType<typeof answers>): void {
  const { status, type, body, headers = {} } = answerTo(request, pages);
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    "content-type": `${type}; charset=utf-8`,
    ...(status === 204 ? {} : { "content-length": bytes.length }),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    // A page brings the hashes of its own scripts and style along; nothing may frame it, and nothing else runs anything.
    "content-security-policy":
      type === "text/html" ? "frame-ancestors 'none'" : "default-src 'none'; frame-ancestors 'none'",
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

const plain = (status: number, text: string): Answer => ({ status, type: "text/plain", body: `${text}\n` });

function answerTo(request: IncomingMessage, pages: ReturnType<typeof answers>): Answer {
  if (!isOurs(request.headers.host))
    return plain(421, "This is for this machine only: ask for 127.0.0.1 or localhost.");
  if (request.method !== "GET" && request.method !== "HEAD")
    return { ...plain(405, "Only to be read: GET or HEAD."), headers: { allow: "GET, HEAD" } };
  const url = URL.parse(request.url ?? "/", "http://localhost/");
  const page = url === null ? undefined : pages[url.pathname];
  if (url === null || page === undefined)
    return plain(404, `There is no such page. There are: ${Object.keys(pages).join(" ")}`);
  return page(url.searchParams);
}

/**
 * A name that somebody else's DNS leads here would let a page of theirs read this one, as one of its own. Names that only this machine gives
 * itself may come with any port: it may be reached through a tunnel.
 */
function isOurs(host: string | undefined): boolean {
  return host !== undefined && /^(127\.0\.0\.1|localhost)(:\d{1,5})?$/i.test(host);
}

/** What there is to read, by path. A page is made once for each round: many may look. */
function answers(watch: Pick<Watch, "status" | "history">): Record<string, (query: URLSearchParams) => Answer> {
  let made: { key: string; live: string } | null = null;
  const json = (status: number, value: unknown): Answer => ({
    status,
    type: "application/json",
    body: `${JSON.stringify(value, null, 2)}\n`,
  });
  return {
    "/": () => ({ status: 200, type: "text/html", body: renderWatchHtml(watch.status(), watch.history()) }),
    "/live.json"(query) {
      const status = watch.status();
      const key = `${status.boot} ${roundNumber(status)}`;
      if (`${query.get("boot")} ${query.get("round")}` === key)
        return { status: 204, type: "application/json", body: "" };
      const { ageSeconds } = status;
      if (made?.key !== key)
        made = { key, live: JSON.stringify({ ...liveAnswer(status, watch.history()), ageSeconds: 0 }) };
      // Only its age is another from one reader to the next.
      return {
        status: 200,
        type: "application/json",
        body: made.live.replace('"ageSeconds":0', `"ageSeconds":${ageSeconds}`),
      };
    },
    "/report.json"() {
      const { report, lastRound } = watch.status();
      if (report !== null && !lastRound?.lost) return json(200, report);
      return json(503, {
        verdict: "UNKNOWN",
        reason: lastRound === null ? "no round yet" : `the last round could not be run: ${lastRound.words}`,
        lastReportAt: report?.startedAt ?? null,
      });
    },
    "/history.json": () => json(200, watch.history()),
    "/metrics": () => ({
      status: 200,
      type: "text/plain",
      body: renderWatchMetrics(watch.status(), watch.history()),
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    }),
    "/healthz": () => health(watch.status()),
  };
}

function health({ goodAgeSeconds, lastRound, options }: WatchStatus): Answer {
  const limit = (staleAfterIntervals * options.intervalMs) / 1000;
  if (goodAgeSeconds === null)
    return plain(503, lastRound === null ? "no round yet" : `no round told of any link: ${lastRound.words}`);
  const text = `the last good round began ${goodAgeSeconds.toFixed(0)} s ago`;
  return goodAgeSeconds > limit ? plain(503, `${text}, more than ${limit} s`) : plain(200, `ok: ${text}`);
}
