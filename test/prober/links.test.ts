import { spawn } from "node:child_process";
import { once } from "node:events";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import { join } from "node:path";
import tls from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createAnsweringServer, createGate, probe } from "../../components/kubernetes/prober.mjs";
import { ProbeReply, type ProbeRequest } from "../../contract/probe.ts";
import { certificatePem } from "../../devnet/nodes/certificates.ts";
import { LoopbackNetwork } from "../nodes/loopback-network.ts";
import { asMeasurements, createParty, hourMs, type Party, release, rootSha256 } from "./judged-certificates.ts";

const identity = "mpc-node-2";
const prober = join(import.meta.dirname, "../../components/kubernetes/prober.mjs");
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  vi.unstubAllEnvs();
});

/** Listens on loopback until the test ends; its port. */
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

/** A core's TLS front: demands a client certificate as OpenSSL does, and ends the connection without one. */
function coreServer(party: Pick<Party, "certificate" | "keyPem">, delayMs = 0): net.Server {
  const secureContext = tls.createSecureContext({
    cert: certificatePem(party.certificate),
    key: party.keyPem,
    minVersion: "TLSv1.3",
  });
  return net.createServer((socket) => {
    const start = () =>
      new tls.TLSSocket(socket, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: true }).on(
        "error",
        () => {},
      );
    if (delayMs > 0) setTimeout(start, delayMs);
    else start();
  });
}

type PeerChange = Partial<Record<keyof ProbeRequest["peers"][number], unknown>>;

function request(peers: PeerChange[], change: Partial<Record<keyof ProbeRequest, unknown>> = {}): ProbeRequest {
  return {
    contract: "probe/v1",
    partyId: 1,
    stage: "link",
    timeoutMs: 500,
    peers: peers.map((peer, index) => ({
      partyId: index + 2,
      host: "127.0.0.1",
      port: 1,
      mpcIdentity: identity,
      caCertificatePem: null,
      ...peer,
    })),
    trustedReleases: [asMeasurements(release)],
    attestationRootSha256: rootSha256,
    core: null,
    ...change,
  } as ProbeRequest;
}

const probeOne = async (peer: PeerChange, change = {}) => {
  const reply = ProbeReply.parse(await probe(request([peer], change)));
  return reply.links[0];
};

