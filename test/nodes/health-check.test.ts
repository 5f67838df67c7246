import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBandwidthBench } from "../../devnet/nodes/bandwidth-bench.ts";
import type { PeerBench, PeerLinks } from "../../devnet/nodes/peer-links.ts";
import { benchSilence, readBench } from "../../runbooks/zama-kms/bench-output.ts";
import { readHealthCheck } from "../../runbooks/zama-kms/health-check-output.ts";
import { domain, LoopbackNetwork, ports } from "./loopback-network.ts";

let network: LoopbackNetwork;
beforeAll(async () => {
  network = await LoopbackNetwork.start(239, 4);
}, 60_000);
afterAll(() => network?.[Symbol.asyncDispose]());

const program = fileURLToPath(new URL("../../devnet/nodes/kms-health-check.ts", import.meta.url));
const endpoint = `kms-core-2.${domain}:${ports.grpc}`;
const live = ["--format", "json", "live", "--endpoint"];

async function healthCheck(args: string[], inCoreClient = true) {
  const env = { ...process.env, QUORATE_RESOLVER: network.resolver, ...(inCoreClient && { QUORATE_CORE_CLIENT: "1" }) };
  const child = spawn(process.execPath, [program, ...args], { env });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr, exitCode: await ended };
}

test("the health check speaks before its JSON, and says of each peer what the core says", async () => {
  const { stdout, exitCode } = await healthCheck([...live, endpoint]);
  expect(stdout).toMatch(/^Initializing configuration .*\nDEBUG: SETTINGS .*\n\{\n/);
  expect(readHealthCheck(stdout)).toEqual({
    reachable: true,
    error: "",
    overall: "Degraded",
    keysAvailable: false,
    contexts: [{ health: "Optimal", partyId: 2, reachable: 4, unreachablePeers: [] }],
  });
  expect(exitCode).toBe(0);
});

test("a name without dots is looked up where the pod's search list looks", async () => {
  expect(readHealthCheck((await healthCheck([...live, `kms-core-2:${ports.grpc}`])).stdout)?.reachable).toBe(true);
});

test("a core that does not answer is a report too, and its exit code is 0", async () => {
  const { stdout, exitCode } = await healthCheck([...live, `${network.address(2)}:1`]);
  expect(readHealthCheck(stdout)).toMatchObject({ reachable: false, overall: "Unhealthy", contexts: [] });
  expect(exitCode).toBe(0);
});

test("flags of all commands stand before the command: after it they are refused with 2", async () => {
  const { stdout, exitCode } = await healthCheck(["live", "--endpoint", endpoint, "--format", "json"]);
  expect([stdout, exitCode]).toEqual(["", 2]);
  expect((await healthCheck(["--format", "json", "live"])).exitCode).toBe(2);
});

test("no image but the core-client's has it", async () => {
  const { stderr, exitCode } = await healthCheck([...live, endpoint], false);
  expect([stderr, exitCode]).toEqual(['exec: "kms-health-check": executable file not found in $PATH\n', 127]);
});

const bench = (...more: string[]) => ["--format", "json", "bandwidth-bench", "-e", endpoint, "-c", context, ...more];
const context = `07${"0".repeat(61)}1`;
const load = ["-d", "1", "-n", "2", "-p", "65536"];
const jsonIn = (stdout: string) => JSON.parse(stdout.slice(stdout.indexOf("{\n")));

test("the bench sends bytes to every peer over the links between the cores, and says how fast they went", async () => {
  const { stdout, exitCode } = await healthCheck(bench(...load));
  expect(stdout).toMatch(/^Initializing configuration /);
  const { config, endpoints } = jsonIn(stdout);
  expect(config).toEqual({
    benchmark_type: "duration",
    duration_secs: 1,
    num_sessions: 2,
    payload_size_bytes: 65_536,
  });
  const [{ peers, num_peers }] = endpoints;
  expect([num_peers, peers.map(({ peer_id }: { peer_id: number }) => peer_id).toSorted()]).toEqual([3, [1, 3, 4]]);
  for (const { bytes_sent, duration_secs, throughput_mib_per_sec, latency } of peers) {
    expect(duration_secs).toBeGreaterThanOrEqual(1);
    expect(bytes_sent % 65_536).toBe(0);
    expect(throughput_mib_per_sec).toBeCloseTo(bytes_sent / 2 ** 20 / duration_secs);
    expect(throughput_mib_per_sec).toBeGreaterThan(0);
    expect(latency.fastest_ms).toBeLessThanOrEqual(latency.p50_ms);
    expect(latency.p50_ms).toBeLessThanOrEqual(latency.slowest_ms);
  }
  // What the runbook makes of it.
  const links = readBench(stdout)?.toSorted((one, other) => one.to - other.to);
  expect(links?.map(({ to, measured }) => [to, measured !== null])).toEqual([
    [1, true],
    [3, true],
    [4, true],
  ]);
  expect(exitCode).toBe(0);
});

test("one payload for each session, where no duration is asked for, has no rate", async () => {
  const { stdout } = await healthCheck(bench("-d", "0", "-n", "1", "-p", "1000"));
  const { config, endpoints } = jsonIn(stdout);
  expect(config.benchmark_type).toBe("oneshot");
  for (const peer of endpoints[0].peers)
    expect([peer.bytes_sent, peer.throughput_mib_per_sec, peer.latency !== null]).toEqual([1000, 0, true]);
});

test("of a peer that does not answer the bytes are counted all the same, and there is no latency", async () => {
  const name = `mpc-node-3.${domain}`;
  const before = network.records.get(name);
  network.records.set(name, network.address(99));
  try {
    const { stdout, exitCode } = await healthCheck(bench(...load));
    const { peers } = jsonIn(stdout).endpoints[0];
    const dead = peers.find(({ peer_id }: { peer_id: number }) => peer_id === 3);
    expect([dead.latency, dead.bytes_sent > 0, exitCode]).toEqual([null, true, 0]);
    expect(peers.filter(({ latency }: { latency: unknown }) => latency !== null)).toHaveLength(2);
    expect(readBench(stdout)?.find(({ to }) => to === 3)?.measured).toBeNull();
  } finally {
    network.records.set(name, String(before));
  }
});

test("more than the core allows is refused: no report, and exit code 1", async () => {
  const refused = async (...args: string[]) => {
    const { stdout, stderr, exitCode } = await healthCheck(bench(...args));
    expect([stdout.includes("{\n"), exitCode]).toEqual([false, 1]);
    expect(benchSilence({ stdout, stderr, exitCode: 1, durationMs: 0 }).code).toBe("BENCH_REFUSED");
    return stderr;
  };
  expect(await refused("-d", "61", "-n", "1", "-p", "1")).toContain("Client specified an invalid argument");
  expect(await refused("-d", "1", "-n", "257", "-p", "1")).toContain("must be in 1..=256");
  expect(await refused("-d", "1", "-n", "8", "-p", String(2 ** 28))).toContain("exceeds");
  const nowhere = ["--format", "json", "bandwidth-bench", "-e", endpoint, "-c", "ff", ...load];
  const { stderr } = await healthCheck(nowhere);
  expect(stderr).toContain("Internal error");
  expect(benchSilence({ stdout: "", stderr, exitCode: 1, durationMs: 0 }).code).toBe("BENCH_CONTEXT_UNKNOWN");
});

test("a core takes one bench at a time", async () => {
  const ended = Promise.withResolvers<PeerBench[]>();
  const links = { benchAll: () => ended.promise } as unknown as PeerLinks;
  const ask = createBandwidthBench(links);
  const request = { duration: 1, number_sessions: 1, payload_size_per_session: 1, kind: "Duration" };
  const first = ask({ ...request, context_id: { request_id: context } });
  await expect(ask({ ...request, context_id: { request_id: context } })).rejects.toMatchObject({ code: 8 });
  ended.resolve([]);
  expect(await first).toEqual({ peers_info: [] });
});
