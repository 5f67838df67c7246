import { z } from "zod";
import { Digest } from "./names.ts";

/** Upper case is accepted and folded, since AWS prints both. */
export const Pcr = z
  .string()
  .toLowerCase()
  .superRefine((value, context) => {
    if (!/^[0-9a-f]*$/.test(value)) context.addIssue("a PCR is hex digits only");
    else if (value.length !== 96) context.addIssue(`a PCR is 96 hex digits (SHA-384), found ${value.length}`);
    else if (/^0+$/.test(value))
      context.addIssue("an all-zero PCR is what a debug-mode enclave reports; it is never trusted");
  })
  .brand<"Pcr">()
  .describe(
    "SHA-384 measurement of an enclave: 96 hex digits. All zeros is what an enclave in debug mode reports, and is never trusted.",
  );
export type Pcr = z.infer<typeof Pcr>;

/** The three measurements that peers compare, always as a triple. */
export const Measurements = z.strictObject({
  pcr0: Pcr.describe("Measurement of the enclave image: 96 hex digits, not all zeros."),
  pcr1: Pcr.describe("Measurement of its kernel and boot files: 96 hex digits, not all zeros."),
  pcr2: Pcr.describe("Measurement of its application: 96 hex digits, not all zeros."),
});
export type Measurements = z.infer<typeof Measurements>;

/** One enclave image that parties accept from each other, with the image it was measured from. */
export const TrustedRelease = z.strictObject({
  version: z
    .string()
    .regex(/^\d+\.\d+\.\d+([-.][0-9a-z.-]+)?$/, "a release version looks like 0.13.10")
    .describe("Name of the release, by which a stack file chooses it."),
  image: z
    .strictObject({
      repository: z.string().min(1).describe("Repository of the image, with its registry unless that is the default."),
      tag: z.string().min(1).describe("Tag, for people."),
      digest: Digest.describe("What is pulled."),
    })
    .describe("The container image from which the enclave was measured."),
  ...Measurements.shape,
});
export type TrustedRelease = z.infer<typeof TrustedRelease>;

export function sameMeasurements(a: Measurements, b: Measurements): boolean {
  return a.pcr0 === b.pcr0 && a.pcr1 === b.pcr1 && a.pcr2 === b.pcr2;
}
