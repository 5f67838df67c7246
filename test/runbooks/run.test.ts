import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { OperatorError } from "../../contract/operator-error.ts";
import type { CommandResult, PartyAccess } from "../../runbooks/context.ts";
import { openJournalFile } from "../../runbooks/journal.ts";
import { shortDigest } from "../../runbooks/plan.ts";
import {
  executeRun,
  listRuns,
  newRunFolder,
  planRunbook,
  type RunHost,
  type RunOptions,
  readRun,
  renderPlan,
  resumeRun,
} from "../../runbooks/run.ts";
import { RunReport } from "../../runbooks/run-report.ts";
import { type Runbook, runbook, step } from "../../runbooks/runbook.ts";
import { openTerminal } from "../../runbooks/terminal.ts";
import certificates from "../../runbooks/zama-kms/certificates.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { given, type RotationOptions, rotation, type World, WorldFile } from "./support/rotation.ts";

let root = "";
let runsDir = "";
let world: WorldFile;
let printed: string[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-runs-"));
  runsDir = join(root, "runs");
  world = await WorldFile.create(join(root, "world.json"));
  printed = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

function host(more: Partial<RunHost> & { answers?: (string | null)[] } = {}): RunHost {
  const { answers, ...rest } = more;
  return {
    runsDir,
    operator: "tester",
    terminal: {
      interactive: answers !== undefined,
      print: (text) => void printed.push(text),
      ask: async (question) => {
        printed.push(question);
        return answers?.shift() ?? null;
      },
    },
    clock: { now: () => new Date() },
    signal: new AbortController().signal,
    ...rest,
  };
}

const plan = (book: Runbook, inputs: unknown = {}, parties: PartyAccess[] = []) =>
  planRunbook(book, given(parties), inputs);

async function run(options: RotationOptions = {}, more: Parameters<typeof host>[0] = {}, runOptions: RunOptions = {}) {
  const planned = await plan(rotation(world, options));
  const confirm = more.answers === undefined ? { confirm: planned.plan.digest } : {};
  return executeRun(planned, host(more), { ...confirm, ...runOptions });
}

const resume = (runId: string, options: RotationOptions = {}, more: Parameters<typeof host>[0] = {}) =>
  resumeRun(runId, async () => ({ runbook: rotation(world, options), given: given() }), host(more));

async function problemOf(work: Promise<unknown>): Promise<OperatorError["problem"]> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(failure instanceof OperatorError)) throw new Error(`no operator error but ${failure}`);
  return failure.problem;
}

const rotatedOnce: World = { read: 0, rotated: 1, label: "blue" };

