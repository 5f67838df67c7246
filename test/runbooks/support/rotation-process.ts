// A process that runs or resumes the rotation, and kills itself with -9 where it is told to:
//   node rotation-process.ts <runs dir> <world file> <run id or "new"> [write:<line>:before|half|after] [act:<step>] [slow:<ms>] [blind]
import { setTimeout as sleep } from "node:timers/promises";
import { OperatorError } from "../../../contract/operator-error.ts";
import { interruptSignal } from "../../../runbooks/interrupt.ts";
import { type JournalFile, openJournalFile } from "../../../runbooks/journal.ts";
import { executeRun, planRunbook, type RunHost, resumeRun } from "../../../runbooks/run.ts";
import { openTerminal } from "../../../runbooks/terminal.ts";
import { given, rotation, WorldFile } from "./rotation.ts";

const [runsDir = "", worldPath = "", runId = "new", ...rest] = process.argv.slice(2);
const option = (name: string) =>
  rest
    .find((word) => word.startsWith(`${name}:`))
    ?.split(":")
    .slice(1);
const [killLine, killPhase] = option("write") ?? [];
const [killStep] = option("act") ?? [];

async function die(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  await sleep(10_000);
  throw new Error("still alive");
}

async function deadlyJournal(path: string, create: boolean): Promise<JournalFile> {
  const file = await openJournalFile(path, create);
  let line = 0;
  return {
    ...file,
    async write(text) {
      const here = String(line) === killLine;
      line += 1;
      if (here && killPhase === "before") await die();
      if (here && killPhase === "half") {
        await file.write(text.slice(0, text.length / 2));
        await die();
      }
      await file.write(text);
      if (here && killPhase === "after") await die();
    },
  };
}

const world = new WorldFile(worldPath);
const book = rotation(world, {
  blind: rest.includes("blind"),
  slowMs: Number(option("slow")?.[0] ?? 0),
  afterAct: async (step) => {
    if (step === killStep) await die();
  },
});
const host: RunHost = {
  runsDir,
  operator: "tester",
  terminal: openTerminal({ interactive: false }),
  clock: { now: () => new Date() },
  signal: interruptSignal().signal,
  openJournal: deadlyJournal,
};

try {
  if (runId === "new") {
    const planned = await planRunbook(book, given(), {});
    process.exitCode = (await executeRun(planned, host, { confirm: planned.plan.digest })).exitCode;
  } else {
    const find = async () => ({ runbook: book, given: given() });
    process.exitCode = (await resumeRun(runId, find, host)).exitCode;
  }
} catch (failure) {
  if (!(failure instanceof OperatorError)) throw failure;
  process.stderr.write(`${failure.render()}\n`);
  process.exitCode = failure.problem.exitCode ?? 2;
}
