import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { readJson } from "../../contract/json-text.ts";
import { OperatorError, type Problem } from "../../contract/operator-error.ts";
import { cutBetweenWords } from "../../contract/printable.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { type CommandFailure, classifyFailure } from "../command.ts";
import type { PartyAccess } from "../context.ts";
import { redactor } from "../redact.ts";
import type { KeyJob } from "./key-job-release.ts";

const ownerLabel = "quorate.dev/runbook";
const digestAnnotation = "quorate.dev/spec-sha256";

const createCommand = (namespace: string) => ["create", "--namespace", namespace, "--filename", "-"];
const deleteCommand = (namespace: string, name: string) => [
  ...["delete", "job", name, "--namespace", namespace, "--ignore-not-found", "--wait=false"],
];
/** With its pods, whose words would else be taken for those of the next one's. */
const clearCommand = (namespace: string, name: string) => [
  ...["delete", "job", name, "--namespace", namespace, "--ignore-not-found", "--cascade=foreground", "--timeout=30s"],
];

/** What running it comes to, for the plan's reader. */
export function keyJobCommands({ outputs: { namespace, partyId } }: PartyAccess, { name }: KeyJob): string[] {
  return [
    createCommand(namespace),
    getJob(namespace, name),
    getPods(namespace, name),
    deleteCommand(namespace, name),
  ].map((args) => `kubectl ${args.join(" ")}   # party ${partyId}`);
}

export interface KeyJobOptions {
  deadlineMs: number;
  /** How often it is looked at. @default 2000 */
  pollMs?: number;
  signal: AbortSignal;
  progress(text: string): void;
}

/** How the Job ended, as far as that says anything: it exits with 0 whatever it did. */
export interface KeyJobEnd {
  seconds: number;
  /** The last lines of its pods, for whoever has to find out why there are no keys. */
  log: string;
}

/** What an interruption left behind, Kubernetes removes this long after it ended. */
const keptSeconds = 3_600;

/**
 * Makes a Job of the release's own specification, waits for its end, and removes it again. An interruption leaves it where it is, and the next
 * run goes on with it as long as it runs. Throws an OperatorError that says which way it went wrong.
 */
export async function runKeyJob(party: PartyAccess, job: KeyJob, options: KeyJobOptions): Promise<KeyJobEnd> {
  const started = performance.now();
  await refuseOverwriting(party, job, options.signal);
  await createJob(party, job, options);
  const problem = await ended(party, job, options);
  const log = await lastLines(party, job, options.signal);
  options.signal.throwIfAborted();
  await party.kubectl(deleteCommand(party.outputs.namespace, job.name), { timeoutMs: 30_000 });
  if (problem === null) return { seconds: Math.round((performance.now() - started) / 1000), log };
  throw log === "" ? problem : new OperatorError({ ...problem.problem, found: `${problem.problem.found}\n${log}` });
}

