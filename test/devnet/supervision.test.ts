import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addressesOf } from "../../devnet/addresses.ts";
import { adminKubeconfigPath } from "../../devnet/clusters/control-plane.ts";
import { type DevnetHandle, devnetDown, devnetStatus, devnetUp } from "../../devnet/devnet.ts";
import { devnetFiles } from "../../devnet/files.ts";
import { marked } from "../../devnet/supervision/processes.ts";
import { readState } from "../../devnet/supervision/state.ts";
import { copyProject } from "../../devnet/temporary.ts";
import { toolPath } from "../../devnet/tool-path.ts";

const project = process.cwd();
const network = "devnet";
let root: string;
let net: DevnetHandle;

beforeAll(async () => {
  root = copyProject(project, network);
  net = await devnetUp({ root, network });
});

afterAll(async () => {
  await devnetDown({ root });
  rmSync(root, { recursive: true, force: true });
});

async function run(program: string, args: string[], options: { env?: Record<string, string>; stdin?: string } = {}) {
  const running = promisify(execFile)(program, args, {
    cwd: root,
    timeout: 300_000,
    maxBuffer: 16 << 20,
    env: { ...process.env, ...options.env },
  });
  running.child.stdin?.end(options.stdin ?? "");
  return await running;
}

/** kubectl as the devnet's administrator of a party. */
async function admin(party: number, args: string[], stdin?: string): Promise<string> {
  const env = { KUBECONFIG: adminKubeconfigPath(devnetFiles(root), party) };
  return (await run(toolPath("kubectl"), args, { env, ...(stdin === undefined ? {} : { stdin }) })).stdout;
}

const enclaveNode = JSON.stringify({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "enclave", labels: { purpose: "test" } },
  status: {
    allocatable: { cpu: "4", memory: "8Gi", pods: "10", "aws.ec2.nitro/nitro_enclaves": "1" },
    capacity: { cpu: "4", memory: "8Gi", pods: "10", "aws.ec2.nitro/nitro_enclaves": "1" },
  },
});

function workload(name: string, cpu: string): string {
  const labels = { app: name };
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name, namespace: "default" },
    spec: {
      serviceName: name,
      replicas: 1,
      ordinals: { start: 1 },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "main", image: "none", resources: { requests: { cpu } } }] },
      },
    },
  });
}

const phaseOf = async (party: number, pod: string) =>
  (await admin(party, ["get", "pod", pod, "--ignore-not-found", "-o", "jsonpath={.status.phase}"])).trim();

describe("control planes", () => {
  test("a pod is placed and runs, and commands in it run here", async () => {
    await admin(1, ["apply", "-f", "-"], enclaveNode);
    await admin(1, ["apply", "-f", "-"], workload("small", "1"));
    await expect.poll(() => phaseOf(1, "small-1"), { timeout: 30_000 }).toBe("Running");
    const script =
      "process.stdin.once('data', (d) => { console.log(process.env.QUORATE_POD_IP, process.cwd(), String(d)); process.exit(0) })";
    const out = await admin(1, ["exec", "-i", "small-1", "--", "node", "-e", script], "hello");
    expect(out.trim()).toBe(`${addressesOf(net.k).core(1)} ${join(devnetFiles(root).party(1), "pod")} hello`);
  });

  test("a pod that fits on no node stays pending, with the scheduler's reason", async () => {
    await admin(1, ["apply", "-f", "-"], workload("large", "64"));
    const condition = "jsonpath={.status.conditions[?(@.type=='PodScheduled')].message}";
    await expect
      .poll(() => admin(1, ["get", "pod", "large-1", "--ignore-not-found", "-o", condition]), { timeout: 30_000 })
      .toContain("Insufficient cpu");
    expect(await phaseOf(1, "large-1")).toBe("Pending");
  });

  test("parties do not see each other's objects, and one's administrator is nobody at another's", async () => {
    expect(await admin(2, ["get", "nodes", "-o", "name"])).toBe("");
    const files = devnetFiles(root);
    const stranger = ["--server", `https://${addressesOf(net.k).core(2)}:6443`, "--insecure-skip-tls-verify"];
    const pair = [
      "--client-certificate",
      join(files.party(1), "pki", "admin.crt"),
      "--client-key",
      join(files.party(1), "pki", "admin.key"),
    ];
    const refused = run(toolPath("kubectl"), ["get", "nodes", ...stranger, ...pair], {
      env: { KUBECONFIG: "/dev/null" },
    });
    await expect(refused).rejects.toMatchObject({
      stderr: expect.stringMatching(/Unauthorized|must be logged in|forbidden/),
    });
  });

  test("a program that is killed comes back", async () => {
    const programs = async () => (await devnetStatus(root)).programs;
    const before = (await programs()).find(({ name }) => name === "party-3/kube-scheduler");
    process.kill(before?.pid ?? 0, "SIGKILL");
    const now = async () => (await programs()).find(({ name }) => name === "party-3/kube-scheduler");
    await expect.poll(now, { timeout: 30_000 }).toMatchObject({ state: "serving", restarts: 1 });
  });
});

