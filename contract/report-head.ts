import { z } from "zod";
import { Finding } from "./verdict.ts";

/** One word over many answers. */
export const Overall = z.enum(["OK", "FAIL", "UNKNOWN"]);

/** What every report begins with, after the name of its schema. */
export const reportHead = {
  network: z.string(),
  environment: z.string(),
  verdict: Overall,
  findings: z.array(Finding),
};

/** When it was looked, and by which manifest. */
export const reportTime = {
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  manifestDigest: z.string(),
};

/** Parties of a report that has one word for each. */
export const reportParties = z.array(z.strictObject({ partyId: z.int(), name: z.string(), verdict: Overall }));
