import { join } from "node:path";
import { Digest } from "../contract/names.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { OwnSight } from "../contract/validate-half.ts";
import { kmsSigner } from "../fleet/card-publishing.ts";
import { CardVault } from "../fleet/card-vault.ts";
import { Fleet } from "../fleet/driver.ts";
import { publishHalf, signHalf } from "../fleet/half-publishing.ts";
import { ageWords } from "../fleet/half-verification.ts";
import { outputsMissing, readAllOutputs } from "../fleet/outputs.ts";
import type { PartyStack } from "../fleet/party-stacks.ts";
import { inWaves } from "../fleet/waves.ts";
import { Observations, type PartyObservation } from "../runbooks/network/observations.ts";
import { listRuns, type RunRecord, readRun } from "../runbooks/run.ts";
import type { Session } from "./session.ts";

/** A validation that was seen from here, of which halves can be signed. */
export interface Validation {
  runId: string;
  seen: Observations;
}

export interface SignedHalf {
  outputs: PartyOutputs;
  runId: string;
  stage: "link" | "network";
  seenAt: string;
  jws: string;
}

/** Peers take no half in that is older, unless they ask for it. */
const freshMs = 15 * 60_000;

/** The newest validation of this network that was finished here, or the one that is named. */
export async function validationToSign(session: Session, runId: string | undefined): Promise<Validation> {
  const runsDir = join(session.root, ".quorate", "runs");
  const candidates = runId === undefined ? (await listRuns(runsDir)).toReversed() : [runId];
  for (const id of candidates) {
    const validation = validationOf(session, await recordOf(runsDir, id, runId !== undefined));
    if (validation === undefined) continue;
    if (runId === undefined) requireFresh(validation);
    return validation;
  }
  throw new OperatorError({
    code: "VALIDATION_MISSING",
    what: runId === undefined ? "nothing was validated here yet" : `run ${runId} is no validation that can be signed`,
    found:
      runId === undefined
        ? `no finished validation of network ${session.network} in ${runsDir}`
        : `another runbook or network, or a run that did not come to its end`,
    expected: `a finished run of validate, of network ${session.network}`,
    next: `npx quorate validate --network ${session.network}, then: npx quorate reports publish`,
  });
}

/** Signs what was seen of each of these parties, each with its own key: of all of them, or of none. */
export async function signHalves(
  session: Session,
  parties: readonly PartyStack[],
  { runId, seen }: Validation,
  signal: AbortSignal,
): Promise<SignedHalf[]> {
  const fleet = new Fleet(session);
  const { found, missing } = await readAllOutputs(() => fleet.workDir(), parties);
  if (missing.length > 0) throw outputsMissing(missing);
  return await inWaves(found, 4, async (outputs) => {
    signal.throwIfAborted();
    const party = seen.parties.find(({ partyId }) => partyId === outputs.partyId);
    if (party === undefined || party.notAsked !== null || party.halfDigest !== null)
      throw notSeen(outputs.partyId, runId, party);
    const jws = await signHalf(
      {
        contract: "half/v1",
        network: outputs.network,
        partyId: outputs.partyId,
        manifestDigest: Digest.parse(party.manifestDigest),
        stage: seen.stage,
        startedAt: party.seenAt ?? seen.startedAt,
        durationMs: seen.durationMs,
        issuedAt: new Date().toISOString(),
        runId,
        release: party.release,
        sight: OwnSight.strip().parse(party),
      },
      kmsSigner(outputs, signal),
    );
    return { outputs, runId, stage: seen.stage, seenAt: party.seenAt ?? seen.startedAt, jws };
  });
}

/** Puts signed halves into their parties' public vaults; gives the addresses, in the same order. */
export async function publishHalves(halves: readonly SignedHalf[], signal: AbortSignal): Promise<string[]> {
  return await inWaves(halves, 4, async ({ outputs, jws }) => {
    signal.throwIfAborted();
    return await publishHalf(new CardVault(outputs, signal), jws);
  });
}

/** A run that can not be read is none that could be signed, unless it is the one that was asked for. */
async function recordOf(runsDir: string, id: string, named: boolean): Promise<RunRecord | undefined> {
  try {
    return await readRun(runsDir, id);
  } catch (failure) {
    if (!named && failure instanceof OperatorError) return undefined;
    throw failure;
  }
}

function validationOf({ network }: Session, record: RunRecord | undefined): Validation | undefined {
  if (record === undefined || record.finished === null) return undefined;
  const { plan, steps, runId } = record;
  if (plan.network !== network || !["validate", "report"].includes(plan.runbook)) return undefined;
  const seen = Observations.safeParse(steps.find(({ id }) => id === "observe")?.evidence);
  const isSeen = seen.success && seen.data.parties.some(({ notAsked }) => notAsked === null);
  return isSeen ? { runId, seen: seen.data } : undefined;
}

function requireFresh({ runId, seen }: Validation): void {
  const ageMs = Date.now() - Date.parse(seen.startedAt);
  if (ageMs <= freshMs) return;
  throw new OperatorError({
    code: "VALIDATION_STALE",
    what: "the last validation here is too old to tell anybody how the network is now",
    found: `run ${runId}, ${ageWords(ageMs)} old`,
    expected: `at most ${ageWords(freshMs)}`,
    next: `npx quorate validate, then: npx quorate reports publish; or that one all the same: npx quorate reports publish --run ${runId}`,
  });
}

function notSeen(partyId: number, runId: string, party: PartyObservation | undefined): OperatorError {
  return new OperatorError({
    code: "VALIDATION_WITHOUT_PARTY",
    what: `party ${partyId}: the validation saw nothing of it first hand`,
    found: `run ${runId}: ${party?.notAsked ?? "no such party"}`,
    expected: "a validation that asked the party's own cluster",
    next: `npx quorate validate --party ${partyId}, then: npx quorate reports publish --party ${partyId}`,
  });
}
