import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withSymptom } from "../../../bin/commands/runbooks.ts";
import { DoctorReport } from "../../../contract/doctor-report.ts";
import { certificatePem, createCaCertificate, createSigningKey } from "../../../devnet/nodes/certificates.ts";
import { ethereumAddress } from "../../../devnet/nodes/signing-key.ts";
import type { CommandResult, PublishedObject, PublishedText } from "../../../runbooks/context.ts";
import { executeRun, planRunbook, renderPlan } from "../../../runbooks/run.ts";
import doctor from "../../../runbooks/zama-kms/doctor.ts";
import { fakeParties, manifest } from "../network/fake-parties.ts";
import type { Fault } from "../network/network-model.ts";
import { given } from "../support/rotation.ts";
import { type Anything, clusterOf } from "./cluster-objects.ts";
import { answered, listOf } from "./doctor-sights.ts";

const keys = new Map([1, 2, 3, 4].map((id) => [id, createSigningKey()]));
const keyOf = (id: number) => keys.get(id) ?? createSigningKey();
const pems = new Map([1, 2, 3, 4].map((id) => [id, certificatePem(createCaCertificate(keyOf(id), `mpc-node-${id}`))]));

async function readPublished(_holder: number, { type, of }: PublishedObject): Promise<PublishedText> {
  return { status: "found", text: type === "CACert" ? (pems.get(of) ?? "") : ethereumAddress(keyOf(of)) };
}

const pages = (metrics: string) =>
  JSON.stringify({
    contract: "http/v1",
    answers: ["/health", "/ready", "/live", "/version", "/config", "/metrics"].map((path) => ({
      ...{ outcome: "answered", path, status: 200, truncated: false, durationMs: 1 },
      text:
        path === "/metrics"
          ? metrics
          : path === "/config"
            ? JSON.stringify(JSON.stringify({ rate_limiter_conf: { bucket_size: 50_000 } }))
            : "ok",
    })),
  });

interface World {
  faults?: readonly Fault[];
  held?: readonly number[];
  cluster?: (parts: Record<string, Anything>) => void;
  metrics?: string;
  log?: string;
  /** Of party 2, instead of what kubectl would have said. */
  answer?: (args: string[]) => Partial<CommandResult> | undefined;
}

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-doctor-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function world({
  faults,
  held = [1, 2, 3, 4],
  cluster,
  metrics = "kms_rate_limiter_usage 7\n",
  log = "",
  answer,
}: World) {
  const clusters = new Map([1, 2, 3, 4].map((id) => [id, clusterOf(id).parts]));
  cluster?.(clusters.get(2) ?? {});
  const { parties, asked } = fakeParties(faults, {
    answer: (party, args) => {
      const parts = clusters.get(party) ?? {};
      const changed = party === 2 ? answer?.(args) : undefined;
      if (changed !== undefined) return changed;
      if (args[0] === "logs") {
        const said = party === 2 && !args.includes("--previous") ? log : "";
        const prefix = args.includes("--prefix") ? `[pod/kms-core-${party}/kms-core-enclave-logger] ` : "";
        return answered({ stdout: said.replaceAll(/^(?=.)/gm, prefix) });
      }
      if (args[0] === "get" && args[1] === "pod") return answered({ stdout: JSON.stringify(parts.pod ?? "") });
      // What links are judged by is the modelled network's; the rest is of the cluster.
      if (args[0] === "get" && args[1] !== "pods,statefulsets") return listOf(parts, args);
      if (args.includes("http"))
        return answered({ stdout: pages(party === 2 ? metrics : "kms_rate_limiter_usage 7\n") });
      return undefined;
    },
  });
  return { parties: parties.filter(({ outputs }) => held.includes(outputs.partyId)), asked };
}

async function run(options: World = {}, inputs: object = {}) {
  const { parties, asked } = world(options);
  const context = {
    ...given(),
    manifest,
    parties,
    readPublished,
    clock: { now: () => new Date("2026-11-20T12:00:00Z") },
  };
  const host = {
    runsDir: join(root, "runs"),
    operator: "tester",
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: context.clock,
    signal: context.signal,
  };
  const result = await executeRun(await planRunbook(doctor, context, inputs), host, { quiet: true });
  if (result.bug) throw result.bug;
  const report = DoctorReport.parse(result.report?.json);
  return { report, asked, result, told: report.causes.map(({ code, party }) => `${code} ${party}`) };
}

