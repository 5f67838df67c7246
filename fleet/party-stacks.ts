import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { backupContract } from "../contract/backup-contract.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import { parseStackConfig, readStackValues } from "../stacks/stack-file.ts";

/** One party's stack as it lies on disk. */
export interface PartyStack {
  partyId: number;
  stackName: string;
  configPath: string;
  config: StackConfig;
}

/** Every party's stack of one network whose configuration lies in `stacksDir`, by party id. A stack of another network is left alone. */
export async function partyStacks(stacksDir: string, network: string): Promise<PartyStack[]> {
  const files = (await readdir(stacksDir)).filter((name) => /^Pulumi\..+\.yaml$/.test(name)).sort();
  const stacks: PartyStack[] = [];
  for (const file of files) {
    const configPath = join(stacksDir, file);
    const { values, lineOf } = await readStackValues(configPath);
    if (values.contract === backupContract) continue;
    const config = parseStackConfig(values, configPath, lineOf);
    if (config.network !== network) continue;
    const twin = stacks.find((stack) => stack.partyId === config.party);
    if (twin)
      throw new OperatorError({
        code: "STACK_DUPLICATE",
        what: `two stacks of network ${network} are for party ${config.party}`,
        found: `${twin.configPath} and ${configPath}`,
        expected: "one stack per party",
        next: "remove one of the two files, or change its quorate:party",
      });
    stacks.push({
      partyId: config.party,
      stackName: file.slice("Pulumi.".length, -".yaml".length),
      configPath,
      config,
    });
  }
  return stacks.sort((a, b) => a.partyId - b.partyId);
}
