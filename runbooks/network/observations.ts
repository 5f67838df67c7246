import { z } from "zod";
import { ProbeReply } from "../../contract/probe.ts";
import { Measurements } from "../../contract/trusted-release.ts";

/** The core's pod as the party's API server shows it. */
export const Workload = z.strictObject({
  statefulSet: z.string(),
  /** Wanted pods; null where there is no StatefulSet. */
  replicas: z.int().nullable(),
  pod: z
    .strictObject({ name: z.string(), phase: z.string(), ready: z.boolean(), reason: z.string().nullable() })
    .nullable(),
});
export type Workload = z.infer<typeof Workload>;

/** What was seen of one party, or why nothing was. */
export const PartyObservation = z.strictObject({
  partyId: z.int(),
  name: z.string(),
  /** Why the party was not asked: "not mine". Null where it was. */
  notAsked: z.string().nullable(),
  /** Its stack file holds the core back, so that none is to be expected. */
  coreWithheld: z.boolean().default(false),
  /** Peers for whose CA certificates its core is held back, so that none is to be expected either. */
  coreHeldFor: z.array(z.int()).default([]),
  /** Of the manifest that the party was built from. */
  manifestDigest: z.string().nullable(),
  workload: z.discriminatedUnion("status", [
    z.strictObject({ status: z.literal("seen"), workload: Workload }),
    z.strictObject({ status: z.literal("unknown"), reason: z.string() }),
  ]),
  probe: z.discriminatedUnion("status", [
    z.strictObject({ status: z.literal("replied"), reply: ProbeReply }),
    z.strictObject({ status: z.literal("unknown"), reason: z.string() }),
  ]),
  /** Peers whose CA certificate could not be read from the party's own vault: id to reason. An absent one is not among them. */
  caUnreadable: z.record(z.string(), z.string()),
  /** Stage `network`: why no peer can find this party's listening prober; null where it listens, or was not asked to. */
  notListening: z.string().nullable(),
});
export type PartyObservation = z.infer<typeof PartyObservation>;

/** Everything that the judgement of a network rests on; the evidence of a run. */
export const Observations = z.strictObject({
  network: z.string(),
  environment: z.string(),
  stage: z.enum(["link", "network"]),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  manifestDigest: z.string(),
  threshold: z.int(),
  namespace: z.string(),
  ports: z.strictObject({ peer: z.int(), grpc: z.int() }),
  trustedReleases: z.array(z.strictObject({ version: z.string(), ...Measurements.shape })),
  /** All parties of the manifest. */
  parties: z.array(PartyObservation),
});
export type Observations = z.infer<typeof Observations>;
