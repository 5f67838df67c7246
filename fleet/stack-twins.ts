import { basename, dirname, join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { JsonText } from "../contract/json-text.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import { checkpointNames, readCheckpoint, type StackState } from "./checkpoint.ts";
import type { PartyStack } from "./party-stacks.ts";
import { exportState } from "./state-desk.ts";
import { inWaves } from "./waves.ts";

/** How far a stack came with a party. */
type Reach = "finished" | "begun";

/**
 * Throws where the party of a stack that has nothing yet was brought up as another one: a stack file that was renamed would build the party a
 * second time, with keys of its own.
 */
export async function refuseTwin({ workspace }: Pick<Stack, "workspace">, party: PartyStack): Promise<void> {
  const names = (await checkpointNames()) ?? (await workspace.listStacks()).map(({ name }) => name);
  const others = names.filter((name) => name !== party.stackName);
  await inWaves(others, 4, async (stackName) => {
    const state = (await readCheckpoint(stackName)) ?? (await exportState(workspace, stackName))?.deployment;
    const reach = state && reachOf(state, party);
    if (reach !== undefined) throw twin(party, stackName, reach);
  });
}

function twin({ partyId, stackName, configPath, config }: PartyStack, other: string, reach: Reach): OperatorError {
  const file = join(dirname(configPath), `Pulumi.${other}.yaml`);
  const known =
    reach === "finished"
      ? `was brought up as stack ${other}`
      : `is half built as stack ${other}, where the update that was to bring it up never ended`;
  return new OperatorError({
    code: "PARTY_HAS_STACK",
    what: `party ${partyId} (${config.network}) ${known}: as ${stackName} it would be built a second time`,
    found: `${basename(configPath)}, and nothing in a stack ${stackName} yet`,
    expected: `its stack file named ${basename(file)}`,
    next: `mv ${configPath} ${file}; or, for a new name: pulumi stack rename ${stackName} --stack ${other}`,
    exitCode: exitCodes.refused,
  });
}

/** What a party's stack says of itself in its outputs; a backup account's has no network in them. */
const Outputs = z.object({ network: z.string(), partyId: z.number() });

const Provider = z.object({
  allowedAccountIds: JsonText.pipe(z.array(z.string())),
  defaultTags: JsonText.pipe(z.object({ tags: z.object({ network: z.string(), party: z.string() }) })),
});

/**
 * How far a stack came with this party; undefined where it is about something else. Outputs are written at the end of an update only: what one
 * that never ended was about is known by the provider, which comes before all that it makes. The backup account's has the same tags.
 */
function reachOf({ resources = [], pending_operations = [] }: StackState, party: PartyStack): Reach | undefined {
  const { network, accountId } = party.config;
  const root = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
  const outputs = Outputs.safeParse(root?.outputs).data;
  if (outputs !== undefined)
    return outputs.network === network && outputs.partyId === party.partyId ? "finished" : undefined;
  const begun = [...resources, ...pending_operations.map(({ resource }) => resource)];
  const isBegun = begun.some(({ custom, type }) => custom === true && !type.startsWith("pulumi:"));
  const isOurs = resources.some(({ type, inputs }) => {
    const provider = type === "pulumi:providers:aws" ? Provider.safeParse(inputs).data : undefined;
    const { tags } = provider?.defaultTags ?? {};
    const isHere = provider?.allowedAccountIds.includes(accountId);
    return isHere && tags?.network === network && tags.party === String(party.partyId);
  });
  return isBegun && isOurs ? "begun" : undefined;
}