/** In each way that TOML has of saying it. What is put in for a variable when the Job runs could be true too. */
const inConfiguration = /^[^#\n]*\b(?:overwrite|show_existing|repopulate)["']?\s*=\s*(?!false\b)\S.*$/m;
/** As an option of the program, of releases that have it. */
const inCommand = /(?<!\S)--(?:overwrite|show-existing|repopulate)(?![\w-])(?!\s*=?\s*false\b)/;
const inVariable = /OVERWRITE|SHOW_EXISTING|REPOPULATE/;

/** The one switch by which the program in the Job would delete keys that are there; nothing of ours sets it. */
async function refuseOverwriting(party: PartyAccess, { spec }: KeyJob, signal: AbortSignal): Promise<void> {
  const found = overwritingIn(spec) ?? (await overwritingInConfiguration(party, spec, signal));
  if (found === undefined) return;
  const { partyId } = party.outputs;
  throw new OperatorError({
    code: "KEY_JOB_WOULD_OVERWRITE",
    what: `party ${partyId}: the Job is not started, for it would not only make keys that are missing`,
    found,
    expected: "no such line: keys that are there stay",
    next: `find out who wrote it; npx quorate up --party ${partyId} renders it anew`,
    exitCode: exitCodes.refused,
  });
}

const Texts = z.array(z.string()).default([]);
const Started = z.looseObject({
  name: z.string(),
  command: Texts,
  args: Texts,
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
});

/** What the Job itself would have its program do. */
function overwritingIn({ template }: KeyJob["spec"]): string | undefined {
  const { containers, initContainers = [] } = template.spec;
  for (const one of z.array(Started).parse([...[initContainers].flat(), ...containers])) {
    const said = [...one.command, ...one.args].join("\n");
    const line = inConfiguration.exec(said)?.[0].trim() ?? inCommand.exec(said)?.[0];
    const variable = one.env.find(({ name, value }) => inVariable.test(name) && value !== "false")?.name;
    const found = line ?? variable;
    if (found !== undefined) return `${cutBetweenWords(found, 200)} in container ${one.name} of the Job`;
  }
  return undefined;
}

/** What the program is configured with: the Job makes one file of all that its ConfigMaps hold for it. */
async function overwritingInConfiguration(
  party: PartyAccess,
  { template }: KeyJob["spec"],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { namespace, partyId } = party.outputs;
  for (const volume of template.spec.volumes) {
    const named = z.looseObject({ configMap: z.looseObject({ name: z.string() }) }).safeParse(volume);
    if (!named.success && volume.name === configuration)
      throw notAnswered(
        partyId,
        `volume ${volume.name} of the Job is no ConfigMap, so what it is configured with can not be told`,
        { code: "NOT_RUNNING", reason: `a volume of ${Object.keys(volume).join(", ")}` },
        namespace,
      );
    if (!named.success) continue;
    const { name } = named.data.configMap;
    const result = await party.kubectl(["get", "configmap", name, "--namespace", namespace, "--output", "json"], {
      timeoutMs: 30_000,
      signal,
    });
    const failure = classifyFailure(result);
    if (failure !== null) throw notAnswered(partyId, `ConfigMap ${name} can not be read`, failure, namespace);
    const { data } = ConfigMap.parse(readJson(result.stdout));
    for (const [key, text] of Object.entries(data)) {
      const line = key.endsWith(".toml") ? inConfiguration.exec(text)?.[0].trim() : undefined;
      if (line !== undefined) return `${cutBetweenWords(line, 200)} in ${key} of ConfigMap ${name}`;
    }
  }
  return undefined;
}

/** Volume of the Job, in every version of the chart. */
const configuration = "config-files";
const ConfigMap = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

async function createJob(party: PartyAccess, job: KeyJob, { deadlineMs, signal }: KeyJobOptions): Promise<void> {
  const { namespace, partyId } = party.outputs;
  const manifest = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: job.name,
      namespace,
      labels: { ...job.labels, [ownerLabel]: "certificates" },
      annotations: { [digestAnnotation]: job.digest },
    },
    // One attempt, an end by itself and its removal, whatever becomes of us.
    spec: {
      ...job.spec,
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil(deadlineMs / 1000) + 60,
      ttlSecondsAfterFinished: keptSeconds,
    },
  };
  const stdin = JSON.stringify(manifest);
  const create = async () => {
    const result = await party.kubectl(createCommand(namespace), { stdin, timeoutMs: 30_000, signal });
    signal.throwIfAborted();
    const failure = classifyFailure(result);
    if (failure === null) return "made";
    if (/AlreadyExists|already exists/.test(result.stderr)) return "there";
    throw notAnswered(partyId, "the Job is not made", failure, namespace);
  };
  if ((await create()) === "made") return;
  const found = await look(party, job, signal);
  if (found.owner !== "another" && found.end !== undefined) {
    // It is over, and there are no keys: what it did, or did not do, says nothing of now.
    await party.kubectl(clearCommand(namespace, job.name), { timeoutMs: 40_000, signal });
    if ((await create()) === "made") return;
  } else if (found.owner === "this release") return;
  throw new OperatorError({
    code: "KEY_JOB_EXISTS",
    what: `party ${partyId}: a Job ${job.name} is there, and it is none of this release's`,
    found: found.job === null ? "a Job that can not be read" : `made at ${found.job.metadata.creationTimestamp ?? "?"}`,
    expected: "none of that name",
    next: `find out whose it is, then: kubectl delete job ${job.name} --namespace ${namespace}`,
    exitCode: exitCodes.refused,
  });
}

