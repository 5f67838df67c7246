import { z } from "zod";
import { reportHead, reportParties, reportTime } from "./report-head.ts";
import { Verdict } from "./verdict.ts";

/** What a bench puts on the links; numbers of two benches compare only where it is equal. */
export const BenchLoad = z.strictObject({
  durationSeconds: z.int().min(1),
  /** That send to each peer at once, one payload after the other. */
  sessions: z.int().min(1),
  payloadBytes: z.int().min(1),
  /** All parties at the same time, or one after the other. */
  together: z.boolean(),
});
export type BenchLoad = z.infer<typeof BenchLoad>;

/** What a link carried, and how long one payload took until it was acknowledged. */
const Measured = z.strictObject({
  mibPerSecond: z.number().min(0),
  p50Ms: z.number().min(0),
  p99Ms: z.number().min(0),
});

/** What a core said of one peer. */
export const BenchedLink = z.strictObject({
  to: z.int(),
  bytesSent: z.number().min(0),
  /** In whole seconds, as the core tells it. */
  durationSeconds: z.number().min(0),
  /** Null where not every payload was acknowledged: then the bytes need not have arrived. */
  measured: Measured.nullable(),
});
export type BenchedLink = z.infer<typeof BenchedLink>;

/** Why a core's bench gave nothing: a code that is a finding's, and the words. */
export const benchSilences = [
  "BENCH_BUSY",
  "BENCH_NOT_IN_CORE",
  "BENCH_NOT_IN_TOOL",
  "BENCH_REFUSED",
  "BENCH_CONTEXT_UNKNOWN",
  "CORE_CLIENT_MISSING",
  "COULD_NOT_TELL",
] as const;

/** One party's bench of its own links. */
export const PartyBench = z.strictObject({
  partyId: z.int(),
  name: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  answer: z.discriminatedUnion("status", [
    z.strictObject({ status: z.literal("seen"), links: z.array(BenchedLink) }),
    z.strictObject({ status: z.literal("unknown"), code: z.enum(benchSilences), reason: z.string() }),
  ]),
});
export type PartyBench = z.infer<typeof PartyBench>;

/** One link as it was when its baseline was recorded. */
const BaselineLink = z.strictObject({
  from: z.int(),
  to: z.int(),
  at: z.iso.datetime(),
  load: BenchLoad,
  ...Measured.shape,
});
export type BaselineLink = z.infer<typeof BaselineLink>;

/** `baselines/<network>.bandwidth.json`, which the operator commits. */
export const BandwidthBaseline = z.strictObject({
  schema: z.literal("quorate/bandwidth-baseline/v1"),
  network: z.string(),
  links: z.array(BaselineLink),
});
export type BandwidthBaseline = z.infer<typeof BandwidthBaseline>;

export const LinkBandwidth = z.strictObject({
  from: z.int(),
  to: z.int(),
  at: z.iso.datetime(),
  verdict: Verdict,
  measured: Measured.nullable(),
  /** What it was compared with; null where nothing was. */
  baseline: Measured.extend({ at: z.iso.datetime() }).nullable(),
});
export type LinkBandwidth = z.infer<typeof LinkBandwidth>;

/** What each link of the asked parties carried, against the baseline. */
export const BandwidthReport = z.strictObject({
  schema: z.literal("quorate/bandwidth/v1"),
  ...reportHead,
  ...reportTime,
  contextId: z.string(),
  load: BenchLoad,
  limits: z.strictObject({ leastPercent: z.number(), mostFactor: z.number() }),
  baselineFile: z.string(),
  /** What was measured becomes the baseline, and is compared with nothing. */
  recorded: z.boolean(),
  partiesTotal: z.int(),
  /** Those that were asked. */
  parties: reportParties,
  peers: z.array(z.int()),
  linksMeasured: z.int(),
  linksCompared: z.int(),
  links: z.array(LinkBandwidth),
});
export type BandwidthReport = z.infer<typeof BandwidthReport>;