describe("starting and ending", () => {
  test("a second `up` finds the devnet up", async () => {
    const again = await devnetUp({ root, network });
    expect(again.k).toBe(net.k);
    expect((await again.status()).pid).toBe((await net.status()).pid);
  });

  test("after a kill -9 of devnetd the next `up` has the same objects, and nothing old runs", async () => {
    const state = readState(devnetFiles(root));
    process.kill(state?.devnetd?.pid ?? 0, "SIGKILL");
    net = await devnetUp({ root, network });
    expect(net.k).toBe(state?.k);
    expect(marked(state?.mark ?? "")).toEqual([]);
    expect(await phaseOf(1, "small-1")).toBe("Running");
    // kwok follows pods that were there before it.
    const out = await admin(1, ["exec", "small-1", "--", "pwd"]);
    expect(out.trim()).toBe(join(devnetFiles(root).party(1), "pod"));
  });

  test("an `up` that is killed at any point is followed by one that works; a second at the same time is refused", async () => {
    await devnetDown({ root, keep: true });
    for (const afterMs of [300, 1_500]) {
      const child = startUp();
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
    }
    const first = devnetUp({ root, network });
    await expect(devnetUp({ root, network })).rejects.toMatchObject({
      problem: { code: "DEVNET_STARTING", exitCode: 2, found: expect.stringContaining(String(process.pid)) },
    });
    net = await first;
    expect(await phaseOf(1, "small-1")).toBe("Running");
  });

  test("another network is refused while this one is up", async () => {
    await expect(devnetUp({ root, network: "testnet" })).rejects.toMatchObject({
      problem: { code: "MANIFEST_MISSING" },
    });
  });
});

