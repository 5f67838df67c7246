import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { devnetFiles } from "./files.ts";
import { copyStacks, hasCurrentCopies } from "./hand-out.ts";
import { readConfig } from "./supervision/config.ts";
import { readTopology } from "./topology.ts";

/**
 * Brings a devnet's copies up to the manifest and the stack files that they were made of, so that an edit counts from the next command on.
 * Gives what an operator should hear of it, a line for each. Where there is no devnet of the network there are no copies, and nothing is done.
 */
export function takeOverEdits(root: string, network: string): string[] {
  const files = devnetFiles(root);
  const config = readConfig(files);
  if (config === null || config.network !== network || !existsSync(files.environmentOf(network))) return [];
  const names = readdirSync(join(root, "stacks")).filter((name) => /^Pulumi\..+\.yaml$/.test(name));
  const sources = [join("networks", `${network}.yaml`), ...names].map((name) => join(root, "stacks", name));
  if (hasCurrentCopies(files, sources, config.attestationRootSha256, config.exchange, config.transport)) return [];
  const topology = readTopology(root, network);
  const said = copyStacks(files, root, topology, config.attestationRootSha256, config.exchange, config.transport);
  // Its accounts and clusters were made for what the files said when it was started.
  if (JSON.stringify(topology.parties) !== JSON.stringify(config.parties))
    said.push("the devnet was started for other parties, accounts or clusters; to fit it: npx quorate devnet up");
  return said;
}