describe("one link", () => {
  test("a good core is OK although it ends the connection for want of a client certificate", async () => {
    const party = createParty(identity);
    const port = await listen(coreServer(party));
    const link = await probeOne({ port, caCertificatePem: party.caPem });
    expect(link).toMatchObject({ code: "OK", stage: "attestation", release, certificate: { commonName: identity } });
    expect(link?.tlsMs).toBeGreaterThan(0);
  });

  test.each([
    ["EXPIRED_CERTIFICATE", { startsInMs: -25 * hourMs, endsInMs: -hourMs }],
    ["UNTRUSTED_RELEASE", { pcrs: { ...release, pcr2: "e5".repeat(48) } }],
    ["WRONG_CERTIFICATE", { leafName: "mpc-node-3" }],
  ])("%s", async (code, options) => {
    const party = createParty(identity, options);
    const port = await listen(coreServer(party));
    expect(await probeOne({ port, caCertificatePem: party.caPem })).toMatchObject({ code });
  });

  test("NO_CA_CERTIFICATE, with what the peer showed all the same", async () => {
    const port = await listen(coreServer(createParty(identity)));
    const link = await probeOne({ port });
    expect(link).toMatchObject({ code: "NO_CA_CERTIFICATE", certificate: { commonName: identity } });
  });

  test("REFUSED by a closed port", async () => {
    const server = net.createServer();
    const port = await listen(server);
    server.close();
    expect(await probeOne({ port })).toMatchObject({ code: "REFUSED", stage: "tcp", tcpMs: null });
  });

  test("RESET by a peer that hangs up at once", async () => {
    const port = await listen(net.createServer((socket) => socket.resetAndDestroy()));
    // The reset can overtake the report that the connection is there.
    expect(await probeOne({ port })).toMatchObject({ code: "RESET", stage: expect.stringMatching(/^(tcp|tls)$/) });
  });

  test("RESET by a peer that closes politely before TLS", async () => {
    const port = await listen(net.createServer((socket) => socket.end()));
    expect(await probeOne({ port })).toMatchObject({ code: "RESET", stage: "tls" });
  });

  test("TIMED_OUT by a peer that accepts, then says nothing", async () => {
    const port = await listen(net.createServer());
    const link = await probeOne({ port });
    expect(link).toMatchObject({ code: "TIMED_OUT", stage: "tls", tlsMs: null });
    expect(link?.tcpMs).not.toBeNull();
  });

  test("NOT_TLS by a web server, and by a server that stops at TLS 1.2", async () => {
    const plain = await listen(
      net.createServer((socket) => socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))),
    );
    expect(await probeOne({ port: plain })).toMatchObject({ code: "NOT_TLS", stage: "tls" });
    const party = createParty(identity);
    const old = tls.createServer({
      cert: certificatePem(party.certificate),
      key: party.keyPem,
      maxVersion: "TLSv1.2",
    });
    old.on("tlsClientError", () => {});
    expect(await probeOne({ port: await listen(old) })).toMatchObject({ code: "NOT_TLS", stage: "tls" });
  });

  test("UNREACHABLE where there is no route", async () => {
    expect(await probeOne({ host: "255.255.255.255" })).toMatchObject({ code: "UNREACHABLE", stage: "tcp" });
  });

  test("TIMED_OUT in TCP where the queue of a stopped listener is full, as behind a firewall that drops", async () => {
    const listener = `const s = require("net").createServer().listen({host:"127.0.0.1",port:0,backlog:1},
      () => console.log(s.address().port))`;
    const child = spawn(process.execPath, ["-e", listener], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    const [line] = await once(child.stdout, "data");
    child.kill("SIGSTOP");
    const fill = Array.from({ length: 4 }, () => net.connect(Number(String(line)), "127.0.0.1").on("error", () => {}));
    cleanUps.push(async () => {
      for (const socket of fill) socket.destroy();
      child.kill("SIGKILL");
      await exited;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await probeOne({ port: Number(String(line)) })).toMatchObject({
      code: "TIMED_OUT",
      stage: "tcp",
      tcpMs: null,
    });
  });
});

describe("names", () => {
  test("known, unknown, without an address, and a server that is silent", async () => {
    await using network = await LoopbackNetwork.empty(241, 4);
    network.records.set("silent.example", "");
    vi.stubEnv("QUORATE_RESOLVER", network.resolver);
    const party = createParty(identity);
    const port = await listen(coreServer(party));
    network.records.set("mpc-node-2.example", "127.0.0.1");
    const reply = await probe(
      request([
        { host: "mpc-node-2.example", port, caCertificatePem: party.caPem },
        { host: "nobody.example" },
        { host: "silent.example" },
        { host: "not a name" },
      ]),
    );
    expect(reply.links.map(({ code, stage }) => `${stage} ${code}`)).toEqual([
      "attestation OK",
      "dns NAME_NOT_FOUND",
      "dns TIMED_OUT",
      "dns NAME_NOT_FOUND",
    ]);
    expect(reply.links[0]?.dnsMs).toBeGreaterThan(0);
  });

  test("UNREACHABLE where the name server refuses the connection", async () => {
    vi.stubEnv("QUORATE_RESOLVER", "127.0.0.1:1");
    expect(await probeOne({ host: "mpc-node-2.example" })).toMatchObject({ stage: "dns", dnsMs: expect.anything() });
  });
});

