import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const sweepAfterMs = 3_600_000;

/** When a process began, as text that no later process with the same id shares; undefined when there is none. */
export function processStart(pid) {
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name in parentheses may itself hold spaces and parentheses; start time is the 20th field after it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z"
        ? undefined
        : `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${fields[19]}`;
    } catch (error) {
      if (error.code === "ENOENT" || error.code === "ESRCH") return undefined;
      throw error;
    }
  }
  const started = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).stdout?.trim();
  return started || undefined;
}

function ownerOf(dir) {
  try {
    return JSON.parse(readFileSync(join(dir, "owner.json"), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

const isAlive = (owner) => owner.host !== hostname() || processStart(owner.pid) === owner.started;

/** True when this process holds the lock now. A lock appears whole, owner and all, by one rename. */
function tryTake(dir, me) {
  const mine = `${dir}.${me.pid}.new`;
  rmSync(mine, { recursive: true, force: true });
  mkdirSync(mine, { recursive: true });
  writeFileSync(join(mine, "owner.json"), JSON.stringify(me));
  try {
    renameSync(mine, dir);
    return true;
  } catch (error) {
    rmSync(mine, { recursive: true, force: true });
    if (error.code === "ENOTEMPTY" || error.code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Moves a dead owner's lock aside. The name is the dead owner's own and the directory stays for a while: a second process
 * that saw the same dead owner then fails to move it, and can't take away the lock that the first one got meanwhile.
 */
function breakStale(dir, owner) {
  const aside = `${dir}.dead-${owner.pid}-${String(owner.started).replaceAll(/[^0-9A-Za-z]/g, "_")}`;
  try {
    renameSync(dir, aside);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(error.code)) throw error;
  }
}

/** Removes what was moved aside long ago: nobody can still be about to break that lock. */
function sweep(dir) {
  for (const name of readdirSync(dirname(dir))) {
    const aside = join(dirname(dir), name);
    if (!name.startsWith(`${basename(dir)}.dead-`)) continue;
    const found = statSync(aside, { throwIfNoEntry: false });
    if (found !== undefined && Date.now() - found.ctimeMs > sweepAfterMs)
      rmSync(aside, { recursive: true, force: true });
  }
}

/**
 * Runs `work` while this process alone holds the lock `dir`. Waits for a live owner, breaks the lock of a dead one.
 * @template T
 * @param {string} dir
 * @param {() => Promise<T>} work
 * @param {{ onWait?: (owner: { pid: number, host: string }) => void, pollMs?: number }} [options]
 * @returns {Promise<T>}
 */
export async function withLock(dir, work, { onWait = () => {}, pollMs = 200 } = {}) {
  mkdirSync(dirname(dir), { recursive: true });
  const me = { pid: process.pid, started: processStart(process.pid), host: hostname() };
  while (!tryTake(dir, me)) {
    const owner = ownerOf(dir);
    if (owner !== undefined && !isAlive(owner)) breakStale(dir, owner);
    else {
      if (owner !== undefined) onWait(owner);
      await sleep(pollMs);
    }
  }
  sweep(dir);
  // Away in one rename: emptied in place, it would look free before its directory is gone.
  const release = () => {
    const done = `${dir}.${me.pid}.done`;
    renameSync(dir, done);
    rmSync(done, { recursive: true, force: true });
  };
  process.on("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}
