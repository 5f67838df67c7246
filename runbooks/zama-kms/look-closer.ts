import { type Answer, seen, unknown } from "../../contract/answer.ts";
import type { PartyAccess } from "../context.ts";
import { within } from "../within.ts";
import { type CorePages, readCorePages } from "./core-http.ts";
import { readCoreLogs } from "./core-logs.ts";
import type { CloserSights, LogSights, PageSights } from "./doctor-sights.ts";
import { scanLogs } from "./scan-logs.ts";

/** Of each container; a start that failed is told in its last lines. */
const mostLines = 2_000;
const mostBytes = 512 * 1024;

/** What of one party only its own credentials can see, all asked at once. Never throws because of what answers. */
export async function lookCloser(
  party: PartyAccess,
  asking: { timeoutMs: number; signal: AbortSignal },
): Promise<CloserSights> {
  const { partyId, release, trustedReleases, namespace, serviceAccounts } = party.outputs;
  const [logs, pages, cloud] = await Promise.all([
    settled(logsOf(party, asking)),
    settled(pagesOf(party, asking)),
    party.cloud?.(asking) ?? null,
  ]);
  const trusted = trustedReleases.find(({ version }) => version === release?.version);
  return {
    ...{ partyId, logs, pages, cloud },
    facts: {
      release: trusted === undefined ? null : { version: trusted.version, pcr0: trusted.pcr0 },
      subject: `system:serviceaccount:${namespace}:${serviceAccounts.core}`,
    },
  };
}

type Asking = { timeoutMs: number; signal: AbortSignal };

/** Logs of a gigabyte cost what a few hundred kilobytes cost: only their end is asked for. */
async function logsOf(party: PartyAccess, { timeoutMs, signal }: Asking): Promise<Answer<LogSights>> {
  const asked = { timeoutMs, signal, maxLines: mostLines, maxBytes: mostBytes };
  const logs = await within(3 * timeoutMs, readCoreLogs(party, asked));
  return logs.status === "seen" ? seen(scanLogs(logs.value)) : logs;
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
