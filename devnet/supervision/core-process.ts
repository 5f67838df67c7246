import { type ChildProcess, spawn } from "node:child_process";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { CoreLog } from "./core-log.ts";
import { identityOf, markVariable, type ProcessIdentity, signalProcess } from "./processes.ts";

const stopGraceMs = 2_000;

export interface CoreProcessEvents {
  /** The process exists. */
  started(identity: ProcessIdentity): void;
  /** It serves, under this boot id. */
  ready(bootId: string): void;
  /** It has ended; the text says how. */
  ended(how: string): void;
}

/** One run of a party's core. */
export class CoreProcess {
  readonly #child: ChildProcess;
  readonly #identity: ProcessIdentity | null;
  readonly #log: CoreLog;
  readonly #ended: Promise<void>;

  /** `words` are further arguments of the node's program. */
  constructor(configFile: string, logFile: string, mark: string, events: CoreProcessEvents, words: string[] = []) {
    this.#log = new CoreLog(logFile);
    this.#child = spawn(
      process.execPath,
      [fileURLToPath(new URL("../nodes/main.ts", import.meta.url)), configFile, ...words],
      {
        env: coreEnvironment(mark),
        // It ends when its standard input does, so it never outlives devnetd.
        stdio: ["pipe", "pipe", "pipe"],
      },
    );
    const child = this.#child;
    child.stdin?.on("error", () => {});
    this.#identity = child.pid === undefined ? null : identityOf(child.pid);
    if (this.#identity !== null) events.started(this.#identity);
    if (child.stderr) this.#log.follow(child.stderr, "stderr");
    if (child.stdout)
      this.#log.follow(child.stdout, "stdout", (line) => {
        const bootId = bootIdOf(line);
        if (bootId !== null) events.ready(bootId);
      });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    const end = (how: string) => {
      this.#log.write("stderr", `the core ended: ${how}`);
      this.#log.close();
      events.ended(how);
      resolve();
    };
    child.once("error", (error) => {
      if (child.pid === undefined) end(error.message);
    });
    // Not before its last words are in the log.
    child.once("close", (code, signal) => end(signal ?? `exit ${code}`));
  }

  get pid(): number | null {
    return this.#identity?.pid ?? null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#identity !== null) signalProcess(this.#identity, signal);
  }

  /** Ends the process: asks, then kills. A frozen one cannot hear the asking, so it is woken for it. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    this.signal("SIGCONT");
    const timer = setTimeout(() => this.signal("SIGKILL"), stopGraceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#ended;
  }
}

/** Whether the core answers on its health port within two seconds. */
export function coreAnswers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path: "/health", agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy(new Error("silent")));
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

function coreEnvironment(mark: string): Record<string, string> {
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env;
  const kept = Object.entries({ PATH, HOME, TMPDIR, NODE_COMPILE_CACHE }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(kept), [markVariable]: mark };
}

function bootIdOf(line: string): string | null {
  if (!line.startsWith("{")) return null;
  try {
    const { ready, bootId } = JSON.parse(line) as { ready?: boolean; bootId?: string };
    return ready && bootId ? bootId : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
