import { z } from "zod";
import { OperatorError } from "../contract/operator-error.ts";

const Party = z.int().min(1);

/** What can be made to go wrong in a devnet. */
export const Fault = z.discriminatedUnion("kind", [
  /** Packets from one party to another get lost: connections time out. */
  z.strictObject({ kind: z.literal("cut"), from: Party, to: Party }),
  /** Everything that one party sends to another arrives later. */
  z.strictObject({ kind: z.literal("slow"), from: Party, to: Party, ms: z.int().min(1).max(60_000) }),
  /** Connections of one party to another are reset. */
  z.strictObject({ kind: z.literal("reset"), from: Party, to: Party }),
  /** The party's core dies and stays dead. */
  z.strictObject({ kind: z.literal("kill"), party: Party }),
  /** The party's core stands still: it accepts connections and says nothing. */
  z.strictObject({ kind: z.literal("hang"), party: Party }),
  /** The party's core serves a certificate that has run out. */
  z.strictObject({ kind: z.literal("expire-cert"), party: Party }),
  /** The party runs an enclave image that nobody trusts. */
  z.strictObject({ kind: z.literal("wrong-release"), party: Party }),
  /** Ends every fault. */
  z.strictObject({ kind: z.literal("heal") }),
]);
export type Fault = z.infer<typeof Fault>;

const usage: Record<Fault["kind"], string> = {
  cut: "cut <from> <to>",
  slow: "slow <from> <to> <ms>",
  reset: "reset <from> <to>",
  kill: "kill <party>",
  hang: "hang <party>",
  "expire-cert": "expire-cert <party>",
  "wrong-release": "wrong-release <party>",
  heal: "heal",
};

/** Reads a fault from the words of a command line: `["cut", "2", "3"]`. */
export function parseFault(words: readonly string[]): Fault {
  const [kind = "", ...rest] = words;
  if (!Object.hasOwn(usage, kind)) throw invalid(words, Object.values(usage).join(" | "));
  const names = [...(usage[kind as Fault["kind"]] ?? "").matchAll(/<(\w+)>/g)].map((match) => match[1] ?? "");
  if (names.length !== rest.length) throw invalid(words, usage[kind as Fault["kind"]]);
  const fields = names.map((name, index) => [name, /^\d+$/.test(rest[index] ?? "") ? Number(rest[index]) : Number.NaN]);
  const parsed = Fault.safeParse({ kind, ...Object.fromEntries(fields) });
  if (!parsed.success) throw invalid(words, usage[kind as Fault["kind"]]);
  if ("from" in parsed.data && parsed.data.from === parsed.data.to)
    throw invalid(
      words,
      `${usage[parsed.data.kind]}, with two different parties: no link leads from a party to itself`,
    );
  return parsed.data;
}

/** The fault in words, as `devnet status` shows it. */
export function faultText(fault: Fault): string {
  if (fault.kind === "heal") return "heal";
  if ("party" in fault) return `${fault.kind} ${fault.party}`;
  return `${fault.kind} ${fault.from}→${fault.to}${fault.kind === "slow" ? ` by ${fault.ms} ms` : ""}`;
}

function invalid(words: readonly string[], expected: string): OperatorError {
  return new OperatorError({
    code: "FAULT_INVALID",
    what: "that is no fault a devnet can have",
    found: words.join(" ") || "nothing",
    expected,
    next: "npx quorate devnet fault cut 2 3",
  });
}
