import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import { argumentError } from "./argument-error.ts";
import { terminal } from "./terminal.ts";

/** A command: its arguments after the name, to an exit code. */
export type Command = (args: string[]) => Promise<number>;

/** Loaded only when called, so that a command pays for what it uses and no more. */
const handlers: Record<string, () => Promise<Command>> = {
  demo: async () => (await import("./commands/demo.ts")).demo,
  devnet: async () => (await import("./commands/devnet.ts")).devnet,
  preview: async () => (await import("./commands/stacks.ts")).preview,
  up: async () => (await import("./commands/stacks.ts")).up,
  outputs: async () => (await import("./commands/stacks.ts")).outputs,
  cards: async () => (await import("./commands/cards.ts")).cards,
  runbooks: async () => (await import("./commands/runbooks.ts")).list,
  setup: async () => (await import("./commands/tools.ts")).setup,
  run: async () => (await import("./commands/runbooks.ts")).run,
  resume: async () => (await import("./commands/runbooks.ts")).resume,
  report: async () => (await import("./commands/runbooks.ts")).report,
  reports: async () => (await import("./commands/reports.ts")).reports,
  validate: async () => (await import("./commands/runbooks.ts")).validate,
  doctor: async () => (await import("./commands/runbooks.ts")).doctor,
  collect: async () => (await import("./commands/collect.ts")).collect,
  watch: async () => (await import("./commands/watch.ts")).watch,
  kubeconfig: async () => (await import("./commands/access.ts")).kubeconfig,
  "eks-token": async () => (await import("./commands/access.ts")).eksToken,
  use: async () => (await import("./commands/use.ts")).use,
  tools: async () => (await import("./commands/tools.ts")).tools,
  completion: async () => (await import("./commands/completion.ts")).completion,
};

/** Runs one command and turns whatever it throws into a text and an exit code. */
export async function main(name: string, args: string[]): Promise<number> {
  try {
    const load = handlers[name];
    if (load === undefined) throw new Error(`command ${name} is in the table and has no handler`);
    return await (await load())(args);
  } catch (failure) {
    return await report(failure, name, args);
  } finally {
    terminal.endProgress();
  }
}

async function report(failure: unknown, name: string, args: readonly string[]): Promise<number> {
  terminal.endProgress();
  const told = failure instanceof OperatorError ? failure : (argumentError(failure, name, args) ?? fileError(failure));
  if (told) {
    process.stderr.write(`${await byOriginals(told.render())}\n`);
    return told.problem.exitCode ?? exitCodes.usage;
  }
  const text = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
  process.stderr.write(`BUG  this should not have happened; please report it with the lines below\n${text}\n`);
  return exitCodes.bug;
}

/** A devnet works on copies of the stack files; what an operator mends is what they were copied from. */
async function byOriginals(text: string): Promise<string> {
  if (!text.includes("/.quorate/devnet/")) return text;
  const [{ projectRoot }, { devnetFiles }] = await Promise.all([import("./session.ts"), import("../devnet/files.ts")]);
  return text.replaceAll(`${devnetFiles(projectRoot()).stacks}/`, "stacks/");
}
