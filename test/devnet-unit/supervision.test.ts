import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OperatorError } from "../../contract/operator-error.ts";
import { addressesOf } from "../../devnet/addresses.ts";
import { devnetFiles } from "../../devnet/files.ts";
import { parseListeners } from "../../devnet/network/listeners.ts";
import { findNumber, holderOf } from "../../devnet/number.ts";
import { Keeper } from "../../devnet/supervision/keeper.ts";
import { identityOf, isAlive, markVariable, type ProcessIdentity, reap } from "../../devnet/supervision/processes.ts";
import { takeStartLock } from "../../devnet/supervision/start-lock.ts";
import { type DevnetState, readState, writeState } from "../../devnet/supervision/state.ts";
import { toolPath } from "../../devnet/tool-path.ts";

let folder: string;
const started: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-supervision-"));
});

afterEach(() => {
  for (const pid of started.splice(0)) if (identityOf(pid) !== null) process.kill(pid, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function sleeper(env: Record<string, string> = {}): ProcessIdentity {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
    env: { ...env },
    stdio: "ignore",
  });
  const identity = identityOf(child.pid ?? 0);
  if (identity === null) throw new Error("the sleeper did not start");
  started.push(identity.pid);
  return identity;
}

const state: DevnetState = {
  contract: "devnet-state/v1",
  network: "devnet",
  k: 7,
  token: "t".repeat(48),
  mark: "m".repeat(48),
  devnetd: null,
  children: [],
};

test("an unreadable state file counts as none, and a whole one is read back", () => {
  const files = devnetFiles(folder);
  expect(readState(files)).toBeNull();
  mkdirSync(files.devnet, { recursive: true });
  for (const text of ["", "{", "[]", '{"contract":"devnet-state/v0"}']) {
    writeFileSync(files.state, text);
    expect(readState(files)).toBeNull();
  }
  writeState(files, state);
  expect(readState(files)).toEqual(state);
});

test("a recorded process is reaped, a stranger that has its id since is not", async () => {
  const child = sleeper();
  const stranger = sleeper();
  await reap([child, { pid: stranger.pid, started: "another-boot:1" }], "no such mark");
  expect(isAlive(child)).toBe(false);
  expect(isAlive(stranger)).toBe(true);
});

test("a process that was never recorded is found by its mark", async () => {
  const mark = `mark-${process.pid}-${Date.now()}`;
  const unrecorded = sleeper({ [markVariable]: mark });
  const stranger = sleeper({ [markVariable]: `${mark}-2` });
  // The mark is in the new process's environment only once it has been executed.
  await expect
    .poll(async () => {
      await reap([], mark);
      return isAlive(unrecorded);
    })
    .toBe(false);
  expect(isAlive(stranger)).toBe(true);
});

test("a second command is told who holds the lock, and the lock of a dead process is broken", () => {
  const path = join(folder, "devnet.lock");
  {
    using _lock = takeStartLock(path, "devnet up of devnet");
    expect(() => takeStartLock(path, "devnet up of devnet")).toThrow(OperatorError);
    try {
      takeStartLock(path, "devnet down");
    } catch (error) {
      expect((error as OperatorError).problem).toMatchObject({ code: "DEVNET_STARTING", exitCode: 2 });
      expect((error as OperatorError).problem.found).toContain(String(process.pid));
    }
  }
  mkdirSync(path);
  writeFileSync(join(path, "holder.json"), JSON.stringify({ pid: process.pid, started: "another-boot:1", doing: "x" }));
  {
    using _lock = takeStartLock(path, "devnet up of devnet");
    expect(() => takeStartLock(path, "devnet down")).toThrow(/^DEVNET_STARTING/);
  }
  expect(readdirSync(folder).filter((name) => name === "devnet.lock")).toEqual([]);
});

test("a lock whose holder was killed before it could sign is broken", () => {
  const path = join(folder, "devnet.lock");
  mkdirSync(path);
  using _lock = takeStartLock(path, "devnet up of devnet");
  expect(() => takeStartLock(path, "devnet down")).toThrow(/^DEVNET_STARTING/);
});

test("a broken lock stays aside for an hour, then goes with the next command", () => {
  const path = join(folder, "aside", "devnet.lock");
  const aside = () => readdirSync(join(folder, "aside"));
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "holder.json"), JSON.stringify({ pid: process.pid, started: "another-boot:2", doing: "x" }));
  for (const [hours, left] of [
    [0, [expect.stringMatching(/^devnet\.lock\.dead-/)]],
    [0, [expect.stringMatching(/^devnet\.lock\.dead-/)]],
    [2, []],
  ] as const) {
    vi.useFakeTimers({ now: Date.now() + hours * 3_600_000, toFake: ["Date"] });
    takeStartLock(path, "devnet up of devnet")[Symbol.dispose]();
    vi.useRealTimers();
    expect(aside()).toEqual(left);
  }
});