describe("cores", () => {
  const namespace = "kms-decentralized";
  const coreOf = async (party: number) => (await devnetStatus(root)).parties.find(({ partyId }) => partyId === party);
  const readyOf = async (party: number) =>
    (
      await admin(party, [
        "get",
        "pod",
        `kms-core-${party}`,
        "-n",
        namespace,
        "--ignore-not-found",
        "-o",
        "jsonpath={.status.conditions[?(@.type=='Ready')].status}",
      ])
    ).trim();

  beforeAll(async () => {
    await run(process.execPath, [join(project, "bin", "quorate.mjs"), "up", "--all", "--yes"]);
  });

  test("every running pod has a core, and is ready once that serves", async () => {
    for (const party of net.partyIds)
      await expect.poll(() => coreOf(party), { timeout: 60_000 }).toMatchObject({ core: "serving" });
    for (const party of net.partyIds) await expect.poll(() => readyOf(party), { timeout: 10_000 }).toBe("True");
    const said = () => admin(1, ["logs", "-n", namespace, "kms-core-1", "-c", "kms-core-enclave"]);
    await expect.poll(said, { timeout: 30_000 }).toContain("Started enclave with enclave-cid");
  });

  test("the environment that is handed out works for kubectl", async () => {
    const { stdout } = await run(toolPath("kubectl"), ["get", "pods", "-n", namespace, "-o", "name"], {
      env: net.environment(2),
    });
    expect(stdout).toContain("pod/kms-core-2");
  });

  test("a core that dies makes its pod unready, and comes back under another boot id", async () => {
    const before = await coreOf(2);
    process.kill(before?.pid ?? 0, "SIGKILL");
    await expect.poll(() => readyOf(2), { timeout: 10_000, interval: 50 }).toBe("False");
    await expect.poll(() => coreOf(2), { timeout: 30_000 }).toMatchObject({ core: "serving" });
    await expect.poll(() => readyOf(2), { timeout: 10_000 }).toBe("True");
    expect((await coreOf(2))?.bootId).not.toBe(before?.bootId);
  });

  test("a core that freezes makes its pod unready until it goes on", async () => {
    const pid = (await coreOf(3))?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    await expect.poll(() => readyOf(3), { timeout: 30_000 }).toBe("False");
    process.kill(pid, "SIGCONT");
    await expect.poll(() => readyOf(3), { timeout: 30_000 }).toBe("True");
  });

  test("deleting the pod gives another core; scaling to 0 takes it down, and to 1 brings it up", async () => {
    const before = await coreOf(4);
    await admin(4, ["delete", "pod", "-n", namespace, "kms-core-4"]);
    await expect
      .poll(async () => (await coreOf(4))?.bootId ?? before?.bootId, { timeout: 30_000 })
      .not.toBe(before?.bootId);
    await admin(4, ["scale", "statefulset", "-n", namespace, "kms-core", "--replicas=0"]);
    await expect.poll(() => coreOf(4), { timeout: 30_000 }).toMatchObject({ core: "absent", pid: null });
    await admin(4, ["scale", "statefulset", "-n", namespace, "kms-core", "--replicas=1"]);
    await expect.poll(() => coreOf(4), { timeout: 30_000 }).toMatchObject({ core: "serving" });
  });

  test("draining the machine is refused by the disruption budget, and past it takes the core down", async () => {
    const node = (
      await admin(1, ["get", "pod", "-n", namespace, "kms-core-1", "-o", "jsonpath={.spec.nodeName}"])
    ).trim();
    const drain = ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force"];
    await expect(admin(1, [...drain, "--timeout=3s"])).rejects.toThrow(/violate the pod's disruption budget/);
    expect(await coreOf(1)).toMatchObject({ core: "serving" });
    await admin(1, [...drain, "--disable-eviction"]);
    await expect.poll(() => coreOf(1), { timeout: 30_000 }).toMatchObject({ core: "pending", pid: null });
    await admin(1, ["uncordon", node]);
    await expect.poll(() => coreOf(1), { timeout: 60_000 }).toMatchObject({ core: "serving" });
  });

  test("faults show in the status until they are healed", async () => {
    await net.fault({ kind: "cut", from: 2, to: 3 });
    await net.fault({ kind: "kill", party: 4 });
    await net.fault({ kind: "expire-cert", party: 3 });
    await net.fault({ kind: "wrong-release", party: 2 });
    await net.fault({ kind: "hang", party: 1 });
    const { faults, parties } = await net.status();
    expect(faults).toHaveLength(5);
    expect(parties.find(({ partyId }) => partyId === 4)?.core).toBe("down");
    expect(parties.find(({ partyId }) => partyId === 1)?.core).toBe("hung");
    await expect(net.fault({ kind: "kill", party: 9 })).rejects.toMatchObject({ problem: { code: "FAULT_INVALID" } });
    await net.fault({ kind: "heal" });
    const healed = await net.status();
    expect(healed.faults).toEqual([]);
    expect(healed.parties.map(({ core }) => core)).toEqual(["serving", "serving", "serving", "serving"]);
  });
});

describe("the end", () => {
  test("`down` leaves no process, no port and no file", async () => {
    const mark = readState(devnetFiles(root))?.mark ?? "";
    const { k } = net;
    await devnetDown({ root });
    expect(marked(mark)).toEqual([]);
    // 127.k.*.* ends in these digits in the kernel's table.
    const range = `${k.toString(16).toUpperCase().padStart(2, "0")}7F:`;
    const listening = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .filter((line) => line.includes(" 0A ") && line.trim().split(/\s+/)[1]?.includes(range));
    expect(listening).toEqual([]);
    expect(existsSync(devnetFiles(root).devnet)).toBe(false);
    expect(existsSync(devnetFiles(root).current)).toBe(false);
    expect((await devnetStatus(root)).phase).toBe("down");
    await devnetDown({ root });
  });
});

/** `devnet up` in a process of its own, to be killed. */
function startUp() {
  const script = `import(${JSON.stringify(join(project, "devnet", "devnet.ts"))}).then((m) => m.devnetUp({ root: ${JSON.stringify(root)}, network: "${network}" }))`;
  return spawn(process.execPath, ["-e", script], { cwd: root, stdio: "ignore" });
}
