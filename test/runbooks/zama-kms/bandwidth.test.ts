import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XMLParser } from "fast-xml-parser";
import parsePrometheusTextFormat from "parse-prometheus-text-format";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { baselineFiles } from "../../../bin/baseline-files.ts";
import { BandwidthBaseline, BandwidthReport } from "../../../contract/bandwidth-report.ts";
import { OperatorError } from "../../../contract/operator-error.ts";
import type { CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import { executeRun, planRunbook, renderPlan } from "../../../runbooks/run.ts";
import bandwidth from "../../../runbooks/zama-kms/bandwidth.ts";
import { readBench } from "../../../runbooks/zama-kms/bench-output.ts";
import { committedSchema, overJson } from "../../support/committed-schema.ts";
import { partyOutputs } from "../network/fake-parties.ts";
import { given } from "../support/rotation.ts";

const ids = [1, 2, 3, 4];

/** What one core says of its link to a peer. */
interface Peer {
  mibPerSecond: number;
  p50Ms: number;
  /** Not every payload was acknowledged. */
  unanswered?: boolean;
}
type Change = (from: number, to: number) => Partial<Peer> | "absent" | undefined;
type Said = (from: number, args: string[]) => Partial<CommandResult> | undefined;

const answered = (more: Partial<CommandResult> = {}): CommandResult => {
  return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
};

const preamble = 'Initializing configuration from "config/health_check.toml"\nDEBUG: SETTINGS HealthCheckConfig { }\n';

function benchOutput(from: number, seconds: number, change: Change = () => undefined): string {
  const peers = ids
    .filter((to) => to !== from)
    .flatMap((to) => {
      const changed = change(from, to);
      if (changed === "absent") return [];
      const { mibPerSecond, p50Ms, unanswered } = { mibPerSecond: 100, p50Ms: 10, ...changed };
      const latency = {
        average_ms: p50Ms,
        p50_ms: p50Ms,
        p90_ms: p50Ms,
        p99_ms: p50Ms + 2,
        slowest_ms: 99,
        fastest_ms: 0,
      };
      return [
        {
          peer_id: to,
          endpoint: `mpc-node-${to}`,
          bytes_sent: mibPerSecond * seconds * 2 ** 20,
          duration_secs: seconds,
          throughput_mib_per_sec: mibPerSecond,
          latency: unanswered ? null : latency,
        },
      ];
    });
  const config = { benchmark_type: "duration", duration_secs: seconds, num_sessions: 4, payload_size_bytes: 262_144 };
  const report = { config, endpoints: [{ endpoint: "kms-core", num_peers: peers.length, peers, summary: {} }] };
  return `${preamble}${JSON.stringify(report, null, 2)}\n`;
}

const fitsReport = await committedSchema("bandwidth-report");
const fitsBaseline = await committedSchema("bandwidth-baseline");

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-bandwidth-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => rm(join(root, "baselines"), { recursive: true, force: true }));

const file = () => join(root, "baselines", "devnet.bandwidth.json");

