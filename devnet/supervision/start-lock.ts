import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { OperatorError } from "../../contract/operator-error.ts";
import { readIfThere, writeWhole } from "../files.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./processes.ts";

const Holder = z.strictObject({ pid: z.int(), started: z.string(), doing: z.string() });
type Holder = z.infer<typeof Holder>;

const staleAsideMs = 3_600_000;

/**
 * Takes the lock of a devnet, or throws DEVNET_STARTING with who holds it. The lock of a dead process is broken.
 * A lock is a folder with its holder inside: it appears and goes whole, by one rename.
 */
export function takeStartLock(path: string, doing: string): Disposable {
  const me = identityOf(process.pid);
  if (me === null) throw new Error("this process cannot read its own start time");
  sweepAside(path);
  for (let attempt = 0; attempt < 5; attempt++) {
    if (tryTake(path, { ...me, doing })) return { [Symbol.dispose]: () => release(path, me) };
    const holder = readHolder(path);
    if (holder === null) continue;
    if (isAlive(holder)) throw startingError(path, holder);
    moveAside(path, holder);
  }
  const holder = readHolder(path);
  throw startingError(path, holder ?? { pid: 0, started: "", doing: "unknown" });
}

function tryTake(path: string, holder: Holder): boolean {
  const fresh = `${path}.new-${holder.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  writeWhole(join(fresh, "holder.json"), JSON.stringify(holder));
  try {
    // Fails where the lock is there, because a folder with something in it is never replaced.
    renameSync(fresh, path);
    return true;
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

/**
 * The new name is the dead holder's own and stays taken for an hour: a second process that saw the same dead holder
 * then fails to move whatever lock has been taken since.
 */
function moveAside(path: string, dead: ProcessIdentity): void {
  const aside = `${path}.dead-${dead.pid}-${dead.started.replaceAll(/[^\w]/g, "-")}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT") return;
    if (!["ENOTEMPTY", "EEXIST"].includes(code)) throw error;
  }
}

/** Drops what was moved aside an hour ago: nobody can still be looking at that holder. */
function sweepAside(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder).filter((each) => each.startsWith(`${basename(path)}.dead-`))) {
    // Not the time of change of what is in it: that is when the lock was taken.
    const moved = statSync(join(folder, name), { throwIfNoEntry: false })?.ctimeMs;
    if (moved !== undefined && Date.now() - moved > staleAsideMs)
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function release(path: string, me: ProcessIdentity): void {
  const holder = readHolder(path);
  if (holder === null || holder.pid !== me.pid || holder.started !== me.started) return;
  const done = `${path}.done-${me.pid}`;
  renameSync(path, done);
  rmSync(done, { recursive: true, force: true });
}

function readHolder(path: string): Holder | null {
  const text = readIfThere(join(path, "holder.json"));
  return text === null ? null : Holder.parse(JSON.parse(text));
}

function startingError(path: string, holder: Holder): OperatorError {
  return new OperatorError({
    code: "DEVNET_STARTING",
    what: `another command is at work on this devnet: ${holder.doing}`,
    found: `process ${holder.pid} holds ${path}`,
    expected: "one `devnet up` or `devnet down` at a time",
    next: `wait for process ${holder.pid} to end, then try again`,
    exitCode: 2,
  });
}
