import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runHere } from "./run-here.ts";
import type { Ended } from "./run-in.ts";

interface Asked {
  folder: string;
  args: string[];
  env: Record<string, string>;
}

type Told = { ended: Ended } | { failure: string };

/** Runs commands without the superuser's right to pass over the rights of files: in one process for all of them, one after another. */
export class OrdinaryUser {
  readonly #process: ChildProcess;
  readonly #waiting: ((told: Told) => void)[] = [];

  constructor() {
    const drop = process.getuid?.() === 0 ? withoutRights : [];
    const [file = "", ...words] = [...drop, process.execPath, fileURLToPath(import.meta.url)];
    this.#process = spawn(file, words, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#process.on("message", (told: Told) => this.#waiting.shift()?.(told));
    const end = (failure: string) => {
      for (const tell of this.#waiting.splice(0)) tell({ failure });
    };
    this.#process.on("error", (error) => end(error.message));
    this.#process.on("exit", (code, signal) => end(`its process ended with ${signal ?? code}`));
  }

  async run(asked: Asked): Promise<Ended> {
    const told = await new Promise<Told>((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#process.send(asked, (failure) => failure && reject(failure));
    });
    if ("failure" in told) throw new Error(told.failure);
    return told.ended;
  }

  [Symbol.dispose](): void {
    this.#process.kill();
  }
}

const withoutRights = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", "--"];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let before = Promise.resolve();
  process.on("message", ({ folder, args, env }: Asked) => {
    before = before.then(async () => {
      const told: Told = await runHere(folder, args, env).then(
        (ended) => ({ ended }),
        (error: Error) => ({ failure: error.stack ?? error.message }),
      );
      process.send?.(told);
    });
  });
}
