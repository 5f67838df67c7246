import { z } from "zod";
import { Digest, NetworkName, PartyId } from "./names.ts";
import { SigningKey, signedHeader } from "./party-card.ts";
import { holdsPlainTexts } from "./printable.ts";

/** What several parties do together. */
export const CeremonyKind = z.enum(["prss-init", "keygen", "crs-gen"]);
export type CeremonyKind = z.infer<typeof CeremonyKind>;

/** `<count>.<proposer>`: no two proposals have the same one, and of any two each party finds the same to be the higher one. */
export const CeremonyNumber = z
  .string()
  .regex(/^[1-9]\d{0,8}\.[1-9]\d{0,3}$/, "a ceremony's number is <count>.<party that proposed it>, such as 7.3")
  .brand<"CeremonyNumber">();
export type CeremonyNumber = z.infer<typeof CeremonyNumber>;

const partsOf = (number: CeremonyNumber) => number.split(".").map(Number) as [count: number, proposer: number];

/** Below 0 where `a` is the lower one. */
export function compareCeremonies(a: CeremonyNumber, b: CeremonyNumber): number {
  const [[countA, proposerA], [countB, proposerB]] = [partsOf(a), partsOf(b)];
  return countA - countB || proposerA - proposerB;
}

/** A number above all that are known. */
export function nextCeremony(known: readonly CeremonyNumber[], proposer: number): CeremonyNumber {
  const highest = Math.max(0, ...known.map((number) => partsOf(number)[0]));
  return CeremonyNumber.parse(`${highest + 1}.${proposer}`);
}

const longestText = 500;
const Line = z
  .string()
  .refine((text) => holdsPlainTexts(text, longestText), "a text of one line, with nothing that steers a terminal");

/** What a party proposes that all of them do, and when. Nothing in it is secret. */
export const CeremonyProposal = z
  .strictObject({
    number: CeremonyNumber.describe("The ceremony's number."),
    kind: CeremonyKind.describe("What is to be done."),
    proposer: PartyId.describe("The party that proposes it."),
    participants: z.array(PartyId).min(1).max(1000).describe("The parties that act; each of them has to accept."),
    manifestDigest: Digest.describe("Digest of the manifest that all of them run."),
    release: z.string().min(1).max(60).describe("The core's version that all of them run."),
    preflightDigest: Digest.describe("SHA-256 of the report that showed that it can succeed."),
    values: z
      .record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9]{0,39}$/), Line)
      .describe("What has to be equal everywhere."),
    opensAt: z.iso.datetime().describe("Nobody acts before, in UTC."),
    closesAt: z.iso.datetime().describe("Nobody begins to act at that time or later, in UTC."),
    reason: Line.min(1).describe("Why, for people."),
  })
  .superRefine(({ number, proposer, participants, opensAt, closesAt }, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (partsOf(number)[1] !== proposer) issue("number", `does not end in ${proposer}, the party that proposes`);
    if (new Set(participants).size !== participants.length) issue("participants", "name a party twice");
    if (!participants.includes(proposer)) issue("participants", "do not name the party that proposes");
    if (Date.parse(closesAt) <= Date.parse(opensAt)) issue("closesAt", "is not after opensAt");
  });
export type CeremonyProposal = z.infer<typeof CeremonyProposal>;

/**
 * Where a party stands with one ceremony. `accepted` and `acting` hold it; all others are final. `expired`: nobody began in time. `impossible`:
 * a party will never accept any more.
 */
export const CeremonyState = z.enum([
  "accepted",
  "acting",
  "done",
  "failed",
  "rejected",
  "withdrawn",
  "expired",
  "impossible",
]);
export type CeremonyState = z.infer<typeof CeremonyState>;

export const CeremonyAnswer = z.strictObject({
  number: CeremonyNumber.describe("The ceremony that is answered."),
  proposalDigest: Digest.describe("SHA-256 of the proposal that was answered."),
  state: CeremonyState.describe("Where the party stands with it."),
  since: z.iso.datetime().describe("When it came to stand there, in UTC."),
  detail: Line.nullable().describe("Why, for people; null where nothing is to be said."),
  result: Digest.nullable().describe("SHA-256 of what came of it, to be equal everywhere; null where nothing did."),
});
export type CeremonyAnswer = z.infer<typeof CeremonyAnswer>;

/** Older ones are left out. */
export const keptAnswers = 20;

/** All that a party says of ceremonies; the party alone writes it. */
export const CeremonyDesk = z
  .strictObject({
    sequence: z.int().min(0).describe("Counts the party's words: a reader takes none that is lower than one it knows."),
    proposal: CeremonyProposal.nullable().describe("What the newest answer is about, as its proposer has it."),
    answers: z.array(CeremonyAnswer).max(keptAnswers).describe("Newest first; only the newest may be open."),
  })
  .superRefine(({ proposal, answers }, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    for (const [index, { number, state }] of answers.slice(1).entries()) {
      const newer = answers[index]?.number;
      if (newer !== undefined && compareCeremonies(number, newer) >= 0) issue("answers", "are not newest first");
      if (isOpenState(state)) issue("answers", "hold a ceremony that is not the newest");
    }
    if ((proposal?.number ?? null) !== (answers[0]?.number ?? null)) issue("proposal", "is not what is answered last");
  });
export type CeremonyDesk = z.infer<typeof CeremonyDesk>;

export function isOpenState(state: CeremonyState): state is "accepted" | "acting" {
  return state === "accepted" || state === "acting";
}

/** A party's desk as it signs and publishes it. */
export const SignedDesk = z.strictObject({
  contract: z.literal("ceremony-desk/v1").describe("Version of this contract."),
  network: NetworkName.describe("The network."),
  partyId: PartyId.describe("The party whose desk it is."),
  issuedAt: z.iso.datetime().describe("When it was signed, in UTC."),
  desk: CeremonyDesk.describe("What the party says."),
  signingKey: SigningKey.describe("The key that signed it."),
});
export type SignedDesk = z.infer<typeof SignedDesk>;

export const DeskHeader = signedHeader("quorate-ceremony+jws");
export type DeskHeader = z.infer<typeof DeskHeader>;

/** Name of a party's desk in its public vault, below the vault's prefix, beside its card. */
export const deskObjectName = "PartyCard/ceremony-v1.jws";
