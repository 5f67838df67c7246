import { join } from "node:path";
import { OperatorError } from "../contract/operator-error.ts";
import { type PartyStack, partyStacks } from "../fleet/party-stacks.ts";
import type { Session } from "./session.ts";

/** The stacks that `--party N` or `--all` mean. */
export async function chooseParties(
  session: Session,
  choice: { party?: string | undefined; all?: boolean | undefined },
): Promise<PartyStack[]> {
  const stacks = await partyStacks(session.stacksDir, session.network);
  if (choice.all && choice.party !== undefined)
    throw new OperatorError({
      code: "PARTY_CHOICE",
      what: "--all and --party exclude each other",
      found: `--all --party ${choice.party}`,
      expected: "--party <id>, or --all",
      next: "give one of the two",
    });
  if (stacks.length === 0)
    throw new OperatorError({
      code: "STACK_MISSING",
      what: `no stack of network ${session.network} lies here`,
      found: `no file in ${session.stacksDir} with quorate:network: ${session.network}`,
      expected: join(session.stacksDir, "Pulumi.party-<n>.yaml"),
      next: "write your party's stack file; docs/stack-config.md lists its keys",
    });
  if (choice.all) return stacks;
  const only = stacks[0];
  if (choice.party === undefined && stacks.length === 1 && only !== undefined) return [only];
  const ids = stacks.map((stack) => stack.partyId).join(", ");
  if (choice.party === undefined)
    throw new OperatorError({
      code: "PARTY_NOT_CHOSEN",
      what: "which party is this about?",
      found: `stack files of parties ${ids}`,
      expected: "--party <id>, or --all",
      next: `repeat the command with --party ${only?.partyId} or --all`,
    });
  const found = stacks.find((stack) => String(stack.partyId) === choice.party);
  if (found) return [found];
  throw new OperatorError({
    code: "PARTY_UNKNOWN",
    what: `no stack here is for party ${choice.party} of network ${session.network}`,
    found: `stack files of parties ${ids}`,
    expected: "the id of one of them",
    next: `write Pulumi.party-${choice.party}.yaml beside the others in stacks/, or choose another party`,
  });
}
