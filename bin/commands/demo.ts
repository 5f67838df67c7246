import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { devnetStatus, devnetUp } from "../../devnet/devnet.ts";
import { partyStacks } from "../../fleet/party-stacks.ts";
import { isViolated, policyFindings, renderFindings } from "../policy-report.ts";
import { openSession, projectRoot, useTools } from "../session.ts";
import { terminal } from "../terminal.ts";
import { validate } from "./runbooks.ts";
import { runFleet } from "./stacks.ts";

const coresDeadlineMs = 90_000;
const othersDeadlineMs = 180_000;

/** The main job, once: control planes, the party program four times, cores, and the proof of every link. */
export async function demo(args: string[]): Promise<number> {
  parseArgs({ args, options: {} });
  const root = projectRoot();
  useTools();
  await startDevnet(root);
  const session = await openSession({ root, network: "devnet" });
  const changes = await runFleet(session, await partyStacks(session.stacksDir, session.network), "up");
  if (isViolated(changes)) {
    terminal.print(renderFindings(policyFindings(changes)).join("\n"));
    return exitCodes.failed;
  }
  await waitForCores(root);
  const code = await validate(["--network", "devnet"]);
  process.stderr.write(
    "next  npx quorate devnet fault cut 2 3 && npx quorate validate\nend   npx quorate devnet down\n",
  );
  return code;
}

/** Whoever starts the devnet already, perhaps a demo whose terminal is gone, wants the same: wait for them. */
async function startDevnet(root: string): Promise<void> {
  const deadline = Date.now() + othersDeadlineMs;
  for (;;) {
    try {
      await devnetUp({ root, network: "devnet", onProgress: (text) => terminal.progress(text) });
      return;
    } catch (failure) {
      const isBusy = failure instanceof OperatorError && failure.problem.code === "DEVNET_STARTING";
      if (!isBusy || Date.now() > deadline) throw failure;
      terminal.progress(`${failure.problem.found}: waiting for it`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** A core serves once it has keys and every peer's certificate; until then a validation would tell the truth about a network that is starting. */
async function waitForCores(root: string): Promise<void> {
  const deadline = Date.now() + coresDeadlineMs;
  for (;;) {
    const { parties } = await devnetStatus(root);
    const waiting = parties.filter((party) => party.core !== "serving");
    if (waiting.length === 0) return;
    terminal.progress(
      `waiting for the cores of ${waiting.map((party) => `party ${party.partyId} (${party.core})`).join(", ")}`,
    );
    if (Date.now() > deadline)
      throw new OperatorError({
        code: "CORES_NOT_SERVING",
        what: `not every core of the devnet serves after ${coresDeadlineMs / 1000} s`,
        found: waiting.map((party) => `party ${party.partyId}: ${party.core}`).join("\n"),
        expected: "serving",
        next: "npx quorate validate",
        exitCode: 1,
      });
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
