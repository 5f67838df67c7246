import { z } from "zod";
import { CertificateFacts } from "./certificates-report.ts";
import { reportHead } from "./report-head.ts";
import { Verdict } from "./verdict.ts";

/** What a party publishes of its signing key, each in a folder of its own. */
export const identityTypes = ["CACert", "VerfKey", "VerfAddress"] as const;

/** One folder of a public vault. */
const Folder = z.strictObject({
  type: z.enum(identityTypes),
  /** What lies there; null where it could not be listed. */
  objects: z.int().nullable(),
  verdict: Verdict,
});

/** What came of making a party's keys, read back from where its peers and clients look. */
export const KeyGenerationReport = z.strictObject({
  schema: z.literal("quorate/key-generation/v1"),
  ...reportHead,
  checkedAt: z.iso.datetime(),
  manifestDigest: z.string(),
  parties: z.array(
    z.strictObject({
      partyId: z.int(),
      name: z.string(),
      /** By this run, or there before. */
      made: z.boolean(),
      verdict: Verdict,
      certificate: CertificateFacts.nullable(),
      folders: z.array(Folder),
    }),
  ),
});
export type KeyGenerationReport = z.infer<typeof KeyGenerationReport>;
