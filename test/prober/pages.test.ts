import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { join } from "node:path";
import { text as allOf } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { parseHttpRequest, readPages } from "../../components/kubernetes/prober.mjs";
import { HttpReply } from "../../contract/core-http.ts";

const prober = join(import.meta.dirname, "../../components/kubernetes/prober.mjs");
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function listen(server: net.Server): Promise<number> {
  const open = new Set<net.Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUps.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const request = (port: number, more: object = {}) => ({
  ...{ contract: "http/v1" as const, host: "127.0.0.1", port, timeoutMs: 500, maxBytes: 1_000 },
  ...{ paths: ["/health"], ...more },
});
const pages = async (port: number, more: object = {}) => {
  const reply = HttpReply.parse(await readPages(parseHttpRequest(JSON.stringify(request(port, more)))));
  return reply.answers;
};
const core = () =>
  http.createServer((asked, response) => {
    if (asked.url === "/ready") response.writeHead(503).end("not ready");
    else if (asked.url === "/long") response.end("x".repeat(1_000_000));
    else if (asked.url === "/hangs") response.write("begins");
    else response.end(`${asked.url} of ${asked.headers.host}`);
  });

describe("pages of the own core", () => {
  test("each with its status and text", async () => {
    const [health, ready] = await pages(await listen(core()), { paths: ["/health", "/ready"] });
    expect(health).toMatchObject({ outcome: "answered", status: 200, text: "/health of 127.0.0.1", truncated: false });
    expect(ready).toMatchObject({ outcome: "answered", status: 503, text: "not ready" });
  });

  test("bounded in size and in time, each for itself", async () => {
    const started = performance.now();
    const [long, hangs, health] = await pages(await listen(core()), { paths: ["/long", "/hangs", "/health"] });
    expect(long).toMatchObject({ outcome: "answered", truncated: true, text: "x".repeat(1_000) });
    expect(hangs).toMatchObject({ outcome: "silent", code: "TIMED_OUT" });
    expect(health).toMatchObject({ outcome: "answered", status: 200 });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test.each([
    [
      "REFUSED",
      async () => {
        const server = net.createServer();
        const port = await listen(server);
        server.close();
        return port;
      },
    ],
    ["WRONG_ANSWER", () => listen(net.createServer((socket) => socket.end("220 mail at your service\r\n")))],
    ["RESET", () => listen(net.createServer((socket) => socket.on("data", () => socket.resetAndDestroy())))],
    ["TIMED_OUT", () => listen(net.createServer())],
  ])("%s where there is no such server", async (code, start) => {
    expect(await pages(await start())).toMatchObject([{ outcome: "silent", code }]);
  });

  test.each([
    ["another contract", { contract: "http/v2" }],
    ["a path with a line break", { paths: ["/a\r\nhost: b"] }],
    ["too many bytes", { maxBytes: 1e9 }],
    ["no time", { timeoutMs: 0 }],
  ])("%s is refused", (_what, more) => {
    expect(() => parseHttpRequest(JSON.stringify(request(1, more)))).toThrow(/does not fit http\/v1/);
  });

  test("as a program: request in, one reply out", async () => {
    const port = await listen(core());
    const child = spawn(process.execPath, [prober, "http"], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(JSON.stringify(request(port)));
    const reply = HttpReply.parse(JSON.parse(await allOf(child.stdout)));
    expect(reply.answers).toMatchObject([{ path: "/health", status: 200 }]);
  });
});