function notAnswered(partyId: number, what: string, failure: CommandFailure, namespace: string): OperatorError {
  const isGone = failure.code === "NOT_FOUND";
  const isRefused = failure.code === "FORBIDDEN" || failure.code === "FAILED";
  return new OperatorError({
    code: isGone ? "KEY_JOB_NO_PLACE" : isRefused ? "KEY_JOB_REFUSED" : "KEY_JOB_UNREADABLE",
    what: `party ${partyId}: ${what}`,
    found: failure.reason,
    expected: isGone ? `namespace ${namespace} and what \`up\` makes in it` : "an answer of its API server",
    next: isGone ? `npx quorate up --party ${partyId}` : `npx quorate run cluster-check --parties ${partyId}`,
    exitCode: isGone || isRefused ? exitCodes.failed : exitCodes.unknown,
  });
}

const JobStatus = z.object({
  metadata: z.object({
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    creationTimestamp: z.string().optional(),
  }),
  status: z
    .object({
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().optional(),
            message: z.string().optional(),
          }),
        )
        .default([]),
    })
    .default({ conditions: [] }),
});

const State = z.object({
  waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).optional(),
  terminated: z.object({ reason: z.string().optional(), exitCode: z.int().optional() }).optional(),
});
const Container = z.object({ name: z.string(), state: State.optional() });
const PodList = z.object({
  items: z.array(
    z.object({
      status: z
        .object({
          phase: z.string().optional(),
          conditions: z
            .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
            .default([]),
          initContainerStatuses: z.array(Container).default([]),
          containerStatuses: z.array(Container).default([]),
        })
        .default({ conditions: [], initContainerStatuses: [], containerStatuses: [] }),
    }),
  ),
});

const getJob = (namespace: string, name: string) => ["get", "job", name, "--namespace", namespace, "--output", "json"];
const getPods = (namespace: string, name: string) => [
  ...["get", "pods", "--namespace", namespace, "--selector", `job-name=${name}`, "--output", "json"],
];

interface Look {
  job: z.infer<typeof JobStatus> | null;
  /** Whose it is: of a run about this release, of a run about an earlier one of the party's, or of somebody else. */
  owner: "this release" | "an earlier release" | "another";
  /** How it ended, once it has. */
  end: z.infer<typeof JobStatus>["status"]["conditions"][number] | undefined;
  pods: z.infer<typeof PodList>["items"];
  /** Why there was no answer. */
  silence: CommandFailure | null;
}

async function look(party: PartyAccess, { name, digest }: KeyJob, signal: AbortSignal): Promise<Look> {
  const { namespace } = party.outputs;
  const asking = { timeoutMs: 15_000, signal };
  const results = [
    await party.kubectl(getJob(namespace, name), asking),
    await party.kubectl(getPods(namespace, name), asking),
  ];
  const silence = results.map(classifyFailure).find((one) => one !== null) ?? null;
  const job = JobStatus.safeParse(readJson(results[0]?.stdout ?? ""));
  const pods = PodList.safeParse(readJson(results[1]?.stdout ?? ""));
  const { labels, annotations } = job.data?.metadata ?? { labels: {}, annotations: {} };
  return {
    job: job.data ?? null,
    owner:
      labels[ownerLabel] !== "certificates"
        ? "another"
        : annotations[digestAnnotation] === digest
          ? "this release"
          : "an earlier release",
    end: job.data?.status.conditions.find(
      ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
    ),
    pods: pods.data?.items ?? [],
    silence,
  };
}

