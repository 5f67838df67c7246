import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import { ValidateReport } from "../../contract/validate-report.ts";
import { devnetStatus } from "../../devnet/devnet.ts";
import { causesOf, expectMatrix, sampledFaults } from "../support/fault-rows.ts";
import { findingsOf, OperatorsDevnet, pathCodes } from "../support/operators-devnet.ts";
import type { Ended } from "../support/run-in.ts";

// One devnet for all of this file, of four parties. What takes longer is told by test/soak.
let net: OperatorsDevnet;
let demo: Ended;

beforeAll(async () => {
  net = await OperatorsDevnet.create("network");
  demo = await net.command("demo");
});

afterAll(async () => {
  await net[Symbol.asyncDispose]();
});

/** The report that the demo named. */
async function demoReport(): Promise<string> {
  return await readFile(join(net.folder, String(/report (\S+report\.json)/.exec(demo.stdout)?.[1])), "utf8");
}

test("the demo stands four parties up, shows twelve links up, tolerates t faults, raises no finding and names the report", async () => {
  expect(demo.stderr).not.toMatch(/BUG|Error/);
  expect(demo.code, demo.stdout + demo.stderr).toBe(0);
  expect(demo.stdout).toMatch(/^network DEVNET/);
  expect(demo.stdout).toContain("12 of 12 links up");
  expect(ValidateReport.parse(JSON.parse(await demoReport()))).toMatchObject({
    ...{ linksUp: 12, linksTotal: 12, partiesFullyConnected: 4, faultsTolerated: 1 },
    findings: [],
  });
});

test("the outputs fit the contract, and secrets are in no output", async () => {
  const outputs = await net.command("outputs", "--all", "--format", "json");
  const { parties } = JSON.parse(outputs.stdout) as { parties: unknown[] };
  expect(parties.map((party) => PartyOutputs.parse(party).partyId)).toEqual([1, 2, 3, 4]);

  const devnet = join(net.folder, ".quorate/devnet");
  const passphrase = (await readFile(join(devnet, "passphrase"), "utf8")).trim();
  const credentials = await readFile(join(devnet, "aws/credentials"), "utf8");
  const secrets = [
    passphrase,
    ...[...credentials.matchAll(/aws_secret_access_key\s*=\s*(\S+)/g)].map(([, key]) => String(key)),
  ];
  expect(secrets).toHaveLength(5);
  const printed = [demo, outputs, await net.command("outputs", "--all"), await net.command("devnet", "status")];
  const texts = [...printed.map(({ stdout, stderr }) => stdout + stderr), await demoReport()];
  for (const secret of secrets) for (const text of texts) expect(text).not.toContain(secret);
});

test("a journal that can not be written: one error, and nothing is done", async () => {
  const runs = join(net.folder, ".quorate/runs");
  await rename(runs, `${runs}.aside`);
  // A file in its place refuses even root, as a read-only file system would.
  await writeFile(runs, "");
  const { code, stdout, stderr } = await net.command("validate");
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.split("\n").filter((line) => /^[A-Z_]+ {2}/.test(line))).toEqual([
    expect.stringContaining("JOURNAL_UNWRITABLE"),
  ]);
  await rm(runs);
  await rename(`${runs}.aside`, runs);
});

// All of them are for the soak. Another seed makes another sample.
const played = ["cut 2 3", "kill 4"];
const seed = Number(process.env.QUORATE_FAULT_SEED ?? 1);

describe(`faults (QUORATE_FAULT_SEED=${seed})`, () => {
  afterEach(async () => {
    expect(await net.heal()).toEqual([]);
  });

  test("cut 2 3: exactly this link, in this direction, and the other one is said to work", async () => {
    expect(await net.command("devnet", "fault", "cut", "2", "3")).toMatchObject({ code: 0 });
    const { code, report } = await net.validate();
    expect(code).toBe(1);
    expect(report.links.find((link) => link.from === 2 && link.to === 3)).toMatchObject({
      verdict: { status: "FAIL" },
      probe: { code: "TIMED_OUT", stage: "tcp" },
      asymmetric: true,
      fault: "link",
    });
    expect(report.links.find((link) => link.from === 3 && link.to === 2)).toMatchObject({ path: { status: "OK" } });
    expect(report.findings).toHaveLength(1);
    expect(JSON.stringify(report.findings)).toContain("3→2");
    expect(await net.command("devnet", "fault", "heal")).toMatchObject({ code: 0 });
    expect((await devnetStatus(net.folder)).faults).toEqual([]);
  });

  test("kill 4: party 4 is down, refused by all; its prober still sees the others", async () => {
    await net.fault("kill 4");
    const { code, report } = await net.validate();
    expect(code).toBe(1);
    expect(pathCodes(report, 4)).toEqual(new Set(["REFUSED"]));
    for (const link of report.links.filter(({ from }) => from === 4))
      expect(link).toMatchObject({ path: { status: "OK" }, view: { status: "UNKNOWN" } });
    expect(findingsOf(report)).toEqual([{ code: "PARTY_DOWN", party: 4 }]);
    expect(report.faultsTolerated).toBe(0);
  });

  test.each(sampledFaults(3, seed, played).map((row) => [row.fault, row] as const))(
    "%s: as docs/faults.md has it",
    async (words, row) => {
      await net.fault(words);
      expectMatrix(row, (await net.validate()).report);
      const { report } = await net.json("doctor");
      expect(causesOf(report as Parameters<typeof causesOf>[0])).toContainEqual(row.cause);
    },
  );
});