test("a network in order is OK, and without a terminal nothing is asked", async () => {
  const { report, result } = await run();
  expect([report.causes, report.unseen]).toEqual([[], []]);
  expect([report.verdict, result.exitCode]).toEqual(["OK", 0]);
});

test("a secret in a pasted line is kept nowhere", async () => {
  const { report, result } = await run({}, { symptom: "party 3: password=hunter2-and-more OOMKilled" });
  expect(report.symptom?.parties).toEqual([3]);
  const names = await readdir(result.dir ?? "");
  const kept = await Promise.all(names.map((name) => readFile(join(result.dir ?? "", name), "utf8")));
  expect(kept.join("\n")).toContain("OOMKilled");
  expect(kept.join("\n")).not.toContain("hunter2");
});

test("the plan asks nothing, and shows every command", async () => {
  const { parties, asked } = world({});
  const planned = await planRunbook(doctor, { ...given(), manifest, parties }, { parties: [2] });
  expect(asked).toEqual([]);
  const text = renderPlan(planned.plan, { withDigest: false, columns: 240 });
  for (const words of [
    "logs kms-core-2",
    "node prober.mjs http",
    "get nodes",
    "node prober.mjs probe",
    "kms get-key-policy",
  ])
    expect(text).toContain(words);
});

test("looked into are the chosen; the links of all, and no more of the others", async () => {
  const { asked, report } = await run({}, { parties: [2] });
  const into = (party: number) => asked.filter((one) => one.party === party).map(({ args }) => args[0]);
  expect(report.parties.map(({ partyId }) => partyId)).toEqual([2]);
  expect(into(2)).toContain("logs");
  expect(into(1)).not.toContain("logs");
  expect(asked.some(({ party, args }) => party === 1 && args.includes("probe"))).toBe(true);
});

test("a pod in order is asked for its logs once, and one in trouble for each container and its run before", async () => {
  const logsOf = (asked: { party: number; args: string[] }[]) =>
    asked.filter(({ party, args }) => party === 2 && args[0] === "logs").map(({ args }) => args);
  expect(logsOf((await run()).asked)).toHaveLength(1);
  const { asked } = await run({
    cluster: (parts) => Object.assign(parts.pod.status.containerStatuses[0], { restartCount: 2 }),
  });
  const containers = logsOf(asked).filter((args) => args.includes("--container"));
  expect(containers).toHaveLength(4);
  expect(containers.filter((args) => args.includes("--previous"))).toHaveLength(1);
});

describe("what is typed wrong is refused before anybody is asked", () => {
  test("a party that is not in the manifest", async () => {
    await expect(run({}, { parties: [9] })).rejects.toMatchObject({ problem: { code: "PARTY_UNKNOWN" } });
  });

  test("a party of others is none: it is looked at from here", async () => {
    const { report, told } = await run({ held: [1], faults: [{ kind: "kill", party: 3 }] }, { parties: [3] });
    expect(told).toHaveLength(1);
    expect([report.parties, report.causes[0]?.link]).toEqual([[], { from: 1, to: 3 }]);
  });

  test.each<[string[], string[]]>([
    [["party", "3", "hangs"], ["--symptom=party 3 hangs"]],
    [
      ["OOMKilled", "--party", "3", "--format", "json"],
      ["--party", "3", "--format", "json", "--symptom=OOMKilled"],
    ],
    [
      ["--party=3", "it", "--timeout", "900", "is slow"],
      ["--party=3", "--timeout", "900", "--symptom=it is slow"],
    ],
    [
      ["--party", "3"],
      ["--party", "3"],
    ],
    [["--", "-- a line of a log"], ["--symptom=-- a line of a log"]],
  ])("%j are read as %j", (typed, read) => {
    expect(withSymptom(typed)).toEqual(read);
  });
});