function world({ change, said }: { change?: Change | undefined; said?: Said | undefined } = {}) {
  const asked: { party: number; args: string[]; timeoutMs: number | undefined }[] = [];
  let running = 0;
  let mostAtOnce = 0;
  const parties = ids.map(
    (id): PartyAccess => ({
      outputs: partyOutputs(id),
      caller: async () => "arn:aws:sts::100000000001:assumed-role/operator/ann",
      readObject: async () => null,
      async kubectl(args, options) {
        asked.push({ party: id, args, timeoutMs: options?.timeoutMs });
        running += 1;
        mostAtOnce = Math.max(mostAtOnce, running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running -= 1;
        const seconds = Number(args[args.indexOf("--duration") + 1]);
        return answered({ stdout: benchOutput(id, seconds, change), ...said?.(id, args) });
      },
    }),
  );
  return { asked, parties, mostAtOnce: () => mostAtOnce };
}

async function run(inputs: object = {}, how: { change?: Change; said?: Said } = {}) {
  const { asked, parties, mostAtOnce } = world(how);
  const context = { ...given(), parties, baseline: baselineFiles({ root, network: "devnet" }) };
  const host = {
    runsDir: join(root, "runs"),
    operator: "tester",
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: context.clock,
    signal: context.signal,
  };
  const planned = await planRunbook(bandwidth, context, inputs);
  const result = await executeRun(planned, host, { quiet: true, confirm: planned.plan.digest });
  if (result.bug) throw result.bug;
  const report = BandwidthReport.parse(result.report?.json);
  fitsReport(overJson(report));
  expect(fitsReport.errors).toBe(null);
  const told = report.findings.map(({ code, party }) => `${code} ${party}`);
  return { asked, result, report, told, planned, mostAtOnce };
}

const recorded = () => run({ recordBaseline: true });
const text = (result: Awaited<ReturnType<typeof run>>["result"], columns: number) =>
  result.report?.text({ colour: false, columns }) ?? "";

test("what was measured and compared with nothing is not green: the report says how to record a baseline", async () => {
  const { report, told, result } = await run();
  expect([report.verdict, result.exitCode, told]).toEqual(["UNKNOWN", 5, ["NOT_COMPARED null"]]);
  expect([report.linksMeasured, report.linksCompared]).toEqual([12, 0]);
  expect(report.findings[0]).toMatchObject({
    found: "there is no baselines/devnet.bandwidth.json",
    next: expect.stringContaining("npx quorate run bandwidth --record-baseline"),
  });
});

test("a baseline is recorded, a line for each link, and the next run of the same network is OK", async () => {
  const first = await recorded();
  expect([first.report.verdict, first.result.exitCode, first.told]).toEqual(["OK", 0, []]);
  const written = await readFile(file(), "utf8");
  expect(written.split("\n").filter((line) => line.includes('"from"'))).toHaveLength(12);
  fitsBaseline(JSON.parse(written));
  expect(fitsBaseline.errors).toBe(null);
  expect(BandwidthBaseline.parse(JSON.parse(written)).links[0]).toMatchObject({
    ...{ from: 1, to: 2, mibPerSecond: 100, p50Ms: 10 },
    load: { durationSeconds: 10, sessions: 4, payloadBytes: 262_144, together: false },
  });
  const { report, told, result } = await run();
  expect([report.verdict, told, report.linksCompared, result.exitCode]).toEqual(["OK", [], 12, 0]);
});

describe("against a baseline", () => {
  beforeEach(recorded);

  const link =
    (from: number, to: number, peer: Partial<Peer>): Change =>
    (i, j) =>
      i === from && j === to ? peer : undefined;
  const all =
    (which: (from: number, to: number) => boolean, peer: Partial<Peer>): Change =>
    (i, j) =>
      which(i, j) ? peer : undefined;

  test.each<[string, Change, string[]]>([
    ["a link at half of its rate is no finding", link(2, 3, { mibPerSecond: 50 }), []],
    ["a link below half of its rate", link(2, 3, { mibPerSecond: 49.9 }), ["BANDWIDTH_LOW 2"]],
    ["twice the latency is no finding", link(1, 4, { p50Ms: 20 }), []],
    ["more than twice the latency", link(1, 4, { p50Ms: 21 }), ["LATENCY_HIGH 1"]],
    ["both", link(1, 4, { mibPerSecond: 3, p50Ms: 400 }), ["BANDWIDTH_LOW 1", "LATENCY_HIGH 1"]],
    ["everything to a party, which is the party's", all((_, to) => to === 3, { mibPerSecond: 9 }), ["BANDWIDTH_LOW 3"]],
    ["everything from a party", all((from) => from === 2, { p50Ms: 90 }), ["LATENCY_HIGH 2"]],
  ])("%s", async (_name, change, told) => {
    const found = await run({}, { change });
    expect(found.told).toEqual(told);
    expect(found.report.verdict).toBe(told.length > 0 ? "FAIL" : "OK");
    expect(found.result.exitCode).toBe(told.length > 0 ? 1 : 0);
  });

  test("a finding has both numbers and both days, and limits can be set otherwise", async () => {
    const { report } = await run({}, { change: link(2, 3, { mibPerSecond: 4 }) });
    const day = new Date().toISOString().slice(0, 10);
    expect(report.findings[0]?.found).toBe(`2→3: 4.0 MiB/s at 10 ms, on ${day} 100 MiB/s at 10 ms`);
    expect(report.links.find(({ from, to }) => from === 2 && to === 3)?.baseline?.at.slice(0, 10)).toBe(day);
    expect((await run({ leastPercent: 3 }, { change: link(2, 3, { mibPerSecond: 4 }) })).told).toEqual([]);
    expect((await run({ mostFactor: 1 }, { change: link(2, 3, { p50Ms: 16 }) })).told).toEqual(["LATENCY_HIGH 2"]);
  });

  test("one millisecond that became three is nothing: cores tell whole ones", async () => {
    await run({ recordBaseline: true }, { change: () => ({ p50Ms: 1 }) });
    expect((await run({}, { change: () => ({ p50Ms: 3 }) })).told).toEqual([]);
  });

  test("a rate without a latency is none: a cut link, whose bytes its core counts all the same, is never the fastest", async () => {
    const { report, told, result } = await run({}, { change: link(2, 3, { mibPerSecond: 9000, unanswered: true }) });
    expect([told, report.verdict, result.exitCode]).toEqual([["COULD_NOT_TELL 2"], "UNKNOWN", 5]);
    expect(report.findings[0]?.found).toContain("to party 3: not every payload was acknowledged");
    expect(report.links.find(({ from, to }) => from === 2 && to === 3)?.measured).toBeNull();
  });

  test("a party to which nobody's payloads get is one finding, of that party", async () => {
    const unanswered = { unanswered: true };
    const { report } = await run(
      {},
      { change: (from, to) => (to === 3 || (from === 1 && to === 2) ? unanswered : undefined) },
    );
    expect(report.findings.map(({ party, field, found }) => [party, field, found.split(":")[0]])).toEqual([
      [3, "links to party 3", "from parties 1, 2, 4"],
      [1, "links from party 1", "to party 2"],
    ]);
  });

  test("a peer of which its core says nothing is no green one", async () => {
    const { report } = await run({}, { change: (from, to) => (from === 1 && to === 2 ? "absent" : undefined) });
    expect([report.verdict, report.linksMeasured]).toEqual(["UNKNOWN", 11]);
  });

  test("another load compares with nothing; another duration does", async () => {
    const other = await run({ sessions: 8 });
    expect([other.told, other.report.verdict]).toEqual([["NOT_COMPARED null"], "UNKNOWN"]);
    expect(other.report.findings[0]?.found).toContain("another load: 4 sessions of 256 KiB to each peer for 10 s");
    expect((await run({ duration: 3 })).report.verdict).toBe("OK");
  });

  test("a baseline of some parties leaves those of the others, and what gave no answer, as they are", async () => {
    await run(
      { recordBaseline: true, parties: [1] },
      { change: (_, to) => ({ mibPerSecond: 7, unanswered: to === 4 }) },
    );
    const { links } = BandwidthBaseline.parse(JSON.parse(await readFile(file(), "utf8")));
    expect(links.map(({ from, to, mibPerSecond }) => `${from}${to} ${mibPerSecond}`).slice(0, 4)).toEqual([
      "12 7",
      "13 7",
      "14 100",
      "21 100",
    ]);
    expect(links).toHaveLength(12);
  });

  test("a file that is no baseline, or another network's, is refused before anything is sent", async () => {
    const { replace } = baselineFiles({ root, network: "devnet" })("bandwidth");
    for (const broken of [
      "{",
      JSON.stringify({ schema: "quorate/bandwidth-baseline/v1", network: "other", links: [] }),
    ]) {
      await replace(broken);
      const { parties, asked } = world();
      const context = { ...given(), parties, baseline: baselineFiles({ root, network: "devnet" }) };
      const failure = await planRunbook(bandwidth, context, {}).catch((error: unknown) => error);
      expect(failure instanceof OperatorError && failure.problem.code).toBe("BASELINE_INVALID");
      expect(asked).toEqual([]);
    }
  });
});

describe("a core that gives no report", () => {
  const status = (words: string) => answered({ stdout: preamble, stderr: `Error: ${words}\n`, exitCode: 1 });
  test.each<[string, Partial<CommandResult>, string]>([
    ["busy", status(`code: 'Some resource has been exhausted', message: "too many concurrent"`), "BENCH_BUSY"],
    ["busy, in older words", status('status: ResourceExhausted, message: "x"'), "BENCH_BUSY"],
    ["too old", status("code: 'Operation is not implemented or not supported'"), "BENCH_NOT_IN_CORE"],
    [
      "a limit of its own",
      status(`code: 'Client specified an invalid argument', message: "duration"`),
      "BENCH_REFUSED",
    ],
    [
      "another context",
      status(
        `code: 'Internal error', message: "Failed to create health check session for context 07: Context 07 not found in context map"`,
      ),
      "BENCH_CONTEXT_UNKNOWN",
    ],
    [
      "a tool that is too old",
      { stdout: "", stderr: "error: unrecognized subcommand 'bandwidth-bench'\n", exitCode: 2 },
      "BENCH_NOT_IN_TOOL",
    ],
    [
      "no core-client",
      { stdout: "", stderr: 'Error from server (NotFound): pods "kms-core-client-0" not found\n', exitCode: 1 },
      "CORE_CLIENT_MISSING",
    ],
    ["no transport", status("transport error"), "COULD_NOT_TELL"],
    ["a deadline", { stdout: "", ended: "deadline", exitCode: 143 }, "COULD_NOT_TELL"],
    ["half of a report", { stdout: benchOutput(2, 10).slice(0, 300) }, "COULD_NOT_TELL"],
    ["exit code 0 and nothing", { stdout: preamble }, "COULD_NOT_TELL"],
  ])("%s: its own words, and never green", async (_name, said, code) => {
    await recorded();
    const { report, told, result } = await run({}, { said: (from) => (from === 2 ? said : undefined) });
    expect([told, report.verdict, result.exitCode]).toEqual([[`${code} 2`], "UNKNOWN", 5]);
    expect(report.findings[0]?.next).toBeTruthy();
    expect(report.links.filter(({ verdict }) => verdict.status === "UNKNOWN").map(({ from }) => from)).toEqual([
      2, 2, 2,
    ]);
  });

  test("where nothing was measured there is nothing to record, and no file", async () => {
    const { report } = await run({ recordBaseline: true }, { said: () => ({ stdout: "", exitCode: 1 }) });
    expect(report.verdict).toBe("UNKNOWN");
    await expect(readFile(file())).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("the plan", () => {
  const planned = async (inputs: object) => {
    const { parties, asked } = world();
    const { plan } = await planRunbook(bandwidth, { ...given(), parties }, inputs);
    expect(asked).toEqual([]);
    return plan;
  };

  test("says what traffic it makes, and the exact commands", async () => {
    const plan = await planned({ parties: [1], sessions: 2, duration: 5 });
    expect([plan.risk, plan.steps.map(({ id }) => id)]).toEqual(["reversible", ["measure-1", "compare", "judge"]]);
    const shown = renderPlan(plan, { columns: 400 });
    expect(shown).toContain("at least 1.5 MiB in all, at most what the links carry in 5 s");
    expect(shown).toContain(
      `kms-core-client-0 --container kms-core-client -- kms-health-check --format json bandwidth-bench --endpoints kms-core-1.kms-decentralized.svc.cluster.local:50100 --context-id 07${"0".repeat(61)}1 --duration 5 --num-sessions 2 --payload-size 262144`,
    );
  });

  test("all at once is another risk", async () => {
    const plan = await planned({ together: true });
    expect([plan.risk, plan.steps.map(({ id }) => id)]).toEqual(["disruptive", ["measure", "compare", "judge"]]);
  });

  test.each([
    { duration: 61 },
    { duration: 0 },
    { sessions: 257 },
    { sessions: 256, payload: 2 ** 23 },
    { context: "07" },
  ])("what the core would refuse is refused: %j", async (inputs) => {
    await expect(planned(inputs)).rejects.toMatchObject({ problem: { code: "INPUTS_INVALID" } });
  });
});

test("parties measure one after the other unless they are to at once", async () => {
  expect((await run()).mostAtOnce()).toBe(1);
  const together = await run({ together: true });
  expect(together.mostAtOnce()).toBe(4);
  expect(together.asked.every(({ timeoutMs }) => timeoutMs === 35_000)).toBe(true);
});

test("lines before the JSON, and line ends of Windows, change nothing", () => {
  const printed = `warning: {\n${benchOutput(1, 10)}`;
  expect(readBench(printed)).toHaveLength(3);
  expect(readBench(printed.replaceAll("\n", "\r\n"))).toEqual(readBench(printed));
});

test("a whole millisecond looks like one, and where no matrix fits, the links without a number are named", async () => {
  const change = (from: number, to: number) => (from === 2 ? { p50Ms: 9, unanswered: to === 3 } : undefined);
  const { result } = await run({}, { change });
  expect(text(result, 60)).toMatch(/^ +2 +9\?? +· +\? +9\?? *$/m);
  expect(text(result, 24).replaceAll(/\s+/g, " ")).toContain(
    "from 2: least 100 MiB/s (to 1), most 9 ms (to 1), ? to 3",
  );
});

test("the report in text, Markdown, JUnit and Prometheus, as wide as the terminal", async () => {
  await recorded();
  const { result } = await run(
    {},
    { change: (from, to) => (from === 2 && to === 3 ? { mibPerSecond: 4.2 } : undefined) },
  );
  const wide = text(result, 60);
  expect(wide).toMatch(/^ +2 +100 +· +4\.2! +100 *$/m);
  expect(wide).toContain("12 compared with baselines/devnet.bandwidth.json");
  for (const line of wide.split("\n")) expect(line.length, line).toBeLessThanOrEqual(60);
  expect(text(result, 24).replaceAll(/\s+/g, " ")).toContain(
    "from 2: least 4.2 MiB/s (to 3), most 10 ms (to 1), ! to 3",
  );
  expect(result.report?.markdown()).toContain("| 2 | 100 | · | **4.2** | 100 |");
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(result.report?.junit?.() ?? "");
  expect([testsuites["@_tests"], testsuites["@_failures"], testsuites["@_errors"]]).toEqual(["12", "1", "0"]);
  const families = parsePrometheusTextFormat(result.report?.prometheus?.() ?? "");
  const slowest = families.find(({ name }) => name === "quorate_bandwidth_party_slowest_bytes_per_second");
  expect(slowest?.metrics).toHaveLength(4);
  expect(Number(slowest?.metrics[1]?.value)).toBeCloseTo(4.2 * 2 ** 20);
});
