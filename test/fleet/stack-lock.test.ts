import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { breakLock, lockState, locksNamedIn } from "../../fleet/stack-lock.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate lock-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A lock file, and the engine's message about it as the automation API passes it on: twice. */
async function lockedBy(pid: number, options: { host?: string; takenAt?: Date; url?: string } = {}) {
  const file = join(folder, ".pulumi", "locks", "6f936275.json");
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, "{}");
  await writeFile(`${file}.attrs`, "{}");
  const url = options.url ?? `${pathToFileURL(file).href}?no_tmp_dir=true`;
  const takenAt = (options.takenAt ?? new Date()).toISOString().replace(/\.\d+Z/, "Z");
  const said = [
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.",
    `  ${url}: created by ops@example.org@${options.host ?? hostname()} (pid ${pid}) at ${takenAt}`,
  ].join("\n");
  const [lock, ...more] = locksNamedIn(`code: -2\n stderr: ${said}\n err?: ${said}\n`);
  if (lock === undefined) throw new Error("the message names no lock");
  expect(more).toEqual([]);
  return { file, lock };
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  return Number(child.pid);
}

test("a message about anything else names no lock", () => {
  expect(locksNamedIn("error: no stack named 'party-1' found")).toEqual([]);
});

test("the lock of an engine that is dead is broken, attributes and all", async () => {
  const { file, lock } = await lockedBy(await deadPid());
  expect(lock.owner).toBe(`ops@example.org@${hostname()}`);
  expect(await lockState(lock)).toBe("dead");
  await breakLock(lock);
  for (const path of [file, `${file}.attrs`]) await expect(access(path)).rejects.toMatchObject({ code: "ENOENT" });
  expect(await lockState(lock)).toBe("released");
});

test("the lock of a process that runs is respected", async () => {
  const { lock } = await lockedBy(process.pid);
  expect(await lockState(lock)).toBe("alive");
});

test("a process that started after the lock was taken is not its owner", async () => {
  const { lock } = await lockedBy(process.pid, { takenAt: new Date("2020-01-01T00:00:00Z") });
  expect(await lockState(lock)).toBe("dead");
});

test.each([
  ["another machine took", { host: "elsewhere.example.org" }],
  ["lies in a bucket", { url: "s3://state/.pulumi/locks/organization/quorate/party-1/6f936275.json" }],
])("of a lock that %s nothing is known here", async (_, options) => {
  const { lock } = await lockedBy(await deadPid(), options);
  expect(await lockState(lock)).toBe("elsewhere");
});
