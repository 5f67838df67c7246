import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A process that cannot be mistaken for a later one with the same id, not even across a restart of the machine. */
export interface ProcessIdentity {
  pid: number;
  /** Boot of the machine and start time within it. */
  started: string;
}

/** Name of the environment variable that all processes of one devnet inherit; its value is random per start. */
export const markVariable = "QUORATE_DEVNET_MARK";

const onLinux = process.platform === "linux";

/** When the process with this id started, or null where there is none (or only its remains). */
export function startOf(pid: number): string | null {
  try {
    if (!onLinux) return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || null;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name, which may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    const ticks = fields[19];
    if (state === "Z" || ticks === undefined) return null;
    return `${bootId()}:${ticks}`;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** The identity of a process that runs now. */
export function identityOf(pid: number): ProcessIdentity | null {
  const started = startOf(pid);
  return started === null ? null : { pid, started };
}

export function isAlive(process: ProcessIdentity): boolean {
  return startOf(process.pid) === process.started;
}

/** Sends a signal to exactly this process; false where it is no more, whoever has its id now. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/**
 * Kills what a dead devnetd left: the processes it had recorded, by id and start time, then whatever carries its mark
 * in the environment. The mark finds the child that was started in the instant before devnetd could record it, and
 * commands that ran in pods. Resolves once none is left.
 */
export async function reap(recorded: readonly ProcessIdentity[], mark: string, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const left = new Map<number, ProcessIdentity>();
    for (const each of [...recorded, ...marked(mark)]) if (isAlive(each)) left.set(each.pid, each);
    if (left.size === 0) return;
    if (Date.now() > deadline) throw new Error(`processes ${[...left.keys()].join(", ")} do not end on SIGKILL`);
    for (const each of left.values()) signalProcess(each, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Processes of this user whose environment carries the mark, other than this one. */
export function marked(mark: string): ProcessIdentity[] {
  if (!onLinux) return [];
  const wanted = `${markVariable}=${mark}`;
  const found: ProcessIdentity[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(wanted)) continue;
    } catch (error) {
      // Gone meanwhile, or another user's.
      if (isGone(error) || ["EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) continue;
      throw error;
    }
    const identity = identityOf(pid);
    if (identity !== null) found.push(identity);
  }
  return found;
}

let cachedBootId: string | undefined;

function bootId(): string {
  cachedBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return cachedBootId;
}

function isGone(error: unknown): boolean {
  const { code, status } = error as NodeJS.ErrnoException & { status?: number };
  return code === "ENOENT" || code === "ESRCH" || status === 1;
}
