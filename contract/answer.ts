import { z } from "zod";

/** What a question gave: an answer, or why there is none. */
export const Answer = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion("status", [
    z.strictObject({ status: z.literal("seen"), value }),
    z.strictObject({ status: z.literal("unknown"), reason: z.string() }),
  ]);
export type Answer<T> = { status: "seen"; value: T } | { status: "unknown"; reason: string };

export function seen<T>(value: T): Answer<T> {
  return { status: "seen", value };
}

export function unknown(reason: string): { status: "unknown"; reason: string } {
  return { status: "unknown", reason };
}

/** The same answer in other words; why there is none stays as it is. */
export function mapped<T, U>(answer: Answer<T>, change: (value: T) => U): Answer<U> {
  return answer.status === "seen" ? { status: "seen", value: change(answer.value) } : answer;
}