describe("a plan", () => {
  test("writes nothing, and neither does --plan", async () => {
    const result = await run({}, {}, { planOnly: true });
    expect([result.runId, result.exitCode]).toEqual([null, 0]);
    expect(await readdir(root)).toEqual(["world.json"]);
    expect((await world.look()).rotated).toBe(0);
  });

  test("reads as what will be done", async () => {
    const planned = await plan(rotation(world));
    const text = renderPlan(planned.plan).replace(shortDigest(planned.plan.digest), "<digest>");
    expect(text).toMatchInlineSnapshot(`
      "network DEVNET
      rotate-label   Rotate the key once and label it.   reversible
        with label=blue
        1  look    look at the key
        2  rotate  rotate the key   (key of party 3)   [runs once]
           $ aws kms rotate-key-on-demand --key-id alias/party-3
        3  label   label it blue
      plan <digest>"
    `);
  });

  test("fits the terminal, and its commands can still be copied", async () => {
    const planned = await plan(rotation(world));
    const text = renderPlan(planned.plan, { columns: 44 });
    for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(44);
    const command = /\$ (aws[\s\S]*?[^\\])\n/.exec(text)?.[1];
    expect(command).toContain("\\\n");
    expect(command?.replaceAll(/\\\n */g, "")).toBe("aws kms rotate-key-on-demand --key-id alias/party-3");
    const [step] = planned.plan.steps;
    const noted = {
      ...planned.plan,
      steps: [{ ...step, commands: ["kubectl get pods --output json   # of party 3, and of all its peers"] }],
    };
    expect(renderPlan(noted as typeof planned.plan, { columns: 34 })).toContain(
      ["     # of party 3, and of all its", "     # peers", "     $ kubectl get pods --output \\", "       json"].join(
        "\n",
      ),
    );
  });

  test("fits the terminal from its first line to its last, also where another reads the digest out", async () => {
    const planned = await plan(rotation(world));
    const network = "the network of all of them together with a name";
    const text = renderPlan({ ...planned.plan, network }, { columns: 44, withDigest: false });
    expect(text.split("\n").filter((line) => line.length > 44)).toEqual([]);
    expect(text.split(/\s+/).join(" ")).toContain("digest is what a second operator reads out, who runs");
  });

  test("is headed by what it does with its inputs", async () => {
    const book = { ...rotation(world), summaryWith: { note: "Write a note." } } as Runbook;
    const summaries = [await plan(book), await plan(book, { note: "x" })].map(({ plan }) => plan.summary);
    expect(summaries).toEqual(["Rotate the key once and label it.", "Write a note."]);
    expect(certificates.summaryWith?.generate).toMatch(/^Make the keys/);
  });

  test("has another digest with other inputs, and the same with the same", async () => {
    const digests = await Promise.all(
      [{}, { label: "blue" }, { label: "red" }].map(
        async (inputs) => (await plan(rotation(world), inputs)).plan.digest,
      ),
    );
    expect(digests[0]).toBe(digests[1]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  test("is as risky as the riskiest of its inputs, and asks accordingly", async () => {
    const book = { ...rotation(world), risk: "read-only", riskWith: { note: "disruptive" } } as Runbook;
    expect([(await plan(book)).plan.risk, (await plan(book, { note: "x" })).plan.risk]).toEqual([
      "read-only",
      "disruptive",
    ]);
    const refused = await problemOf(executeRun(await plan(book, { note: "x" }), host()));
    expect(refused).toMatchObject({ code: "CONFIRMATION_NEEDED", exitCode: 3 });
  });

  test("refuses inputs that the runbook does not know", async () => {
    const problem = await problemOf(plan(rotation(world), { colour: "red" }));
    expect([problem.code, problem.exitCode ?? 2]).toEqual(["INPUTS_INVALID", 2]);
    expect(problem.found).toContain("colour");
  });

  test("may not change anything in a cluster", async () => {
    const party = { outputs: { partyId: 1 }, kubectl: async () => ({}), readObject: async () => null };
    const book = runbook({
      name: "sneaky",
      summary: "Changes things while planning.",
      risk: "reversible",
      systems: ["zama-kms"],
      inputs: z.strictObject({}),
      plan: async ({ parties }) => {
        await parties[0]?.kubectl(["delete", "pod", "kms-core-1"]);
        return [];
      },
    });
    await expect(plan(book, {}, [party as unknown as PartyAccess])).rejects.toThrow("a plan only reads");
  });
});

describe("a run", () => {
  test("leaves a plan, a chained journal and reports that only its owner can read", async () => {
    const result = await run();
    expect([result.verdict, result.exitCode]).toEqual(["OK", 0]);
    expect(result.runId).toMatch(/^\d{8}-\d{6}-rotate-label-[0-9a-f]{4}$/);
    const dir = result.dir ?? "";
    expect((await readdir(dir)).sort()).toEqual([
      "journal.jsonl",
      "plan.json",
      "report.json",
      "report.md",
      "report.txt",
    ]);
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o077).toBe(0);
    const report = RunReport.parse(JSON.parse(await readFile(join(dir, "report.json"), "utf8")));
    expect(report.steps.map(({ id, state, evidence }) => [id, state, evidence])).toEqual([
      ["look", "DONE", { seen: true }],
      ["rotate", "DONE", { rotations: 1 }],
      ["label", "DONE", { label: "blue" }],
    ]);
    const record = await readRun(runsDir, result.runId ?? "");
    expect(record.lines.map((line) => line.event.kind)).toEqual([
      "start",
      "begin",
      "done",
      "begin",
      "intent",
      "done",
      "begin",
      "done",
      "end",
    ]);
    expect(await world.look()).toEqual(rotatedOnce);
    expect(await listRuns(runsDir)).toEqual([result.runId]);
  });

  test("a second time skips what is done already, and says why", async () => {
    await run();
    const again = await run();
    const { steps } = RunReport.parse(again.report?.json);
    expect(steps.map(({ state, why }) => [state, why])).toEqual([
      ["DONE", null],
      ["SKIP", "the key was rotated already"],
      ["SKIP", "the label is blue already"],
    ]);
    expect(await world.look()).toEqual(rotatedOnce);
  });

  test("that fails at a step leaves evidence, what is left to do, and the command to go on", async () => {
    const fail = new OperatorError({
      code: "KEY_BUSY",
      what: "the key is in use",
      found: "the key is in use",
      expected: "the step done",
      next: "wait for it",
    });
    const failing = { afterAct: (id: string) => (id === "label" ? Promise.reject(fail) : undefined) };
    const result = await run(failing);
    expect([result.verdict, result.exitCode]).toEqual(["FAIL", 1]);
    const report = RunReport.parse(JSON.parse(await readFile(join(result.dir ?? "", "report.json"), "utf8")));
    expect(report.findings).toEqual([
      {
        code: "KEY_BUSY",
        party: null,
        field: "step label",
        found: "the key is in use",
        expected: "the step done",
        next: "wait for it",
      },
    ]);
    expect(printed.join("\n")).toContain(`resume: npx quorate resume ${result.runId}`);
    const resumed = await resume(result.runId ?? "");
    expect([resumed.verdict, resumed.exitCode]).toEqual(["OK", 0]);
    expect(printed.join("\n")).toContain("rotate  SKIP         done in this run at");
    expect(await world.look()).toEqual(rotatedOnce);
  });

  test("whose step throws something unforeseen reports a bug, with 70", async () => {
    const bug = new TypeError("cannot read properties of undefined");
    const result = await run({ afterAct: (id) => (id === "look" ? Promise.reject(bug) : undefined) });
    expect([result.verdict, result.exitCode, result.bug]).toEqual(["FAIL", 70, bug]);
    expect(RunReport.parse(result.report?.json).findings[0]?.code).toBe("BUG");
  });

  test("whose step cannot tell ends with 5, not clean", async () => {
    const lost = new OperatorError({
      code: "NO_ANSWER",
      what: "the cluster is silent",
      found: "nothing",
      expected: "an answer",
      next: "ask again",
      exitCode: 5,
    });
    const result = await run({ afterAct: (id) => (id === "look" ? Promise.reject(lost) : undefined) });
    expect([result.verdict, result.exitCode]).toEqual(["UNKNOWN", 5]);
  });

  test("that is interrupted records it, ends with 4 and says how to go on", async () => {
    const stop = new AbortController();
    const result = await run(
      {
        afterAct: (id, signal) => {
          if (id !== "rotate") return;
          stop.abort(new Error("stopped by SIGINT"));
          signal.throwIfAborted();
        },
      },
      { signal: stop.signal },
    );
    expect([result.verdict, result.exitCode]).toEqual(["UNKNOWN", 4]);
    expect(printed.join("\n")).toContain(`resume: npx quorate resume ${result.runId}`);
    const resumed = await resume(result.runId ?? "");
    expect([resumed.exitCode, await world.look()]).toEqual([0, rotatedOnce]);
  });

  test("never repeats a step whose outcome nobody can tell", async () => {
    const result = await run({
      blind: true,
      afterAct: (id) => (id === "rotate" ? Promise.reject(new Error("lost")) : undefined),
    });
    const resumed = await resume(result.runId ?? "", { blind: true });
    expect([resumed.verdict, resumed.exitCode]).toEqual(["UNKNOWN", 5]);
    expect(printed.join("\n")).toContain("nothing can tell whether it did");
    expect((await world.look()).rotated).toBe(1);
  });

  test("that is finished does nothing when it is resumed, and tells the same end", async () => {
    const result = await run();
    const before = await readFile(join(result.dir ?? "", "journal.jsonl"), "utf8");
    const resumed = await resume(result.runId ?? "");
    expect([resumed.verdict, resumed.exitCode]).toEqual(["OK", 0]);
    expect(resumed.report?.json).toEqual(result.report?.json);
    expect(await readFile(join(result.dir ?? "", "journal.jsonl"), "utf8")).toBe(before);
  });

  test("writes no secret, in no spelling, anywhere", async () => {
    const secret = 'pass"word/+ with é';
    const base64 = Buffer.from(secret).toString("base64");
    const leak = new OperatorError({
      code: "LEAKY",
      what: `said ${secret}`,
      found: `${base64} ${JSON.stringify({ secret })}`,
      expected: "silence",
      next: `k8s-aws-v1.aHR0cHM6 ${encodeURIComponent(secret)}`,
    });
    const result = await run({ afterAct: () => Promise.reject(leak) }, { secrets: [secret] });
    const files = await Promise.all(
      (await readdir(result.dir ?? "")).map((name) => readFile(join(result.dir ?? "", name), "utf8")),
    );
    for (const text of [...files, ...printed, JSON.stringify(result.report?.json)]) {
      for (const spelling of [
        secret,
        base64,
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
        "aHR0cHM6",
      ])
        expect(text).not.toContain(spelling);
    }
    expect(files.join()).toContain("[redacted]");
  });

  test("writes nothing down that is secret by its name, whatever command or step said it", async () => {
    const planted = (of: string) => `planted-${of}-0123456789`;
    const pods = { items: [{ env: [{ name: "DATABASE_PASSWORD", value: planted("variable") }] }] };
    const prints: Record<string, Partial<CommandResult>> = {
      get: { stdout: JSON.stringify(pods, null, 2) },
      describe: { stdout: `Environment:\n  api_key: ${planted("output")}\n  left: as-it-was`, exitCode: 1 },
      logs: { stdout: `password=${planted("log")}`, stderr: `token: ${planted("stderr")}`, exitCode: 1 },
    };
    const party = {
      outputs: { partyId: 1 },
      caller: async () => "arn:aws:sts::100000000001:assumed-role/operator/ann",
      kubectl: async ([verb = ""]: string[]) => ({
        stdout: "",
        stderr: "",
        exitCode: 0,
        durationMs: 5,
        ...prints[verb],
      }),
      readObject: async () => null,
    } as unknown as PartyAccess;
    const Evidence = z.strictObject({ said: z.string(), env: z.array(z.record(z.string(), z.string())) });
    const book = runbook({
      name: "talkative",
      summary: "Ask a cluster that says too much.",
      risk: "read-only",
      systems: ["zama-kms"],
      inputs: z.strictObject({}),
      plan: ({ parties: [asked] }) => [
        step({
          id: "ask",
          does: "ask it",
          commands: [`kubectl get pods --token=${planted("plan")}`],
          repeat: "safe",
          evidence: Evidence,
          run: async () => {
            await asked?.kubectl(["get", "pods", "--output", "json"]);
            await asked?.kubectl(["describe", "pods", `--token=${planted("argument")}`]);
            await asked?.kubectl(["logs", "pod"], { unrecorded: true });
            return {
              said: `client_secret: ${planted("evidence")}`,
              env: [{ name: "PRIVATE_KEY", value: planted("field") }],
            };
          },
        }),
        step({
          id: "fail",
          does: "fail",
          repeat: "safe",
          evidence: z.null(),
          run: async () => {
            throw new OperatorError({
              ...{ code: "LEAKY", what: "it said too much", expected: "silence", next: "nothing" },
              found: `passphrase: ${planted("failure")}`,
            });
          },
        }),
      ],
    });
    const result = await executeRun(await plan(book, {}, [party]), host());
    const dir = result.dir ?? "";
    const files = await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), "utf8")));
    const all = [...files, ...printed, JSON.stringify(result.report?.json)].join("\n");
    expect(all.match(/planted-\w+/g)).toBe(null);
    const journal = await readFile(join(dir, "journal.jsonl"), "utf8");
    expect(journal).toContain("DATABASE_PASSWORD");
    expect(journal).toContain("left: as-it-was");
  });

  test("of which a plan no longer fits is refused", async () => {
    const result = await run({ afterAct: (id) => (id === "label" ? Promise.reject(new Error("x")) : undefined) });
    const changed = resumeRun(
      result.runId ?? "",
      async () => ({
        runbook: { ...rotation(world), plan: (await plan(rotation(world))).steps.slice(0, 2) as never },
        given: given(),
      }),
      host(),
    );
    await expect(changed).rejects.toThrow();
    const other = { ...rotation(world), plan: async () => (await plan(rotation(world), { label: "red" })).steps };
    const problem = await problemOf(
      resumeRun(result.runId ?? "", async () => ({ runbook: other, given: given() }), host()),
    );
    expect([problem.code, problem.exitCode]).toEqual(["PLAN_CHANGED", 3]);
  });

  test.each<[string, (path: string) => Promise<unknown>]>([
    ["a pipe, into which nobody writes", async (path) => execFileSync("mkfifo", [path])],
    ["a folder", (path) => mkdir(path)],
    ["a link to itself", (path) => symlink("journal.jsonl", path)],
  ])("whose journal is %s can not be read, and is one that the operator can put right", async (_name, put) => {
    const { runId, dir } = await run();
    const path = join(dir ?? "", "journal.jsonl");
    await rm(path);
    await put(path);
    for (const read of [readRun(runsDir, runId ?? ""), resume(runId ?? "")]) {
      const problem = await problemOf(read);
      expect([problem.code, problem.what]).toEqual(["FILE_UNUSABLE", `${path} can not be used`]);
    }
  });

  test("that does not exist is told with those that do", async () => {
    const { runId } = await run();
    const problem = await problemOf(resume("20260101-000000-nothing-0000"));
    expect([problem.code, problem.exitCode ?? 2]).toEqual(["RUN_UNKNOWN", 2]);
    expect(problem.found).toContain(runId ?? "");
    expect((await problemOf(resume("../../etc"))).code).toBe("RUN_UNKNOWN");
  });
});

