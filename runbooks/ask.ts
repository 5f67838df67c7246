import { setTimeout as pause } from "node:timers/promises";
import { classifyFailure } from "./command.ts";
import type { CommandOptions, CommandResult, PartyAccess } from "./context.ts";

/** What kubectl answered, or why it could not be started. */
export type Asked = CommandResult | { reason: string };

/** Before a question is asked again that found the API server gone, as one is that is being restarted. */
const againMs = 1_000;

/** One question that changes nothing, asked once more where the API server went away; what goes wrong then is why nothing could be told. */
export async function ask(party: PartyAccess, args: string[], options: CommandOptions): Promise<Asked> {
  const first = await run(party, args, options);
  if (!isGone(first)) return first;
  const waited = await pause(againMs, true, { signal: options.signal }).catch(() => false);
  return waited ? await run(party, args, options) : first;
}

function isGone(asked: Asked): boolean {
  const code = "reason" in asked ? undefined : classifyFailure(asked)?.code;
  return code === "REFUSED" || code === "LOST";
}

/** One kubectl command; whatever kept it from being started is a reason too. */
export async function run(party: PartyAccess, args: string[], options: CommandOptions): Promise<Asked> {
  try {
    return await party.kubectl(args, options);
  } catch (failure) {
    return { reason: failure instanceof Error ? failure.message : String(failure) };
  }
}
