import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { readJson } from "../../contract/json-text.ts";
import { PartyId } from "../../contract/names.ts";
import { partyHost } from "../../contract/network-manifest.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { ProbeReply, type ProbeRequest } from "../../contract/probe.ts";
import { peerCertificateKey } from "../../contract/signing-key-handle.ts";
import type { Workload } from "../../contract/validate-half.ts";
import { type Asked, ask as askKubectl, run } from "../ask.ts";
import { classifyFailure } from "../command.ts";
import type { CommandOptions, PartyAccess, RunbookContext } from "../context.ts";
import { within } from "../within.ts";
import type { Observations, PartyObservation } from "./observations.ts";

export interface ObserveInputs {
  stage: "link" | "network";
  timeoutMs: number;
  /** Goes on asking until nothing is wanting, this long at the most. @default 0 */
  waitMs?: number;
  /** Between two rounds of asking everybody. @default 3000 */
  betweenRoundsMs?: number;
  /** @default all for which credentials are held */
  parties?: number[] | undefined;
}

/** What reaching the API server, starting Node in the pod and printing may take beside the links' own deadline. */
const execSlackMs = 5_000;
/** A listener has to be up before the first peer tries, and until the last one is done. */
const listenSlackMs = 3_000;
/** How long a listener may take to end once it is told to; then its kubectl is ended, and the listener ends by itself in time. */
const stopMs = 1_000;

/** Asks all given parties at once; dead ones cost one deadline in all. Never throws because of what a party does. */
export async function observe(
  context: Pick<RunbookContext, "manifest" | "manifestDigest" | "parties" | "clock" | "progress">,
  inputs: ObserveInputs,
  signal: AbortSignal,
): Promise<Observations> {
  const { manifest } = context;
  const parties = context.parties.filter(({ outputs }) => inputs.parties?.includes(outputs.partyId) ?? true);
  const startedAt = context.clock.now().toISOString();
  const started = performance.now();
  const listeners = inputs.stage === "network" ? await startListeners(parties, inputs, context.clock, signal) : [];
  const { waitMs = 0, betweenRoundsMs = 3_000 } = inputs;
  const until = started + waitMs;
  try {
    let observed = await observeAll(parties, listeners, context, inputs, signal);
    for (let wanting = whatIsWanting(observed, listeners, context); wanting !== null && performance.now() < until; ) {
      context.progress(`${wanting}; trying again for ${Math.ceil((until - performance.now()) / 1000)} s`);
      await pause(Math.min(betweenRoundsMs, until - performance.now()), undefined, { signal });
      observed = keepOpen(observed, await observeAll(parties, listeners, context, inputs, signal));
      wanting = whatIsWanting(observed, listeners, context);
    }
    signal.throwIfAborted();
    observed = await withWhatWasHeard(observed, listeners, context.clock);
    return {
      network: manifest.network,
      environment: manifest.environment,
      stage: inputs.stage,
      startedAt,
      durationMs: Math.round(performance.now() - started),
      manifestDigest: context.manifestDigest,
      threshold: manifest.threshold,
      namespace: manifest.namespace,
      ports: { peer: manifest.ports.peer, grpc: manifest.ports.grpc },
      trustedReleases: manifest.trustedReleases.map(({ version, pcr0, pcr1, pcr2 }) => ({ version, pcr0, pcr1, pcr2 })),
      parties: manifest.parties.map((party) => observed.get(party.id) ?? notAsked(context, party)),
    };
  } finally {
    await Promise.all(listeners.map((listener) => listener.stop()));
  }
}

async function observeAll(
  parties: readonly PartyAccess[],
  listeners: readonly Listener[],
  context: Pick<RunbookContext, "manifest" | "clock" | "progress">,
  inputs: ObserveInputs,
  signal: AbortSignal,
): Promise<Map<number, PartyObservation>> {
  let answered = 0;
  const observed = await Promise.all(
    parties.map(async (party): Promise<[number, PartyObservation]> => {
      const listener = listeners.find((one) => one.partyId === party.outputs.partyId);
      const seen = await observeParty(party, context, inputs, signal);
      answered += 1;
      context.progress(`${answered} of ${parties.length} parties answered`);
      return [party.outputs.partyId, { ...seen, notListening: listener?.problem ?? null, listened: null }];
    }),
  );
  return new Map(observed);
}

