import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { devnetStatus, devnetUp } from "../../devnet/devnet.ts";
import { type Fault, faultText } from "../../devnet/fault.ts";
import { partyStacks } from "../../fleet/party-stacks.ts";
import { isViolated, policyFindings, renderFindings } from "../policy-report.ts";
import { openSession, projectRoot, useTools } from "../session.ts";
import { terminal } from "../terminal.ts";
import { waitForCores } from "../wait-for-cores.ts";
import { validate } from "./runbooks.ts";
import { runFleet } from "./stacks.ts";

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
  await waitForCores({ look: () => devnetStatus(root), progress: (text) => terminal.progress(text) });
  const code = await validate(["--network", "devnet"]);
  process.stderr.write(demoEnding((await devnetStatus(root)).faults));
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

/** What to type next; with faults about, they are why not all is up, and another would not show anything. */
export function demoEnding(faults: readonly Fault[]): string {
  const next =
    faults.length === 0
      ? "next  npx quorate devnet fault cut 2 3 && npx quorate validate"
      : `faults: ${faults.map(faultText).join(", ")}\nnext  npx quorate devnet fault heal && npx quorate validate`;
  return `${next}\nend   npx quorate devnet down\n`;
}
