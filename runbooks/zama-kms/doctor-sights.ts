import { z } from "zod";
import { Answer } from "../../contract/answer.ts";
import { CertificateSights } from "../../contract/certificates-report.ts";
import { CloudSights } from "../../contract/cloud-sights.ts";
import { ClusterSights } from "../../contract/cluster-check-report.ts";
import { Observations } from "../network/observations.ts";

/** What a core's containers said that is known; nothing else of their logs is kept. */
export const LogSights = z.strictObject({
  lines: z.array(
    z.strictObject({
      signature: z.string(),
      container: z.string(),
      /** Of the run before the last restart. */
      previous: z.boolean(),
      /** When the last such line came, by the clock of the container runtime. */
      at: z.string().nullable(),
      /** The last such line, without secrets. */
      text: z.string(),
      /** Whom it names. */
      peer: z.int().nullable(),
      count: z.int(),
    }),
  ),
  /** Containers of whose logs only the end was read. */
  truncated: z.array(z.string()),
  unreadable: z.array(z.strictObject({ container: z.string(), reason: z.string() })),
  /** How far the core's clock is ahead of the container runtime's (behind: below 0); null where no line has both times. */
  aheadSeconds: z.number().nullable(),
});
export type LogSights = z.infer<typeof LogSights>;

/** What the pages of the core's metrics port say. */
export const PageSights = z.strictObject({
  health: z.int().nullable(),
  version: z.string().nullable(),
  rateLimiter: z.strictObject({ used: z.number(), bucket: z.number() }).nullable(),
});
export type PageSights = z.infer<typeof PageSights>;

/** What of one party only its own credentials can see. */
export const CloserSights = z.strictObject({
  partyId: z.int(),
  logs: Answer(LogSights),
  pages: Answer(PageSights),
  /** Null where there is no cloud to ask. */
  cloud: CloudSights.nullable(),
  /** What its stack says that it is, to compare with. */
  facts: z.strictObject({
    /** The release that runs; null where none does. */
    release: z.strictObject({ version: z.string(), pcr0: z.string() }).nullable(),
    /** Of the core's service account, as a token names it. */
    subject: z.string(),
    /** By which Pulumi knows it; null where that is not known. */
    stack: z.string().nullable(),
    /** Of its own endpoint service; null where it has none. */
    serviceName: z.string().nullable(),
  }),
});
export type CloserSights = z.infer<typeof CloserSights>;

/** Everything that a diagnosis rests on; the evidence of a run. */
export const DoctorSights = z.strictObject({
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  /** Whom it is about. */
  chosen: z.array(z.int()),
  /** What was said about it. */
  symptom: z.string().nullable(),
  network: z.strictObject({
    transport: z.string(),
    /** Public addresses, where they are known and the transport uses them. */
    parties: z.array(z.strictObject({ partyId: z.int(), accountId: z.string(), addresses: z.array(z.string()) })),
  }),
  links: Observations,
  clusters: ClusterSights,
  certificates: CertificateSights,
  closer: z.array(CloserSights),
});
export type DoctorSights = z.infer<typeof DoctorSights>;
