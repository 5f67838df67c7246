import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";

/** A lock on a stack, as the engine names it when it refuses to work. */
export interface StackLock {
  url: string;
  /** Who took it: user@host. */
  owner: string;
  host: string;
  pid: number;
  takenAt: Date;
}

/** What is known of the engine that took a lock. `elsewhere`: on another machine, or not in a file here, so nothing can be told from here. */
export type LockState = "released" | "dead" | "alive" | "elsewhere";

/** `ps` tells a start by the second, and on some systems drifts by a few of them. */
const startToleranceMs = 10_000;

/** The locks in the engine's message that a stack is locked; none where it is about something else. */
export function locksNamedIn(message: string): StackLock[] {
  if (!message.includes("the stack is currently locked by")) return [];
  const lines = message.matchAll(/^\s*(\S+): created by (.*@(\S+)) \(pid (\d+)\) at (\S+)$/gm);
  const locks = [...lines].map(([, url, owner, host, pid, takenAt]) => ({
    url: String(url),
    owner: String(owner),
    host: String(host),
    pid: Number(pid),
    takenAt: new Date(String(takenAt)),
  }));
  // The automation API repeats what the engine said.
  return [...new Map(locks.map((lock) => [lock.url, lock])).values()];
}

export async function lockState(lock: StackLock): Promise<LockState> {
  const file = fileOf(lock);
  if (file === undefined) return "elsewhere";
  if (!existsSync(file)) return "released";
  if (lock.host !== hostname()) return "elsewhere";
  const started = await startOf(lock.pid);
  if (started === "never") return "dead";
  // A process that is younger than the lock has only inherited the number.
  return started.getTime() > lock.takenAt.getTime() + startToleranceMs ? "dead" : "alive";
}

/** Removes the lock of an engine that was killed. Its name is its own, so a lock that was taken since stays. */
export async function breakLock(lock: StackLock): Promise<void> {
  const file = fileOf(lock);
  if (file === undefined) throw new Error(`${lock.url} is not a file here`);
  // The backend keeps a file's attributes beside it.
  for (const path of [file, `${file}.attrs`]) await rm(path, { force: true });
}

function fileOf({ url }: StackLock): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, pathname } = new URL(url);
  return protocol === "file:" && host === "" ? fileURLToPath(`file://${pathname}`) : undefined;
}

/** When a process of this machine started; "never" where there is none, or only its remains. */
async function startOf(pid: number): Promise<Date | "never"> {
  const said = await new Promise<string | undefined>((resolve, reject) => {
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    execFile("ps", ["-o", "stat=", "-o", "lstart=", "-p", String(pid)], { env }, (failure, stdout) => {
      // It ends with 1 where it finds no such process.
      if (failure === null || failure.code === 1) resolve(stdout.trim());
      else if (failure.code === "ENOENT") resolve(undefined);
      else reject(failure);
    });
  });
  if (said === undefined) return exists(pid) ? new Date(0) : "never";
  const [, state, start] = /^(\S+)\s+(.+)$/.exec(said) ?? [];
  if (state === undefined || state.startsWith("Z")) return "never";
  return new Date(`${start} UTC`);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException;
    if (code === "ESRCH") return false;
    if (code === "EPERM") return true;
    throw failure;
  }
}
