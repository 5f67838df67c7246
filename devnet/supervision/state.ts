import { z } from "zod";
import { type DevnetFiles, readIfThere, writeReplaceable } from "../files.ts";

const Identity = z.strictObject({ pid: z.int().positive(), started: z.string().min(1) });

/** What has to be known of a devnet after a crash: `.quorate/devnet/state.json`, 0600. */
export const DevnetState = z.strictObject({
  contract: z.literal("devnet-state/v1"),
  network: z.string(),
  /** The devnet uses 127.k.0.0/16. */
  k: z.int().min(1).max(254),
  /** Bearer token of devnetd's control interface. */
  token: z.string().min(32),
  /** Value of the mark in the environment of all its processes. */
  mark: z.string().min(32),
  devnetd: Identity.nullable(),
  children: z.array(z.strictObject({ name: z.string(), ...Identity.shape })),
});
export type DevnetState = z.infer<typeof DevnetState>;

/** The recorded state, or null where there is none. A file that does not parse counts as none: nothing in it is worth more than a fresh start. */
export function readState(files: DevnetFiles): DevnetState | null {
  const text = readIfThere(files.state);
  if (text === null) return null;
  try {
    return DevnetState.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function writeState(files: DevnetFiles, state: DevnetState): void {
  writeReplaceable(files.state, `${JSON.stringify(state, undefined, 2)}\n`);
}
