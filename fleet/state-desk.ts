import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RefreshOptions, Stack } from "@pulumi/pulumi/automation/index.js";
import type { StateDesk, StateExport } from "./interrupted-creates.ts";

/** What only reads or writes a state is done in a second, or its backend hangs. */
const timeoutMs = 120_000;

type Workspace = Pick<Stack["workspace"], "workDir" | "envVars">;

/** Runs one of the engine's commands on a stack. */
async function run({ workDir: cwd, envVars }: Workspace, stackName: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...envVars };
  const all = ["stack", ...args, "--stack", stackName, "--non-interactive"];
  return (await promisify(execFile)("pulumi", all, { cwd, env, timeout: timeoutMs, maxBuffer: 256 << 20 })).stdout;
}

/** The state of any stack of the backend, secrets in it encrypted; undefined where there is no such stack. */
export async function exportState(workspace: Workspace, stackName: string): Promise<StateExport | undefined> {
  try {
    return JSON.parse(await run(workspace, stackName, "export")) as StateExport;
  } catch (failure) {
    if (/no stack named/i.test((failure as { stderr?: string }).stderr ?? "")) return undefined;
    throw failure;
  }
}

/** The engine's own commands on the state of one stack. Secrets in it stay encrypted, which the automation API's export would not do. */
export function stateDesk(stack: Stack, options: Pick<RefreshOptions, "configFile" | "onEvent">): StateDesk {
  const { workspace, name } = stack;
  return {
    export: async () => JSON.parse(await run(workspace, name, "export")) as StateExport,
    import: async (state) => {
      const file = join(workspace.workDir, `${name}.${process.pid}.state.json`);
      try {
        await writeFile(file, JSON.stringify(state), { mode: 0o600 });
        await run(workspace, name, "import", "--file", file);
      } finally {
        await rm(file, { force: true });
      }
    },
    refresh: async (target) => {
      await stack.refresh({ ...options, target, suppressProgress: true, color: "never" });
    },
  };
}
