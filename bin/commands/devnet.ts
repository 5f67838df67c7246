import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { devnetDown, devnetEnv, devnetFault, devnetStatus, devnetUp } from "../../devnet/devnet.ts";
import { type Fault, parseFault } from "../../devnet/fault.ts";
import { suggest } from "../help.mjs";
import { projectRoot, useProjectTools } from "../session.ts";
import { networkLine, renderTable, terminal } from "../terminal.ts";
import { chooseFormat } from "./stacks.ts";

const actions: Record<string, (args: string[]) => Promise<number>> = { up, down, status, fault, env };

export async function devnet(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  const act = actions[name ?? ""];
  if (act === undefined)
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: name === undefined ? "devnet what?" : `devnet has no action "${name}"`,
      found: name ?? "nothing",
      expected: (name && suggest(name, Object.keys(actions))) ?? Object.keys(actions).join(", "),
      next: "quorate devnet --help",
    });
  return await act(rest);
}

async function up(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { network: { type: "string", default: "devnet" } } });
  const root = projectRoot();
  useProjectTools(root);
  await devnetUp({ root, network: values.network, onProgress: (text) => terminal.progress(text) });
  terminal.endProgress();
  return await printStatus(root, "table");
}
