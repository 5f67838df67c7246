import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { probe } from "../../components/kubernetes/prober.mjs";
import { ProbeReply, type ProbeRequest } from "../../contract/probe.ts";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import { createSigningKey } from "../../devnet/nodes/certificates.ts";
import { domain, LoopbackNetwork, oldRelease, otherRelease, ports } from "./loopback-network.ts";

let network: LoopbackNetwork;
beforeAll(async () => {
  network = await LoopbackNetwork.start(242, 4);
}, 60_000);
afterAll(() => network?.[Symbol.asyncDispose]());

/** What the prober in party i's cluster is asked. */
function request(from: number, change: Partial<ProbeRequest> = {}): ProbeRequest {
  return {
    contract: "probe/v1",
    partyId: from,
    stage: "link",
    timeoutMs: 5000,
    peers: network.parties
      .filter((id) => id !== from)
      .map((id) => ({
        partyId: id,
        host: `mpc-node-${id}.${domain}`,
        port: ports.peer,
        mpcIdentity: `mpc-node-${id}`,
        caCertificatePem: network.caCertificate(id),
      })),
    trustedReleases: [oldRelease],
    attestationRootSha256: network.rootSha256,
    core: { host: `kms-core-${from}.${domain}`, port: ports.grpc },
    ...change,
  } as ProbeRequest;
}

async function probeFrom(from: number, timeoutMs = 5000): Promise<ProbeReply> {
  vi.stubEnv("QUORATE_RESOLVER", network.resolver);
  try {
    return ProbeReply.parse(await probe(request(from, { timeoutMs })));
  } finally {
    vi.unstubAllEnvs();
  }
}

/** Path codes from i's prober and view of i's core, per peer: `{ 2: "OK up", 3: "EXPIRED_CERTIFICATE down" }`. */
async function linksOf(from: number): Promise<Record<number, string>> {
  const { links, view } = await probeFrom(from);
  const seen = view.status === "answered" ? view.peers : [];
  return Object.fromEntries(
    links.map(({ peerId, code }) => {
      const peer = seen.find((entry) => entry.peerId === peerId);
      return [peerId, `${code} ${peer === undefined ? "unknown" : peer.reachable ? "up" : "down"}`];
    }),
  );
}

async function get(id: number, path: string): Promise<{ status: number | undefined; text: string }> {
  const [response] = (await once(http.get({ host: network.address(id), port: ports.metrics, path }), "response")) as [
    http.IncomingMessage,
  ];
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text };
}

describe("four healthy cores", () => {
  test("every link is up on both sides, with the default context's numbers", async () => {
    const { view } = await probeFrom(1);
    expect(view).toMatchObject({
      status: "answered",
      contextStatus: "optimal",
      myPartyId: 1,
      thresholdRequired: 2,
      nodesReachable: 4,
    });
    expect(await linksOf(1)).toEqual({ 2: "OK up", 3: "OK up", 4: "OK up" });
    expect(await linksOf(3)).toEqual({ 1: "OK up", 2: "OK up", 4: "OK up" });
  });

  test("an ordinary gRPC client gets the same answers, and SERVING from the health service", async () => {
    const folder = join(import.meta.dirname, "../../devnet/nodes");
    const definitions = loadSync(["kms-service.proto", "grpc-health.proto"], { includeDirs: [folder], enums: String });
    const packages = grpc.loadPackageDefinition(definitions) as unknown as {
      kms_service: { v1: { CoreServiceEndpoint: grpc.ServiceClientConstructor } };
      grpc: { health: { v1: { Health: grpc.ServiceClientConstructor } } };
    };
    const target = `${network.address(2)}:${ports.grpc}`;
    const call = async (Client: grpc.ServiceClientConstructor, method: string) => {
      const client = new Client(target, grpc.credentials.createInsecure());
      const ask = client[method] as (request: object, done: (error: unknown, reply: unknown) => void) => void;
      try {
        return await new Promise((resolve, reject) => {
          ask.call(client, {}, (error, reply) => (error ? reject(error) : resolve(reply)));
        });
      } finally {
        client.close();
      }
    };
    const core = packages.kms_service.v1.CoreServiceEndpoint;
    expect(await call(core, "GetHealthStatus")).toMatchObject({
      nodeType: "NODE_TYPE_THRESHOLD",
      peersFromAllContexts: [{ status: "HEALTH_STATUS_OPTIMAL", nodesReachable: 4 }],
    });
    expect(await call(core, "GetKeyMaterialAvailability")).toMatchObject({
      storageInfo: "Threshold KMS - File storage",
    });
    expect(await call(packages.grpc.health.v1.Health, "Check")).toMatchObject({ status: "SERVING" });
  });

  test("HTTP: health, version with the boot id, metrics, the configuration as a string in a string", async () => {
    expect(await get(1, "/health")).toEqual({ status: 200, text: "ok" });
    expect((await get(1, "/live")).status).toBe(200);
    expect([200, 503]).toContain((await get(1, "/ready")).status);
    expect((await get(1, "/version")).text).toBe("0.0.0");
    expect(JSON.parse(JSON.parse((await get(1, "/config")).text))).toMatchObject({ threshold: { my_id: "1" } });
    expect((await get(1, "/nothing")).status).toBe(404);
    expect(new Set(network.nodes.map(({ bootId }) => bootId)).size).toBe(4);
  });

  test("the vault holds an Ethereum address and a public key beside the CA certificate", () => {
    const read = (type: string) => network.publicObject(1, `PUB-p1/${type}/${signingKeyHandle}`);
    expect(read("VerfAddress")).toMatch(/^0x[0-9a-f]{40}$/);
    expect(read("VerfKey")).toContain("BEGIN PUBLIC KEY");
  });
});