/** How long the line of a listener about who came by may take to get here after that one's probe ended. */
const lineMs = 1_000;

/**
 * At stage network, a path that was open is proven. A later round may find it closed for no fault of it: a peer that has reached and heard
 * everybody listens no more.
 */
function keepOpen(
  before: ReadonlyMap<number, PartyObservation>,
  now: ReadonlyMap<number, PartyObservation>,
): Map<number, PartyObservation> {
  return new Map(
    [...now].map(([partyId, party]) => {
      const earlier = before.get(partyId);
      if (party.probe.status === "unknown" || earlier?.probe.status !== "replied") return [partyId, party];
      const known = earlier.probe.reply.links;
      const links = party.probe.reply.links.map((link) => {
        const proven = known.find(({ peerId }) => peerId === link.peerId && String(peerId) in earlier.openAt);
        return link.code === "OK" || proven === undefined ? link : proven;
      });
      const probe = { ...party.probe, reply: { ...party.probe.reply, links } };
      return [partyId, { ...party, probe, openAt: { ...earlier.openAt, ...party.openAt } }];
    }),
  );
}

/** Adds from when to when each party listened and whom it heard, once the last line about who got through had its time to get here. */
async function withWhatWasHeard(
  observed: ReadonlyMap<number, PartyObservation>,
  listeners: readonly Listener[],
  clock: RunbookContext["clock"],
): Promise<Map<number, PartyObservation>> {
  const isWaitedFor = ({ partyId, heard, endedAt, problem }: Listener) =>
    problem === null &&
    endedAt() === null &&
    [...observed].some(([from, { openAt }]) => String(partyId) in openAt && !heard.has(from));
  const until = performance.now() + lineMs;
  while (listeners.some(isWaitedFor) && performance.now() < until) await pause(20);
  const now = clock.now().toISOString();
  return new Map(
    [...observed].map(([partyId, party]) => {
      const listener = listeners.find((one) => one.partyId === partyId);
      if (listener === undefined || listener.problem !== null) return [partyId, party];
      const heard = [...listener.heard].sort((a, b) => a - b).map((id) => PartyId.parse(id));
      return [partyId, { ...party, listened: { from: listener.from, until: listener.endedAt() ?? now, heard } }];
    }),
  );
}

/**
 * What another round could bring, in words; null where nothing is wanting. A party that hears its peers has to go on listening until the last of
 * them came by: they need not all begin at the same moment.
 */
function whatIsWanting(
  observed: ReadonlyMap<number, PartyObservation>,
  listeners: readonly Listener[],
  { manifest }: Pick<RunbookContext, "manifest">,
): string | null {
  const peers = manifest.parties.length - 1;
  const links = [...observed.values()].flatMap(({ probe }) => (probe.status === "replied" ? probe.reply.links : []));
  const open = links.filter(({ code }) => code === "OK").length;
  if (open < observed.size * peers) return `${open} of ${observed.size * peers} paths open`;
  const heard = listeners.reduce((sum, listener) => sum + listener.heard.size, 0);
  if (heard < listeners.length * peers) return `heard by ${heard} of ${listeners.length * peers} peers`;
  const isSilent = [...observed.values()].some(({ probe }) => probe.status === "replied" && isWantingView(probe.reply));
  return listeners.length === 0 && isSilent ? "not every core reaches its peers" : null;
}

function isWantingView({ view }: ProbeReply): boolean {
  return view.status === "silent" || view.peers.some(({ reachable }) => !reachable);
}

function notAsked({ parties }: Pick<RunbookContext, "parties">, party: { id: number; name: string }): PartyObservation {
  return unseen(party, parties.some(({ outputs }) => outputs.partyId === party.id) ? "not asked" : "not mine");
}

/** A party of which nothing is known first hand, and why. */
export function unseen({ id: partyId, name }: { id: number; name: string }, reason: string): PartyObservation {
  return {
    partyId,
    name,
    notAsked: reason,
    coreWithheld: false,
    coreHeldFor: [],
    manifestDigest: null,
    seenAt: null,
    halfDigest: null,
    halfProblem: null,
    release: null,
    workload: { status: "unknown", reason },
    probe: { status: "unknown", reason },
    caUnreadable: {},
    notListening: null,
    listened: null,
    openAt: {},
  };
}

