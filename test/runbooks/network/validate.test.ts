import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { manifestDigest } from "../../../contract/manifest-digest.ts";
import { ValidateReport } from "../../../contract/validate-report.ts";
import type { PartyAccess } from "../../../runbooks/context.ts";
import validate from "../../../runbooks/network/validate.ts";
import { shortDigest } from "../../../runbooks/plan.ts";
import { executeRun, planRunbook, type RunHost, readRun, renderPlan, resumeRun } from "../../../runbooks/run.ts";
import { noBaselines, noHalves, noVaults } from "../support/no-peers.ts";
import { fakeParties, manifest } from "./fake-parties.ts";

let root = "";
let printed: string[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-validate-"));
  printed = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const given = (parties: PartyAccess[], signal = new AbortController().signal) => ({
  manifest,
  manifestDigest: manifestDigest(manifest),
  parties,
  clock: { now: () => new Date() },
  readHalf: noHalves,
  readPublished: noVaults,
  baseline: noBaselines,
  signal,
  progress: () => {},
});

const host = (signal = new AbortController().signal): RunHost => ({
  runsDir: join(root, "runs"),
  operator: "tester",
  terminal: { interactive: false, print: (text) => void printed.push(text), ask: async () => null },
  clock: { now: () => new Date() },
  signal,
});

async function run(parties: PartyAccess[], inputs: object = {}) {
  const result = await executeRun(await planRunbook(validate, given(parties), inputs), host(), { quiet: true });
  return { result, report: ValidateReport.parse(result.report?.json) };
}

test("its plan asks nothing and writes nothing", async () => {
  const { parties, asked, objects } = fakeParties();
  const planned = await planRunbook(validate, given(parties), {});
  await executeRun(planned, host(), { planOnly: true });
  expect([asked, objects, await readdir(root)]).toEqual([[], [], []]);
});

test("its plan tells the exact commands", async () => {
  const { parties } = fakeParties();
  const { plan } = await planRunbook(validate, given(parties.slice(0, 1)), { stage: "network" });
  expect(renderPlan(plan).replace(shortDigest(plan.digest), "<digest>")).toMatchInlineSnapshot(`
    "network DEVNET
    validate   Probe every link between the parties and say which are up, whose fault it is if not, and what to do.   read-only
      with stage=network, timeoutMs=5000, waitMinutes=0
      1  observe  ask 1 of 4 parties (1) at once: their pods, their peers' CA certificates, and a probe of each link
         $ kubectl get pods,statefulsets --namespace kms-decentralized --output json   # party 1
         $ kubectl exec --namespace kms-decentralized deploy/quorate-prober --container prober --stdin -- node prober.mjs listen --port 50001 --seconds 13 --party 1   # party 1
         $ kubectl exec --namespace kms-decentralized deploy/quorate-prober --container prober --stdin -- node prober.mjs probe   # party 1, request on standard input
      2  judge    judge 12 links
    plan <digest>"
  `);
});

test("its plan names every object that it reads: each peer's CA certificate, in the party's own vault", async () => {
  const { parties, objects } = fakeParties();
  const { plan } = await planRunbook(validate, given(parties), {});
  const read = (plan.steps[0]?.commands ?? []).flatMap(
    (command) => /^aws s3 cp s3:\/\/\S+?\/(\S+) - /.exec(command)?.[1] ?? [],
  );
  await run(parties);
  expect(read).toHaveLength(12);
  for (const object of objects) expect(read.filter((key) => object.endsWith(key)).length).toBeGreaterThan(0);
});

test("a clean network is OK; a resumed run of it asks nothing again and tells the same", async () => {
  const { parties, asked, objects } = fakeParties();
  const { result, report } = await run(parties);
  expect([report.verdict, report.linksUp, report.findings, result.exitCode]).toEqual(["OK", 12, [], 0]);
  expect(printed).toEqual([]);
  expect(objects).toContain(
    "mpc-vault-public-1/PUB-p2/CACert/60b7070add74be3827160aa635fb255eeeeb88586c4debf7ab1134ddceb4beee",
  );
  const questions = asked.length;
  expect(questions).toBe(8);
  const find = async () => ({ runbook: validate, given: given(parties) });
  const resumed = await resumeRun(result.runId ?? "", find, host());
  expect([resumed.report?.json, resumed.exitCode, asked.length]).toEqual([report, 0, questions]);
  expect(printed.join("\n").match(/SKIP/g)).toHaveLength(2);
});

test("a prober is asked about every peer, with the CA certificate that its own vault has", async () => {
  const { parties, asked } = fakeParties();
  await run(parties, { timeoutMs: 1234 });
  const request = asked.find(({ party, request }) => party === 2 && request)?.request;
  expect(request).toMatchObject({
    stage: "link",
    timeoutMs: 1234,
    core: { host: "kms-core-2.kms-decentralized.svc.cluster.local", port: 50_100 },
    trustedReleases: manifest.trustedReleases.map(({ pcr0, pcr1, pcr2 }) => ({ pcr0, pcr1, pcr2 })),
  });
  expect(
    request?.peers.map(({ partyId, host, mpcIdentity, caCertificatePem }) => [
      partyId,
      host,
      mpcIdentity,
      caCertificatePem,
    ]),
  ).toEqual(
    [1, 3, 4].map((id) => [
      id,
      `mpc-node-${id}.kms-decentralized.svc.cluster.local`,
      `mpc-node-${id}`,
      "-----BEGIN CERTIFICATE-----",
    ]),
  );
});

test("a fault ends with 1, is in the report, and the commands are on record", async () => {
  const { result, report } = await run(fakeParties([{ kind: "unschedulable", party: 2 }]).parties);
  expect([result.exitCode, report.verdict]).toEqual([1, "FAIL"]);
  expect(report.findings.map(({ code, party }) => [code, party])).toEqual([["PARTY_DOWN", 2]]);
  expect(report.parties[1]?.pod).toMatchObject({ phase: "Pending", reason: expect.stringContaining("hugepages-1Gi") });
  const { lines } = await readRun(join(root, "runs"), result.runId ?? "");
  const commands = lines.flatMap(({ event }) => (event.kind === "command" ? [event] : []));
  expect(commands).toHaveLength(8);
  expect(commands[0]).toMatchObject({ step: "observe", exitCode: 0, args: expect.arrayContaining(["get"]) });
  const written = async (name: string) => await readFile(join(result.dir ?? "", name), "utf8");
  expect(await written("report.txt")).toContain("network DEVNET");
  // Every form tells of the same network, and is what the command prints of it.
  expect(await written("report.html")).toBe(result.report?.html?.());
  expect(await written("report.prom")).toBe(result.report?.prometheus?.());
  expect(await written("report.html")).toContain("<!doctype html>");
  expect(await written("report.prom")).toMatch(/^quorate_validate_verdict\{network="devnet".*\} -?[01]$/m);
});

test.each<
  [string, { exitCode?: number; stderr?: string; stdout?: string; ended?: "deadline" | "not-started" }, string]
>([
  [
    "no access",
    { exitCode: 1, stderr: "error: You must be logged in to the server (Unauthorized)" },
    "does not know the caller",
  ],
  ["a deadline", { exitCode: 143, ended: "deadline" }, "no answer within"],
  ["no kubectl", { exitCode: 127, ended: "not-started", stderr: "spawn kubectl ENOENT" }, "cannot be started"],
  ["an answer that is none", { stdout: "hello" }, "cannot be read"],
])(
  "%s at one party: its row is unknown, with the reason, and the network is not clean",
  async (_name, answer, words) => {
    const { parties } = fakeParties([], { answer: (party) => (party === 3 ? answer : undefined) });
    const { result, report } = await run(parties);
    expect([result.exitCode, report.verdict, report.linksUp]).toEqual([5, "UNKNOWN", 9]);
    expect(report.findings).toMatchObject([
      { code: "COULD_NOT_TELL", party: 3, found: expect.stringContaining(words) },
    ]);
  },
);

test("a vault that cannot be read leaves its links unknown, not down", async () => {
  const { parties } = fakeParties([{ kind: "lose-ca", from: 1, to: 2 }]);
  const [first, ...others] = parties;
  const blind: PartyAccess = {
    ...(first as PartyAccess),
    readObject: async () => Promise.reject(new Error("AccessDenied")),
  };
  const { report } = await run([blind, ...others]);
  expect(report.links.find((link) => link.from === 1 && link.to === 2)?.verdict).toMatchObject({ status: "UNKNOWN" });
  expect(report.verdict).toBe("UNKNOWN");
});

test("rows of parties that are not one's own are unknown", async () => {
  const { report } = await run(fakeParties().parties.slice(1, 2));
  expect(report.verdict).toBe("UNKNOWN");
  expect(report.links.filter((link) => link.verdict.status === "OK")).toHaveLength(3);
  expect(report.links.find((link) => link.from === 1)?.verdict).toEqual({ status: "UNKNOWN", reason: "not mine" });
});

describe("the record of who ran it", () => {
  const callers = async (options: Parameters<typeof fakeParties>[1]) => {
    const { result, report } = await run(fakeParties([], options).parties);
    const { lines } = await readRun(join(root, "runs"), result.runId ?? "");
    const events = lines.map(({ event }) => event).filter((event) => event.kind === "caller");
    return { report, events: events.toSorted((a, b) => a.partyId - b.partyId), last: lines.at(-1)?.event.kind };
  };

  test("names for each party, once, as whom AWS knows the caller", async () => {
    const { events } = await callers({});
    expect(events).toEqual(
      [1, 2, 3, 4].map((partyId) => ({
        kind: "caller",
        partyId,
        arn: `arn:aws:sts::10000000000${partyId}:assumed-role/operator/ann`,
        reason: null,
      })),
    );
  });

  test("says why where AWS refuses to tell, and judges the network all the same", async () => {
    const { events, report } = await callers({ caller: () => Promise.reject(new Error("ExpiredToken")) });
    expect(events).toHaveLength(4);
    expect(events[0]).toMatchObject({ arn: null, reason: "ExpiredToken" });
    expect(report.verdict).toBe("OK");
  });

  test("is not waited for while links are observed, and never for long", async () => {
    const { events, report, last } = await callers({ caller: () => new Promise(() => {}) });
    expect(report.durationMs).toBeLessThan(2_000);
    expect(events[3]).toMatchObject({ arn: null, reason: "no answer within 3 s" });
    expect(last).toBe("end");
  });
});

test("at stage network probers listen first, and the address that each peer saw is told", async () => {
  const { parties, asked } = fakeParties([], { stage: "network" });
  const { result, report } = await run(parties, { stage: "network" });
  expect([report.verdict, result.exitCode]).toEqual(["OK", 0]);
  const order = asked.map(({ args }) =>
    args.includes("listen") ? "listen" : args.includes("probe") ? "probe" : "pods",
  );
  expect(order.lastIndexOf("listen")).toBeLessThan(order.indexOf("probe"));
  expect(result.report?.text({ colour: false, columns: 80 })).toContain("party 1 is seen as 127.1.0.1 (by 2-4)");
});

test("at stage network no listener outlives the run, however it ends", async () => {
  const stop = new AbortController();
  const { parties, listening } = fakeParties([], {
    stage: "network",
    answer: (_party, args) => {
      if (args.includes("probe") && listening.size === 4) stop.abort(new Error("stopped by SIGINT"));
      return undefined;
    },
  });
  const planned = await planRunbook(validate, given(parties, stop.signal), { stage: "network" });
  expect((await executeRun(planned, host(stop.signal), { quiet: true })).exitCode).toBe(4);
  expect([...listening]).toEqual([]);
  const clean = fakeParties([], { stage: "network" });
  await run(clean.parties, { stage: "network" });
  expect([...clean.listening]).toEqual([]);
});

test("at stage network a listener that does not start leaves the way to it unknown", async () => {
  const taken = {
    exitCode: 3,
    stderr: "port 50001 of 127.1.0.3 is taken: the core is already there, so use stage link",
  };
  const { parties } = fakeParties([{ kind: "kill", party: 3 }], {
    stage: "network",
    answer: (party, args) => (party === 3 && args.includes("listen") ? taken : undefined),
  });
  const { report } = await run(parties, { stage: "network" });
  expect([report.verdict, report.linksUp]).toEqual(["UNKNOWN", 9]);
  expect(report.findings).toMatchObject([
    { code: "COULD_NOT_TELL", party: 3, found: expect.stringContaining("is taken") },
  ]);
});

test("that is interrupted ends with 4, and goes on when it is resumed", async () => {
  const stop = new AbortController();
  const { parties } = fakeParties([], {
    answer: () => {
      stop.abort(new Error("stopped by SIGINT"));
      return { exitCode: 143, ended: "aborted" };
    },
  });
  const planned = await planRunbook(validate, given(parties, stop.signal), {});
  const result = await executeRun(planned, host(stop.signal), { quiet: true });
  expect(result.exitCode).toBe(4);
  expect(printed.join("\n")).toContain(`npx quorate resume ${result.runId}`);
  const find = async () => ({ runbook: validate, given: given(fakeParties().parties) });
  expect((await resumeRun(result.runId ?? "", find, host())).exitCode).toBe(0);
});

test("asks about no party without credentials", async () => {
  const work = planRunbook(validate, given(fakeParties().parties.slice(0, 2)), { parties: [3] });
  await expect(work).rejects.toMatchObject({ problem: { code: "PARTY_NOT_HELD" } });
});
