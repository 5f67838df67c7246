import { type ChildProcess, spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import { cutBetweenWords } from "../contract/printable.ts";
import type { CommandOptions, CommandResult } from "./context.ts";

export interface RunCommandOptions extends CommandOptions {
  /** @default this process's own */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** More than this ends the command. @default 16 MiB */
  maxOutputBytes?: number;
}

const defaultTimeoutMs = 30_000;
const defaultMaxOutputBytes = 16 * 1024 * 1024;
const killAfterMs = 1_000;

/**
 * Runs a program with an array of arguments, through zx and without a shell. Never throws because of what the program does: exit code,
 * deadline and missing program are all in the result. Secrets belong into `stdin`, never into `args`, which any user of the machine can see.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: RunCommandOptions = {},
): Promise<CommandResult> {
  if (options.signal?.aborted) return notStarted("aborted before it began", 130, "aborted");
  // Loading zx costs 50 ms, which only commands that run something should pay.
  const { $ } = await import("zx");
  const watch = new Watch(options);
  const shell = $({
    quiet: true,
    nothrow: true,
    verbose: false,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.holdStdin === undefined ? { input: options.stdin ?? "" } : {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
    prefix: "",
    postfix: "",
    // zx would hand its quoted text to a shell; the program gets the array instead.
    spawn: ((_text: string, _args: readonly string[], spawning: object) =>
      watch.start(spawn(file, args, { ...spawning, shell: false }))) as unknown as typeof spawn,
  });
  try {
    const output = await shell`${file} ${args}`;
    return watch.result(output.stdout, output.stderr, output.exitCode, output.signal);
  } finally {
    watch.stop();
  }
}

/** Looks after one child: deadline, interruption, size of its output, its lines. */
class Watch {
  readonly #options: RunCommandOptions;
  readonly #started = performance.now();
  #child: ChildProcess | undefined;
  #ended: NonNullable<CommandResult["ended"]> = "exited";
  #timers: NodeJS.Timeout[] = [];
  #bytes = 0;
  #line = "";
  readonly #decoder = new StringDecoder("utf8");
  #startFailure: NodeJS.ErrnoException | undefined;
  readonly #abort = () => this.#end("aborted");

  constructor(options: RunCommandOptions) {
    this.#options = options;
  }

  start(child: ChildProcess): ChildProcess {
    this.#child = child;
    const { timeoutMs = defaultTimeoutMs, signal } = this.#options;
    this.#timers.push(setTimeout(() => this.#end("deadline"), timeoutMs));
    signal?.addEventListener("abort", this.#abort, { once: true });
    child.once("error", (error) => {
      this.#startFailure = error;
    });
    // A program may end without reading all of its input; its exit code tells what there is to tell.
    child.stdin?.on("error", () => {});
    this.#hold(child);
    child.stdout?.on("data", (chunk: Buffer) => {
      this.#count(chunk);
      if (this.#options.onLine) this.#lines(this.#decoder.write(chunk));
    });
    child.stderr?.on("data", (chunk: Buffer) => this.#count(chunk));
    return child;
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.signal?.removeEventListener("abort", this.#abort);
  }

  result(stdout: string, stderr: string, exitCode: number | null, signal: NodeJS.Signals | null): CommandResult {
    const durationMs = performance.now() - this.#started;
    if (this.#startFailure !== undefined)
      return { ...notStarted(this.#startFailure.message, 127, "not-started"), durationMs };
    const code = exitCode ?? (signal === "SIGKILL" ? 137 : 143);
    return { stdout, stderr, exitCode: code, durationMs, ended: this.#ended };
  }

  #hold(child: ChildProcess): void {
    const { holdStdin, stdin = "" } = this.#options;
    if (holdStdin === undefined) return;
    child.stdin?.write(stdin);
    const end = () => void child.stdin?.end("\n");
    if (holdStdin.aborted) end();
    else holdStdin.addEventListener("abort", end, { once: true });
    child.once("exit", () => holdStdin.removeEventListener("abort", end));
  }

  #count(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > (this.#options.maxOutputBytes ?? defaultMaxOutputBytes)) this.#end("too-much-output");
  }

  #lines(text: string): void {
    const rows = (this.#line + text).split("\n");
    this.#line = rows.pop() ?? "";
    for (const row of rows) this.#options.onLine?.(row);
  }

  #end(why: NonNullable<CommandResult["ended"]>): void {
    if (this.#ended !== "exited") return;
    this.#ended = why;
    this.#signal("SIGTERM");
    this.#timers.push(setTimeout(() => this.#signal("SIGKILL"), killAfterMs));
  }

  /** The program and what it started, as an exec credential plugin: they are one process group. */
  #signal(name: NodeJS.Signals): void {
    if (this.#child?.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, name);
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
    }
  }
}

function notStarted(why: string, exitCode: number, ended: "aborted" | "not-started"): CommandResult {
  return { stdout: "", stderr: why, exitCode, durationMs: 0, ended };
}

export const commandFailures = [
  "TIMED_OUT",
  "INTERRUPTED",
  "TOOL_MISSING",
  "NOT_FOUND",
  "FORBIDDEN",
  "UNAUTHORIZED",
  "REFUSED",
  "LOST",
  "UNREACHABLE",
  "UNTRUSTED_SERVER",
  "NOT_RUNNING",
  "FAILED",
] as const;
export type CommandFailure = { code: (typeof commandFailures)[number]; reason: string };

/** What kubectl and helm write when they fail, in the order in which the words are told apart. */
const patterns: readonly [RegExp, CommandFailure["code"], string][] = [
  // The API server answers, and says that it does not get to the node; why may read like a failure of its own.
  [
    /error dialing backend|no preferred addresses found/i,
    "UNREACHABLE",
    "the API server does not reach the node of the pod",
  ],
  [
    /certificate signed by unknown authority|x509: /i,
    "UNTRUSTED_SERVER",
    "the API server's certificate is not the cluster's",
  ],
  [
    /\(Unauthorized\)|\bUnauthorized\b|must be logged in|getting credentials: exec/i,
    "UNAUTHORIZED",
    "the API server does not know the caller",
  ],
  [/\(Forbidden\)|is forbidden/i, "FORBIDDEN", "the caller may not do this"],
  [/connection refused|was refused/i, "REFUSED", "the API server refused the connection"],
  [
    /connection reset by peer|unexpected EOF|\bEOF$|connection lost|broken pipe|error reading from error stream|websocket: close/im,
    "LOST",
    "the connection to the API server was lost",
  ],
  [/no such host|no route to host|network is unreachable/i, "UNREACHABLE", "the API server cannot be reached"],
  [
    /i\/o timeout|deadline exceeded|TLS handshake timeout|request timed out|Client\.Timeout/i,
    "TIMED_OUT",
    "the API server gave no answer in time",
  ],
  [
    /container not found|cannot exec|does not have a host assigned|is not running|not currently running|timed out waiting for the condition|unable to upgrade connection|ContainerCreating/i,
    "NOT_RUNNING",
    "the container is not running",
  ],
  [/\(NotFound\)|not found|no matching resources/i, "NOT_FOUND", "what was asked for is not there"],
  [/cluster unreachable/i, "UNREACHABLE", "the API server cannot be reached"],
];

/** Why a kubectl or helm command gave no answer, or null if it succeeded. */
export function classifyFailure(result: CommandResult): CommandFailure | null {
  const seconds = (result.durationMs / 1000).toFixed(1);
  switch (result.ended) {
    case "deadline":
      return { code: "TIMED_OUT", reason: `no answer within ${seconds} s` };
    case "aborted":
      return { code: "INTERRUPTED", reason: "interrupted" };
    case "not-started":
      // 127 is a program that is not there; anything else kept it from being tried, as a kubeconfig that cannot be had.
      return result.exitCode === 127
        ? { code: "TOOL_MISSING", reason: `the program cannot be started: ${result.stderr}` }
        : {
            code: "UNAUTHORIZED",
            reason: result.stderr.split("\n", 1)[0] || "it was not started, and nothing said why",
          };
    case "too-much-output":
      return { code: "FAILED", reason: "it printed more than could be read" };
  }
  if (result.exitCode === 0) return null;
  const said = lastLine(result.stderr) || lastLine(result.stdout) || `exit code ${result.exitCode}`;
  for (const [pattern, code, meaning] of patterns)
    if (pattern.test(result.stderr)) return { code, reason: `${meaning}: ${said}` };
  return { code: "FAILED", reason: said };
}

/** What kubectl adds when a command in a container failed: the command itself has said why, before it. */
const execEnding = /^command terminated with exit code|error executing command in container: cmd wait/;

/** The last line that says something. */
function lastLine(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return cutBetweenWords(lines.findLast((line) => !execEnding.test(line)) ?? lines.at(-1) ?? "", 300);
}