describe("confirmation", () => {
  test.each<[RotationOptions["risk"], string[], boolean]>([
    ["read-only", [], true],
    ["reversible", ["y"], true],
    ["reversible", [""], false],
    ["reversible", ["no"], false],
    ["disruptive", ["devnet"], true],
    ["disruptive", ["y"], false],
    ["disruptive", ["DEVNET"], false],
    ["irreversible", ["devnet", "key of party 3", "DIGEST"], true],
    ["irreversible", ["devnet", "key of party 3", "SHORT"], false],
    ["irreversible", ["devnet", "key of party 3", "0000000000000000"], false],
    ["irreversible", ["devnet", "key of party 4", "DIGEST"], false],
  ])("%s with the answers %j: runs %s", async (risk, answers, runs) => {
    const { digest } = (await plan(rotation(world))).plan;
    const typed = answers.map((answer) =>
      answer === "DIGEST" ? shortDigest(digest) : answer === "SHORT" ? shortDigest(digest).slice(0, 8) : answer,
    );
    const work = run({ risk: risk ?? "reversible" }, { answers: typed });
    if (runs) expect((await work).exitCode).toBe(0);
    else {
      const problem = await problemOf(work);
      expect([problem.code, problem.exitCode]).toEqual(["NOT_CONFIRMED", 3]);
      expect(await readdir(root)).toEqual(["world.json"]);
    }
  });

  test("an irreversible plan does not show the digest that someone else has to tell", async () => {
    await problemOf(run({ risk: "irreversible" }, { answers: [] }));
    const { digest } = (await plan(rotation(world))).plan;
    expect(printed.join("\n")).not.toContain(shortDigest(digest));
  });

  test.each(["reversible", "disruptive", "irreversible"] as const)(
    "without a terminal, %s is refused unless --confirm names the plan",
    async (risk) => {
      const planned = await plan(rotation(world, { risk }));
      const problem = await problemOf(executeRun(planned, host()));
      expect([problem.code, problem.exitCode]).toEqual(["CONFIRMATION_NEEDED", 3]);
      const wrong = await problemOf(executeRun(planned, host(), { confirm: `sha256:${"0".repeat(64)}` }));
      expect([wrong.code, wrong.exitCode]).toEqual(["PLAN_CHANGED", 3]);
      expect(await readdir(root)).toEqual(["world.json"]);
      expect((await executeRun(planned, host(), { confirm: planned.plan.digest })).exitCode).toBe(0);
    },
  );

  test("a closed input is never a yes", async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    input.end();
    const terminal = openTerminal({ input, output, interactive: true });
    const problem = await problemOf(executeRun(await plan(rotation(world)), host({ terminal })));
    expect([problem.code, problem.exitCode]).toEqual(["NOT_CONFIRMED", 3]);
    expect((await world.look()).rotated).toBe(0);
  });

  test("half an answer without its line end is no answer", async () => {
    const input = new PassThrough();
    const terminal = openTerminal({ input, output: new PassThrough(), interactive: true });
    const asked = terminal.ask("? ", new AbortController().signal);
    input.end("n");
    expect(["n", null]).toContain(await asked);
  });

  test("Ctrl-C at the question ends it with 4", async () => {
    const stop = new AbortController();
    const terminal = openTerminal({ input: new PassThrough(), output: new PassThrough(), interactive: true });
    setTimeout(() => stop.abort(), 20);
    const problem = await problemOf(executeRun(await plan(rotation(world)), host({ terminal, signal: stop.signal })));
    expect([problem.code, problem.exitCode]).toEqual(["INTERRUPTED", 4]);
  });
});

