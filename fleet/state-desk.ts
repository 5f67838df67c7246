import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RefreshOptions, Stack } from "@pulumi/pulumi/automation/index.js";
import type { StateDesk, StateExport } from "./interrupted-creates.ts";

/** What only reads or writes a state is done in a second, or its backend hangs. */
const timeoutMs = 120_000;

/** The engine's own commands on the state of one stack. Secrets in it stay encrypted, which the automation API's export would not do. */
export function stateDesk(stack: Stack, options: Pick<RefreshOptions, "configFile" | "onEvent">): StateDesk {
  const cwd = stack.workspace.workDir;
  const env = { ...process.env, ...stack.workspace.envVars };
  const run = async (...args: string[]) => {
    const all = ["stack", ...args, "--stack", stack.name, "--non-interactive"];
    return await promisify(execFile)("pulumi", all, { cwd, env, timeout: timeoutMs, maxBuffer: 256 << 20 });
  };
  return {
    export: async () => JSON.parse((await run("export")).stdout) as StateExport,
    import: async (state) => {
      const file = join(cwd, `${stack.name}.${process.pid}.state.json`);
      try {
        await writeFile(file, JSON.stringify(state), { mode: 0o600 });
        await run("import", "--file", file);
      } finally {
        await rm(file, { force: true });
      }
    },
    refresh: async (target) => {
      await stack.refresh({ ...options, target, suppressProgress: true, color: "never" });
    },
  };
}
