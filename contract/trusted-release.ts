import { z } from "zod";
import { Digest } from "./names.ts";

/**
 * SHA-384 enclave measurement: 48 bytes as 96 hex digits. Upper case is accepted and folded, since AWS prints both.
 * All zeros is what an enclave in debug mode reports, so it is never a measurement to trust.
 */
export const Pcr = z
  .string()
  .toLowerCase()
  .superRefine((value, context) => {
    if (!/^[0-9a-f]*$/.test(value)) context.addIssue("a PCR is hex digits only");
    else if (value.length !== 96) context.addIssue(`a PCR is 96 hex digits (SHA-384), found ${value.length}`);
    else if (/^0+$/.test(value))
      context.addIssue("an all-zero PCR is what a debug-mode enclave reports; it is never trusted");
  })
  .brand<"Pcr">();
export type Pcr = z.infer<typeof Pcr>;

/** The three measurements that peers compare, always as a triple. */
export const Measurements = z.strictObject({ pcr0: Pcr, pcr1: Pcr, pcr2: Pcr });
export type Measurements = z.infer<typeof Measurements>;

/** One enclave image that parties accept from each other, with the image it was measured from. */
export const TrustedRelease = z.strictObject({
  version: z.string().regex(/^\d+\.\d+\.\d+([-.][0-9a-z.-]+)?$/, "a release version looks like 0.13.10"),
  image: z.strictObject({ repository: z.string().min(1), tag: z.string().min(1), digest: Digest }),
  ...Measurements.shape,
});
export type TrustedRelease = z.infer<typeof TrustedRelease>;

export function sameMeasurements(a: Measurements, b: Measurements): boolean {
  return a.pcr0 === b.pcr0 && a.pcr1 === b.pcr1 && a.pcr2 === b.pcr2;
}
