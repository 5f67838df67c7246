import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Name of the Pulumi project: part of every URN, and the namespace of its configuration keys. */
export const projectName = "quorate";

/**
 * Where the stack files and `networks/` lie: `QUORATE_STACKS_DIR`, else `stacks/` beside the nearest `Pulumi.yaml`,
 * else our own.
 */
export function stacksDir(environment = process.env, workDir = process.cwd()): string {
  if (environment.QUORATE_STACKS_DIR) return resolve(workDir, environment.QUORATE_STACKS_DIR);
  for (let dir = resolve(workDir); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "Pulumi.yaml"))) return join(dir, "stacks");
    if (dir === dirname(dir)) return dirname(fileURLToPath(import.meta.url));
  }
}

/** File of one network's manifest. */
export function manifestPath(dir: string, network: string): string {
  return join(dir, "networks", `${network}.yaml`);
}

/** The tags of everything that a party's stack makes in AWS: by them it is known whose it is. */
export function partyTags(network: string, partyId: number): Record<string, string> {
  return { network, party: String(partyId), "managed-by": "quorate" };
}
