import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { toolsFolder } from "../../bin/session.ts";
import { Operator } from "../support/refusal.ts";

// A terminal's Ctrl-C reaches a whole process group; on an older Node the launcher passes it on as well, and so does npx.
const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
/** Makes Node take itself for an older one, so that the command starts the right one. */
const olderNode = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.19.0'})";
let operator: Operator;
let engine: string;

beforeEach(async () => {
  operator = await Operator.create();
  const manifest = join(operator.folder, "stacks/networks/devnet.yaml");
  await writeFile(manifest, (await readFile(manifest, "utf8")).replace("environment: devnet", "environment: testnet"));
  // An engine that ends what it has begun after it was told to stop, as the real one does.
  engine = join(operator.folder, "tools", "pulumi");
  await mkdir(dirname(engine));
  await writeFile(
    engine,
    [
      "#!/bin/sh",
      'case "$1" in version) echo v3.220.0; exit 0 ;; esac',
      `trap 'sleep "$ENGINE_ENDS_IN"; exit 1' INT TERM HUP`,
      `echo "$@" >> ${engine}.log`,
      "while :; do sleep 0.1; done",
    ].join("\n"),
  );
  await chmod(engine, 0o755);
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

interface Started {
  child: ChildProcess;
  ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
}

/** A preview in a process group of its own, once its engine works. */
async function startPreview(options: string[], engineEndsIn = 0.7): Promise<Started> {
  const child = spawn(process.execPath, [...options, quorate, "preview", "--party", "1"], {
    cwd: operator.folder,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      ...process.env,
      QUORATE_NETWORK: "",
      QUORATE_STACKS_DIR: "",
      ENGINE_ENDS_IN: String(engineEndsIn),
      PULUMI_BACKEND_URL: "https://nowhere.invalid",
      PATH: [dirname(engine), toolsFolder, process.env.PATH].join(delimiter),
    },
  });
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Awaited<Started["ended"]>>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, stderr })),
  );
  for (const deadline = Date.now() + 15_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const log = await readFile(`${engine}.log`, "utf8").catch(() => "");
    if (/^(preview|stack)/m.test(log)) return { child, ended };
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`no engine was started:\n${stderr}`);
  }
}

const launchers: [string, string[]][] = [
  ["the right Node", []],
  ["an older Node", ["--import", olderNode]],
];

for (const [name, options] of launchers)
  test.each(["SIGINT", "SIGTERM"] as const)(
    `${name}: %s to the whole group is one, and is told as such`,
    async (signal) => {
      const { child, ended } = await startPreview(options);
      process.kill(-Number(child.pid), signal);
      // As npx does, which passes on what has come by itself.
      setTimeout(() => child.kill(signal), 100);
      const { stderr, ...how } = await ended;
      expect(how, stderr).toEqual({ code: 4, signal: null });
      expect(stderr).toContain("INTERRUPTED  party 1");
    },
  );

test.each(launchers)("%s: another one after a second ends it at once, and by that signal", async (_, options) => {
  const { child, ended } = await startPreview(options, 3);
  process.kill(-Number(child.pid), "SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  child.kill("SIGTERM");
  expect(await ended).toMatchObject({ code: null, signal: "SIGTERM" });
});