test("a number with a taken port gives way to the next", async () => {
  const first = await findNumber(folder, null, [1, 2], [50_001]);
  expect(await findNumber(folder, null, [1, 2], [50_001])).toBe(first);
  const server = net.createServer().listen(6443, addressesOf(first).core(2));
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    expect(await findNumber(folder, first, [1, 2], [50_001])).not.toBe(first);
    expect(await findNumber(folder, first, [1], [50_001])).toBe(first);
  } finally {
    server.close();
  }
});

test("numbers that others have are passed over, however many follow each other", async () => {
  const first = await findNumber(folder, null, [1, 2], [50_001]);
  const numbers = [0, 1, 2, 3].map((further) => ((first - 1 + further) % 254) + 1);
  const servers = await Promise.all(
    numbers.map(async (k) => {
      const server = net.createServer().listen(6443, addressesOf(k).core(1));
      await new Promise((resolve) => server.once("listening", resolve));
      return server;
    }),
  );
  try {
    for (const preferred of [null, first])
      expect(numbers).not.toContain(await findNumber(folder, preferred, [1, 2], [50_001]));
    expect(holderOf(6443, "tcp")?.pid).not.toBe(process.pid);
  } finally {
    for (const server of servers) server.close();
  }
});

test("a port that is taken on every address is an error with the port and the process", async () => {
  const port = 41_417;
  const server = net.createServer().listen(port, "0.0.0.0");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const error = await findNumber(folder, null, [1, 2], [port]).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).problem).toMatchObject({ code: "PORT_TAKEN" });
    expect((error as OperatorError).problem.found).toContain(`process ${process.pid}`);
    expect(holderOf(port, "tcp")?.pid).toBe(process.pid);
  } finally {
    server.close();
  }
});

test("the kernel's table tells who listens", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0201097F:C351 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0",
    "   1: 0301097F:C351 0100007F:1000 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0",
  ].join("\n");
  const hosts = ["127.9.1.2", "127.9.1.3"];
  expect([...parseListeners(table, hosts, 50_001)]).toEqual(["127.9.1.2"]);
  expect([...parseListeners(table, hosts, 50_002)]).toEqual([]);
  expect([...parseListeners(table.replace("0201097F", "00000000"), hosts, 50_001)]).toEqual(hosts);
});

function keeperOf(script: string, probe: () => Promise<void>, records: (ProcessIdentity | null)[] = []): Keeper {
  return new Keeper(
    {
      name: "program",
      command: process.execPath,
      args: ["-e", script],
      env: {},
      logFile: join(folder, "program.log"),
      probe,
      startTimeoutMs: 700,
    },
    { mark: "m", log: () => {}, record: (_name, identity) => records.push(identity) },
  );
}

test("a program that ends is started again, until it is stopped", async () => {
  const records: (ProcessIdentity | null)[] = [];
  const keeper = keeperOf("setInterval(() => {}, 1000)", async () => {}, records);
  await keeper.start();
  const first = keeper.pid ?? 0;
  process.kill(first, "SIGKILL");
  await expect.poll(() => keeper.pid !== null && keeper.pid !== first && keeper.state === "serving").toBe(true);
  expect(keeper.restarts).toBe(1);
  await keeper.stop(500);
  expect(keeper.pid).toBeNull();
  expect(records.at(-1)).toBeNull();
});

test("a program that never serves is an error with its last words", async () => {
  const keeper = keeperOf("console.error('no such flag'); process.exit(3)", async () => {
    throw new Error("refused");
  });
  await expect(keeper.start()).rejects.toThrow(/program does not serve after 0.7 s[\s\S]*no such flag/);
  await keeper.stop(0);
});

test("a tool that is nowhere is an error that says how to get it", () => {
  expect(() => toolPath("no-such-tool")).toThrow(/^TOOL_MISSING/);
});
