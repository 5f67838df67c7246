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
// The others are elsewhere: what is told here of one control plane is so of each.
const party = 1;
let root: string;
let net: DevnetHandle;

beforeAll(async () => {
  root = copyProject(project, network);
  for (const id of [2, 3, 4]) rmSync(join(root, `stacks/Pulumi.party-${id}.yaml`));
  net = await devnetUp({ root, network });
});

afterAll(async () => {
  await devnetDown({ root });
  rmSync(root, { recursive: true, force: true });
});

/** kubectl as the devnet's administrator of the party. */
async function admin(args: string[], stdin = ""): Promise<string> {
  const running = promisify(execFile)(toolPath("kubectl"), args, {
    cwd: root,
    timeout: 300_000,
    env: { ...process.env, KUBECONFIG: adminKubeconfigPath(devnetFiles(root), party) },
  });
  running.child.stdin?.end(stdin);
  return (await running).stdout;
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

const phaseOf = async (pod: string) =>
  (await admin(["get", "pod", pod, "--ignore-not-found", "-o", "jsonpath={.status.phase}"])).trim();

describe("control planes", () => {
  test("a pod is placed and runs, and commands in it run here", async () => {
    await admin(["apply", "-f", "-"], enclaveNode);
    await admin(["apply", "-f", "-"], workload("small", "1"));
    await expect.poll(() => phaseOf("small-1"), { timeout: 30_000 }).toBe("Running");
    const script =
      "process.stdin.once('data', (d) => { console.log(process.env.QUORATE_POD_IP, process.cwd(), String(d)); process.exit(0) })";
    const out = await admin(["exec", "-i", "small-1", "--", "node", "-e", script], "hello");
    expect(out.trim()).toBe(`${addressesOf(net.k).core(party)} ${join(devnetFiles(root).party(party), "pod")} hello`);
  });

  test("a pod that fits on no node stays pending, with the scheduler's reason", async () => {
    await admin(["apply", "-f", "-"], workload("large", "64"));
    const condition = "jsonpath={.status.conditions[?(@.type=='PodScheduled')].message}";
    await expect
      .poll(() => admin(["get", "pod", "large-1", "--ignore-not-found", "-o", condition]), { timeout: 30_000 })
      .toContain("Insufficient cpu");
    expect(await phaseOf("large-1")).toBe("Pending");
  });

  test("a program that is killed comes back", async () => {
    const programs = async () => (await devnetStatus(root)).programs;
    const before = (await programs()).find(({ name }) => name === `party-${party}/kube-scheduler`);
    process.kill(before?.pid ?? 0, "SIGKILL");
    const now = async () => (await programs()).find(({ name }) => name === `party-${party}/kube-scheduler`);
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
    expect(await phaseOf("small-1")).toBe("Running");
    // kwok follows pods that were there before it.
    const out = await admin(["exec", "small-1", "--", "pwd"]);
    expect(out.trim()).toBe(join(devnetFiles(root).party(party), "pod"));
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
    expect(await phaseOf("small-1")).toBe("Running");
  });

  test("another network is refused while this one is up", async () => {
    await expect(devnetUp({ root, network: "testnet" })).rejects.toMatchObject({
      problem: { code: "MANIFEST_MISSING" },
    });
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