/** Waits until the Job has ended by itself. What kept it from that is the error. */
async function ended(
  party: PartyAccess,
  job: KeyJob,
  { deadlineMs, pollMs = 2_000, signal, progress }: KeyJobOptions,
): Promise<OperatorError | null> {
  const { partyId } = party.outputs;
  const wrong = (problem: Omit<Problem, "expected">) =>
    new OperatorError({ exitCode: exitCodes.failed, ...problem, expected: "a Job that ends by itself" });
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await look(party, job, signal);
    signal.throwIfAborted();
    const pod = found.pods.at(-1)?.status;
    const stuck = [...(pod?.initContainerStatuses ?? []), ...(pod?.containerStatuses ?? [])].find(({ state }) =>
      imageTrouble.has(state?.waiting?.reason ?? ""),
    );
    const condition = found.end;
    if (condition?.type === "Complete") return null;
    if (condition?.type === "Failed" && condition.reason !== "DeadlineExceeded")
      return wrong({
        code: "KEY_JOB_FAILED",
        what: `party ${partyId}: the Job that makes its keys failed`,
        found: [condition.message ?? condition.reason ?? "Failed", ...exitsOf(pod)].join("\n"),
        next: `npx quorate run cluster-check --parties ${partyId}`,
      });
    if (stuck !== undefined)
      return wrong({
        code: "KEY_JOB_NO_IMAGE",
        what: `party ${partyId}: the image of the Job's container ${stuck.name} can not be pulled`,
        found: `${stuck.state?.waiting?.reason}: ${stuck.state?.waiting?.message ?? ""}`,
        next: "look at the Secret registry-credentials, and at the image in the manifest; then run this again",
      });
    if (found.silence?.code === "NOT_FOUND")
      return wrong({
        code: "KEY_JOB_GONE",
        what: `party ${partyId}: somebody removed the Job that makes its keys`,
        found: found.silence.reason,
        next: "run this again: keys that it made meanwhile stay",
        exitCode: exitCodes.unknown,
      });
    const unscheduled = pod?.conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
    progress(
      `party ${partyId}: ${unscheduled?.message ?? (pod ? `its Job's pod is ${pod.phase ?? "new"}` : "its Job has no pod yet")}`,
    );
    if (condition !== undefined || performance.now() >= deadline)
      return wrong(lateness(party, found, unscheduled?.message, Math.round(deadlineMs / 1000)));
    await sleep(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** What kept it from ending in time. */
function lateness(
  { outputs: { partyId, namespace, workload } }: PartyAccess,
  { silence, pods, job }: Look,
  unscheduled: string | undefined,
  seconds: number,
): Omit<Problem, "expected"> {
  const phase = pods.at(-1)?.status.phase;
  if (silence !== null)
    return {
      code: "KEY_JOB_UNREADABLE",
      what: `party ${partyId}: whether the Job that makes its keys ended could not be told`,
      found: silence.reason,
      next: "run this again: what is there is left alone",
      exitCode: exitCodes.unknown,
    };
  if (unscheduled !== undefined)
    return {
      code: "KEY_JOB_NO_NODE",
      what: `party ${partyId}: the pod of the Job that makes its keys found no node within ${seconds} s`,
      found: unscheduled,
      next: `a core that is there holds its node's only enclave: kubectl scale statefulset ${workload.statefulSet} --replicas 0 --namespace ${namespace}; then run this again`,
    };
  // Whose own time ran out has no pods left.
  if (pods.length === 0 && !(job?.status.conditions ?? []).some(({ reason }) => reason === "DeadlineExceeded"))
    return {
      code: "KEY_JOB_NO_POD",
      what: `party ${partyId}: the Job that makes its keys has made no pod within ${seconds} s`,
      found: "no pod",
      next: `kubectl get events --namespace ${namespace}`,
    };
  return {
    code: "KEY_JOB_TIMEOUT",
    what: `party ${partyId}: the Job that makes its keys has not ended within ${seconds} s`,
    found: `its pod is ${phase ?? "in no phase yet"}`,
    next: `npx quorate run cluster-check --parties ${partyId}; with more time: --deadline`,
  };
}

const imageTrouble = new Set(["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"]);

function exitsOf(pod: Look["pods"][number]["status"] | undefined): string[] {
  return [...(pod?.initContainerStatuses ?? []), ...(pod?.containerStatuses ?? [])].flatMap(({ name, state }) =>
    state?.terminated && state.terminated.exitCode !== 0
      ? [`container ${name}: ${state.terminated.reason ?? "ended"}, exit code ${state.terminated.exitCode}`]
      : [],
  );
}

/** Best effort: without it there is only less to say. */
async function lastLines(party: PartyAccess, { name }: KeyJob, signal: AbortSignal): Promise<string> {
  const { namespace } = party.outputs;
  const args = [
    ...["logs", "--namespace", namespace, "--selector", `job-name=${name}`],
    ...["--all-containers", "--tail", "10"],
  ];
  const result = await party.kubectl(args, { timeoutMs: 15_000, signal, unrecorded: true });
  if (classifyFailure(result) !== null) return "";
  return redact(result.stdout.trimEnd().split("\n").slice(-10).join("\n").slice(-1_500));
}

const redact = redactor([], { named: true });
