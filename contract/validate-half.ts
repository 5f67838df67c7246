import { z } from "zod";
import { Digest, NetworkName, PartyId } from "./names.ts";
import { SigningKey, signedHeader } from "./party-card.ts";
import { holdsPlainTexts } from "./printable.ts";
import { ProbeReply } from "./probe.ts";
import { Finding } from "./verdict.ts";

/** Commands are made of it. */
const KubernetesName = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "a Kubernetes name");

/** The core's pod as the party's API server shows it. */
export const Workload = z.strictObject({
  statefulSet: KubernetesName,
  /** Wanted pods; null where there is no StatefulSet. */
  replicas: z.int().nullable(),
  pod: z
    .strictObject({ name: KubernetesName, phase: z.string(), ready: z.boolean(), reason: z.string().nullable() })
    .nullable(),
});
export type Workload = z.infer<typeof Workload>;

/** What was seen from inside of one party: its pod, and a probe of each of its links. */
export const OwnSight = z.strictObject({
  /** Its stack file holds the core back, so that none is to be expected. */
  coreWithheld: z.boolean().default(false),
  /** Peers for whose CA certificates its core is held back, so that none is to be expected either. */
  coreHeldFor: z.array(z.int().min(1).max(1000)).default([]),
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
  /** Stage `network`: from when to when the party's prober listened, and who came by; null where it did not, or nobody wrote it down. */
  listened: z
    .strictObject({ from: z.iso.datetime(), until: z.iso.datetime(), heard: z.array(PartyId) })
    .nullable()
    .default(null),
  /** Stage `network`: when each open path was last found open, by peer. */
  openAt: z.record(z.string(), z.iso.datetime()).default({}),
});
export type OwnSight = z.infer<typeof OwnSight>;

/** The release that a party's stack put into its cluster; null while its core is withheld, or held back. */
export const RunningRelease = z.strictObject({ version: z.string().min(1).max(60), imageDigest: Digest }).nullable();
export type RunningRelease = z.infer<typeof RunningRelease>;

/** Characters of any text in a half. Reports repeat it for each link that it is about. */
export const longestHalfText = 500;

/** One party's part of a validation, signed by its key: what others can only learn from it. Nothing in it is secret. */
export const ValidateHalf = z
  .strictObject({
    contract: z.literal("half/v1").describe("Version of this contract."),
    network: NetworkName.describe("The network that was validated."),
    partyId: PartyId.describe("The party whose half it is."),
    manifestDigest: Digest.describe("Digest of the manifest from which the party was built."),
    stage: z.enum(["link", "network"]).describe("What was probed: cores, or the network before there are any."),
    startedAt: z.iso.datetime().describe("When the probing began, in UTC."),
    durationMs: z.number().min(0).describe("How long it took, in milliseconds."),
    issuedAt: z.iso.datetime().describe("When it was signed, in UTC."),
    runId: z.string().min(1).max(120).describe("The run that saw it, whose journal the party keeps."),
    release: RunningRelease.describe("What the party's stack runs; null while there is no core."),
    sight: OwnSight.describe("What was seen."),
    signingKey: SigningKey.describe("The key that signed it."),
  })
  .superRefine((half, context) => {
    const { partyId, startedAt, issuedAt, stage, sight } = half;
    const issue = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    for (const [field, value] of Object.entries(half))
      if (!holdsPlainTexts(value, longestHalfText))
        issue(
          [field],
          `holds a text of more than one line or ${longestHalfText} characters, or one that steers a terminal`,
        );
    for (const field of ["caUnreadable", "openAt"] as const)
      if (Object.keys(sight[field]).some((peer) => !/^[1-9]\d{0,3}$/.test(peer)))
        issue(["sight", field], "names a peer that is no party's number");
    for (const field of ["notListening", "listened"] as const)
      if (stage === "link" && sight[field] !== null)
        issue(["sight", field], "is said where no prober is asked to listen");
    if (Date.parse(issuedAt) < Date.parse(startedAt)) issue(["issuedAt"], "is before startedAt");
    const { from, until } = sight.listened ?? { from: startedAt, until: issuedAt };
    if (Date.parse(until) < Date.parse(from)) issue(["sight", "listened", "until"], "is before it began");
    if ([until, ...Object.values(sight.openAt)].some((time) => Date.parse(time) > Date.parse(issuedAt)))
      issue(["sight"], "tells of a time after it was signed");
    if (sight.probe.status === "unknown") return;
    const { reply } = sight.probe;
    const wrong = (field: string, message: string) => issue(["sight", "probe", "reply", field], message);
    if (reply.partyId !== partyId) wrong("partyId", `is not ${partyId}, whose half it is`);
    if (!areDifferent(reply.links) || reply.links.some(({ peerId }) => peerId === partyId))
      wrong("links", "name a peer twice, or the party itself");
    const last = stage === "link" ? "attestation" : "answer";
    if (reply.links.some(({ code, stage: reached }) => code === "OK" && reached !== last))
      wrong("links", `call a path open that did not come to ${last}`);
    if (reply.view.status === "answered" && !areDifferent(reply.view.peers)) wrong("view", "names a peer twice");
  });
export type ValidateHalf = z.infer<typeof ValidateHalf>;

/** Whether each peer is told of once: of two answers about one, a reader would take the first. */
function areDifferent(told: readonly { peerId: number }[]): boolean {
  return new Set(told.map(({ peerId }) => peerId)).size === told.length;
}

/** What a half has to be like for a report to take it in. */
export interface HalfRules {
  stage: "link" | "network";
  /** Milliseconds since its probing began. */
  maxAgeMs: number;
  /** A folder that holds halves as files. @default each party's public vault */
  folder?: string | undefined;
}

/** Why a party's half says nothing here. */
export const HalfProblem = z.strictObject({
  ...Finding.omit({ party: true, field: true }).shape,
  /** It is there, and wrong: more than a half that nobody published yet. */
  refused: z.boolean(),
});
export type HalfProblem = z.infer<typeof HalfProblem>;

/** What came of looking for one party's half: the half, or why there is none. */
export const FoundHalf = z.strictObject({
  partyId: z.int(),
  /** Where it was looked for. */
  source: z.string().nullable(),
  half: ValidateHalf.nullable(),
  /** SHA-256 of the signed text. */
  digest: Digest.nullable(),
  problem: HalfProblem.nullable(),
});
export type FoundHalf = z.infer<typeof FoundHalf>;

export const HalfHeader = signedHeader("quorate-half+jws");
export type HalfHeader = z.infer<typeof HalfHeader>;

/** Name of a party's half in its public vault, below the vault's prefix, beside its card. */
export const halfObjectName = "PartyCard/half-v1.jws";
