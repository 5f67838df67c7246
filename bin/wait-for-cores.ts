import { OperatorError } from "../contract/operator-error.ts";
import type { DevnetStatus } from "../devnet/devnet.ts";

type Seen = Pick<DevnetStatus, "parties" | "faults">;

export interface WaitOptions {
  /** Tells how the devnet is. */
  look(): Promise<Seen>;
  progress(text: string): void;
  /** @default 90 */
  seconds?: number;
}

const pauseMs = 250;

/** Waits until every core serves: it has keys then, and every peer's certificate. Those that a fault keeps down are not waited for. */
export async function waitForCores(options: WaitOptions): Promise<void> {
  const late = await waitWhile(options, () => true);
  if (late.length > 0)
    throw new OperatorError({
      code: "CORES_NOT_SERVING",
      what: `not every core of the devnet serves after ${options.seconds ?? usualSeconds} s`,
      found: late.map((party) => `party ${party.partyId}: ${party.core}`).join("\n"),
      expected: "serving",
      next: "npx quorate validate",
      exitCode: 1,
    });
}

/** Waits for cores that are on their way, as after a restart of the devnet; of parties that were never brought up nothing is expected. */
export async function waitForStartingCores(options: WaitOptions): Promise<void> {
  await waitWhile(options, (core) => core === "starting");
}

const usualSeconds = 90;

/** Resolves with those that are late: nobody, unless time is up. */
async function waitWhile(
  { look, progress, seconds = usualSeconds }: WaitOptions,
  isExpected: (core: Seen["parties"][number]["core"]) => boolean,
): Promise<Seen["parties"]> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const { parties, faults } = await look();
    const kept = new Set(faults.flatMap((fault) => ("party" in fault ? [fault.party] : [])));
    const waiting = parties.filter(({ core, partyId }) => core !== "serving" && isExpected(core) && !kept.has(partyId));
    if (waiting.length === 0 || Date.now() > deadline) return waiting;
    const words = waiting.map(({ partyId, core }) => `party ${partyId} (${core})`);
    progress(`waiting for the cores of ${words.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