describe("many links", () => {
  test("twelve dead links cost one timeout in all, and a good one beside them is measured", async () => {
    const dead = await listen(net.createServer());
    const party = createParty(identity);
    const good = await listen(coreServer(party, 100));
    const reply = await probe(
      request([...Array.from({ length: 12 }, () => ({ port: dead })), { port: good, caCertificatePem: party.caPem }]),
    );
    expect(reply.links.map(({ code }) => code)).toEqual([...Array.from({ length: 12 }, () => "TIMED_OUT"), "OK"]);
    expect(reply.durationMs).toBeGreaterThanOrEqual(490);
    expect(reply.durationMs).toBeLessThan(900);
    // The server takes 100 ms by a timer, which may fire a little early by another clock; waiting for the dead would be 500.
    expect(reply.links[12]?.tlsMs).toBeGreaterThan(80);
    expect(reply.links[12]?.tlsMs).toBeLessThan(400);
  });

  test("more dead links than slots still time out side by side", async () => {
    const dead = await listen(net.createServer());
    const reply = await probe(
      request(
        Array.from({ length: 60 }, () => ({ port: dead })),
        { timeoutMs: 1000 },
      ),
    );
    expect(reply.links.every(({ code }) => code === "TIMED_OUT")).toBe(true);
    expect(reply.durationMs).toBeLessThan(2200);
  });

  test("a gate gives a slot back once, and says when nobody works", async () => {
    const gate = createGate(1, 10_000);
    const first = await gate.enter();
    let entered = false;
    const second = gate.enter().then((leave) => {
      entered = true;
      return leave;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(entered).toBe(false);
    first();
    first();
    (await second)();
    await gate.quiet();
  });
});

describe("the core's view", () => {
  /** A core that answers the one call with these bytes and this status. */
  async function grpcServer(message: Buffer, status = "0"): Promise<number> {
    const server = http2.createServer();
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": status, "grpc-message": "no%20such%20thing" }),
      );
      const frame = Buffer.alloc(5);
      frame.writeUInt32BE(message.length, 1);
      stream.end(status === "0" ? Buffer.concat([frame, message]) : undefined);
    });
    return listen(server as unknown as net.Server);
  }
  const view = async (port: number) => (await probe(request([], { core: { host: "127.0.0.1", port } }))).view;

  test("refused, silent, no gRPC, an error, bytes that are no message", async () => {
    expect(await view(1)).toMatchObject({ status: "silent", code: "REFUSED" });
    expect(await view(await listen(net.createServer()))).toMatchObject({ status: "silent", code: "TIMED_OUT" });
    const echo = await listen(net.createServer((socket) => socket.pipe(socket)));
    expect(await view(echo)).toMatchObject({ status: "silent", code: "WRONG_ANSWER" });
    const hangsUp = await listen(net.createServer((socket) => socket.end()));
    expect(await view(hangsUp)).toMatchObject({ status: "silent", code: "WRONG_ANSWER" });
    expect(await view(await grpcServer(Buffer.alloc(0), "12"))).toMatchObject({
      code: "WRONG_ANSWER",
      detail: expect.stringContaining("gRPC status 12 no such thing"),
    });
    expect(await view(await grpcServer(Buffer.from("0aff", "hex")))).toMatchObject({ code: "WRONG_ANSWER" });
  });

  test("of several contexts the default one", async () => {
    const text = (field: number, value: string) => bytes(field, Buffer.from(value));
    const bytes = (field: number, value: Buffer) => Buffer.concat([Buffer.from([field * 8 + 2, value.length]), value]);
    const context = (id: string, reachable: number, status: number) =>
      bytes(1, Buffer.concat([bytes(1, text(1, id)), Buffer.from([16, 3, 24, 2, 32, reachable, 40, status])]));
    const port = await grpcServer(
      Buffer.concat([context("09".padEnd(64, "0"), 1, 4), context(`07${"0".repeat(61)}1`, 4, 1)]),
    );
    expect(await view(port)).toMatchObject({
      status: "answered",
      contextStatus: "optimal",
      myPartyId: 3,
      thresholdRequired: 2,
      nodesReachable: 4,
      peers: [],
    });
  });

  test("is not asked at stage network", async () => {
    const reply = await probe(request([], { stage: "network" }));
    expect(reply.view).toMatchObject({ status: "silent", code: "NOT_ASKED" });
  });
});

