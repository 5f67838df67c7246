import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Ended, runIn } from "./run-in.ts";

const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));

/** The command in an operator's folder, to its end. */
export async function runQuorate(folder: string, ...args: string[]): Promise<Ended> {
  return await runIn(folder, process.execPath, [quorate, ...args]);
}

/** The same where it has to end well. */
export async function goodQuorate(folder: string, ...args: string[]): Promise<Ended> {
  const ended = await runQuorate(folder, ...args);
  expect(ended, `${args.join(" ")} in ${folder}\n${ended.stderr}`).toMatchObject({ code: 0 });
  return ended;
}

/** A command as the leader of a process group, as a shell would start it, to be killed. */
export class CommandProcess {
  readonly #child: ChildProcess;
  #said = "";

  constructor(folder: string, ...args: string[]) {
    this.#child = spawn(process.execPath, [quorate, ...args], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1" },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk) => {
        this.#said += chunk;
      });
  }

  /** Resolves when it has printed this; fails when it ends before. */
  async hasSaid(text: string): Promise<void> {
    while (!this.#said.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(`the command ended without "${text}":\n${this.#said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** kill -9, of the command alone or of everything that it started and that is not detached. */
  async kill(whom: "command" | "group"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return;
    const ended = once(this.#child, "exit");
    process.kill(whom === "group" ? -this.#child.pid : this.#child.pid, "SIGKILL");
    await ended;
  }
}

/** Processes that work in a folder or for it: it is in their command, their environment or their working directory. */
export function processesOf(folder: string): number[] {
  const reads = [
    (pid: string) => readFileSync(`/proc/${pid}/cmdline`, "utf8"),
    (pid: string) => readFileSync(`/proc/${pid}/environ`, "utf8"),
    (pid: string) => readlinkSync(`/proc/${pid}/cwd`),
  ];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => reads.some((read) => readOr(read, pid).includes(folder)))
    .map(Number);
}

/** Ends everything that belongs to a folder at once and without warning, as a power cut would: nobody sees anybody else end. */
export function killEverythingOf(folder: string): void {
  for (let pids = processesOf(folder); pids.length > 0; pids = processesOf(folder))
    for (const signal of ["SIGSTOP", "SIGKILL"] as const)
      for (const pid of pids)
        try {
          process.kill(pid, signal);
        } catch (failure) {
          if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
        }
}

/** Addresses in 127.k.0.0/16 on which something listens, as the kernel's table writes them. */
export function listenersIn(k: number): string[] {
  const range = `${k.toString(16).toUpperCase().padStart(2, "0")}7F:`;
  const rows = (table: string) => readFileSync(table, "utf8").trim().split("\n").slice(1);
  const local = (row: string) => String(row.trim().split(/\s+/)[1]);
  return [...rows("/proc/net/tcp").filter((row) => row.includes(" 0A ")), ...rows("/proc/net/udp")].flatMap((row) =>
    local(row).includes(range) ? [local(row)] : [],
  );
}

function readOr(read: (pid: string) => string, pid: string): string {
  try {
    return read(pid);
  } catch (failure) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((failure as NodeJS.ErrnoException).code ?? "")) return "";
    throw failure;
  }
}