describe("ordinary tools against one party", () => {
  let env: Record<string, string>;
  beforeAll(async () => {
    // As a shell has them after `eval "$(npx quorate devnet env --party 2)"`.
    const { code, stdout, stderr } = await net.command("devnet", "env", "--party", "2");
    if (code !== 0) throw new Error(stderr);
    const printed = await net.run("bash", ["-c", `${stdout}\nenv -0`]);
    const lines = printed.stdout.split("\0").filter((line) => line.includes("="));
    env = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  });

  const kubectl = async (...args: string[]) => {
    const ended = await net.run("kubectl", args, env);
    expect(ended).toMatchObject({ code: 0 });
    return ended.stdout;
  };
  const json = async (...args: string[]) =>
    JSON.parse(await kubectl("-n", "kms-decentralized", "get", ...args, "-o", "json"));

  test("the scheduler placed the core on the enclave node, and its Services have endpoints", async () => {
    const pod = await json("pod", "kms-core-2");
    const node = JSON.parse(await kubectl("get", "node", pod.spec.nodeName, "-o", "json"));
    expect(node.metadata.labels["node.kubernetes.io/enclave-enabled"]).toBe("true");
    expect(node.spec.taints).toContainEqual({
      key: "node.kubernetes.io/enclave-enabled",
      value: "true",
      effect: "NoSchedule",
    });
    for (const service of ["kms-core", "kms-core-2"]) {
      const slices = await json("endpointslices", "-l", `kubernetes.io/service-name=${service}`);
      expect(
        slices.items.flatMap((slice: { endpoints?: unknown[] }) => slice.endpoints ?? []),
        service,
      ).toHaveLength(1);
    }
    const config = await json("configmap", "mpc-party");
    expect(config.data.KMS_CORE__THRESHOLD__MY_ID).toBe("2");
  });

  test("helm knows the releases", async () => {
    const { stdout, code } = await net.run("helm", ["-n", "kms-decentralized", "list", "-o", "json"], env);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      { name: "kms-core", status: "deployed" },
      { name: "kms-core-client", status: "deployed" },
    ]);
  });

  test("pulumi preview finds the same stack, and nothing to change", async () => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const preview = await net.run(
      "pulumi",
      ["preview", "--cwd", root, "--non-interactive", "--expect-no-changes", "--json"],
      env,
    );
    expect(preview.stderr).not.toContain("error");
    expect(preview.code).toBe(0);
  });

  test("no party reads another's cluster", async () => {
    const other = net.environment(3);
    const server = JSON.parse((await net.run("kubectl", ["config", "view", "-o", "json"], env)).stdout).clusters[0]
      .cluster.server;
    const denied = await net.run(
      "kubectl",
      ["--server", server, "--insecure-skip-tls-verify", "get", "pods", "-A"],
      other,
    );
    expect(denied.code).not.toBe(0);
    expect(denied.stderr).toMatch(/Unauthorized|logged in|forbidden/i);

    // Nor does the devnet's own administrator of one, whose key another's API server does not know.
    await net.kubectl(1, "create", "configmap", "only-here");
    expect(await net.kubectl(2, "get", "configmap", "only-here", "--ignore-not-found")).toBe("");
    const stranger = ["--server", server, "--insecure-skip-tls-verify=true", "--certificate-authority="];
    await expect(net.kubectl(1, ...stranger, "get", "nodes")).rejects.toThrow(/Unauthorized|logged in|forbidden/i);
  });

  test("a deleted pod comes back as another boot", async () => {
    const bootOf = async () => (await net.coreOf(2))?.bootId;
    const before = await bootOf();
    expect(before).toBeTruthy();
    await kubectl("-n", "kms-decentralized", "delete", "pod", "kms-core-2");
    const { code } = await net.validateUntil((report) => report.verdict === "OK");
    expect(code).toBe(0);
    expect(await bootOf()).not.toBe(before);
  });

  test("scaled to 0, party 2 is down; scaled to 1, it is back", async () => {
    await kubectl("-n", "kms-decentralized", "scale", "statefulset/kms-core", "--replicas", "0");
    await expect.poll(() => net.coreOf(2), { timeout: 30_000 }).toMatchObject({ core: "absent", pid: null });
    const gone = await net.validateUntil(
      (report) => pathCodes(report, 2).has("REFUSED") || pathCodes(report, 2).has("NAME_NOT_FOUND"),
    );
    expect(gone.code).toBe(1);
    expect(findingsOf(gone.report)).toEqual([{ code: "PARTY_DOWN", party: 2 }]);
    const down = gone.report.links.filter((link) => link.verdict.status !== "OK");
    expect(new Set(down.map(({ from, to }) => `${from}→${to}`))).toEqual(
      new Set(["1→2", "3→2", "4→2", "2→1", "2→3", "2→4"]),
    );
    await kubectl("-n", "kms-decentralized", "scale", "statefulset/kms-core", "--replicas", "1");
    expect((await net.validateUntil((report) => report.verdict === "OK")).code).toBe(0);
  });
});

