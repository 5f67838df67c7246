import { z } from "zod";

/** Three answers everywhere: yes, no, and could not tell (with why). */
export const Verdict = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("OK") }),
  z.strictObject({ status: z.literal("FAIL"), code: z.string(), detail: z.string() }),
  z.strictObject({ status: z.literal("UNKNOWN"), reason: z.string().min(1) }),
]);
export type Verdict = z.infer<typeof Verdict>;

export const ok: Verdict = { status: "OK" };
export const fail = (code: string, detail: string): Verdict => ({ status: "FAIL", code, detail });
/** Who could not tell, and did not say why, could not tell all the same. */
export const unknown = (reason: string): Verdict => ({ status: "UNKNOWN", reason: reason || "no reason was given" });

/** Something a person can act on, with whom it concerns. `party` is the one to chase; null means the network. */
export const Finding = z.strictObject({
  code: z.string(),
  party: z.int().nullable(),
  field: z.string(),
  found: z.string(),
  expected: z.string(),
  next: z.string(),
});
export type Finding = z.infer<typeof Finding>;

/** What a process tells its caller. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, refused: 3, interrupted: 4, unknown: 5, bug: 70 } as const;

/** One answer out of many: any FAIL wins, then any UNKNOWN. Of nothing at all we could not tell. */
export function summarise(verdicts: readonly Verdict[]): "OK" | "FAIL" | "UNKNOWN" {
  if (verdicts.some((verdict) => verdict.status === "FAIL")) return "FAIL";
  if (verdicts.length === 0 || verdicts.some((verdict) => verdict.status === "UNKNOWN")) return "UNKNOWN";
  return "OK";
}

export function exitCodeFor(status: "OK" | "FAIL" | "UNKNOWN"): number {
  return { OK: exitCodes.ok, FAIL: exitCodes.failed, UNKNOWN: exitCodes.unknown }[status];
}
