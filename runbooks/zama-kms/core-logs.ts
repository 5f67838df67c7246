import { z } from "zod";
import { type Answer, seen, unknown } from "../../contract/answer.ts";
import { readJson } from "../../contract/json-text.ts";
import { type Asked, ask as askKubectl } from "../ask.ts";
import { classifyFailure } from "../command.ts";
import type { PartyAccess } from "../context.ts";
import { redactor } from "../redact.ts";

/** What is kept of one container's log: its end. */
export interface LogText {
  /** Each line begins with the time at which the container runtime took it. Without secrets. */
  text: string;
  lines: number;
  /** Earlier lines are left out. */
  truncated: boolean;
}

export interface ContainerLog {
  container: string;
  role: "init" | "sidecar" | "main";
  /** Of the run before the last restart. */
  previous: boolean;
  log: Answer<LogText>;
}

export interface LogsAsked {
  timeoutMs: number;
  signal: AbortSignal;
  /** Younger lines only. @default all */
  sinceMinutes?: number | undefined;
  /** Of one container. @default 2 MiB */
  maxBytes?: number;
  /** Of one container. @default 5000 */
  maxLines?: number;
}

const mostBytes = 2 * 1024 * 1024;
const mostLines = 5_000;
/** Lines that are longer than thought are asked for anew, fewer of them. */
const fewerTimes = 3;

const Container = z.object({ name: z.string(), restartPolicy: z.string().optional() });
const State = z.looseObject({ waiting: z.looseObject({}).nullish() });
const Status = z.object({ name: z.string(), restartCount: z.int().optional(), state: State.optional() });
/** As much of a pod as its logs are asked by. */
export const LoggingPod = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ containers: z.array(Container), initContainers: z.array(Container).optional() }),
  status: z
    .object({
      containerStatuses: z.array(Status).optional(),
      initContainerStatuses: z.array(Status).optional(),
    })
    .optional(),
});
export type LoggingPod = z.infer<typeof LoggingPod>;

/** The logs of all containers of the core's pod; none where there is no such pod. Never throws because of what a cluster does. */
export async function readCoreLogs(party: PartyAccess, asked: LogsAsked): Promise<Answer<ContainerLog[]>> {
  const { namespace, workload } = party.outputs;
  const args = ["get", "pod", workload.pod, "--namespace", namespace, "--ignore-not-found", "--output", "json"];
  const result = await ask(party, args, asked);
  if ("reason" in result) return unknown(result.reason);
  const failure = classifyFailure(result);
  if (failure?.code === "NOT_FOUND") return seen([]);
  if (failure !== null) return unknown(failure.reason);
  if (result.stdout.trim() === "") return seen([]);
  const pod = podIn(result.stdout);
  return pod === null
    ? unknown("kubectl printed a pod that can not be read")
    : seen(await readPodLogs(party, pod, asked));
}

/** The logs of all containers of a pod, side by side, and of their runs before where they were restarted. */
export async function readPodLogs(party: PartyAccess, pod: LoggingPod, asked: LogsAsked): Promise<ContainerLog[]> {
  const { initContainers = [], containers } = pod.spec;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const all = [
    ...initContainers.map((one) => ({ ...one, role: one.restartPolicy === "Always" ? "sidecar" : "init" }) as const),
    ...containers.map((one) => ({ ...one, role: "main" }) as const),
  ];
  const wanted = all.flatMap(({ name: container, role }) => {
    const status = statuses.find(({ name }) => name === container);
    const restarted = (status?.restartCount ?? 0) > 0;
    const silent = status === undefined || (!restarted && Boolean(status.state?.waiting));
    return [
      { container, role, previous: false, silent },
      ...(restarted ? [{ container, role, previous: true, silent: false }] : []),
    ];
  });
  const place = { namespace: party.outputs.namespace, pod: pod.metadata.name };
  return await Promise.all(
    wanted.map(async ({ silent, ...one }): Promise<ContainerLog> => {
      // What has not been started has said nothing; asked, the API server would call that an error.
      if (silent) return { ...one, log: seen({ text: "", lines: 0, truncated: false }) };
      return { ...one, log: await readLog(party, { ...place, ...one }, asked) };
    }),
  );
}

interface Which {
  namespace: string;
  pod: string;
  container: string;
  previous: boolean;
}

/** Arguments of kubectl that print the end of a container's log. */
export function logsCommand(
  { namespace, pod, container, previous }: Which,
  { lines, bytes, sinceMinutes }: { lines: number; bytes: number; sinceMinutes?: number | undefined },
): string[] {
  return [
    ...["logs", pod, "--namespace", namespace, "--container", container, "--timestamps"],
    ...[`--tail=${lines}`, `--limit-bytes=${bytes}`],
    ...(previous ? ["--previous"] : []),
    ...(sinceMinutes === undefined ? [] : [`--since=${sinceMinutes}m`]),
  ];
}

async function readLog(party: PartyAccess, which: Which, asked: LogsAsked): Promise<Answer<LogText>> {
  const { maxBytes: bytes = mostBytes, maxLines = mostLines, sinceMinutes } = asked;
  let [lines, truncated] = [maxLines, false];
  for (let time = 1; ; time += 1) {
    const result = await ask(party, logsCommand(which, { lines, bytes, sinceMinutes }), asked);
    if ("reason" in result) return unknown(result.reason);
    const overfull = result.ended === "too-much-output";
    const failure = overfull ? null : classifyFailure(result);
    if (failure !== null) return unknown(failure.reason);
    const length = Buffer.byteLength(result.stdout);
    const rows = rowsOf(result.stdout);
    truncated ||= overfull || length >= bytes || rows.length >= lines;
    // Bytes are counted from the first of these lines: what is beyond them are the latest, which matter most.
    if (length < bytes || rows.length <= 1 || time > fewerTimes) return seen(logText(result.stdout, bytes, truncated));
    lines = Math.max(1, Math.floor((Math.min(rows.length, lines) * 3) / 4));
  }
}

function rowsOf(text: string): string[] {
  const rows = text.split("\n");
  if (rows.at(-1) === "") rows.pop();
  return rows;
}

const redact = redactor([], { named: true });

function logText(text: string, bytes: number, truncated: boolean): LogText {
  const whole = Buffer.byteLength(text) <= bytes;
  // From within a line, where it is cut: whole lines only, but for one that is all there is.
  const kept = whole ? text : Buffer.from(text).subarray(-bytes).toString("utf8");
  const clean = redact(whole || !kept.includes("\n") ? kept : kept.slice(kept.indexOf("\n") + 1));
  return { text: clean, lines: rowsOf(clean).length, truncated };
}

function podIn(text: string): LoggingPod | null {
  return LoggingPod.safeParse(readJson(text)).data ?? null;
}

async function ask(party: PartyAccess, args: string[], { timeoutMs, signal }: LogsAsked): Promise<Asked> {
  return await askKubectl(party, args, { timeoutMs, signal, unrecorded: args[0] === "logs" });
}
