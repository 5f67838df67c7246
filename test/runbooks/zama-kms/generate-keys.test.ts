import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KeyGenerationReport } from "../../../contract/key-generation-report.ts";
import { OperatorError } from "../../../contract/operator-error.ts";
import { signingKeyHandle } from "../../../contract/signing-key-handle.ts";
import { certificatePem, createCaCertificate, createSigningKey } from "../../../devnet/nodes/certificates.ts";
import { ethereumAddress } from "../../../devnet/nodes/signing-key.ts";
import type { CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import { executeRun, planRunbook, renderPlan, resumeRun } from "../../../runbooks/run.ts";
import certificates from "../../../runbooks/zama-kms/certificates.ts";
import { runKeyJob } from "../../../runbooks/zama-kms/key-job.ts";
import { readKeyJob } from "../../../runbooks/zama-kms/key-job-release.ts";
import { committedSchema, overJson } from "../../support/committed-schema.ts";
import { partyOutputs } from "../network/fake-parties.ts";
import { given } from "../support/rotation.ts";

const fits = await committedSchema("key-generation-report");
const answered = (more: Partial<CommandResult> = {}): CommandResult => {
  return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
};
const refused = (stderr: string) => answered({ stderr, exitCode: 1 });

const hookManifest = `# Makes the signing key.
apiVersion: batch/v1
kind: Job
metadata:
  name: kms-core-gen-cert-and-keys
  labels: { app: kms-core }
  annotations:
    helm.sh/hook: pre-install
    helm.sh/hook-delete-policy: hook-succeeded
spec:
  template:
    metadata:
      labels: { app: kms-core-gen-cert-and-keys }
    spec:
      restartPolicy: Never
      containers:
        - name: kms-core-enclave-gen-cert-and-keys
          image: core:1
      volumes:
        - name: config-files
          configMap: { name: kms-core-config }
`;

const packed = (release: object) =>
  Buffer.from(gzipSync(JSON.stringify(release)).toString("base64"), "latin1").toString("base64");

interface World {
  /** Of party 1's public vault, by key. */
  vault: Map<string, string>;
  jobs: Map<string, Record<string, unknown>>;
  asked: string[][];
  hooks: { kind: string; manifest: string }[] | null;
  genKeys: string;
  /** What else its ConfigMap holds. */
  configuration: Record<string, string>;
  /** What the Job does when it is made. */
  work: () => void;
  conditions: () => object[];
  pods: () => object[];
  /** Instead of what would have been answered. */
  answer: (args: string[]) => CommandResult | undefined;
  listing: ((prefix: string) => string[]) | null;
  unreadable: string | null;
}

const folder = (type: string, name: string = signingKeyHandle) => `PUB-p1/${type}/${name}`;

/** Keys as a core publishes them. */
function publish(vault: Map<string, string>, { host = "mpc-node-1", ofAnother = false } = {}): void {
  const key = createSigningKey();
  vault.set(folder("CACert"), certificatePem(createCaCertificate(key, host)));
  vault.set(folder("VerfKey"), "a key");
  vault.set(folder("VerfAddress"), ethereumAddress(ofAnother ? createSigningKey() : key));
}

function world(change: Partial<World> = {}): { world: World; party: PartyAccess } {
  const vault = new Map<string, string>();
  const it: World = {
    vault,
    jobs: new Map(),
    asked: [],
    hooks: [
      { kind: "ConfigMap", manifest: "kind: ConfigMap" },
      { kind: "Job", manifest: hookManifest },
    ],
    genKeys: '[keygen]\noverwrite = false\n[threshold]\nmy_id = "1"\n',
    configuration: {},
    work: () => publish(vault),
    conditions: () => [{ type: "Complete", status: "True" }],
    pods: () => [{ status: { phase: "Succeeded" } }],
    answer: () => undefined,
    listing: null,
    unreadable: null,
    ...change,
  };
  return { world: it, party: partyOf(it) };
}

function partyOf(it: World): PartyAccess {
  return {
    outputs: partyOutputs(1),
    caller: async () => "arn:aws:sts::100000000001:assumed-role/operator/ann",
    async readObject(_bucket, key) {
      if (it.unreadable !== null) throw new Error(it.unreadable);
      return it.vault.get(key) ?? null;
    },
    async listObjects(_bucket, prefix) {
      return it.listing?.(prefix) ?? [...it.vault.keys()].filter((key) => key.startsWith(prefix));
    },
    async kubectl(args, options) {
      it.asked.push(args);
      const answer = it.answer(args);
      if (answer !== undefined) return answer;
      const [verb, kind, name = ""] = args;
      if (verb === "get" && kind === "secrets") return answered({ stdout: it.hooks === null ? "" : "1\n3\n2\n" });
      if (verb === "get" && kind === "secret") {
        expect(name).toBe("sh.helm.release.v1.kms-core.v3");
        return answered({ stdout: packed({ name: "kms-core", version: 3, hooks: it.hooks }) });
      }
      if (verb === "get" && kind === "configmap") {
        const data = { "kms-gen-keys.toml": it.genKeys, "enclave.json": "{}", ...it.configuration };
        return answered({ stdout: JSON.stringify({ kind: "ConfigMap", data }) });
      }
      if (verb === "create") {
        const job = JSON.parse(options?.stdin ?? "");
        if (it.jobs.has(job.metadata.name))
          return refused(`Error from server (AlreadyExists): jobs.batch "${job.metadata.name}" already exists`);
        it.jobs.set(job.metadata.name, job);
        it.work();
        return answered();
      }
      if (verb === "get" && kind === "job") {
        const job = it.jobs.get(name);
        if (job === undefined) return refused(`Error from server (NotFound): jobs.batch "${name}" not found`);
        return answered({ stdout: JSON.stringify({ ...job, status: { conditions: it.conditions() } }) });
      }
      if (verb === "get" && kind === "pods") return answered({ stdout: JSON.stringify({ items: it.pods() }) });
      if (verb === "logs") return answered({ stdout: "first line\nAccessDeniedException: no key for this enclave\n" });
      if (verb === "delete") {
        it.jobs.delete(name);
        return answered();
      }
      throw new Error(`nobody expects ${args.join(" ")}`);
    },
  };
}

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-generate-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const jobName = "kms-core-gen-cert-and-keys-again";
const verbs = ({ asked }: World) => asked.map(([verb, kind]) => (verb === "get" ? `get ${kind}` : String(verb)));

async function generate(change: Partial<World> = {}) {
  const { world: it, party } = world(change);
  const printed: string[] = [];
  const context = given([party]);
  const host = {
    runsDir: join(root, "runs"),
    operator: "tester",
    terminal: { interactive: false, print: (text: string) => void printed.push(text), ask: async () => null },
    clock: context.clock,
    signal: context.signal,
  };
  const planned = await planRunbook(certificates, context, { generate: true });
  const result = await executeRun(planned, host, { confirm: planned.plan.digest });
  if (result.bug) throw result.bug;
  // A run that stopped early has the report that every run has.
  const json = overJson(result.report?.json ?? null);
  if (json?.schema === "quorate/key-generation/v1") expect(fits(json) ? null : fits.errors).toBe(null);
  const said = printed.join("\n");
  const codes = result.report?.json.findings.map(({ code }) => code);
  return { world: it, planned, result, said, codes, host, context, party };
}

test("the keys are made by the release's own Job, which is removed again, and looked at where peers look", async () => {
  const { world: it, result, said } = await generate();
  expect(said).toMatch(/generate-1 +OK/);
  const report = KeyGenerationReport.parse(result.report?.json);
  expect([report.verdict, result.exitCode, report.findings]).toEqual(["OK", 0, []]);
  expect(report.parties[0]).toMatchObject({ made: true, verdict: { status: "OK" } });
  expect(report.parties[0]?.folders.map(({ type, objects }) => [type, objects])).toEqual([
    ["CACert", 1],
    ["VerfKey", 1],
    ["VerfAddress", 1],
  ]);
  expect(it.jobs.size).toBe(0);
  expect(verbs(it)).toContain("delete");
  expect(result.report?.text({ colour: false, columns: 60 })).toContain("npx quorate cards sync");
  for (const text of [result.report?.markdown(), result.report?.junit?.()]) expect(text).toContain("party 1");
});

test("the Job is the hook's, under a name of its own, with one attempt and an end, and without the hook's marks", async () => {
  let made: { metadata: Record<string, unknown>; spec: Record<string, unknown> } | undefined;
  const { world: it, party } = world();
  it.work = () => {
    made = it.jobs.get(jobName) as typeof made;
  };
  await runKeyJob(party, await readKeyJob(party), {
    ...{ deadlineMs: 100_000, pollMs: 1, progress: () => {} },
    signal: new AbortController().signal,
  });
  expect(made?.metadata).toMatchObject({
    name: jobName,
    labels: { app: "kms-core", "quorate.dev/runbook": "certificates" },
  });
  expect(JSON.stringify(made)).not.toContain("helm.sh/hook");
  expect(made?.spec).toMatchObject({
    ...{ backoffLimit: 0, activeDeadlineSeconds: 160, ttlSecondsAfterFinished: 3600 },
    template: { metadata: { labels: { app: "kms-core-gen-cert-and-keys" } }, spec: { restartPolicy: "Never" } },
  });
});

describe("keys that are there are never made anew", () => {
  test("whole: the step is skipped, no Job is made, and they are looked at all the same", async () => {
    const vault = new Map<string, string>();
    publish(vault);
    const { world: it, result, said } = await generate({ vault });
    expect(said).toMatch(/generate-1 +SKIP +party 1 has its keys already/);
    expect([result.exitCode, verbs(it).filter((verb) => verb === "create")]).toEqual([0, []]);
    expect(KeyGenerationReport.parse(result.report?.json).parties[0]?.made).toBe(false);
  });

  test.each<[string, (vault: Map<string, string>) => void]>([
    ["an address without a certificate", (vault) => vault.set(folder("VerfAddress"), "0x1")],
    ["a certificate without an address", (vault) => vault.set(folder("CACert"), "pem")],
    ["something under another name", (vault) => vault.set(folder("CACert", "old"), "pem")],
  ])("in part, %s: refused, and no Job is made", async (_name, put) => {
    const vault = new Map<string, string>();
    put(vault);
    const { world: it, result, said } = await generate({ vault });
    expect([result.exitCode, said.includes("KEYS_INCOMPLETE")]).toEqual([3, true]);
    expect(verbs(it)).not.toContain("create");
  });

  test("where the vault gives no answer nothing is made", async () => {
    const { world: it, result, said } = await generate({ unreadable: "AccessDenied" });
    expect([result.exitCode, said.includes("AccessDenied")]).toEqual([5, true]);
    expect(verbs(it)).not.toContain("create");
  });

  test("where its objects can not be listed nothing is made: keys under another name may lie there", async () => {
    const listing = () => {
      throw new Error("AccessDenied: s3:ListBucket");
    };
    const { world: it, result, said } = await generate({ listing });
    expect([result.exitCode, said.includes("s3:ListBucket")]).toEqual([5, true]);
    expect(verbs(it)).not.toContain("create");
  });

  test.each([
    "overwrite = true",
    "  overwrite=true",
    "show_existing = true",
    '"overwrite" = true',
    "keygen.overwrite = true",
    "keygen = { cmd = 1, overwrite = true }",
    // Known when the Job runs.
    `overwrite = ${"$"}{KMS_GEN_KEYS_OVERWRITE}`,
  ])("a configuration that says %s: refused", async (line) => {
    const { world: it, result, said } = await generate({ genKeys: `[keygen]\n${line}\n` });
    expect([result.exitCode, said.includes("KEY_JOB_WOULD_OVERWRITE")]).toEqual([3, true]);
    expect(verbs(it)).not.toContain("create");
  });
});

describe("a Job that would do more than make keys that are missing is refused", () => {
  const hooks = (change: (manifest: string) => string): Partial<World> => ({
    hooks: [{ kind: "Job", manifest: change(hookManifest) }],
  });
  const container = (more: string) =>
    hooks((text) => text.replace("image: core:1", `image: core:1\n          ${more}`));
  const before = (more: string) =>
    hooks((text) =>
      text.replace(
        "      containers:",
        `      initContainers:\n        - name: load\n          ${more}\n      containers:`,
      ),
    );
  test.each<[string, Partial<World>, string]>([
    [
      "in another file that is appended",
      { configuration: { "aws.toml": "[keygen]\nrepopulate = true\n" } },
      "aws.toml",
    ],
    ["by an option", container("args: [kms-gen-keys, --overwrite]"), "--overwrite"],
    [
      "by an option in a script",
      container('args: [-c, "kms-gen-keys --config x --overwrite; sleep 60"]'),
      "--overwrite",
    ],
    [
      "by a line that a script writes",
      before('args: [-c, "echo overwrite = true >> kms-gen-keys.toml"]'),
      "container load",
    ],
    ["by a variable", container('env: [{ name: KMS_GEN_KEYS__OVERWRITE, value: "true" }]'), "OVERWRITE"],
    [
      "by a variable from elsewhere",
      container("env: [{ name: OVERWRITE_KEYS, valueFrom: { configMapKeyRef: { name: a, key: b } } }]"),
      "OVERWRITE_KEYS",
    ],
  ])("%s", async (_how, change, named) => {
    const { world: it, result, said } = await generate(change);
    expect([result.exitCode, said.includes("KEY_JOB_WOULD_OVERWRITE"), said.includes(named)]).toEqual([3, true, true]);
    expect(verbs(it)).not.toContain("create");
  });

  test("or could not be told, where its configuration is no ConfigMap", async () => {
    const change = hooks((text) => text.replace("configMap: { name: kms-core-config }", "secret: { secretName: x }"));
    const { world: it, result, said } = await generate(change);
    expect([result.exitCode, said.includes("config-files")]).toEqual([5, true]);
    expect(verbs(it)).not.toContain("create");
  });

  test("and no other: what is switched off, or only sounds like it, is none", async () => {
    const off = container('args: [-c, "kms-gen-keys --overwrite=false --overwrite-log x"]');
    const { result } = await generate({ ...off, configuration: { "vaults.toml": "# overwrite = true\n" } });
    expect(result.exitCode).toBe(0);
  });
});

describe("a Job that a killed run left behind", () => {
  const left = (digest: string): World["jobs"] => {
    const labels = { "quorate.dev/runbook": "certificates" };
    const annotations = { "quorate.dev/spec-sha256": digest };
    return new Map([[jobName, { metadata: { name: jobName, labels, annotations } }]]);
  };
  const ofThisRelease = async () => (await readKeyJob(world().party)).digest;

  test.each(["this release", "an earlier one"])(
    "of %s and over: its end says nothing, another is made",
    async (whose) => {
      const jobs = left(whose === "this release" ? await ofThisRelease() : "0".repeat(64));
      const { world: it, result } = await generate({ jobs });
      expect(KeyGenerationReport.parse(result.report?.json).parties[0]).toMatchObject({ made: true });
      expect(verbs(it).filter((verb) => ["create", "delete"].includes(verb))).toEqual([
        ...["create", "delete"],
        ...["create", "delete"],
      ]);
      // With its pods, whose log would else be told as the new one's.
      expect(it.asked.find(([verb]) => verb === "delete")).toContain("--cascade=foreground");
      expect(it.jobs.size).toBe(0);
    },
  );

  test("of this release and at work: it is waited for, and none is made beside it", async () => {
    let looks = 0;
    const { world: it, party } = world({ jobs: left(await ofThisRelease()), work: () => expect.unreachable() });
    it.conditions = () => {
      looks += 1;
      return looks < 3 ? [] : [{ type: "Complete", status: "True" }];
    };
    const options = { deadlineMs: 60_000, pollMs: 1, progress: () => {}, signal: new AbortController().signal };
    await runKeyJob(party, await readKeyJob(party), options);
    expect(verbs(it).filter((verb) => ["create", "delete"].includes(verb))).toEqual(["create", "delete"]);
  });

  test("of an earlier release and at work: refused, and left alone", async () => {
    const { world: it, result, said } = await generate({ jobs: left("0".repeat(64)), conditions: () => [] });
    expect([result.exitCode, said.includes("KEY_JOB_EXISTS"), it.jobs.size]).toEqual([3, true, 1]);
  });
});

describe("what goes wrong has words of its own", () => {
  const container = (state: object) => [{ status: { phase: "Pending", containerStatuses: [{ name: "core", state }] } }];
  const on = (verb: string, kind: string, stderr: string) => (args: string[]) =>
    args[0] === verb && (kind === "" || args[1] === kind) ? refused(stderr) : undefined;

  test.each<[string, Partial<World>, string, number]>([
    ["a Job that ends with 0 without its work", { work: () => {} }, "KEY_JOB_DID_NOTHING", 1],
    [
      "a Job that fails",
      { work: () => {}, conditions: () => [{ type: "Failed", status: "True", reason: "BackoffLimitExceeded" }] },
      "KEY_JOB_FAILED",
      1,
    ],
    [
      "an image that can not be pulled",
      {
        work: () => {},
        conditions: () => [],
        pods: () => container({ waiting: { reason: "ImagePullBackOff", message: "pull access denied" } }),
      },
      "KEY_JOB_NO_IMAGE",
      1,
    ],
    ["no release", { hooks: null }, "KEY_JOB_NO_RELEASE", 1],
    ["a release without the Job", { hooks: [] }, "KEY_JOB_NOT_IN_RELEASE", 1],
    [
      "a namespace that is not there",
      { answer: on("create", "", 'Error from server (NotFound): namespaces "kms-decentralized" not found') },
      "KEY_JOB_NO_PLACE",
      1,
    ],
    [
      "a configuration that is not there",
      { answer: on("get", "configmap", 'Error from server (NotFound): configmaps "kms-core-config" not found') },
      "KEY_JOB_NO_PLACE",
      1,
    ],
    [
      "a caller without the right",
      { answer: on("create", "", "Error (Forbidden): jobs is forbidden") },
      "KEY_JOB_REFUSED",
      1,
    ],
  ])("%s", async (_name, change, code, exitCode) => {
    const { world: it, result, said } = await generate(change);
    expect([said.includes(`${code}  party 1`), result.exitCode]).toEqual([true, exitCode]);
    expect(it.jobs.size).toBe(0);
  });

  test("why there are no keys stands at the end of the Job's log", async () => {
    const { said } = await generate({ work: () => {} });
    expect(said).toContain("AccessDeniedException: no key for this enclave");
  });

  test("a Job of that name that is somebody else's: refused, and left alone", async () => {
    const jobs = new Map([[jobName, { metadata: { name: jobName, creationTimestamp: "2026-11-20T10:00:00Z" } }]]);
    const { world: it, result, said } = await generate({ jobs: jobs as unknown as World["jobs"] });
    expect([result.exitCode, said.includes("KEY_JOB_EXISTS"), it.jobs.size]).toEqual([3, true, 1]);
    expect(verbs(it)).not.toContain("delete");
  });

  test("an API server that does not say whether the Job was made: could not tell", async () => {
    const { result } = await generate({
      answer: ([verb]) => (verb === "create" ? answered({ ended: "deadline", exitCode: 143 }) : undefined),
    });
    expect(result.exitCode).toBe(5);
  });

  test.each<[string, object[], string]>([
    ["runs for ever", [{ status: { phase: "Running" } }], "KEY_JOB_TIMEOUT"],
    ["has no pod", [], "KEY_JOB_NO_POD"],
    [
      "finds no node",
      [
        {
          status: {
            phase: "Pending",
            conditions: [
              {
                type: "PodScheduled",
                status: "False",
                message: "0/1 nodes: Insufficient aws.ec2.nitro/nitro_enclaves",
              },
            ],
          },
        },
      ],
      "KEY_JOB_NO_NODE",
    ],
  ])("a Job that %s is given up at the deadline, and removed", async (_name, pods, code) => {
    const { world: it, party } = world({ work: () => {}, conditions: () => [], pods: () => pods });
    const options = { deadlineMs: 30, pollMs: 5, progress: () => {}, signal: new AbortController().signal };
    const failure = await runKeyJob(party, await readKeyJob(party), options).catch((error: unknown) => error);
    expect(failure instanceof OperatorError && failure.problem).toMatchObject({ code, exitCode: 1 });
    expect(it.jobs.size).toBe(0);
  });

  test("one that nobody answers about at the end: could not tell", async () => {
    const { party } = world({
      work: () => {},
      answer: ([verb, kind]) => (verb === "get" && kind === "job" ? refused("connection refused") : undefined),
    });
    const options = { deadlineMs: 10, pollMs: 5, progress: () => {}, signal: new AbortController().signal };
    const failure = await runKeyJob(party, await readKeyJob(party), options).catch((error: unknown) => error);
    expect(failure instanceof OperatorError && failure.problem).toMatchObject({
      code: "KEY_JOB_UNREADABLE",
      exitCode: 5,
    });
  });
});

describe("what came of it is judged", () => {
  test.each<[string, (it: World) => void, string, "FAIL" | "UNKNOWN"]>([
    ["another name", ({ vault }) => publish(vault, { host: "kms-core-1" }), "CA_CERTIFICATE_NAME_WRONG", "FAIL"],
    ["another key", ({ vault }) => publish(vault, { ofAnother: true }), "CA_CERTIFICATE_KEY_WRONG", "FAIL"],
    [
      "two objects in a folder",
      ({ vault }) => {
        publish(vault);
        vault.set(folder("CACert", "old"), "pem");
      },
      "KEYS_NOT_ALONE",
      "FAIL",
    ],
    [
      "a certificate that is none",
      ({ vault }) => {
        publish(vault);
        vault.set(folder("CACert"), "<html>");
      },
      "CA_CERTIFICATE_UNREADABLE",
      "FAIL",
    ],
    [
      "a folder that can not be listed",
      (it) => {
        publish(it.vault);
        it.listing = () => {
          throw new Error("AccessDenied");
        };
      },
      "COULD_NOT_TELL",
      "UNKNOWN",
    ],
  ])("%s", async (_name, work, code, verdict) => {
    const { world: it, party } = world();
    it.work = () => work(it);
    const context = given([party]);
    const host = {
      runsDir: join(root, "runs"),
      operator: "tester",
      terminal: { interactive: false, print: () => {}, ask: async () => null },
      clock: context.clock,
      signal: context.signal,
    };
    const planned = await planRunbook(certificates, context, { generate: true });
    const { report, exitCode } = await executeRun(planned, host, { confirm: planned.plan.digest });
    expect([report?.json.findings.map((finding) => finding.code), report?.json.verdict]).toEqual([[code], verdict]);
    expect(exitCode).toBe({ FAIL: 1, UNKNOWN: 5 }[verdict]);
  });
});

test("an interruption leaves the Job where it is, and the run that is resumed goes on with it", async () => {
  const interrupt = new AbortController();
  const { world: it, party } = world({ work: () => {} });
  it.conditions = () => (it.vault.size > 0 ? [{ type: "Complete", status: "True" }] : []);
  it.pods = () => {
    interrupt.abort(new Error("interrupted"));
    return [];
  };
  const context = given([party], interrupt.signal);
  const host = {
    runsDir: join(root, "runs"),
    operator: "tester",
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: context.clock,
    signal: interrupt.signal,
  };
  const planned = await planRunbook(certificates, context, { generate: true });
  const first = await executeRun(planned, host, { confirm: planned.plan.digest });
  expect([first.exitCode, it.jobs.size]).toEqual([4, 1]);
  it.pods = () => {
    publish(it.vault);
    return [];
  };
  const signal = new AbortController().signal;
  const find = async () => ({ runbook: certificates, given: given([party], signal) });
  const second = await resumeRun(String(first.runId), find, { ...host, signal });
  expect([second.exitCode, second.verdict, it.jobs.size]).toEqual([0, "OK", 0]);
  expect(it.asked.filter(([verb]) => verb === "create")).toHaveLength(2);
});

describe("the plan", () => {
  test("only reads, names the Job's origin and specification, and is disruptive", async () => {
    const { world: it, party } = world();
    const { plan } = await planRunbook(certificates, given([party]), { generate: true, party: [1] });
    expect(new Set(it.asked.map(([verb]) => verb))).toEqual(new Set(["get"]));
    expect(plan.risk).toBe("disruptive");
    const text = renderPlan(plan, { columns: 400 });
    expect(text).toMatch(/by the Job of its release \(kms-core, revision 3, specification [0-9a-f]{16}\)/);
    expect(text).toContain("$ kubectl create --namespace kms-decentralized --filename -   # party 1");
  });

  test("another specification is another plan", async () => {
    const digestOf = async (hooks: World["hooks"]) =>
      (await planRunbook(certificates, given([world({ hooks }).party]), { generate: true })).plan.digest;
    const other = [{ kind: "Job", manifest: hookManifest.replace("core:1", "core:2") }];
    expect(await digestOf(other)).not.toBe(await digestOf([{ kind: "Job", manifest: hookManifest }]));
  });

  test("others' keys are not for us to make, and a comparison takes no party", async () => {
    const { party } = world();
    const code = async (inputs: object, parties: PartyAccess[]) =>
      await planRunbook(certificates, given(parties), inputs).catch((error: unknown) =>
        error instanceof OperatorError ? error.problem.code : error,
      );
    expect(await code({ generate: true, party: [2] }, [party])).toBe("PARTY_NOT_HELD");
    expect(await code({ generate: true }, [])).toBe("PARTY_NOT_HELD");
    expect(await code({ party: [1] }, [party])).toBe("INPUTS_INVALID");
    expect(await code({ deadline: 5 }, [party])).toBe("INPUTS_INVALID");
  });
});
