import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { devnetFiles } from "./files.ts";
import { debugProviders, readEnvironment } from "./hand-out.ts";
import { askDevnetd } from "./supervision/control-client.ts";
import { readState } from "./supervision/state.ts";
import type { DevnetdStatus } from "./supervision/status.ts";

/**
 * Throws where a network is a rehearsal and its devnet is not up: without it an engine would look for the parties wherever
 * else the operator keeps stacks, and an `up` would go there. Of any other network nothing is asked.
 */
export async function devnetReady(
  root: string,
  { network, environment }: Pick<NetworkManifest, "network" | "environment">,
): Promise<void> {
  if (environment !== "devnet") return;
  const files = devnetFiles(root);
  const state = readState(files);
  if (state === null) throw devnetDownError(root, "no devnet was started", network);
  if (state.network !== network) throw devnetDownError(root, `a devnet of network ${state.network}`, network);
  const status = await askDevnetd<DevnetdStatus>(state, "status", null, 5_000);
  if (status === null) throw devnetDownError(root, "no devnetd that answers", network);
  if (status.phase !== "ready" || status.providers === null)
    throw devnetDownError(root, `a devnet that is ${status.phase}`, network);
  // An `up` that was killed at its end: what was handed out last leads to a devnet that is gone.
  const handedOut = readEnvironment(files, network)?.common.PULUMI_DEBUG_PROVIDERS;
  if (handedOut !== debugProviders(status.providers))
    throw devnetDownError(root, "a devnet whose addresses were not handed out", network);
}

/** No devnet is there to work on. Where it is known which, it is named: what a command without a name would choose may be another network. */
export function devnetDownError(root: string, found: string, network?: string): OperatorError {
  return new OperatorError({
    code: "DEVNET_DOWN",
    what: `no devnet${network === undefined ? "" : ` of network ${network}`} is up in ${root}`,
    found,
    expected: "a running devnet",
    next: `npx quorate devnet up${network === undefined ? "" : ` --network ${network}`}`,
  });
}
