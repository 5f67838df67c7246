import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { OperatorError } from "../contract/operator-error.ts";
import { parse } from "../contract/parse.ts";
import { PartyOutputs } from "../contract/party-outputs.ts";
import { readCheckpoint } from "./checkpoint.ts";
import type { PartyStack } from "./party-stacks.ts";
import { inWaves } from "./waves.ts";

/** The outputs of one party's stack, checked against the contract. */
export async function readOutputs(workDir: string, party: PartyStack): Promise<PartyOutputs> {
  const raw = await rawOutputs(workDir, party);
  if (raw === undefined || Object.keys(raw).length === 0) throw outputsMissing([party]);
  return parse(PartyOutputs, raw, {
    code: "OUTPUTS_INVALID",
    what: `outputs of stack ${party.stackName} (party ${party.partyId}) do not fit the contract party/v1`,
    next: `npx quorate up --party ${party.partyId}`,
  });
}

/** The outputs of a stack, whatever they are; undefined where there are none. */
async function rawOutputs(
  workDir: string,
  stack: Pick<PartyStack, "partyId" | "stackName">,
): Promise<Record<string, unknown> | undefined> {
  const state = await readCheckpoint(stack.stackName);
  if (state === undefined) return await outputsFromEngine(workDir, stack);
  return state.resources?.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs;
}

/** The outputs of several parties' stacks, and the parties whose stacks have none. */
export async function readAllOutputs(
  workDir: () => Promise<string>,
  parties: readonly PartyStack[],
): Promise<{ found: PartyOutputs[]; missing: PartyStack[] }> {
  const missing: PartyStack[] = [];
  const found = await inWaves(parties, 4, async (party) => {
    try {
      return await readOutputs(await workDir(), party);
    } catch (failure) {
      // Outputs that can not be read are an error; that there are none may be part of the answer.
      if (!(failure instanceof OperatorError) || failure.problem.code !== "OUTPUTS_MISSING") throw failure;
      missing.push(party);
      return undefined;
    }
  });
  return {
    found: found.filter((party) => party !== undefined),
    missing: missing.sort((a, b) => a.partyId - b.partyId),
  };
}

/** Stacks that were never brought up. `all`: there are no others here. `joinsOthers`: what others published would have been enough. */
export function outputsMissing(
  parties: readonly PartyStack[],
  { all = false, joinsOthers = false }: { all?: boolean; joinsOthers?: boolean } = {},
): OperatorError {
  const ids = parties.map(({ partyId }) => partyId);
  const names = parties.map(({ stackName }) => stackName).join(", ");
  const one = parties.length === 1;
  const up = all && !one ? "npx quorate up --all" : `npx quorate up --party ${ids.join(",")}`;
  const join = "; or, to join what others published: npx quorate cards trust <party> <fingerprint> --url <address>";
  return new OperatorError({
    code: "OUTPUTS_MISSING",
    what: one
      ? `party ${ids}: stack ${names} has no outputs`
      : `parties ${ids.join(", ")}: stacks ${names} have no outputs`,
    found: one ? "a stack that was never brought up" : "stacks that were never brought up",
    expected: "the outputs of a finished `up`",
    next: `${up}${joinsOthers ? join : ""}`,
  });
}

async function outputsFromEngine(
  workDir: string,
  party: Pick<PartyStack, "partyId" | "stackName">,
): Promise<Record<string, unknown> | undefined> {
  const args = ["stack", "output", "--json", "--stack", party.stackName, "--non-interactive"];
  try {
    const { stdout } = await promisify(execFile)("pulumi", args, {
      cwd: workDir,
      timeout: 60_000,
      maxBuffer: 16 << 20,
    });
    return JSON.parse(stdout) as Record<string, unknown>;
  } catch (cause) {
    const stderr = (cause as { stderr?: string }).stderr ?? String(cause);
    if (/no stack named/i.test(stderr)) return undefined;
    throw new OperatorError(
      {
        code: "OUTPUTS_UNREADABLE",
        what: `party ${party.partyId}: the outputs of stack ${party.stackName} can not be read`,
        found: stderr.trim(),
        expected: "a state backend that answers",
        next: "check PULUMI_BACKEND_URL and your login: pulumi whoami -v",
      },
      { cause },
    );
  }
}
