import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";

const attempts = 6;

/** Holds a run for this process alone. */
export function lockRun(dir: string, runId: string): Promise<{ release(): Promise<void> }> {
  return lockFolder(
    dir,
    async (other) =>
      new OperatorError({
        code: "RUN_IN_USE",
        what: `run ${runId} is being worked on by another process`,
        found: `process ${other.pid} on ${other.host}`,
        expected: "one process per run",
        next: howToFree(dir, other),
        exitCode: exitCodes.refused,
      }),
  );
}

/** What helps whoever needs what another process holds. */
export function howToFree(dir: string, other: Holder): string {
  return other.host === hostname()
    ? `wait for process ${other.pid}, or stop it with: kill ${other.pid}`
    : `make sure that it is gone, then remove ${join(dir, other.name)}`;
}

/**
 * Holds a folder for this process alone. Each process puts down a file that carries its host, pid and start time, and then looks for others:
 * of two that start at once at least one sees the other. Files of dead processes are cleared away.
 */
export async function lockFolder(
  dir: string,
  refusal: (other: Holder) => Promise<OperatorError>,
): Promise<{ release(): Promise<void> }> {
  const mine = lockName(hostname(), process.pid, await startTime(process.pid));
  for (let attempt = 1; ; attempt += 1) {
    await writeFile(join(dir, mine), "");
    const other = await livingHolder(dir, mine);
    if (other === null) return { release: () => rm(join(dir, mine), { force: true }) };
    await rm(join(dir, mine), { force: true });
    if (attempt === attempts) throw await refusal(other);
    await sleep(10 + Math.random() * 30 * attempt);
  }
}

export interface Holder {
  name: string;
  host: string;
  pid: number;
  started: string;
}

function lockName(host: string, pid: number, started: string): string {
  return `lock.${encodeURIComponent(host)}.${pid}.${started}`;
}

function parseLock(name: string): Holder | null {
  const match = /^lock\.(.+)\.(\d+)\.(\w+)$/.exec(name);
  return match === null
    ? null
    : { name, host: decodeURIComponent(match[1] ?? ""), pid: Number(match[2]), started: match[3] ?? "" };
}

async function livingHolder(dir: string, mine: string): Promise<Holder | null> {
  for (const name of await readdir(dir)) {
    const holder = name === mine ? null : parseLock(name);
    if (holder === null) continue;
    // A process of another host cannot be looked at from here, so it counts as alive.
    if (holder.host !== hostname() || (await startTime(holder.pid)) === holder.started) return holder;
    await rm(join(dir, name), { force: true });
  }
  return null;
}

/** When a process began, as a word; a pid alone is reused. "gone" if there is none. */
export async function startTime(pid: number): Promise<string> {
  if (process.platform === "linux") {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      // The command's name, in parentheses, may hold blanks; the start time is field 22.
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "gone";
    } catch (failure) {
      if (["ENOENT", "ESRCH"].includes((failure as NodeJS.ErrnoException).code ?? "")) return "gone";
      throw failure;
    }
  }
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]);
    return stdout.replace(/\W+/g, "") || "gone";
  } catch (failure) {
    // ps exits with 1 when there is no such process.
    if ((failure as { code?: unknown }).code === 1) return "gone";
    throw failure;
  }
}
