import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { processStart, withLock } from "../../tools/lock.mjs";

let base: string;
let lock: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "quorate-lock-"));
  lock = join(base, "a.lock");
});
afterEach(() => rmSync(base, { recursive: true }));

async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "0"]);
  await new Promise((resolve) => child.once("exit", resolve));
  return child.pid ?? 0;
}

function leaveLock(owner: { pid: number; started: string | undefined }): void {
  mkdirSync(lock);
  writeFileSync(join(lock, "owner.json"), JSON.stringify({ ...owner, host: hostname() }));
}

test("one holder at a time, and the lock is gone afterwards", async () => {
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await sleep(5);
    inside--;
  };
  await Promise.all([1, 2, 3].map(() => withLock(lock, work, { pollMs: 1 })));
  expect(most).toBe(1);
  expect(readdirSync(base)).toEqual([]);
});

test("the lock is given back when the work fails", async () => {
  await expect(withLock(lock, () => Promise.reject(new Error("disk full")))).rejects.toThrow("disk full");
  expect(existsSync(lock)).toBe(false);
});

test("the lock of a dead process is broken", async () => {
  leaveLock({ pid: await endedProcess(), started: "earlier" });
  expect(await withLock(lock, async () => "mine")).toBe("mine");
});

test("a living process that merely has the dead owner's id does not keep the lock", async () => {
  leaveLock({ pid: process.pid, started: "before the last boot" });
  expect(await withLock(lock, async () => "mine")).toBe("mine");
});

test("a living owner is waited for, and named", async () => {
  leaveLock({ pid: process.pid, started: processStart(process.pid) });
  const waited: number[] = [];
  const mine = withLock(lock, async () => "mine", { pollMs: 2, onWait: (owner) => waited.push(owner.pid) });
  await sleep(20);
  expect(waited[0]).toBe(process.pid);
  rmSync(lock, { recursive: true });
  expect(await mine).toBe("mine");
});

test("of many processes that find the same dead owner, no two hold the lock together", async () => {
  leaveLock({ pid: await endedProcess(), started: "earlier" });
  const log = join(base, "log");
  const script = `
    import { appendFileSync } from "node:fs";
    import { withLock } from ${JSON.stringify(new URL("../../tools/lock.mjs", import.meta.url).href)};
    await withLock(${JSON.stringify(lock)}, async () => {
      appendFileSync(${JSON.stringify(log)}, "in\\n");
      await new Promise((resolve) => setTimeout(resolve, 20));
      appendFileSync(${JSON.stringify(log)}, "out\\n");
    }, { pollMs: 1 });`;
  const codes = await Promise.all(
    Array.from({ length: 5 }, () => {
      const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "ignore" });
      return new Promise((resolve) => child.once("exit", resolve));
    }),
  );
  expect(codes).toEqual([0, 0, 0, 0, 0]);
  expect(readFileSync(log, "utf8")).toBe("in\nout\n".repeat(5));
});
