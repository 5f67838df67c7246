import { z } from "zod";
import type { BenchedLink, benchSilences } from "../../contract/bandwidth-report.ts";
import { classifyFailure } from "../command.ts";
import type { CommandResult } from "../context.ts";
import { healthReportIn } from "./health-check-output.ts";

const BenchReport = z.object({
  endpoints: z
    .array(
      z.object({
        peers: z.array(
          z.object({
            peer_id: z.int(),
            bytes_sent: z.number().min(0),
            duration_secs: z.number().min(0),
            throughput_mib_per_sec: z.number().min(0),
            latency: z.object({ p50_ms: z.number().min(0), p99_ms: z.number().min(0) }).nullish(),
          }),
        ),
      }),
    )
    .length(1),
});

/**
 * What `kms-health-check --format json bandwidth-bench` printed for one endpoint, or null where there is no report in it.
 * The core counts the bytes of payloads that nobody took as well, and then tells no latency: a rate without a latency is none.
 */
export function readBench(stdout: string): BenchedLink[] | null {
  const parsed = BenchReport.safeParse(healthReportIn(stdout));
  if (!parsed.success) return null;
  const [endpoint] = parsed.data.endpoints;
  return (endpoint?.peers ?? []).map(({ peer_id, bytes_sent, duration_secs, throughput_mib_per_sec, latency }) => ({
    to: peer_id,
    bytesSent: bytes_sent,
    durationSeconds: duration_secs,
    measured:
      latency && duration_secs > 0
        ? { mibPerSecond: throughput_mib_per_sec, p50Ms: latency.p50_ms, p99Ms: latency.p99_ms }
        : null,
  }));
}

type Silence = { code: (typeof benchSilences)[number]; reason: string };

/** What the tool and its gRPC library say, in the words of their versions. */
const words: readonly [RegExp, Silence["code"], string][] = [
  [
    /resource has been exhausted|RESOURCE_?EXHAUSTED/i,
    "BENCH_BUSY",
    "its core runs another bench, and takes one at a time",
  ],
  [
    /not implemented or not supported|\bUNIMPLEMENTED\b/i,
    "BENCH_NOT_IN_CORE",
    "its core has no bench: KMS Core has it from 0.14 on",
  ],
  [
    /unrecognized subcommand|invalid subcommand/i,
    "BENCH_NOT_IN_TOOL",
    "kms-health-check in its core-client has no bench: it is older than 0.14",
  ],
  [/invalid argument|INVALID_?ARGUMENT/i, "BENCH_REFUSED", "its core allows less than was asked for"],
  [
    /health check session for context|not found in context map|role is not defined for context/i,
    "BENCH_CONTEXT_UNKNOWN",
    "its core does not take part in that MPC context",
  ],
];

/** Why a bench gave no report. */
export function benchSilence(result: CommandResult): Silence {
  const said = `${result.stderr}\n${result.stdout}`;
  const failure = classifyFailure(result);
  if (result.ended === undefined || result.ended === "exited")
    for (const [pattern, code, meaning] of words)
      if (pattern.test(said)) return { code, reason: withMessage(meaning, said) };
  if (failure?.code === "NOT_FOUND" && /pods? .*not found/i.test(result.stderr))
    return { code: "CORE_CLIENT_MISSING", reason: "no core-client runs beside its core, whose own image has no bench" };
  return { code: "COULD_NOT_TELL", reason: failure?.reason ?? "kms-health-check printed no report" };
}

/** The core's own message behind ours, where it has one. */
function withMessage(meaning: string, said: string): string {
  const message = /message: "((?:[^"\\]|\\.){1,200})/.exec(said)?.[1];
  return message === undefined ? meaning : `${meaning}: ${message}`;
}
