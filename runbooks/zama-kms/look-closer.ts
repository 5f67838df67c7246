import { type Answer, seen, unknown } from "../../contract/answer.ts";
import { classifyFailure } from "../command.ts";
import type { PartyAccess } from "../context.ts";
import { redactor } from "../redact.ts";
import { within } from "../within.ts";
import { type CorePages, readCorePages } from "./core-http.ts";
import { type ContainerLog, readCoreLogs } from "./core-logs.ts";
import type { CloserSights, LogSights, PageSights } from "./doctor-sights.ts";
import { scanLogs } from "./scan-logs.ts";

/** Of each container; a start that failed is told in its last lines. */
const mostLines = 2_000;
const mostBytes = 512 * 1024;

type Asking = { timeoutMs: number; signal: AbortSignal };

/** What of one party only its own credentials can see, all asked at once. Never throws because of what answers. */
export async function lookCloser(
  party: PartyAccess,
  asking: Asking,
  /** Whether there is more to read than what a pod in order has said: it is not Ready, was restarted, or is not known. */
  isTroubled: Promise<boolean>,
): Promise<CloserSights> {
  const { partyId, release, trustedReleases, namespace, serviceAccounts } = party.outputs;
  const [logs, pages, cloud] = await Promise.all([
    settled(logsOf(party, asking, isTroubled)),
    settled(pagesOf(party, asking)),
    party.cloud?.(asking) ?? null,
  ]);
  const trusted = trustedReleases.find(({ version }) => version === release?.version);
  return {
    ...{ partyId, logs, pages, cloud },
    facts: {
      release: trusted === undefined ? null : { version: trusted.version, pcr0: trusted.pcr0 },
      subject: `system:serviceaccount:${namespace}:${serviceAccounts.core}`,
      stack: party.stackName ?? null,
      serviceName: party.outputs.endpointServiceName,
    },
  };
}

/**
 * Logs of a gigabyte cost what a few hundred kilobytes cost: only their end is asked for. A pod in order is asked once for all of its
 * containers; else each by itself, and what it said before it was restarted.
 */
async function logsOf(party: PartyAccess, asking: Asking, isTroubled: Promise<boolean>): Promise<Answer<LogSights>> {
  const { timeoutMs, signal } = asking;
  const [quick, troubled] = await Promise.all([quickLogs(party, asking), isTroubled]);
  if (quick !== null && !troubled) return seen(scanLogs(quick));
  const asked = { timeoutMs, signal, maxLines: mostLines, maxBytes: mostBytes };
  const logs = await within(3 * timeoutMs, readCoreLogs(party, asked));
  return logs.status === "seen" ? seen(scanLogs(logs.value)) : logs;
}

/** Arguments of kubectl that print the end of the logs of all containers of the core's pod. */
export function quickLogsCommand({ namespace, workload }: PartyAccess["outputs"]): string[] {
  const bounds = [`--tail=${mostLines}`, `--limit-bytes=${mostBytes}`];
  return ["logs", workload.pod, "--namespace", namespace, "--all-containers", "--prefix", "--timestamps", ...bounds];
}

const redact = redactor([], { named: true });

/** Null where one of them could not be read, as of a container that was not started yet. */
async function quickLogs(party: PartyAccess, { timeoutMs, signal }: Asking): Promise<ContainerLog[] | null> {
  const result = await party.kubectl(quickLogsCommand(party.outputs), { timeoutMs, signal, unrecorded: true });
  if (classifyFailure(result) !== null) return null;
  const rows = result.stdout.split("\n").flatMap((row): [container: string, text: string][] => {
    const [, container, text] = /^\[pod\/[^/\]]+\/([^/\]]+)\] (.*)$/s.exec(row) ?? [];
    return container === undefined || text === undefined ? [] : [[container, text]];
  });
  return [...Map.groupBy(rows, ([container]) => container)].map(([container, lines]) => ({
    ...{ container, role: "main", previous: false },
    log: seen({
      text: redact(lines.map(([, text]) => text).join("\n")),
      ...{ lines: lines.length, truncated: lines.length >= mostLines },
    }),
  }));
}

async function pagesOf(party: PartyAccess, asking: Asking): Promise<Answer<PageSights>> {
  const read = await readCorePages(party, asking);
  const health = read.pages["/health"];
  return health.status === "unknown" ? health : seen(pageSights(read));
}

async function settled<T>(answer: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await answer;
  } catch (failure) {
    return unknown(failure instanceof Error ? failure.message : String(failure));
  }
}

export function pageSights({ pages, config }: CorePages): PageSights {
  const { "/health": health, "/version": version, "/metrics": metrics } = pages;
  const used = metrics.status === "seen" ? gauge(metrics.value.text, "kms_rate_limiter_usage") : null;
  const bucket = config.status === "seen" ? bucketSize(config.value) : null;
  return {
    health: health.status === "seen" ? health.value.status : null,
    version: version.status === "seen" ? version.value.text.trim().slice(0, 80) : null,
    rateLimiter: used === null || bucket === null ? null : { used, bucket },
  };
}

/** The one sample of a series in the text format of Prometheus, whatever its labels. */
function gauge(text: string, name: string): number | null {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  const value = Number(line?.replace(/^[^\s{]+(?:\{.*\})?\s+/, "").split(" ", 1)[0]);
  return line === undefined || !Number.isFinite(value) ? null : value;
}

function bucketSize(config: unknown): number | null {
  const limits = (config as { rate_limiter_conf?: { bucket_size?: unknown } | null } | null)?.rate_limiter_conf;
  return typeof limits?.bucket_size === "number" ? limits.bucket_size : null;
}