describe("no evidence, no action", () => {
  const fullDisk =
    (lineThatFails: number): RunHost["openJournal"] =>
    async (path, create) => {
      const file = await openJournalFile(path, create);
      let line = 0;
      return {
        ...file,
        write: async (text) => {
          if (line++ === lineThatFails)
            throw Object.assign(new Error("no space left on device, write"), { code: "ENOSPC" });
          await file.write(text);
        },
      };
    };

  test("a full disk at the first line: nothing is done and nothing is left behind", async () => {
    const problem = await problemOf(run({}, { openJournal: fullDisk(0) as never }));
    expect([problem.code, problem.exitCode]).toEqual(["JOURNAL_UNWRITABLE", 2]);
    expect(problem.what).toContain("journal.jsonl");
    expect(problem.found).toContain("ENOSPC");
    expect(await readdir(runsDir)).toEqual([]);
    expect((await world.look()).rotated).toBe(0);
  });

  test.each([1, 2, 3, 4])("a full disk at line %i, before the step that acts: it does not act", async (line) => {
    const problem = await problemOf(run({}, { openJournal: fullDisk(line) as never }));
    expect(problem.code).toBe("JOURNAL_UNWRITABLE");
    expect((await world.look()).rotated).toBe(0);
    const runId = (await listRuns(runsDir))[0] ?? "";
    expect(problem.next).toContain(`npx quorate resume ${runId}`);
    expect([(await resume(runId)).exitCode, await world.look()]).toEqual([0, rotatedOnce]);
  });

  test.each([5, 6, 7, 8])("a full disk at line %i, after the step that acts: it is not repeated", async (line) => {
    expect((await problemOf(run({}, { openJournal: fullDisk(line) as never }))).code).toBe("JOURNAL_UNWRITABLE");
    const runId = (await listRuns(runsDir))[0] ?? "";
    expect([(await resume(runId)).exitCode, await world.look()]).toEqual([0, rotatedOnce]);
  });

  test("a name that another run of the same second has is left to it, and another one found", async () => {
    const [taken, free] = ["20261120-185502-probe-0a1b", "20261120-185502-probe-2c3d"];
    await newRunFolder(runsDir, () => taken);
    const names = [taken, taken, free];
    expect((await newRunFolder(runsDir, () => names.shift() ?? "")).runId).toBe(free);
    expect((await listRuns(runsDir)).toSorted()).toEqual([taken, free]);
    await expect(newRunFolder(runsDir, () => taken)).rejects.toMatchObject({ problem: { code: "JOURNAL_UNWRITABLE" } });
  });

  test("a runs folder that cannot be made", async () => {
    await writeFile(runsDir, "a file where a folder belongs");
    const problem = await problemOf(run());
    expect([problem.code, problem.exitCode]).toEqual(["JOURNAL_UNWRITABLE", 2]);
    expect((await world.look()).rotated).toBe(0);
  });

  test("a limit on the size of files, as the kernel enforces it", async () => {
    const script = `ulimit -f 1; exec "$0" "$@"`;
    const ended = await processEnd("bash", ["-c", script, process.execPath, ...childArgs(["new"])]);
    expect(ended.stderr).toContain("JOURNAL_UNWRITABLE");
    expect(ended.code).toBe(2);
    const [runId] = await listRuns(runsDir);
    if (runId) await processEnd(process.execPath, childArgs([runId]));
    else await processEnd(process.execPath, childArgs(["new"]));
    expect(await world.look()).toEqual(rotatedOnce);
  });
});