// In order: each leaves the network as it found it.
describe("faults", () => {
  test("an expired certificate of 3: others see it on the path, and no core accepts 3 any more", async () => {
    await network.node(3).setFault({ expireCert: true });
    expect(await linksOf(1)).toEqual({ 2: "OK up", 3: "EXPIRED_CERTIFICATE down", 4: "OK up" });
    expect(await linksOf(3)).toEqual({ 1: "OK down", 2: "OK down", 4: "OK down" });
    await network.node(3).setFault({});
    expect(await linksOf(3)).toEqual({ 1: "OK up", 2: "OK up", 4: "OK up" });
  });

  test("a wrong release of 2, also in debug mode", async () => {
    const zero = "0".repeat(96);
    for (const pcrs of [otherRelease, { pcr0: zero, pcr1: zero, pcr2: zero }]) {
      await network.node(2).setFault({ pcrs });
      expect(await linksOf(1)).toEqual({ 2: "UNTRUSTED_RELEASE down", 3: "OK up", 4: "OK up" });
      expect(await linksOf(2)).toEqual({ 1: "OK down", 3: "OK down", 4: "OK down" });
    }
    await network.node(2).setFault({});
    expect(await linksOf(1)).toEqual({ 2: "OK up", 3: "OK up", 4: "OK up" });
  });

  test("a hung core costs one timeout and leaves three: healthy, not optimal", async () => {
    network.node(4).process.kill("SIGSTOP");
    const { links, view, durationMs } = await probeFrom(1, 3500);
    expect(links.find(({ peerId }) => peerId === 4)).toMatchObject({ code: "TIMED_OUT", stage: "tls" });
    expect(view).toMatchObject({ contextStatus: "healthy", nodesReachable: 3 });
    expect(durationMs).toBeLessThan(5000);
    const own = await probeFrom(4, 500);
    expect(own.view).toMatchObject({ status: "silent", code: "TIMED_OUT" });
    network.node(4).process.kill("SIGCONT");
    expect(await linksOf(4)).toEqual({ 1: "OK up", 2: "OK up", 3: "OK up" });
  });

  test("a name that is gone is an error of the core's view, not the end of it", async () => {
    const name = `mpc-node-2.${domain}`;
    const address = network.records.get(name) ?? "";
    network.records.delete(name);
    expect(await linksOf(1)).toEqual({ 2: "NAME_NOT_FOUND down", 3: "OK up", 4: "OK up" });
    network.records.set(name, address);
  });

  test("a killed core is refused; started again it has the same identity and another boot id", async () => {
    const { bootId, process: child } = network.node(4);
    const caBefore = network.caCertificate(4);
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    expect(await linksOf(1)).toEqual({ 2: "OK up", 3: "OK up", 4: "REFUSED down" });
    const again = await network.startNode(4);
    expect(again.bootId).not.toBe(bootId);
    expect(network.caCertificate(4)).toBe(caBefore);
    expect(await linksOf(1)).toEqual({ 2: "OK up", 3: "OK up", 4: "OK up" });
    const ended = once(again.process, "exit");
    again.process.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });
});

describe("a core that does not start", () => {
  test("waits for the CA certificates and says whose", async () => {
    await using bare = await LoopbackNetwork.empty(243, 4);
    const { child, log, init, held } = bare.spawnNode(1);
    await vi.waitFor(() => expect(held()).toEqual(["waiting for the CA certificate of party 2, party 3, party 4"]), {
      timeout: 15_000,
    });
    expect(init()).toMatch(/^Fetched CA cert for party 1\n(.*\n)*?WARNING: No CA cert found for party 2$/m);
    expect(log()).toMatch(/^Error: TOML parse error.*party 2, 3, 4/m);
    expect(log()).toMatch(/init_enclave: neither kms-gen-keys nor kms-server completed successfully\n$/);
    expect(child.exitCode).toBeNull();
    child.stdin?.end();
    expect(await once(child, "exit"), "it ends with whoever started it").toEqual([0, null]);
  });

  test("refuses to publish over another party's CA certificate", async () => {
    await using bare = await LoopbackNetwork.empty(244, 4);
    const { child } = bare.spawnNode(1);
    await bare.waitForCaCertificate(1);
    child.kill("SIGKILL");
    await once(child, "exit");
    const object = bare.vaultFile(1, "private", `PRV-p1/SigningKey/${signingKeyHandle}`);
    rmSync(object);
    writeFileSync(object, createSigningKey().export({ type: "pkcs8", format: "pem" }).toString());
    const second = bare.spawnNode(1);
    expect(await once(second.child, "exit")).toEqual([1, null]);
    expect(second.log()).toMatch(/^Error: .*belongs to another signing key/m);
  });

  test("gen-cert-and-keys publishes the identity and ends", async () => {
    await using bare = await LoopbackNetwork.empty(245, 4);
    const { child } = bare.spawnNode(2, () => {}, ["gen-cert-and-keys"]);
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(bare.caCertificate(2)).toContain("BEGIN CERTIFICATE");
  });
});
