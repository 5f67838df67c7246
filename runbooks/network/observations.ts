import { z } from "zod";
import { Measurements } from "../../contract/trusted-release.ts";
import { HalfProblem, OwnSight, RunningRelease } from "../../contract/validate-half.ts";

/** What is known of one party, or why nothing is. */
export const PartyObservation = z.strictObject({
  partyId: z.int(),
  name: z.string(),
  /** Why nothing is known of it first hand: "not mine". Null where something is. */
  notAsked: z.string().nullable(),
  /** Of the manifest that the party was built from. */
  manifestDigest: z.string().nullable(),
  /** When it was looked at; null where it was not. */
  seenAt: z.iso.datetime().nullable().default(null),
  /** Digest of its signed half, where what is known comes from that; null where it was looked at from here. */
  halfDigest: z.string().nullable().default(null),
  /** What is wrong with its half; null where all is well, or none was looked for. */
  halfProblem: HalfProblem.nullable().default(null),
  /** What its stack put into its cluster. */
  release: RunningRelease.default(null),
  ...OwnSight.shape,
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

/** When a path was last found open, as the party that found it says. */
export function openSince({ from, to }: { from: number; to: number }, { parties }: Observations): string | null {
  const party = parties.find(({ partyId }) => partyId === from);
  return party?.openAt[String(to)] ?? party?.seenAt ?? null;
}