describe("whoever gives no answer is told, and is never green", () => {
  const down = "Unable to connect to the server: dial tcp 10.0.0.1:443: connect: connection refused";
  const forbidden = (what: string) => `Error from server (Forbidden): ${what} is forbidden: User "sre" cannot create`;
  test.each<[string, NonNullable<World["answer"]>, string[]]>([
    ["an API server that is gone", () => ({ exitCode: 1, stderr: down }), ["cluster", "http", "links", "logs"]],
    [
      "a kubeconfig that is lost",
      () => ({ exitCode: 1, ended: "not-started", stderr: "the token can not be had" }),
      ["cluster", "http", "links", "logs"],
    ],
    [
      "no right to exec",
      (args) => (args[0] === "exec" ? { exitCode: 1, stderr: forbidden("pods/exec") } : undefined),
      ["http", "links"],
    ],
    [
      "no right to logs",
      (args) => (args[0] === "logs" ? { exitCode: 1, stderr: forbidden("pods/log") } : undefined),
      ["logs"],
    ],
    [
      "a container that never answers",
      (args) => (args[0] === "logs" ? { exitCode: 143, ended: "deadline", durationMs: 5_000 } : undefined),
      ["logs"],
    ],
    [
      "an earlier prober",
      (args) => (args.includes("http") ? { exitCode: 2, stderr: "usage: node prober.mjs probe|listen" } : undefined),
      ["http"],
    ],
  ])("%s", async (_name, answer, silent) => {
    const { report, result } = await run({ answer });
    expect([report.verdict, result.exitCode, report.causes]).toEqual(["UNKNOWN", 5, []]);
    expect([...new Set(report.unseen.map(({ source }) => source))].sort()).toEqual(silent);
    expect(report.unseen.every(({ party, reason }) => party === 2 && reason !== "")).toBe(true);
  });

  test("an API server that is away for a moment is asked again", async () => {
    const before = new Set<string>();
    const { report, result } = await run({
      answer: (args) => {
        const question = args.join(" ");
        if (before.has(question)) return undefined;
        before.add(question);
        return { exitCode: 1, stderr: down };
      },
    });
    expect([report.verdict, result.exitCode, report.unseen]).toEqual(["OK", 0, []]);
    expect(before.size).toBeGreaterThan(5);
  });

  const questionOf = (args: readonly string[]) =>
    args[0] === "logs" ? "logs" : `${args[0]} ${args[0] === "get" ? args[1] : args.at(-1)}`;
  const questions = [
    "get statefulsets,pods,configmaps,persistentvolumeclaims,events",
    "get nodes,namespaces,daemonsets",
    "exec probe",
    "exec http",
    "logs",
  ];
  const said = (stderr: string): Partial<CommandResult> => ({ exitCode: 1, stderr });
  const endings: [string, Partial<CommandResult>][] = [
    ["a right that is missing", said(forbidden("pods"))],
    ["too many requests", said("Error from server (TooManyRequests): the server has asked us to try again later")],
    [
      "a failure of the server",
      said('Error from server (InternalError): an error on the server ("") has prevented it'),
    ],
    ["a token that is none", said("Unable to connect to the server: getting credentials: decoding stdout: no kind")],
    ["a kill", { exitCode: 137 }],
    ["no start, and no word why", { exitCode: 1, ended: "not-started" }],
  ];

  test("each question that is asked is among those of which one fails", async () => {
    const { asked } = await run();
    expect([...new Set(asked.map(({ args }) => questionOf(args)))].sort()).toEqual(questions.toSorted());
  });

  test("of whom it is not about the core's pod is asked for alone; of the others too, where not all could be listed", async () => {
    const of = (asked: Awaited<ReturnType<typeof run>>["asked"]) =>
      asked.filter(({ args }) => questionOf(args) === "get pods,statefulsets").map(({ party }) => party);
    expect(of((await run({}, { parties: ["2"] })).asked).sort()).toEqual([1, 3, 4]);
    const refused = { ...said(forbidden("configmaps")), stdout: '{"items":[]}' };
    const answer = (args: string[]) => (args[1]?.includes("configmaps") ? refused : undefined);
    const { asked, report } = await run({ answer });
    expect(of(asked)).toEqual([2]);
    expect(report.unseen.map(({ source }) => source)).not.toContain("links");
  });

  test.each(questions.flatMap((question) => endings.map(([name, ending]) => [question, name, ending] as const)))(
    "%s alone ends in %s",
    async (question, _name, ending) => {
      const answer = (args: string[]) => (questionOf(args) === question ? ending : undefined);
      const { report, result } = await run({ answer });
      expect([report.verdict, result.exitCode, report.causes]).toEqual(["UNKNOWN", 5, []]);
      const source = { logs: "logs", "exec http": "http", "exec probe": "links" };
      expect(new Set(report.unseen.map((one) => one.source))).toEqual(
        new Set([source[question as keyof typeof source] ?? "cluster"]),
      );
      for (const { party, reason } of report.unseen) {
        expect(party).toBe(2);
        expect(reason).toMatch(/\w$/);
      }
    },
  );

  test("a pod of that name that is not there is a cause, and its logs and pages are nobody's loss", async () => {
    const { told, report } = await run({
      faults: [{ kind: "kill", party: 2 }],
      cluster: (parts) => {
        delete parts.pod;
        parts.statefulSet.status = {};
      },
      answer: (args) => {
        if (args[1] === "pod")
          return { exitCode: 1, stderr: 'Error from server (NotFound): pods "kms-core-2" not found' };
        return args.includes("http") ? { exitCode: 1, stderr: "connection refused" } : undefined;
      },
    });
    expect([told, report.unseen]).toEqual([["POD_MISSING 2"], []]);
  });
});