async function observeParty(
  party: PartyAccess,
  context: Pick<RunbookContext, "manifest" | "clock">,
  inputs: ObserveInputs,
  signal: AbortSignal,
): Promise<Omit<PartyObservation, "notListening" | "listened">> {
  const { outputs } = party;
  const seenAt = context.clock.now().toISOString();
  const [workload, probed] = await Promise.all([
    readWorkload(party, inputs, signal),
    probeLinks(party, context, inputs, signal),
  ]);
  return {
    partyId: outputs.partyId,
    name: outputs.partyName,
    notAsked: null,
    coreWithheld: outputs.release === null && outputs.coreHeldFor === undefined,
    coreHeldFor: outputs.coreHeldFor ?? [],
    manifestDigest: outputs.manifestDigest,
    seenAt,
    halfDigest: null,
    halfProblem: null,
    release: outputs.release && { version: outputs.release.version, imageDigest: outputs.release.imageDigest },
    workload,
    ...probed,
    openAt: inputs.stage === "network" ? openPaths(probed.probe, seenAt) : {},
  };
}

function openPaths(probe: PartyObservation["probe"], seenAt: string): PartyObservation["openAt"] {
  const links = probe.status === "replied" ? probe.reply.links : [];
  return Object.fromEntries(links.flatMap(({ peerId, code }) => (code === "OK" ? [[String(peerId), seenAt]] : [])));
}

/* The core's pod. */

/** Arguments of kubectl that list what the core runs in. */
export function podsCommand(outputs: PartyOutputs): string[] {
  return ["get", "pods,statefulsets", "--namespace", outputs.namespace, "--output", "json"];
}

const ContainerStatuses = z.array(
  z.object({
    state: z.record(z.string(), z.object({ reason: z.string().optional(), message: z.string().optional() })).optional(),
  }),
);

const KubernetesList = z.object({
  items: z.array(
    z.object({
      kind: z.string(),
      metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }),
      spec: z.object({ replicas: z.int().optional() }).optional(),
      status: z
        .object({
          phase: z.string().optional(),
          reason: z.string().optional(),
          message: z.string().optional(),
          conditions: z
            .array(
              z.object({
                type: z.string(),
                status: z.string(),
                reason: z.string().optional(),
                message: z.string().optional(),
              }),
            )
            .optional(),
          initContainerStatuses: ContainerStatuses.optional(),
          containerStatuses: ContainerStatuses.optional(),
        })
        .optional(),
    }),
  ),
});
type KubernetesItem = z.infer<typeof KubernetesList>["items"][number];

async function readWorkload(
  party: PartyAccess,
  inputs: ObserveInputs,
  signal: AbortSignal,
): Promise<PartyObservation["workload"]> {
  const result = await ask(party, podsCommand(party.outputs), { timeoutMs: inputs.timeoutMs, signal });
  if ("reason" in result) return { status: "unknown", reason: result.reason };
  const list = parseJson(KubernetesList, result.stdout);
  if (list === null) return { status: "unknown", reason: "kubectl printed no list of pods and stateful sets" };
  return { status: "seen", workload: workloadOf(list.items, party.outputs) };
}

/** The core's workload in what `kubectl get` lists. */
export function workloadOf(items: readonly KubernetesItem[], outputs: PartyOutputs): Workload {
  const { statefulSet, pod: podName } = outputs.workload;
  const named = (kind: string, name: string) => items.find((item) => item.kind === kind && item.metadata.name === name);
  const set = named("StatefulSet", statefulSet);
  const pod = named("Pod", podName);
  return {
    statefulSet,
    replicas: set === undefined ? null : (set.spec?.replicas ?? 1),
    pod: pod === undefined ? null : podOf(pod),
  };
}

function podOf({ metadata, status }: KubernetesItem): NonNullable<Workload["pod"]> {
  const condition = (type: string) => status?.conditions?.find((entry) => entry.type === type);
  const scheduled = condition("PodScheduled");
  const ready = condition("Ready");
  const waiting = waitingReason([...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]);
  const reason =
    (metadata.deletionTimestamp === undefined ? undefined : "being deleted") ??
    (scheduled?.status === "False" ? (scheduled.message ?? scheduled.reason) : undefined) ??
    waiting ??
    status?.message ??
    status?.reason ??
    (ready?.status === "False" ? (ready.message ?? ready.reason) : undefined);
  return {
    name: metadata.name,
    phase: status?.phase ?? "Unknown",
    ready: ready?.status === "True",
    reason: reason ?? null,
  };
}

