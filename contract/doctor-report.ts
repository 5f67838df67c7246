import { z } from "zod";
import { reportHead, reportParties, reportTime } from "./report-head.ts";

/** How sure a cause is. */
export const certainties = ["proved", "likely", "possible"] as const;
export type Certainty = (typeof certainties)[number];

/** Where something was seen. */
export const doctorSources = ["cluster", "links", "certificates", "logs", "http", "cloud"] as const;
export type DoctorSource = (typeof doctorSources)[number];

const LinkEnds = z.strictObject({ from: z.int(), to: z.int() });
export type LinkEnds = z.infer<typeof LinkEnds>;

const Evidence = z.strictObject({
  source: z.enum(doctorSources),
  /** Whom it was seen of. */
  party: z.int(),
  line: z.string(),
});
export type Evidence = z.infer<typeof Evidence>;

/** What is the matter, whose it is, and what to do. */
export const Cause = z.strictObject({
  code: z.string(),
  /** Where it stands in the tree. */
  branch: z.string(),
  /** Whom to chase. */
  party: z.int(),
  /** Where it is of one link: that link, with its direction. */
  link: LinkEnds.nullable(),
  /** Links that it brings down, by itself or by what it explains. */
  links: z.array(LinkEnds),
  certainty: z.enum(certainties),
  found: z.string(),
  expected: z.string(),
  next: z.string(),
  evidence: z.array(Evidence),
  /** What it brings along, and is no cause of its own therefore. */
  explains: z.array(z.strictObject({ code: z.string(), party: z.int(), links: z.array(LinkEnds) })),
  /** The words about it meant this. */
  meant: z.boolean(),
});
export type Cause = z.infer<typeof Cause>;

/** What the words about it came to. */
export const Symptom = z.strictObject({
  text: z.string(),
  parties: z.array(z.int()),
  matched: z.array(
    z.strictObject({
      /** The signature that a line fits; null where it was words. */
      signature: z.string().nullable(),
      cause: z.string(),
      meaning: z.string(),
      /** Whether it is so at present. */
      found: z.boolean(),
      next: z.string(),
    }),
  ),
  /** Words that mean nothing here. */
  unmatched: z.array(z.string()),
});
export type Symptom = z.infer<typeof Symptom>;

/** What is wrong with a network, as far as it can be seen from here. */
export const DoctorReport = z.strictObject({
  schema: z.literal("quorate/doctor/v1"),
  /** Its findings are the causes in the form that every report has. */
  ...reportHead,
  ...reportTime,
  partiesTotal: z.int(),
  /** Who was looked at from within. */
  parties: reportParties,
  causes: z.array(Cause),
  /** What gave no answer. */
  unseen: z.array(z.strictObject({ party: z.int(), source: z.enum(doctorSources), reason: z.string() })),
  looked: z.array(z.strictObject({ source: z.enum(doctorSources), asked: z.int(), answered: z.int() })),
  symptom: Symptom.nullable(),
});
export type DoctorReport = z.infer<typeof DoctorReport>;
