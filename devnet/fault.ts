import { z } from "zod";
import { nearestWord } from "../contract/nearest-word.mjs";
import { OperatorError } from "../contract/operator-error.ts";

const Party = z.int().min(1);
const day = 86_400;

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
  /** The party's interface endpoint to a peer waits for the peer to accept it. */
  z.strictObject({ kind: z.literal("pending-endpoint"), party: Party, peer: Party }),
  /** A security group no longer lets the party's connections to a peer pass. */
  z.strictObject({ kind: z.literal("firewall"), party: Party, peer: Party }),
  /** The peer's name does not resolve in the party's cluster. */
  z.strictObject({ kind: z.literal("dns-lost"), party: Party, peer: Party }),
  /** The node's allocator set less aside than the enclave asks for, and the core is restarted. */
  z.strictObject({ kind: z.literal("small-allocator"), party: Party }),
  /** The device plugin is gone, so that the node offers no enclaves, and the core is restarted. */
  z.strictObject({ kind: z.literal("no-device-plugin"), party: Party }),
  /** The node that the core runs on is lost. */
  z.strictObject({ kind: z.literal("node-down"), party: Party }),
  /** The ConfigMap that the core starts with is gone, and the core is restarted. */
  z.strictObject({ kind: z.literal("config-lost"), party: Party }),
  /** The role of the party's core trusts another service account, and the core is restarted. */
  z.strictObject({ kind: z.literal("token-denied"), party: Party }),
  /** CA certificate and TLS certificate of the party carry the name that the chart gives of itself, and the core is restarted. */
  z.strictObject({ kind: z.literal("cn-mismatch"), party: Party }),
  /** The party's enclave ended, and does not start again; its container runs. */
  z.strictObject({ kind: z.literal("enclave-stopped"), party: Party }),
  /** Others hold all tokens of the core's rate limiter. */
  z.strictObject({ kind: z.literal("rate-limit"), party: Party }),
  /** The clock of the party's enclave is ahead, or behind, below 0. */
  z.strictObject({
    kind: z.literal("skew-clock"),
    party: Party,
    seconds: z
      .int()
      .min(-366 * day)
      .max(366 * day),
  }),
  /** The party's core has no PRSS setup. */
  z.strictObject({ kind: z.literal("no-prss"), party: Party }),
  /** The own public vault has no CA certificate of a peer, and the core is restarted. */
  z.strictObject({ kind: z.literal("lose-peer-cert"), party: Party, peer: Party }),
  /** The key policy does not name the enclave that runs, and the core is restarted. */
  z.strictObject({ kind: z.literal("wrong-pcr"), party: Party }),
  /** The private vault refuses the core's role, and the core is restarted. */
  z.strictObject({ kind: z.literal("deny-vault"), party: Party }),
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
  "pending-endpoint": "pending-endpoint <party> <peer>",
  firewall: "firewall <party> <peer>",
  "dns-lost": "dns-lost <party> <peer>",
  "small-allocator": "small-allocator <party>",
  "no-device-plugin": "no-device-plugin <party>",
  "node-down": "node-down <party>",
  "config-lost": "config-lost <party>",
  "token-denied": "token-denied <party>",
  "cn-mismatch": "cn-mismatch <party>",
  "enclave-stopped": "enclave-stopped <party>",
  "rate-limit": "rate-limit <party>",
  "skew-clock": "skew-clock <party> <seconds>",
  "no-prss": "no-prss <party>",
  "lose-peer-cert": "lose-peer-cert <party> <peer>",
  "wrong-pcr": "wrong-pcr <party>",
  "deny-vault": "deny-vault <party>",
  heal: "heal",
};