/** Why the first container waits that does not wait for another one; they are made in order. */
function waitingReason(containers: z.infer<typeof ContainerStatuses>): string | undefined {
  const waiting = containers.flatMap(({ state }) => state?.waiting ?? []);
  const { reason, message } = waiting.find((each) => each.reason !== "PodInitializing") ?? waiting[0] ?? {};
  return reason !== undefined && message ? `${reason}: ${message}` : reason;
}

/* The links. */

/** Arguments of kubectl that start the prober; it reads its request from standard input. */
export function probeCommand(outputs: PartyOutputs): string[] {
  return [...execProber(outputs), "node", "prober.mjs", "probe"];
}

/** Arguments of kubectl that run a command in the prober, which may read standard input. */
export function execProber(outputs: PartyOutputs): string[] {
  const { namespace, workload } = outputs;
  return ["exec", "--namespace", namespace, `deploy/${workload.prober}`, "--container", "prober", "--stdin", "--"];
}

/** Commands that read what the prober verifies peers with, as `aws` would; there is nothing to verify before there are cores. */
export function caCertificateCommands(
  outputs: PartyOutputs,
  peerIds: readonly number[],
): { peerId: number; command: string }[] {
  const { publicVault, awsProfile, region, partyId } = outputs;
  return peerIds
    .filter((peerId) => peerId !== partyId)
    .map((peerId) => ({
      peerId,
      command: `aws s3 cp s3://${publicVault.bucketName}/${peerCertificateKey(peerId)} - --profile ${awsProfile} --region ${region}`,
    }));
}

async function probeLinks(
  party: PartyAccess,
  context: Pick<RunbookContext, "manifest">,
  inputs: ObserveInputs,
  signal: AbortSignal,
): Promise<Pick<PartyObservation, "probe" | "caUnreadable">> {
  const { request, caUnreadable } = await probeRequest(party, context, inputs);
  const result = await ask(party, probeCommand(party.outputs), {
    stdin: JSON.stringify(request),
    timeoutMs: inputs.timeoutMs + execSlackMs,
    signal,
  });
  if ("reason" in result) return { probe: { status: "unknown", reason: `prober: ${result.reason}` }, caUnreadable };
  const reply = parseJson(ProbeReply, result.stdout);
  if (reply === null || reply.partyId !== party.outputs.partyId)
    return { probe: { status: "unknown", reason: "the prober's answer cannot be read" }, caUnreadable };
  return { probe: { status: "replied", reply }, caUnreadable };
}

async function probeRequest(
  party: PartyAccess,
  { manifest }: Pick<RunbookContext, "manifest">,
  inputs: ObserveInputs,
): Promise<{ request: ProbeRequest; caUnreadable: Record<string, string> }> {
  const { outputs } = party;
  const caUnreadable: Record<string, string> = {};
  const peers = await Promise.all(
    manifest.parties
      .filter((peer) => peer.id !== outputs.partyId)
      .map(async (peer) => ({
        partyId: peer.id,
        host: qualified(outputs.peerHosts[String(peer.id)] ?? partyHost(peer), outputs.namespace),
        port: manifest.ports.peer,
        mpcIdentity: partyHost(peer),
        caCertificatePem:
          inputs.stage === "network"
            ? null
            : await within(
                inputs.timeoutMs,
                party.readObject(outputs.publicVault.bucketName, peerCertificateKey(peer.id)),
              ).catch((failure: unknown) => {
                caUnreadable[String(peer.id)] =
                  `CA certificate of party ${peer.id} cannot be read: ${messageOf(failure)}`;
                return null;
              }),
      })),
  );
  const { grpc } = outputs.ports;
  const request: ProbeRequest = {
    contract: "probe/v1",
    partyId: outputs.partyId,
    stage: inputs.stage,
    timeoutMs: inputs.timeoutMs,
    peers,
    trustedReleases: outputs.trustedReleases.map(({ pcr0, pcr1, pcr2 }) => ({ pcr0, pcr1, pcr2 })),
    attestationRootSha256: manifest.attestationRootSha256,
    core: inputs.stage === "network" ? null : { host: qualified(outputs.services.core, outputs.namespace), port: grpc },
  };
  return { request, caUnreadable };
}

