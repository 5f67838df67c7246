import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { runHere } from "../support/run-here.ts";

// The command as it is typed, on a network of which nobody here holds anything and no half lies here: every round can tell nothing, and says so.
const root = fileURLToPath(new URL("../..", import.meta.url));
const quorate = join(root, "bin/quorate.mjs");
const unchosen = { QUORATE_NETWORK: "", QUORATE_STACKS_DIR: "", NO_COLOR: "1" };
const env = { ...process.env, ...unchosen };
let folder: string;
let started: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-watch-command-"));
  for (const name of ["stacks/networks", "halves"]) await mkdir(join(folder, name), { recursive: true });
  const manifest = await readFile(join(root, "stacks/networks/devnet.yaml"), "utf8");
  const text = manifest.replace("environment: devnet", "environment: testnet");
  await writeFile(join(folder, "stacks/networks/devnet.yaml"), text);
});
afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
  started = [];
  await rm(folder, { recursive: true, force: true });
});

const Line = z.looseObject({ kind: z.string() });
const options = ["watch", "--from", "halves", "--interval", "1", "--format", "json"];

/** A watch, once it has told of its first round. */
async function start() {
  const child = spawn(process.execPath, [quorate, ...options], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  let out = "";
  let err = "";
  child.stderr?.on("data", (chunk) => {
    err += chunk;
  });
  const ended = new Promise<{ code: number | null; lines: z.infer<typeof Line>[]; err: string }>((resolve) =>
    child.on("close", (code) => resolve({ code, lines: lines(), err })),
  );
  const lines = () =>
    out
      .split("\n")
      .slice(0, -1)
      .map((line) => Line.parse(JSON.parse(line)));
  const first = new Promise<void>((resolve) => {
    child.stdout?.on("data", (chunk) => {
      out += chunk;
      if (out.includes('"change"')) resolve();
    });
  });
  await Promise.race([first, ended]);
  const address = z.object({ address: z.string() }).parse(lines()[0]).address;
  return { child, address, ended };
}

function run(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [quorate, ...args], { cwd: folder, env }, (failure, stdout, stderr) =>
      resolve({ code: failure === null ? 0 : Number(failure.code), stdout, stderr }),
    );
  });
}

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends a watch in order: exit code 0, a summary, and nothing of it left but history and evidence",
  async (signal) => {
    const { child, address, ended } = await start();
    expect(await (await fetch(address)).text()).toContain("Could not tell: 12 of 12 links are not known");
    expect((await fetch(`${address}healthz`)).status).toBe(503);
    child.kill(signal);
    const { code, lines, err } = await ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    // A machine that does other things too may be late.
    expect(lines.map(({ kind }) => kind).filter((kind) => kind !== "late")).toEqual(["started", "change", "stopped"]);
    expect(lines[1]).toMatchObject({ verdict: "UNKNOWN", isFirst: true, run: expect.stringContaining("-report-") });
    expect(await readdir(join(folder, ".quorate/runs"))).toEqual([lines[1]?.run]);
    const left = await readdir(join(folder, ".quorate/watch/devnet"), { recursive: true });
    expect(left.sort()).toEqual(["history.jsonl", "rounds"]);
  },
);

test("a second watch of the network is refused and told of the first; after a kill the next one goes on with what it left", async () => {
  const first = await start();
  const { code, stdout, stderr } = await run(options);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toContain("WATCH_IN_USE  network devnet is being watched");
  expect(stderr).toContain(`process ${first.child.pid} on `);
  expect(stderr).toContain(first.address);
  first.child.kill("SIGKILL");
  await first.ended;
  const second = await start();
  const history = await (await fetch(`${second.address}history.json`)).json();
  expect(history).toMatchObject({ notWatched: [expect.anything()], verdicts: [{ ongoing: false }, { ongoing: true }] });
  second.child.kill("SIGTERM");
  expect((await second.ended).code).toBe(0);
});

test.each([
  [["--party", "1"], "PARTY_NOT_HELD"],
  [["--party", "1", "--published"], "ARGUMENT_INVALID"],
  [["--interval", "0"], "INPUTS_INVALID"],
  [["--format", "html"], "FORMAT_UNKNOWN"],
])("what can not work is said before the first round: %j", async (args, head) => {
  const { code, stdout, stderr } = await runHere(folder, ["watch", ...args], unchosen);
  expect({ code, stdout, head: stderr.split("  ")[0] }, stderr).toEqual({ code: 2, stdout: "", head });
});
