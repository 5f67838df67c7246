import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
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
