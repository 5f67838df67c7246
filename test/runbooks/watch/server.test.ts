import { once } from "node:events";
import { request } from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import parsePrometheus from "parse-prometheus-text-format";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { OperatorError } from "../../../contract/operator-error.ts";
import { ValidateReport } from "../../../contract/validate-report.ts";
import { WatchHistory } from "../../../contract/watch-history.ts";
import { serveWatch, type WatchServer } from "../../../runbooks/watch/server.ts";
import type { Fault } from "../network/network-model.ts";
import { poisoned, seenNetwork } from "../seen-network.ts";
import { type Watched, watched } from "./watched.ts";

let run: Watched;
let server: WatchServer;
beforeEach(async () => {
  run = await watched();
  server = await serveWatch(run.watch, 0);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await run[Symbol.asyncDispose]();
});

const LiveAnswer = z.looseObject({
  boot: z.string(),
  round: z.int(),
  layout: z.string(),
  parts: z.record(z.string(), z.string()),
  cells: z.string(),
});
const cut: Fault[] = [{ kind: "cut", from: 2, to: 3 }];
const lost = { reason: "OUTPUTS_MISSING  party 1 has no outputs", evidence: null };
const live = async (query = "") => LiveAnswer.parse(await (await get(`/live.json${query}`)).json());
const get = async (path: string) => await fetch(new URL(path, server.address));

/** A request with whatever headers somebody may send. */
function raw(path: string, options: { method?: string; host?: string } = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const { method = "GET", host } = options;
    const asked = request(new URL(path, server.address), {
      method,
      ...(host === undefined ? {} : { headers: { host } }),
    });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      let body = "";
      answer.on("data", (chunk) => {
        body += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    });
    asked.end();
  });
}

test("only this machine is served, and no other page of its browsers", async () => {
  await run.round(seenNetwork(4));
  expect(server.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  for (const host of ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost.evil.example", "0.0.0.0"])
    for (const path of ["/", "/report.json", "/metrics", "/live.json"])
      expect((await raw(path, { host })).status, `${host} ${path}`).toBe(421);
  for (const host of ["127.0.0.1", "localhost:9470", "LOCALHOST"]) expect((await raw("/", { host })).status).toBe(200);
});

test("it can be read and nothing else, is kept by nobody, and is not for frames or other origins", async () => {
  await run.round(seenNetwork(4));
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
    const { status, headers } = await raw("/", { method });
    expect({ status, allow: headers.allow }, method).toEqual({ status: 405, allow: "GET, HEAD" });
  }
  for (const path of ["/", "/report.json", "/history.json", "/metrics", "/healthz", "/live.json", "/nothing"]) {
    const { headers } = await raw(path);
    expect(headers, path).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cross-origin-resource-policy": "same-origin",
      "content-security-policy": expect.stringContaining("frame-ancestors 'none'"),
    });
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    const head = await raw(path, { method: "HEAD" });
    expect(head.body).toBe("");
    // The age is in some of them.
    if (path === "/report.json") expect(head.headers["content-length"]).toBe(headers["content-length"]);
  }
  expect((await get("/nothing")).status).toBe(404);
  expect((await get("/../../etc/passwd")).status).toBe(404);
});

test("before the first round nothing is green", async () => {
  expect((await get("/healthz")).status).toBe(503);
  expect((await get("/report.json")).status).toBe(503);
  const page = await (await get("/")).text();
  expect(page).toContain("No round yet");
  expect(page).not.toMatch(/class="word OK"/);
  expect(await (await get("/metrics")).text()).toMatch(/^quorate_watch_verdict\{[^}]*\} -1$/m);
});

test("the report and the history as their contracts say", async () => {
  await run.round(seenNetwork(4));
  await run.round(seenNetwork(4, cut));
  const report = ValidateReport.parse(await (await get("/report.json")).json());
  expect(report.verdict).toBe("FAIL");
  const history = WatchHistory.parse(await (await get("/history.json")).json());
  expect(history.links).toMatchObject([{ from: 2, to: 3, state: "down", why: "TIMED_OUT", ongoing: true }]);
  expect(history.rounds).toEqual({ ok: 1, fail: 1, unknown: 0, lost: 0 });
});

test("a round that could not be run leaves nothing green of the one before it", async () => {
  await run.round(seenNetwork(4));
  await run.round(lost);
  const answer = await get("/report.json");
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ verdict: "UNKNOWN", reason: expect.stringContaining("OUTPUTS_MISSING") });
  const page = await (await get("/")).text();
  expect(page).toMatch(/<h1><span class="word UNKNOWN">UNKNOWN<\/span>The last round could not be run/);
  expect(page).toContain('class="watch lost"');
  const metrics = await (await get("/metrics")).text();
  expect(metrics).toMatch(/^quorate_watch_verdict\{[^}]*\} -1$/m);
  expect(metrics).not.toContain("quorate_validate_");
});

