import { type ChildProcess, spawn } from "node:child_process";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import type { NodeEvent } from "../nodes/core-log.ts";
import { CoreLog, eachLine } from "./core-log.ts";
import { identityOf, markVariable, type ProcessIdentity, signalProcess } from "./processes.ts";

const stopGraceMs = 2_000;

export interface CoreProcessEvents {
  /** The process exists. */
  started(identity: ProcessIdentity): void;
  /** It serves, under this boot id. */
  ready(bootId: string): void;
  /** It does not serve yet, and why. */
  held?(reason: string): void;
  /** It has ended; the text says how. */
  ended(how: string): void;
}

/** Where containers of the core's pod have their logs. */
export interface CoreLogFiles {
  /** What the enclave says. */
  core: string;
  /** What the pod's init container says. */
  init: string;
}

/** One run of a party's core. */
export class CoreProcess {
  readonly #child: ChildProcess;
  readonly #identity: ProcessIdentity | null;
  readonly #files: CoreLogFiles;
  readonly #ended: Promise<void>;
  #log: CoreLog;
  #init: CoreLog;

  /** `words` are further arguments of the node's program. */
  constructor(configFile: string, files: CoreLogFiles, mark: string, events: CoreProcessEvents, words: string[] = []) {
    this.#files = files;
    this.#log = new CoreLog(files.core);
    this.#init = new CoreLog(files.init);
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
    if (child.stderr) eachLine(child.stderr, (line) => this.#log.write("stdout", line));
    if (child.stdout) eachLine(child.stdout, (line) => this.#onEvent(line, events));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    const end = (how: string) => {
      this.#log.close();
      this.#init.close();
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

  #onEvent(line: string, events: CoreProcessEvents): void {
    const event = JSON.parse(line) as NodeEvent;
    if ("ready" in event) events.ready(event.bootId);
    else if ("held" in event) events.held?.(event.held);
    else if ("init" in event) this.#init.write("stdout", event.init);
    else if ("again" in event) {
      this.#log.close();
      this.#init.close();
      this.#log = new CoreLog(this.#files.core);
      this.#init = new CoreLog(this.#files.init);
    }
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
