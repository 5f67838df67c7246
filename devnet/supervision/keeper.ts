import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { identityOf, markVariable, type ProcessIdentity, signalProcess } from "./processes.ts";
import type { Program } from "./program.ts";

export type KeptState = "starting" | "serving" | "restarting" | "stopped";

export interface KeeperOptions {
  mark: string;
  /** Called with each new process before anything else happens to it, and with null when it has ended. */
  record(name: string, process: ProcessIdentity | null): void;
  log(text: string): void;
}

const probePauseMs = 75;
const firstBackoffMs = 200;
const longestBackoffMs = 10_000;
/** A program that served this long starts its backoff anew. */
const calmMs = 30_000;

/** Keeps one program running: starts it, waits until it serves, and starts it again whenever it ends. */
export class Keeper {
  readonly program: Program;
  readonly #options: KeeperOptions;
  #child: ChildProcess | undefined;
  #identity: ProcessIdentity | null = null;
  #state: KeptState = "stopped";
  #restarts = 0;
  #backoffMs = firstBackoffMs;
  #timer: NodeJS.Timeout | undefined;

  constructor(program: Program, options: KeeperOptions) {
    this.program = program;
    this.#options = options;
  }

  get state(): KeptState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#identity?.pid ?? null;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when the program serves for the first time; rejects when it did not within its time. */
  async start(): Promise<void> {
    this.#state = "starting";
    const deadline = Date.now() + this.program.startTimeoutMs;
    this.#spawn();
    await this.#untilServing(deadline);
    this.#state = "serving";
  }

  /** Ends the program and keeps it ended: asks, then kills. */
  async stop(graceMs: number): Promise<void> {
    this.#state = "stopped";
    clearTimeout(this.#timer);
    const child = this.#child;
    const identity = this.#identity;
    if (child === undefined || identity === null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (child.exitCode !== null || child.signalCode !== null) return;
    signalProcess(identity, graceMs > 0 ? "SIGTERM" : "SIGKILL");
    const timer = setTimeout(() => signalProcess(identity, "SIGKILL"), graceMs);
    await ended;
    clearTimeout(timer);
  }

  #spawn(): void {
    const { name, command, args, env, logFile } = this.program;
    mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
    const log = openSync(logFile, "a", 0o600);
    const startedAt = Date.now();
    // A pipe as standard input that nobody writes to: programs of ours end when it closes, that is with devnetd.
    const child = spawn(command, args, {
      env: { ...inherited(), ...env, [markVariable]: this.#options.mark },
      stdio: ["pipe", log, log],
    });
    closeSync(log);
    this.#child = child;
    child.stdin?.on("error", () => {});
    if (child.pid !== undefined) {
      this.#identity = identityOf(child.pid);
      this.#options.record(name, this.#identity);
    }
    child.on("error", (error) => this.#options.log(`${name} cannot be started: ${error.message}`));
    child.on("exit", (code, signal) => this.#onExit(child, code, signal, startedAt));
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null, startedAt: number): void {
    if (child !== this.#child) return;
    this.#identity = null;
    this.#options.record(this.program.name, null);
    if (this.#state === "stopped") return;
    if (Date.now() - startedAt > calmMs) this.#backoffMs = firstBackoffMs;
    this.#options.log(`${this.program.name} ended (${signal ?? `exit ${code}`}), again in ${this.#backoffMs} ms`);
    if (this.#state === "serving") this.#state = "restarting";
    this.#timer = setTimeout(() => {
      this.#restarts += 1;
      this.#spawn();
      if (this.#state === "restarting") void this.#watchRestart();
    }, this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, longestBackoffMs);
  }

  async #watchRestart(): Promise<void> {
    try {
      await this.#untilServing(Date.now() + this.program.startTimeoutMs);
      if (this.#state === "restarting") this.#state = "serving";
    } catch (error) {
      // It is still being restarted whenever it ends; a program that hangs from its start on is for a person to see.
      this.#options.log((error as Error).message);
    }
  }

  async #untilServing(deadline: number): Promise<void> {
    for (;;) {
      if (this.#state === "stopped") throw new Error(`${this.program.name} was stopped`);
      try {
        if (this.#identity !== null) return await this.program.probe();
        throw new Error("it does not run");
      } catch (error) {
        if (Date.now() > deadline)
          throw new Error(
            `${this.program.name} does not serve after ${this.program.startTimeoutMs / 1000} s: ${(error as Error).message}\n${tail(this.program.logFile)}`,
            { cause: error },
          );
      }
      await new Promise((resolve) => setTimeout(resolve, probePauseMs));
    }
  }
}

/** The last lines of a log file. */
export function tail(path: string, lines = 8): string {
  return readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}

/** What children get of our own environment: enough to run, nothing that would steer them. */
function inherited(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "SSL_CERT_FILE", "NODE_COMPILE_CACHE"]) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
