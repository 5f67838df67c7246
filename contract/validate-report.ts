import { z } from "zod";
import { CoreView, PathProbe } from "./probe.ts";
import { RunningRelease } from "./validate-half.ts";
import { Finding, Verdict } from "./verdict.ts";

/** One directed link i→j: path from i's prober, view from i's core. Up only when both are OK. */
export const LinkReport = z.strictObject({
  from: z.int(),
  to: z.int(),
  verdict: Verdict,
  path: Verdict,
  view: Verdict,
  /** Where the fault lies: `link` is i→j itself, otherwise the party to chase. Null while the link is up or unknown. */
  fault: z.union([z.literal("link"), z.int()]).nullable(),
  /** This direction is down while the other works. */
  asymmetric: z.boolean(),
  probe: PathProbe.nullable(),
});
export type LinkReport = z.infer<typeof LinkReport>;

/** Half and nine tenths of the links that were measured are at most this slow, and one is the slowest. */
const Latency = z.strictObject({
  p50Ms: z.number(),
  p90Ms: z.number(),
  maxMs: z.number(),
  slowest: z.strictObject({ from: z.int(), to: z.int() }),
  links: z.int(),
});

export const PartyReport = z.strictObject({
  partyId: z.int(),
  name: z.string(),
  verdict: Verdict,
  manifestDigest: z.string().nullable(),
  /** When it was looked at; null where it was not. */
  seenAt: z.iso.datetime().nullable(),
  /** Digest of the signed half that tells of it; null where it was looked at from here, or nothing is known of it first hand. */
  halfDigest: z.string().nullable(),
  /** What its stack put into its cluster; null where that is nothing, or is not known. */
  release: RunningRelease,
  /** The core's pod; null where there is none, or where it could not be looked at. */
  pod: z
    .strictObject({ name: z.string(), phase: z.string(), ready: z.boolean(), reason: z.string().nullable() })
    .nullable(),
  view: CoreView.nullable(),
});
export type PartyReport = z.infer<typeof PartyReport>;

export const ValidateReport = z.strictObject({
  schema: z.literal("quorate/validate/v1"),
  network: z.string(),
  environment: z.string(),
  verdict: z.enum(["OK", "FAIL", "UNKNOWN"]),
  findings: z.array(Finding),
  stage: z.enum(["link", "network"]),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  manifestDigest: z.string(),
  threshold: z.int(),
  linksUp: z.int(),
  linksTotal: z.int(),
  partiesFullyConnected: z.int(),
  /**
   * How many more parties may fail before the protocol stops: t less the fewest parties without which every link left is up. Negative when
   * it has stopped already; null where links that we could not tell decide it.
   */
  faultsTolerated: z.int().nullable(),
  /** Over the links whose path is open: TCP connect and TLS handshake, as their probers measured them. */
  latency: z.strictObject({ tcp: Latency.nullable(), tls: Latency.nullable() }),
  parties: z.array(PartyReport),
  links: z.array(LinkReport),
});
export type ValidateReport = z.infer<typeof ValidateReport>;