test("healthz is well as long as rounds tell something, bad or good, and not three intervals later", async () => {
  await run.round(seenNetwork(4, cut));
  expect((await get("/healthz")).status).toBe(200);
  await run.round(lost);
  await run.round(lost);
  await run.round(lost);
  expect((await get("/healthz")).status).toBe(200);
  run.time.wall += 1_000;
  expect((await get("/healthz")).status).toBe(503);
  await run.round(seenNetwork(4, cut));
  expect((await get("/healthz")).status).toBe(200);
  // A round that could tell nothing of any link is as good as none.
  const blind = seenNetwork(
    4,
    [1, 2, 3, 4].map((party) => ({ kind: "unauthorized", party })),
  );
  for (let round = 0; round < 3; round++) await run.round(blind);
  run.time.wall += 1_000;
  expect((await get("/healthz")).status).toBe(503);
});

test("metrics are read by another parser: a dead watch and each link's downtime are to be seen", async () => {
  await run.round(seenNetwork(4, cut), { tookMs: 2_000 });
  await run.round(seenNetwork(4));
  run.time.wall += 30_000;
  const answer = await get("/metrics");
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const families = parsePrometheus(await answer.text());
  const of = (name: string) => families.find((family) => family.name === `quorate_watch_${name}`)?.metrics ?? [];
  expect(of("last_round_age_seconds")[0]?.value).toBe("30");
  expect(of("interval_seconds")[0]?.value).toBe("60");
  expect(of("last_round_duration_seconds")[0]?.value).toBe("0");
  expect(of("rounds_total").map(({ labels, value }) => [labels?.result, value])).toEqual([
    ["ok", "1"],
    ["fail", "1"],
    ["unknown", "0"],
    ["lost", "0"],
  ]);
  expect(of("link_down_seconds")).toMatchObject([{ labels: { network: "devnet", from: "2", to: "3" }, value: "62" }]);
  expect(families.some(({ name }) => name === "quorate_validate_verdict")).toBe(true);
  // Rounds have stopped: what they found is no longer how it is.
  run.time.wall += 180_000;
  expect(await (await get("/metrics")).text()).not.toContain("quorate_validate_");
});

test("the page asks for what is new, and is told nothing where there is nothing", async () => {
  await run.round(seenNetwork(4));
  const first = await live();
  expect(first).toMatchObject({ round: 1, ageSeconds: 0, isLost: false, headline: expect.stringMatching(/^OK: /) });
  expect((await get(`/live.json?boot=${first.boot}&round=1`)).status).toBe(204);
  expect((await get("/live.json?boot=another&round=1")).status).toBe(200);
  await run.round(seenNetwork(4, cut));
  run.time.wall += 5_000;
  const second = await live(`?boot=${first.boot}&round=1`);
  expect(second).toMatchObject({ round: 2, ageSeconds: 5, layout: first.layout });
  expect(second.cells.split("\n")[1]).toBe("oswo");
});

test("what peers say is text on this page too", async () => {
  const text = "</script><script>alert(1)</script>";
  await run.round(poisoned(seenNetwork(4, cut), text));
  await run.round(lost);
  await run.round({ reason: text, evidence: null });
  expect(await (await get("/")).text()).not.toContain("<script>alert");
  // The rest of the answer is data, which the page shows as text.
  const { parts } = await live();
  expect(JSON.stringify(parts)).not.toContain("<script>alert");
});

test("a port that is taken is an error that says so", async () => {
  const { port } = new URL(server.address);
  const failure = await serveWatch(run.watch, Number(port)).catch((caught: unknown) => caught);
  expect((failure as OperatorError).problem).toMatchObject({
    code: "PORT_UNUSABLE",
    what: expect.stringContaining(port),
  });
});

const impatient = { askMs: 50, takeMs: 100, checkMs: 20 };

async function connected(address: string): Promise<net.Socket> {
  const { hostname, port } = new URL(address);
  const socket = net.connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

// Their own limit: with Node's half a minute between two looks the test would pass as well.
test("as many as there is room for who ask nothing keep nobody out for long", { timeout: 20_000 }, async () => {
  await using other = await serveWatch(run.watch, 0, impatient);
  const idle = await Promise.all(Array.from({ length: 150 }, () => connected(other.address)));
  const answer = async () => await fetch(new URL("/healthz", other.address)).catch(() => undefined);
  let answered = await answer();
  for (; answered === undefined; answered = await answer()) await sleep(20);
  expect(answered.status).toBe(503);
  for (const socket of idle) socket.destroy();
});

test("who takes nothing of an answer is left", { timeout: 20_000 }, async () => {
  await using other = await serveWatch(run.watch, 0, impatient);
  const socket = await connected(other.address);
  socket.pause();
  // More than the kernel holds for it.
  socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(1_000));
  while (!socket.destroyed) {
    await sleep(3 * impatient.takeMs);
    socket.write("\r\n");
  }
});