/** The prober asks DNS for full names: search lists are the pod's, not its. */
function qualified(host: string, namespace: string): string {
  return host.includes(".") ? host : `${host}.${namespace}.svc.cluster.local`;
}

/* Listeners, before there are cores. */

interface Listener {
  partyId: number;
  /** Peers whose probers came by. */
  heard: ReadonlySet<number>;
  /** When it was up. */
  from: string;
  /** When its kubectl ended, if it did before it was told to: what was heard later is not known here. */
  endedAt(): string | null;
  problem: string | null;
  stop(): Promise<void>;
}

/** Arguments of kubectl that make the prober answer its peers for a while. */
export function listenCommand(outputs: PartyOutputs, { timeoutMs, waitMs = 0 }: ObserveInputs): string[] {
  const seconds = String(Math.ceil((waitMs + timeoutMs + execSlackMs + listenSlackMs) / 1000));
  const { partyId, ports } = outputs;
  const options = ["--port", String(ports.peer), "--seconds", seconds, "--party", String(partyId)];
  return [...execProber(outputs), "node", "prober.mjs", "listen", ...options];
}

function startListeners(
  parties: readonly PartyAccess[],
  inputs: ObserveInputs,
  clock: RunbookContext["clock"],
  signal: AbortSignal,
): Promise<Listener[]> {
  return Promise.all(parties.map((party) => startListener(party, inputs, clock, signal)));
}

async function startListener(
  party: PartyAccess,
  inputs: ObserveInputs,
  clock: RunbookContext["clock"],
  signal: AbortSignal,
): Promise<Listener> {
  const { partyId } = party.outputs;
  const [over, killed] = [new AbortController(), new AbortController()];
  const up = Promise.withResolvers<null>();
  const heard = new Set<number>();
  const listened = run(party, listenCommand(party.outputs, inputs), {
    timeoutMs: (inputs.waitMs ?? 0) + inputs.timeoutMs + execSlackMs + 2 * listenSlackMs,
    // Not the run's own signal: ending kubectl does not end the listener, which has to be told before.
    signal: killed.signal,
    stdin: "held\n",
    holdStdin: over.signal,
    onLine: (line) => {
      if (line.startsWith("listening")) up.resolve(null);
      const [, from] = /^heard party (\d+) /.exec(line) ?? [];
      if (from !== undefined) heard.add(Number(from));
    },
  });
  const running = listened.then(answerIn);
  let endedAt: string | null = null;
  void running.then(() => {
    endedAt = clock.now().toISOString();
  });
  const late = new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve("its prober did not begin to listen in time"), execSlackMs);
    void running.then(() => clearTimeout(timer));
  });
  const ended = running.then((result) => ("reason" in result ? result.reason : "its prober stopped listening at once"));
  const problem = await Promise.race([up.promise, ended, late, interrupted(signal)]);
  return {
    partyId,
    heard,
    from: clock.now().toISOString(),
    endedAt: () => endedAt,
    problem,
    async stop() {
      over.abort();
      const timer = setTimeout(() => killed.abort(), stopMs);
      await running;
      clearTimeout(timer);
    },
  };
}

function interrupted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("interrupted");
    else signal.addEventListener("abort", () => resolve("interrupted"), { once: true });
  });
}

/* Asking. */

type Answer = { stdout: string } | { reason: string };

/** One question that changes nothing; what goes wrong is why nothing could be told. */
async function ask(party: PartyAccess, args: string[], options: CommandOptions): Promise<Answer> {
  return answerIn(await askKubectl(party, args, options));
}

function answerIn(asked: Asked): Answer {
  if ("reason" in asked) return asked;
  const failure = classifyFailure(asked);
  return failure === null ? { stdout: asked.stdout } : { reason: failure.reason };
}

function parseJson<T extends z.ZodType>(schema: T, text: string): z.output<T> | null {
  const parsed = schema.safeParse(readJson(text));
  return parsed.success ? parsed.data : null;
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