describe("a log", () => {
  const at = "2026-11-20T11:58:30.000Z";

  test("is read to its known lines, and no more of it is kept", async () => {
    const secret = "AKIAIOSFODNN7EXAMPLE";
    const { told, report, result } = await run({
      faults: [{ kind: "hang", party: 2 }],
      log: [
        `${at} 2026-11-20T11:58:30.000000Z  INFO main: kms_server: all is well with ${secret}`,
        `${at} 2026-11-20T11:58:30.000000Z ERROR main: kms_lib: Could not decrypt data key: service error ${"x".repeat(5_000)}`,
        "",
      ].join("\n"),
      cluster: (parts) => {
        parts.pod.status.conditions[1].status = "False";
        parts.statefulSet.status = {};
      },
    });
    expect(told).toEqual(["PCR_NOT_IN_KEY_POLICY 2"]);
    const line = report.causes[0]?.evidence.find(({ source }) => source === "logs")?.line ?? "";
    expect(line).toContain("Could not decrypt data key");
    expect(line.length).toBeLessThan(400);
    const journal = await readFile(join(result.dir ?? "", "journal.jsonl"), "utf8");
    expect(journal).not.toContain("all is well");
    expect(journal).not.toContain("x".repeat(301));
  });

  test("of a gigabyte is asked for by its end alone", async () => {
    const { asked } = await run({ log: `${at} a line\n`.repeat(2_000) });
    const logs = asked.filter(({ args }) => args[0] === "logs").map(({ args }) => args.join(" "));
    expect(logs.length).toBeGreaterThan(0);
    for (const command of logs) expect(command).toMatch(/--tail=\d+ --limit-bytes=\d+/);
  });

  test("whose times run ahead of those at which it came shows a clock that does", async () => {
    const { told } = await run({
      log: `${at} 2026-11-20T13:58:30.000000Z  INFO main: kms_lib: Issued renewed TLS certificate valid for 86400 s\n`,
    });
    expect(told).toEqual(["CLOCK_SKEW 2"]);
  });

  test("that tells of the end of a fault tells of none", async () => {
    const line = (text: string) => `${at} ${text}`;
    const over = ["No PRSS setup exists", "PRSS on epoch ID 08 completed successfully for identity mpc-node-2."];
    expect((await run({ log: over.map(line).join("\n") })).told).toEqual([]);
    expect((await run({ log: over.toReversed().map(line).join("\n") })).told).toEqual(["PRSS_MISSING 2"]);
  });
});

test("a rate limiter is known by its pages, whatever labels its metrics have", async () => {
  const { told } = await run({ metrics: '# HELP x\nkms_rate_limiter_usage{party_id="2"} 50000\n' });
  expect(told).toEqual(["RATE_LIMITED 2"]);
});