/** A call of each fault that is right, as the docs have it. */
const example: Record<Fault["kind"], string> = {
  cut: "cut 2 3",
  slow: "slow 2 3 200",
  reset: "reset 2 3",
  kill: "kill 4",
  hang: "hang 4",
  "expire-cert": "expire-cert 3",
  "wrong-release": "wrong-release 2",
  "pending-endpoint": "pending-endpoint 2 3",
  firewall: "firewall 2 3",
  "dns-lost": "dns-lost 2 3",
  "small-allocator": "small-allocator 3",
  "no-device-plugin": "no-device-plugin 3",
  "node-down": "node-down 3",
  "config-lost": "config-lost 3",
  "token-denied": "token-denied 3",
  "cn-mismatch": "cn-mismatch 2",
  "enclave-stopped": "enclave-stopped 3",
  "rate-limit": "rate-limit 2",
  "skew-clock": "skew-clock 3 7200",
  "no-prss": "no-prss 2",
  "lose-peer-cert": "lose-peer-cert 2 3",
  "wrong-pcr": "wrong-pcr 2",
  "deny-vault": "deny-vault 2",
  heal: "heal",
};

/** Reads a fault from the words of a command line: `["cut", "2", "3"]`. */
export function parseFault(words: readonly string[]): Fault {
  const [typed = "", ...rest] = words;
  if (!Object.hasOwn(usage, typed)) {
    const near = nearestWord(typed, Object.keys(usage)) as Fault["kind"] | undefined;
    throw new OperatorError({
      code: "FAULT_INVALID",
      what: typed === "" ? "which fault?" : `a devnet has no fault ${JSON.stringify(typed)}`,
      found: words.join(" ") || "nothing",
      expected: near === undefined ? Object.values(usage).join("\n") : usage[near],
      next: `npx quorate devnet fault ${example[near ?? "cut"]}`,
    });
  }
  const kind = typed as Fault["kind"];
  const names = [...usage[kind].matchAll(/<(\w+)>/g)].map((match) => match[1] ?? "");
  if (names.length !== rest.length)
    throw invalid(
      kind,
      words,
      names.length === 0 ? `${kind} takes nothing more` : `${usage[kind].replace(" ", " takes ")}`,
    );
  const fields = names.map((name, index) => [
    name,
    /^-?\d+$/.test(rest[index] ?? "") ? Number(rest[index]) : Number.NaN,
  ]);
  const parsed = Fault.safeParse({ kind, ...Object.fromEntries(fields) });
  if (!parsed.success) throw invalid(kind, words, wrongNumber(String(parsed.error.issues[0]?.path[0])));
  const ends = endsOf(parsed.data);
  if (ends !== null && ends.from === ends.to) throw invalid(kind, words, "no link leads from a party to itself");
  return parsed.data;
}

function wrongNumber(name: string): string {
  if (name === "seconds") return "a clock is ahead by whole seconds, or behind: below 0, and not more than a year";
  return name === "ms" ? "a delay is a whole number from 1 to 60000" : `<${name}> is a party's id, a number from 1`;
}

/** The fault in words, as `devnet status` shows it. */
export function faultText(fault: Fault): string {
  if (fault.kind === "heal") return "heal";
  const ends = endsOf(fault);
  if (fault.kind === "skew-clock")
    return `skew-clock ${fault.party} by ${Math.abs(fault.seconds)} s ${fault.seconds < 0 ? "behind" : "ahead"}`;
  if (ends === null) return `${fault.kind} ${"party" in fault ? fault.party : ""}`;
  return `${fault.kind} ${ends.from}→${ends.to}${fault.kind === "slow" ? ` by ${fault.ms} ms` : ""}`;
}

/** The link that a fault is about; null where it is about a party. */
function endsOf(fault: Fault): { from: number; to: number } | null {
  if ("from" in fault) return { from: fault.from, to: fault.to };
  return "peer" in fault ? { from: fault.party, to: fault.peer } : null;
}

function invalid(kind: Fault["kind"], words: readonly string[], what: string): OperatorError {
  return new OperatorError({
    code: "FAULT_INVALID",
    what,
    found: words.join(" "),
    expected: usage[kind],
    next: `npx quorate devnet fault ${example[kind]}`,
  });
}

/** What a fault takes away has to be there. */
export function faultWanting(fault: Fault, what: string, expected: string): OperatorError {
  return new OperatorError({
    code: "FAULT_INVALID",
    what,
    found: faultText(fault),
    expected,
    next: "npx quorate devnet status",
  });
}