describe("a journal that was changed", () => {
  test("any changed byte is found", async () => {
    const result = await run({ afterAct: (id) => (id === "label" ? Promise.reject(new Error("x")) : undefined) });
    const path = join(result.dir ?? "", "journal.jsonl");
    const sound = await readFile(path);
    // Line ends are where lines are told apart: without the last one the line counts as torn, and is not believed.
    for (let at = 0; at < sound.length - 1; at += 7) {
      const changed = Buffer.from(sound);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(path, changed);
      const problem = await problemOf(readRun(runsDir, result.runId ?? ""));
      expect([problem.code, problem.exitCode]).toEqual(["JOURNAL_TAMPERED", 3]);
    }
  });

  test.each([
    ["a line is taken out", (lines: string[]) => lines.toSpliced(3, 1)],
    ["two lines change places", (lines: string[]) => lines.toSpliced(2, 2, lines[3] ?? "", lines[2] ?? "")],
    ["a line is told twice", (lines: string[]) => lines.toSpliced(3, 0, lines[3] ?? "")],
    ["the first line is taken out", (lines: string[]) => lines.slice(1)],
  ])("%s: refused, and nothing is done", async (_name, change) => {
    const result = await run({ afterAct: (id) => (id === "label" ? Promise.reject(new Error("x")) : undefined) });
    const path = join(result.dir ?? "", "journal.jsonl");
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    await writeFile(path, `${change(lines).join("\n")}\n`);
    const before = await world.look();
    const problem = await problemOf(resume(result.runId ?? ""));
    expect([problem.code, problem.exitCode]).toEqual(["JOURNAL_TAMPERED", 3]);
    expect(await world.look()).toEqual(before);
  });

  test("a plan that was changed after the approval is found too", async () => {
    const result = await run({ afterAct: (id) => (id === "label" ? Promise.reject(new Error("x")) : undefined) });
    const path = join(result.dir ?? "", "plan.json");
    await writeFile(path, (await readFile(path, "utf8")).replace("label it blue", "label it red"));
    expect((await problemOf(resume(result.runId ?? ""))).code).toBe("JOURNAL_TAMPERED");
  });
});

