import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { OperatorError } from "../contract/operator-error.ts";
import { parse } from "../contract/parse.ts";
import { PartyOutputs } from "../contract/party-outputs.ts";
import { readCheckpoint } from "./checkpoint.ts";
import type { PartyStack } from "./party-stacks.ts";

/** The outputs of one party's stack, checked against the contract. */
export async function readOutputs(workDir: string, party: PartyStack): Promise<PartyOutputs> {
  const raw = (await outputsFromFile(party)) ?? (await outputsFromEngine(workDir, party));
  if (raw === undefined || Object.keys(raw).length === 0)
    throw new OperatorError({
      code: "OUTPUTS_MISSING",
      what: `party ${party.partyId}: stack ${party.stackName} has no outputs`,
      found: "a stack that was never brought up",
      expected: "the outputs of a finished `up`",
      next: `npx quorate up --party ${party.partyId}`,
    });
  return parse(PartyOutputs, raw, {
    code: "OUTPUTS_INVALID",
    what: `outputs of stack ${party.stackName} (party ${party.partyId}) do not fit the contract party/v1`,
    next: `npx quorate up --party ${party.partyId}`,
  });
}

async function outputsFromFile(party: PartyStack): Promise<Record<string, unknown> | undefined> {
  const state = await readCheckpoint(party.stackName);
  return state?.resources?.find((resource) => resource.type === "pulumi:pulumi:Stack")?.outputs;
}

async function outputsFromEngine(workDir: string, party: PartyStack): Promise<Record<string, unknown> | undefined> {
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