describe("cores", () => {
  const readyOf = async (party: number) => {
    const ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
    return await net.kubectl(party, "get", "pod", `kms-core-${party}`, "--ignore-not-found", "-o", ready);
  };

  test("every party's core serves, and its pod is ready; the enclave's start stands in its log", async () => {
    const { parties } = await devnetStatus(net.folder);
    expect(parties.map(({ partyId, core }) => [partyId, core])).toEqual([1, 2, 3, 4].map((id) => [id, "serving"]));
    for (const party of [1, 2, 3, 4]) await expect.poll(() => readyOf(party), { timeout: 10_000 }).toBe("True");
    const said = () => net.kubectl(1, "logs", "kms-core-1", "-c", "kms-core-enclave");
    await expect.poll(said, { timeout: 30_000 }).toContain("Started enclave with enclave-cid");
  });

  test("a core that dies makes its pod unready, and comes back under another boot id", async () => {
    const before = await net.coreOf(2);
    process.kill(before?.pid ?? 0, "SIGKILL");
    await expect.poll(() => readyOf(2), { timeout: 10_000, interval: 50 }).toBe("False");
    await expect.poll(() => net.coreOf(2), { timeout: 30_000 }).toMatchObject({ core: "serving" });
    await expect.poll(() => readyOf(2), { timeout: 10_000 }).toBe("True");
    expect((await net.coreOf(2))?.bootId).not.toBe(before?.bootId);
  });

  test("a core that freezes makes its pod unready until it goes on", async () => {
    const pid = (await net.coreOf(3))?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    await expect.poll(() => readyOf(3), { timeout: 30_000 }).toBe("False");
    process.kill(pid, "SIGCONT");
    await expect.poll(() => readyOf(3), { timeout: 30_000 }).toBe("True");
  });

  test("draining the machine is refused by the disruption budget, and past it takes the core down", async () => {
    const node = (await net.kubectl(1, "get", "pod", "kms-core-1", "-o", "jsonpath={.spec.nodeName}")).trim();
    const drain = ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force"];
    await expect(net.kubectl(1, ...drain, "--timeout=3s")).rejects.toThrow(/violate the pod's disruption budget/);
    expect(await net.coreOf(1)).toMatchObject({ core: "serving" });
    await net.kubectl(1, ...drain, "--disable-eviction");
    await expect.poll(() => net.coreOf(1), { timeout: 30_000 }).toMatchObject({ core: "pending", pid: null });
    await net.kubectl(1, "uncordon", node);
    await expect.poll(() => net.coreOf(1), { timeout: 60_000 }).toMatchObject({ core: "serving" });
  });

  test("faults show in the status until they are healed", async () => {
    for (const words of ["cut 2 3", "kill 4", "expire-cert 3", "wrong-release 2", "hang 1"]) await net.fault(words);
    const { faults, parties } = await devnetStatus(net.folder);
    expect(faults).toHaveLength(5);
    expect(parties.find(({ partyId }) => partyId === 4)?.core).toBe("down");
    expect(parties.find(({ partyId }) => partyId === 1)?.core).toBe("hung");
    await expect(net.fault("kill 9")).rejects.toMatchObject({ problem: { code: "FAULT_INVALID" } });
    await net.fault("heal");
    const healed = await devnetStatus(net.folder);
    expect(healed.faults).toEqual([]);
    expect(healed.parties.map(({ core }) => core)).toEqual(["serving", "serving", "serving", "serving"]);
  });
});