describe("stage network", () => {
  const probeNetwork = (port: number) => probeOne({ port }, { stage: "network" });

  test("the peer's listening prober says who it is and from where it sees us", async () => {
    const port = await listen(createAnsweringServer(2));
    expect(await probeNetwork(port)).toMatchObject({ code: "OK", stage: "answer", sourceSeenByPeer: "127.0.0.1" });
  });

  test("a listening prober is told which party came by, and is not misled by whoever says something else", async () => {
    const heard: [number, string][] = [];
    const port = await listen(createAnsweringServer(2, (from, source) => heard.push([from, source])));
    await probeNetwork(port);
    for (const line of ["not JSON", '{"quorate":"prober"}', '{"partyId":"3"}', "x".repeat(10_000)]) {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.end(`${line}\n`);
      await once(socket, "close");
    }
    await expect.poll(() => heard).toEqual([[1, "127.0.0.1"]]);
  });

  test("another party's prober, a core, an echo, a silent server", async () => {
    expect(await probeNetwork(await listen(createAnsweringServer(3)))).toMatchObject({
      code: "WRONG_ANSWER",
      detail: expect.stringContaining("prober of party 3, expected party 2"),
    });
    expect(await probeNetwork(await listen(coreServer(createParty(identity))))).toMatchObject({ code: "WRONG_ANSWER" });
    const echo = await listen(net.createServer((socket) => socket.pipe(socket)));
    expect(await probeNetwork(echo)).toMatchObject({ code: "WRONG_ANSWER" });
    const flood = await listen(net.createServer((socket) => socket.write("x".repeat(5000))));
    expect(await probeNetwork(flood)).toMatchObject({ code: "WRONG_ANSWER" });
    expect(await probeNetwork(await listen(net.createServer()))).toMatchObject({ code: "TIMED_OUT", stage: "answer" });
  });
});

describe("a listening process", () => {
  async function listenFor(seconds: number, input: string, end: boolean): Promise<number> {
    const args = ["listen", "--port", String(await freePort()), "--seconds", String(seconds), "--party", "2"];
    const child = spawn(process.execPath, [prober, ...args], { env: { ...process.env, QUORATE_POD_IP: "127.0.0.1" } });
    cleanUps.push(() => child.kill("SIGKILL"));
    child.stdin.write(input);
    await once(child.stdout, "data");
    const listening = performance.now();
    if (end) child.stdin.end();
    await once(child, "exit");
    return performance.now() - listening;
  }

  async function freePort(): Promise<number> {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    return port;
  }

  test.each([
    ["lets go with a second line", "held\n\n", false],
    ["goes away", "held\n", true],
  ])("ends when its holder %s", async (_how, input, end) => {
    expect(await listenFor(600, input, end)).toBeLessThan(5_000);
  });

  test.each([
    ["nobody holds it", "", true],
    ["its holder stays", "held\n", false],
  ])("ends by itself in the end where %s", async (_how, input, end) => {
    expect(await listenFor(1, input, end)).toBeGreaterThan(900);
  });
});

describe("as a process", () => {
  async function run(args: string[], stdin = "", env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [prober, ...args], { env: { ...process.env, ...env } });
    cleanUps.push(() => child.kill("SIGKILL"));
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdin.end(stdin);
    const [exitCode] = await once(child, "close");
    return { exitCode, stdout, stderr };
  }

  test("a secp256k1 chain is judged and nothing crashes", async () => {
    const party = createParty(identity);
    const port = await listen(coreServer(party));
    const { exitCode, stdout } = await run(
      ["probe"],
      JSON.stringify(request([{ port, caCertificatePem: party.caPem }])),
    );
    expect(exitCode).toBe(0);
    expect(ProbeReply.parse(JSON.parse(stdout)).links[0]).toMatchObject({ code: "OK", release });
  });

  test("a request that does not fit is exit 2, and says which field", async () => {
    expect(await run(["probe"], "not json")).toMatchObject({ exitCode: 2, stdout: "" });
    const bad = { ...request([]), timeoutMs: 1 };
    expect(await run(["probe"], JSON.stringify(bad))).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("timeoutMs"),
    });
    expect(await run(["prove"])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("usage") });
    expect(await run(["listen", "--port", "x"])).toMatchObject({ exitCode: 2 });
    expect(await run(["listen", "--wrong"])).toMatchObject({ exitCode: 2 });
  });

  test("listens on its address, ends by itself, and leaves a port alone that is taken", async () => {
    const holder = net.createServer();
    const taken = await listen(holder);
    const env = { QUORATE_POD_IP: "127.0.0.1" };
    const args = (port: number) => ["listen", "--port", String(port), "--seconds", "1", "--party", "2"];
    expect(await run(args(taken), "", env)).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining("core is already there"),
    });
    const free = net.createServer();
    const port = await listen(free);
    free.close();
    const listening = run(args(port), "", env);
    await vi.waitFor(async () => {
      expect(await probeOne({ port }, { stage: "network" })).toMatchObject({ code: "OK" });
    });
    expect(await listening).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^listening /) });
  });
});
