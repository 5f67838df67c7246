import { join } from "node:path";
import { OperatorError } from "../contract/operator-error.ts";
import { type PartyStack, partyStacks } from "../fleet/party-stacks.ts";
import type { Session } from "./session.ts";

/** Options of commands about parties. */
export const partyOptions = { party: { type: "string", multiple: true }, all: { type: "boolean" } } as const;

/** The stacks that `--party 1,3` or `--all` mean, by party id. A command that is `about` one party takes no more. */
export async function chooseParties(
  session: Session,
  choice: { party?: readonly string[] | undefined; all?: boolean | undefined },
  about: "one" | "several" = "several",
): Promise<PartyStack[]> {
  const named = choice.party?.flatMap((word) => word.split(",")).map((word) => word.trim());
  const takes = about === "one" ? "--party <id>" : "--party <id>,…, or --all";
  if (choice.all && named !== undefined)
    throw new OperatorError({
      code: "PARTY_CHOICE",
      what: "--all and --party exclude each other",
      found: `--all --party ${named.join(",")}`,
      expected: takes,
      next: "give one of the two",
    });
  const wrong = named?.filter((id) => !/^[1-9]\d*$/.test(id)) ?? [];
  if (wrong.length > 0 || (about === "one" && (named?.length ?? 0) > 1))
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: wrong.length > 0 ? "a party's id is a number from 1" : "this command is about one party",
      found: `--party ${named?.join(",")}`,
      expected: about === "one" ? "one id: --party 3" : "one id or several: --party 3, --party 1,3",
      next: "repeat the command with ids of the manifest",
    });
  const stacks = await partyStacks(session.stacksDir, session.network);
  const [first] = stacks;
  if (first === undefined)
    throw new OperatorError({
      code: "STACK_MISSING",
      what: `no stack of network ${session.network} lies here`,
      found: `no file in ${session.stacksDir} with quorate:network: ${session.network}`,
      expected: join(session.stacksDir, "Pulumi.party-<n>.yaml"),
      next: "write your party's stack file; docs/stack-config.md lists its keys",
    });
  if (choice.all) return stacks;
  const ids = stacks.map((stack) => stack.partyId).join(", ");
  if (named === undefined) {
    if (stacks.length === 1) return [first];
    throw new OperatorError({
      code: "PARTY_NOT_CHOSEN",
      what: "which party is this about?",
      found: `stack files of parties ${ids}`,
      expected: takes,
      next: `repeat the command with --party ${first.partyId}${about === "one" ? "" : " or --all"}`,
    });
  }
  const unknown = named.filter((id) => !stacks.some((stack) => String(stack.partyId) === id));
  if (unknown.length > 0)
    throw new OperatorError({
      code: "PARTY_UNKNOWN",
      what: `no stack here is for party ${unknown.join(", ")} of network ${session.network}`,
      found: `stack files of parties ${ids}`,
      expected: "the id of one of them",
      next: `write Pulumi.party-${unknown[0]}.yaml beside the others in stacks/, or choose another party`,
    });
  return stacks.filter((stack) => named.includes(String(stack.partyId)));
}
