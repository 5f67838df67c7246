import { z } from "zod";

const Entry = z.discriminatedUnion("status", [
  z.strictObject({
    status: z.literal("collected"),
    path: z.string(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: z.int(),
    /** Earlier lines, or what came after, were left out. */
    truncated: z.boolean(),
  }),
  /** Could not be had. */
  z.strictObject({ status: z.literal("missing"), path: z.string(), reason: z.string() }),
  /** Was not asked for. */
  z.strictObject({ status: z.literal("skipped"), path: z.string(), reason: z.string() }),
]);
export type CollectEntry = z.infer<typeof Entry>;

/** What is in a bundle of `collect`, and what is not, and why. */
export const CollectManifest = z.strictObject({
  schema: z.literal("quorate/collect/v1"),
  network: z.string(),
  environment: z.string(),
  manifestDigest: z.string(),
  /** Release of Quorate that made it. */
  madeBy: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  /** How far back the logs go; null: as far as there are any, within bounds. */
  sinceMinutes: z.int().nullable(),
  parties: z.array(z.strictObject({ partyId: z.int(), name: z.string() })),
  /** Nothing that was asked for is missing. */
  whole: z.boolean(),
  entries: z.array(Entry),
  /** Where it was written: in what the command prints, not in the bundle itself. */
  bundle: z.strictObject({ path: z.string(), bytes: z.int(), sha256: z.string() }).optional(),
});
export type CollectManifest = z.infer<typeof CollectManifest>;
