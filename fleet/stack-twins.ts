import { basename, dirname, join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import { checkpointNames } from "./checkpoint.ts";
import { rawOutputs } from "./outputs.ts";
import type { PartyStack } from "./party-stacks.ts";

/**
 * Throws where the party of a stack that is about to be made was brought up as another one: a stack file that was renamed would build the party a
 * second time, with keys of its own.
 */
export async function refuseTwin(stack: Stack, party: PartyStack): Promise<void> {
  const { workDir } = stack.workspace;
  const names = (await checkpointNames()) ?? (await stack.workspace.listStacks()).map(({ name }) => name);
  for (const stackName of names.filter((name) => name !== party.stackName)) {
    const outputs = await rawOutputs(workDir, { partyId: party.partyId, stackName });
    if (outputs?.network !== party.config.network || outputs.partyId !== party.partyId) continue;
    const file = join(dirname(party.configPath), `Pulumi.${stackName}.yaml`);
    throw new OperatorError({
      code: "PARTY_HAS_STACK",
      what: `party ${party.partyId} (${party.config.network}) was brought up as stack ${stackName}: as ${party.stackName} it would be built a second time`,
      found: `${basename(party.configPath)}, and no stack ${party.stackName} yet`,
      expected: `its stack file named ${basename(file)}`,
      next: `mv ${party.configPath} ${file}; or, for a new name: pulumi stack rename ${party.stackName} --stack ${stackName}`,
      exitCode: exitCodes.refused,
    });
  }
}
