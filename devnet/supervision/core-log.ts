import { closeSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { previousLogPath } from "../clusters/kwok.ts";

export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", onLine);
}

/** The log of one run of a container, in the format of a container runtime: `kubectl logs` shows it. */
export class CoreLog {
  readonly #descriptor: number;
  #isOpen = true;

  /** Starts a new log; the one before becomes that of the previous run. */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      renameSync(path, previousLogPath(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    this.#descriptor = openSync(path, "a", 0o600);
  }

  write(name: "stdout" | "stderr", line: string): void {
    if (this.#isOpen) writeSync(this.#descriptor, `${new Date().toISOString()} ${name} F ${line}\n`);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#descriptor);
  }
}
