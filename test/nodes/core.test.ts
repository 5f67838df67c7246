import { X509Certificate } from "node:crypto";
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

/** What a node has said arrives a little later than its answers. */
const soon = { timeout: 15_000, interval: 20 };

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

/** How a core refuses an operation. */
async function refusal(id: number, method: string): Promise<unknown> {
  const folder = join(import.meta.dirname, "../../devnet/nodes");
  const definition = loadSync(["kms-service.proto"], { includeDirs: [folder] });
  const { kms_service } = grpc.loadPackageDefinition(definition) as unknown as {
    kms_service: { v1: { CoreServiceEndpoint: grpc.ServiceClientConstructor } };
  };
  const target = `${network.address(id)}:${ports.grpc}`;
  const client = new kms_service.v1.CoreServiceEndpoint(target, grpc.credentials.createInsecure());
  const call = client[method] as (request: object, done: (error: unknown) => void) => void;
  try {
    return await new Promise((resolve) => call.call(client, {}, resolve));
  } finally {
    client.close();
  }
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
    expect(await get(1, "/live")).toEqual({ status: 200, text: "alive" });
    expect(["200 ready", "503 warming up"]).toContain(Object.values(await get(1, "/ready")).join(" "));
    expect((await get(1, "/version")).text).toBe("0.0.0");
    expect(JSON.parse(JSON.parse((await get(1, "/config")).text))).toMatchObject({ threshold: { my_id: "1" } });
    expect((await get(1, "/nothing")).status).toBe(404);
    expect(new Set(network.nodes.map(({ bootId }) => bootId)).size).toBe(4);
  });

  test("metrics have upstream's names, and count what happened", async () => {
    const sampleOf = async (series: string) => {
      const lines = (await get(4, "/metrics")).text.split("\n");
      return Number(lines.find((line) => line.startsWith(`${series} `))?.split(" ")[1] ?? Number.NaN);
    };
    const { text } = await get(4, "/metrics");
    for (const name of [
      ...["operations_total", "network_rx_bytes_total", "network_tx_bytes_total", "cpu_load", "process_cpu_usage"],
      ...["total_cpus", "memory_usage", "total_memory", "process_memory_usage", "file_descriptors", "tasks"],
      ...["socat_file_descriptors", "socat_tasks", "rate_limiter_usage", "fhe_key_cache_size", "active_sessions"],
      ...["inactive_sessions", "meta_storage_user_decryptions", "meta_storage_pub_decryptions", "version"],
      ...["meta_storage_user_decryptions_in_store", "meta_storage_pub_decryptions_in_store"],
    ])
      expect(text, name).toMatch(new RegExp(`^# TYPE kms_${name} (gauge|counter)$`, "m"));
    expect(await sampleOf('kms_operations_total{operation="system_startup"}')).toBe(1);
    const health = 'kms_operations_total{operation="key_material_availability"}';
    const before = (await sampleOf(health)) || 0;
    const sent = await sampleOf("kms_network_tx_bytes_total");
    await probeFrom(4);
    expect(await sampleOf(health)).toBe(before + 1);
    expect(await sampleOf("kms_network_tx_bytes_total")).toBeGreaterThan(sent);
    expect((await get(4, "/metrics")).text).toMatch(
      /^kms_operation_duration_ms_bucket\{operation_type="key_material_availability",party_id="4",.*le="\+Inf"\} \d+$/m,
    );
  });

  test("the logs say what a real core's begin with, and nothing secret", () => {
    const { init, log } = network.node(2);
    expect(init()).toMatch(/^Fetching TLS certificates from S3 base URL: /);
    expect(init()).toContain("Fetched CA cert for party 4\n### BEGIN - kms-server.toml ###\n[service]");
    for (const line of [
      /^init_enclave: received KMS config with sha256 [0-9a-f]{64}$/m,
      /^\S+Z {2}INFO main ThreadId\(01\) kms_server: \S+: Starting threshold KMS server v0\.0\.0, with id Some\(2\), listening for MPC communication on 0\.0\.0\.0:50001\.\.\.$/m,
      /Parameters: using threshold t=1, knowing n=4 parties in total \(myself included\)$/m,
      /Issued initial TLS certificate valid for 86400 s$/m,
      /Metrics server listening on 0\.0\.0\.0:9646$/m,
    ])
      expect(log()).toMatch(line);
    expect(`${init()}${log()}`).not.toMatch(/PRIVATE KEY|secretAccessKey|AKIA/);
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
    await expect
      .poll(() => network.node(3).log(), soon)
      .toContain("Could not renew ephemeral TLS certificate: Nitro enclave attestation request failed\n");
    await expect
      .poll(() => network.node(1).log(), soon)
      .toMatch(
        /(server|client) verifier validation error: invalid peer certificate: certificate expired: verification time \d+ \(UNIX\), but certificate is not valid after/,
      );
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
    await expect
      .poll(() => network.node(1).log(), soon)
      .toContain(
        `bundled attestation document validation error for party mpc-node-2: Bad certificate: untrusted release hash triple ${otherRelease.pcr0}, `,
      );
    await network.node(2).setFault({});
    expect(await linksOf(1)).toEqual({ 2: "OK up", 3: "OK up", 4: "OK up" });
  });

  test.each([
    [7200, "CERTIFICATE_NOT_YET_VALID down", "certificate not valid yet"],
    [-25 * 3600, "EXPIRED_CERTIFICATE down", "certificate expired"],
  ])(
    "a clock of 3 that is wrong by %i s shows in its certificate, its answers and its log",
    async (skew, code, line) => {
      const { log } = network.node(1);
      const before = log().length;
      await network.node(3).setFault({ skewSeconds: skew });
      expect(await linksOf(1)).toEqual({ 2: "OK up", 3: code, 4: "OK up" });
      await expect.poll(() => log().slice(before), soon).toContain(`invalid peer certificate: ${line}`);
      const [response] = await once(
        http.get({ host: network.address(3), port: ports.metrics, path: "/metrics" }),
        "response",
      );
      response.resume();
      expect(Math.abs(Date.parse(response.headers.date) / 1000 - Date.now() / 1000 - skew)).toBeLessThan(30);
      const said = () => Date.parse(network.node(3).log().trimEnd().split("\n").at(-1)?.split(" ")[0] ?? "");
      await expect.poll(() => Math.abs((said() - Date.now()) / 1000 - skew), soon).toBeLessThan(30);
      await network.node(3).setFault({});
      expect(await linksOf(3)).toEqual({ 1: "OK up", 2: "OK up", 4: "OK up" });
    },
  );

  test("an exhausted rate limiter turns work away, and health goes on", async () => {
    await network.node(2).setFault({ rateLimited: true });
    expect(await refusal(2, "PublicDecrypt")).toMatchObject({
      code: grpc.status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/^Failed on requestID 0{64} with metric public_decrypt_request$/),
    });
    await expect
      .poll(() => network.node(2).log(), soon)
      .toContain("not enough tokens in bucket for pub_decrypt, need 1 from 0: no permits");
    const { text } = await get(2, "/metrics");
    expect(text).toContain("\nkms_rate_limiter_usage 50000\n");
    expect(text).toContain(
      '\nkms_operation_errors_total{operation="public_decrypt_request",error="resource_exhausted"} 2\n',
    );
    expect(await linksOf(2)).toEqual({ 1: "OK up", 3: "OK up", 4: "OK up" });
    await network.node(2).setFault({});
    expect((await get(2, "/metrics")).text).toContain("\nkms_rate_limiter_usage 0\n");
  });

  test("without PRSS the log says so, and no epoch is found", async () => {
    await network.node(2).setFault({ noPrss: true });
    await expect.poll(() => network.node(2).log(), soon).toMatch(/ WARN .*: No PRSS setup exists$/m);
    expect(await refusal(2, "UserDecrypt")).toMatchObject({ code: grpc.status.NOT_FOUND });
    await expect.poll(() => network.node(2).log(), soon).toMatch(/Error message: Epoch 080{61}1 not found$/m);
    await network.node(2).setFault({});
    expect(await refusal(2, "UserDecrypt")).toMatchObject({ code: grpc.status.UNIMPLEMENTED });
    // Whoever reads the log later has to see that it is over.
    expect(network.node(2).log().trimEnd()).toMatch(/ INFO .*: PRSS on epoch ID 080{61}1 completed successfully for /);
  });

  test("certificates of 3 under the chart's own name are refused; then the old CA certificate is back, byte for byte", async () => {
    const caBefore = network.caCertificate(3);
    const restart = async (fault: object) => {
      const { process: child } = network.node(3);
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      const again = await network.startNode(3, (config) => Object.assign(config, { fault }));
      network.nodes.splice(network.nodes.indexOf(network.node(3)), 1, again);
    };
    await restart({ tlsSubject: "kms-core-3" });
    expect(new X509Certificate(network.caCertificate(3)).subject).toBe("CN=kms-core-3");
    expect(await linksOf(1)).toEqual({ 2: "OK up", 3: "WRONG_CERTIFICATE down", 4: "OK up" });
    const { links } = await probeFrom(1);
    expect(links.find(({ peerId }) => peerId === 3)?.detail).toMatch(/CN kms-core-3.*expected mpc-node-3/);
    await expect.poll(() => network.node(1).log(), soon).toContain("kms-core-3 is not a trust anchor\n");
    await restart({});
    expect(network.caCertificate(3)).toBe(caBefore);
    expect(await linksOf(3)).toEqual({ 1: "OK up", 2: "OK up", 4: "OK up" });
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
    await expect.poll(log, soon).toMatch(/^Error: TOML parse error.*party 2, 3, 4/m);
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
    await expect.poll(second.log, soon).toMatch(/^Error: .*belongs to another signing key/m);
  });

  test("gen-cert-and-keys publishes the identity and ends", async () => {
    await using bare = await LoopbackNetwork.empty(245, 4);
    const { child } = bare.spawnNode(2, () => {}, ["gen-cert-and-keys"]);
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(bare.caCertificate(2)).toContain("BEGIN CERTIFICATE");
  });
});
