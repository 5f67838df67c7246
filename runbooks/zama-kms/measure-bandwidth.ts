import type { BenchLoad, PartyBench } from "../../contract/bandwidth-report.ts";
import { coreClientName, coreClientPod, healthCheckProgram } from "../../contract/core-client.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import type { CommandResult, PartyAccess, RunbookContext } from "../context.ts";
import { benchSilence, readBench } from "./bench-output.ts";

/** The tool waits as long as the bench and 10 s more; connecting takes it 5 s, and kubectl its own time. */
const patienceMs = 25_000;

/** Arguments of kubectl that have a party's core measure its own links, from the core-client's pod. */
export function benchCommand(
  { namespace, services, ports }: PartyOutputs,
  contextId: string,
  { durationSeconds, sessions, payloadBytes }: BenchLoad,
): string[] {
  const bench = [
    ...[healthCheckProgram, "--format", "json", "bandwidth-bench"],
    ...["--endpoints", `${services.core}.${namespace}.svc.cluster.local:${ports.grpc}`],
    ...["--context-id", contextId, "--duration", `${durationSeconds}`],
    ...["--num-sessions", `${sessions}`, "--payload-size", `${payloadBytes}`],
  ];
  return ["exec", "--namespace", namespace, coreClientPod, "--container", coreClientName, "--", ...bench];
}

type Context = Pick<RunbookContext, "clock" | "progress">;

/** Has one party's core measure its links. Never throws because of what a cluster does. */
export async function measureFrom(
  party: PartyAccess,
  { contextId, load }: { contextId: string; load: BenchLoad },
  { clock, progress }: Context,
  signal: AbortSignal,
): Promise<PartyBench> {
  const { outputs } = party;
  const startedAt = clock.now().toISOString();
  const started = performance.now();
  progress(`party ${outputs.partyId} measures its links, ${load.durationSeconds} s`);
  const answer = await ask(party, benchCommand(outputs, contextId, load), load, signal);
  signal.throwIfAborted();
  const durationMs = Math.round(performance.now() - started);
  return { partyId: outputs.partyId, name: outputs.partyName, startedAt, durationMs, answer };
}

async function ask(
  party: PartyAccess,
  args: string[],
  { durationSeconds }: BenchLoad,
  signal: AbortSignal,
): Promise<PartyBench["answer"]> {
  const couldNotTell = (reason: string) => ({ status: "unknown" as const, code: "COULD_NOT_TELL" as const, reason });
  if (party.outputs.release === null) return couldNotTell("it has no core yet");
  let result: CommandResult;
  try {
    result = await party.kubectl(args, { timeoutMs: durationSeconds * 1000 + patienceMs, signal });
  } catch (failure) {
    return couldNotTell(failure instanceof Error ? failure.message : String(failure));
  }
  // What counts is its report, whatever it exits with.
  const isWhole = result.ended === undefined || result.ended === "exited";
  const links = isWhole ? readBench(result.stdout) : null;
  return links === null ? { status: "unknown", ...benchSilence(result) } : { status: "seen", links };
}