/* Real processes, really killed. */

const script = join(import.meta.dirname, "support", "rotation-process.ts");
const childArgs = (words: string[]) => [script, runsDir, world.path, ...words];

function processEnd(
  file: string,
  args: string[],
): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stderr }));
  });
}

describe("an interrupted process", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s: ends with 4 and can be resumed",
    { timeout: 60_000 },
    async (name) => {
      const child = spawn(process.execPath, childArgs(["new", "slow:20000"]), { stdio: ["ignore", "pipe", "ignore"] });
      let stdout = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const before = stdout;
        stdout += text;
        if (!/\nrun \d/.test(before) && /\nrun \d/.test(stdout)) setTimeout(() => child.kill(name), 200);
      });
      const code = await new Promise((resolve) => child.once("close", resolve));
      const [runId = ""] = await listRuns(runsDir);
      expect([code, stdout]).toEqual([4, expect.stringContaining(`resume: npx quorate resume ${runId}`)]);
      expect(await readdir(join(runsDir, runId))).not.toContainEqual(expect.stringMatching(/^lock/));
      expect([(await resume(runId)).exitCode, await world.look()]).toEqual([0, rotatedOnce]);
    },
  );
});

describe("kill -9", () => {
  const lines = Array.from({ length: 9 }, (_, line) => line);
  const points = [
    ...lines.map((line) => `write:${line}:half`),
    ...["write:0:after", "write:4:after"],
    ...["look", "rotate", "label"].map((id) => `act:${id}`),
  ];

  test.each(points)("at %s, then resume: the same end", { timeout: 60_000 }, async (point) => {
    const killed = await processEnd(process.execPath, childArgs(["new", point]));
    expect([killed.signal, killed.stderr]).toEqual(["SIGKILL", ""]);
    const [runId = ""] = await listRuns(runsDir);
    if (point.startsWith("write:0:") && !point.endsWith("after")) {
      expect((await problemOf(resume(runId))).code).toBe("RUN_NOT_STARTED");
      expect((await world.look()).rotated).toBe(0);
      return;
    }
    expect((await resume(runId)).exitCode).toBe(0);
    await expectTheEnd(runId);
  });

  test("any number of times, at any points: the same end", { timeout: 60_000 }, async () => {
    const kill = fc.record({
      line: fc.integer({ min: 0, max: 10 }),
      phase: fc.constantFrom("before", "half", "after"),
    });
    await fc.assert(
      fc
        .asyncProperty(fc.array(kill, { maxLength: 4 }), async (kills) => {
          let runId: string | undefined;
          for (const { line, phase } of [...kills, { line: 99, phase: "before" }]) {
            const journal = haltingJournal(line, phase);
            const more = { openJournal: journal.open };
            const work = runId === undefined ? run({}, more) : resume(runId, {}, more);
            const end = await Promise.race([
              journal.halted,
              work.then((result) => result.exitCode).catch((error) => error),
            ]);
            [runId] = await listRuns(runsDir);
            if (end instanceof OperatorError && end.problem.code === "RUN_NOT_STARTED") {
              expect((await world.look()).rotated).toBe(0);
              await rm(runsDir, { recursive: true });
              runId = (await run()).runId ?? "";
            } else if (end !== "halted") expect(end).toBe(0);
          }
          await expectTheEnd(runId ?? "");
        })
        .beforeEach(async () => {
          await rm(runsDir, { recursive: true, force: true });
          world = await WorldFile.create(world.path);
        }),
      { numRuns: propertyRuns(60) },
    );
  });

  async function expectTheEnd(runId: string) {
    expect(await world.look()).toEqual(rotatedOnce);
    const record = await readRun(runsDir, runId);
    expect(record.finished).toEqual({ verdict: "OK", exitCode: 0 });
    expect(record.steps.map(({ evidence }) => evidence)).toEqual([{ seen: true }, { rotations: 1 }, { label: "blue" }]);
    const report = RunReport.parse(JSON.parse(await readFile(join(runsDir, runId, "report.json"), "utf8")));
    expect(report.verdict).toBe("OK");
  }

  /** What a killed process leaves: from some write on nothing happens any more. */
  function haltingJournal(line: number, phase: string) {
    let halt = () => {};
    const halted = new Promise<"halted">((resolve) => {
      halt = () => resolve("halted");
    });
    const open: RunHost["openJournal"] = async (path, create) => {
      const file = await openJournalFile(path, create);
      let written = 0;
      return {
        ...file,
        async write(text) {
          const here = written++ === line;
          if (!here || phase !== "before") await file.write(here && phase === "half" ? text.slice(0, 40) : text);
          if (!here) return;
          await file.close();
          halt();
          await new Promise(() => {});
        },
      };
    };
    return { open, halted };
  }

  test("of a step that cannot be asked for: resume stops with 5 and does not repeat it", {
    timeout: 60_000,
  }, async () => {
    await processEnd(process.execPath, childArgs(["new", "act:rotate", "blind"]));
    const [runId = ""] = await listRuns(runsDir);
    expect((await processEnd(process.execPath, childArgs([runId, "blind"]))).code).toBe(5);
    expect((await world.look()).rotated).toBe(1);
  });

  test("and two resumes at once: one works, the other is refused", { timeout: 60_000 }, async () => {
    await processEnd(process.execPath, childArgs(["new", "act:look"]));
    const [runId = ""] = await listRuns(runsDir);
    const both = await Promise.all([1, 2].map(() => processEnd(process.execPath, childArgs([runId, "slow:3000"]))));
    expect(both.map(({ code }) => code).sort()).toEqual([0, 3]);
    expect(both.find(({ code }) => code === 3)?.stderr).toContain("RUN_IN_USE");
    expect(await world.look()).toEqual(rotatedOnce);
  });
});
