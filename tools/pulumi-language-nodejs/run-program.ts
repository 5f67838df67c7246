import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the engine asks of one run of a program. */
export interface ProgramRun {
  monitor: string;
  engine: string;
  organization: string;
  project: string;
  stack: string;
  rootDirectory: string;
  programDirectory: string;
  entryPoint: string;
  args: string[];
  parallel: number;
  dryRun: boolean;
  tracing: string;
  config: Record<string, string>;
  secretKeys: string[];
  options: { typescript?: unknown; nodeargs?: unknown };
}

/** `error` is for the operator; `bail` says that the program has explained its failure already. */
export interface ProgramResult {
  error: string;
  bail: boolean;
}

/** The SDK's own code for "the operator has been told": `nodeJSProcessExitedAfterLoggingUserActionableMessage`. */
const toldTheOperator = 32;

/** The command line of the SDK's `cmd/run`, which loads the program and talks to the engine. */
export function commandLine(run: ProgramRun, runPath: string): string[] {
  const flags: [string, string][] = [
    ["monitor", run.monitor],
    ["engine", run.engine],
    ["organization", run.organization],
    ["project", run.project],
    ["root-directory", run.rootDirectory],
    ["stack", run.stack],
    ["pwd", run.programDirectory],
    ["parallel", String(run.parallel)],
    ["tracing", run.tracing],
  ];
  const nodeArgs = typeof run.options.nodeargs === "string" ? run.options.nodeargs.split(/\s+/).filter(Boolean) : [];
  return [
    ...nodeArgs,
    runPath,
    ...flags.filter(([, value]) => value !== "").map(([flag, value]) => `--${flag}=${value}`),
    ...(run.dryRun ? ["--dry-run"] : []),
    run.entryPoint,
    ...run.args,
  ];
}

/** Configuration travels in the environment, so that values never show in a list of processes. */
export function environment(run: ProgramRun, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"),
    ...env,
    PULUMI_CONFIG: JSON.stringify(run.config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(run.secretKeys),
    ...(run.options.typescript === false ? {} : { PULUMI_NODEJS_TYPESCRIPT: "true" }),
  };
}

function runPathFor(programDirectory: string): string | undefined {
  try {
    return createRequire(join(programDirectory, "program.js")).resolve("@pulumi/pulumi/cmd/run");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

function resultOf(code: number | null, signal: NodeJS.Signals | null): ProgramResult {
  if (code === 0) return { error: "", bail: false };
  if (code === toldTheOperator) return { error: "", bail: true };
  return {
    error: signal === null ? `Program exited with non-zero exit code: ${code}` : `Program was ended by ${signal}`,
    bail: false,
  };
}

/** Runs the program to its end. `onStart` is given the process, so that a cancelled update can stop it. */
export function runProgram(run: ProgramRun, onStart: (child: ChildProcess) => void): Promise<ProgramResult> {
  const runPath = runPathFor(run.programDirectory);
  if (runPath === undefined)
    return Promise.resolve({
      error: `The Pulumi SDK is not installed for ${run.programDirectory}: run npm ci there`,
      bail: false,
    });
  return new Promise((resolve, reject) => {
    // What the program prints goes straight to the engine, which reads our own stdout and stderr.
    const child = spawn(process.execPath, commandLine(run, runPath), {
      cwd: run.programDirectory,
      env: environment(run, process.env),
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(resultOf(code, signal)));
    onStart(child);
  });
}
