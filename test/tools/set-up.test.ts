import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { tools } from "../../tools/pins.mjs";
import { findOnPath } from "../../tools/provide-tool.mjs";
import { listTools } from "../../tools/tool-list.mjs";
import { Machine } from "./machine.ts";

const names = tools.map((tool) => tool.name);
const builds = (machine: Machine) => machine.calls().filter((call) => call.startsWith("go build"));
const closedPort = "http://127.0.0.1:9";

test("a machine with Go builds every tool from its pinned module and says why", async () => {
  using machine = new Machine();
  machine.go();
  const { code, stderr, stdout } = await machine.setUp();
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(builds(machine)).toHaveLength(tools.length);
  expect(builds(machine).every((call) => call.includes("-mod=readonly"))).toBe(true);
  expect(stderr).toMatch(/kwok 0\.8\.0 +building it from its Go module \(not on PATH\): done {2}\d+ s/);
  const link = join(machine.root, ".tools", "bin", "etcd");
  expect(realpathSync(link)).toBe(realpathSync(join(machine.cache, "etcd-3.7.3", "etcd")));
  expect(listTools(machine.root).map(({ name, from }) => ({ name, from }))).toEqual(
    names.map((name) => ({ name, from: "go" })),
  );
});

test("what lies in the checkout's own folder is no tool of the machine, by whatever name PATH has it", () => {
  using machine = new Machine();
  const own = join(machine.root, ".tools", "bin");
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "etcd"), "#!/bin/sh\n", { mode: 0o755 });
  const alias = join(machine.root, "alias");
  symlinkSync(own, alias);
  expect(findOnPath("etcd", { PATH: alias }, [own])).toBeUndefined();
  expect(findOnPath("etcd", { PATH: alias }, [machine.root])).toBe(join(alias, "etcd"));
});

test("when all is there, set-up says nothing and starts no process", async () => {
  using machine = new Machine();
  machine.go();
  await machine.setUp();
  const before = machine.calls().length;
  writeFileSync(join(machine.root, "tools", "set-up.mjs"), 'throw new Error("loaded what is only for work");');
  const spy = join(machine.base, "no-processes.cjs");
  writeFileSync(
    spy,
    `const cp = require("node:child_process");
for (const name of ["spawn", "spawnSync", "execFile", "execFileSync", "exec", "execSync", "fork"])
  cp[name] = () => { process.stderr.write("started a process\\n"); process.exit(99); };
require("node:module").syncBuiltinESMExports();`,
  );
  expect(await machine.start(machine.root, ["--require", spy]).ended).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(machine.calls()).toHaveLength(before);
});

test("a built engine gets our language host and our launcher of policy packs beside it under the same directory", async () => {
  using machine = new Machine();
  machine.go();
  await machine.setUp();
  const bin = join(machine.root, ".tools", "bin");
  // Pulumi resolves links before it looks beside itself.
  expect(lstatSync(join(bin, "pulumi")).isSymbolicLink()).toBe(false);
  const host = readFileSync(join(bin, "pulumi-language-nodejs"), "utf8");
  expect(host).toContain(join(machine.root, "tools", "pulumi-language-nodejs", "main.mjs"));
  const launcher = readFileSync(join(bin, "pulumi-analyzer-policy"), "utf8");
  expect(launcher).toContain(join(machine.root, "tools", "pulumi-analyzer-policy", "main.mjs"));
});

test("an engine from PATH keeps its own language host", async () => {
  using machine = new Machine();
  machine.go();
  machine.script("pulumi", "echo v3.220.0");
  machine.script("pulumi-language-nodejs", "");
  await machine.setUp();
  expect(listTools(machine.root).find(({ name }) => name === "pulumi")?.from).toBe("path");
  expect(realpathSync(join(machine.root, ".tools", "bin", "pulumi-language-nodejs"))).toBe(
    realpathSync(join(machine.bin, "pulumi-language-nodejs")),
  );
});

test("a second checkout of the same user is warm: it builds nothing", async () => {
  using machine = new Machine();
  machine.go();
  await machine.setUp();
  const before = builds(machine).length;
  const second = machine.checkout(join(machine.base, "second"));
  expect((await machine.start(second).ended).code).toBe(0);
  expect(builds(machine)).toHaveLength(before);
  expect(existsSync(join(second, ".tools", "bin", "helm"))).toBe(true);
});

test("what is built once needs neither Go nor a network any more", async () => {
  using machine = new Machine();
  machine.go();
  await machine.setUp();
  machine.script("go", "exit 1");
  const second = machine.checkout(join(machine.base, "second"));
  expect((await machine.start(second, [], { QUORATE_RELEASE_BASE: closedPort }).ended).code).toBe(0);
});

test("another pin means another look: set-up does not trust what an older checkout left", async () => {
  using machine = new Machine();
  machine.go();
  await machine.setUp();
  const file = join(machine.root, "tools", "pins.mjs");
  writeFileSync(file, readFileSync(file, "utf8").replaceAll("0.8.0", "0.8.1"));
  const before = builds(machine).length;
  await machine.setUp();
  expect(builds(machine).slice(before)).toEqual([expect.stringContaining("consts.Version=v0.8.1")]);
});

test("a tool that vanished or changed behind our back is brought back", async () => {
  using machine = new Machine();
  machine.go();
  machine.script("kubectl", "echo Client Version: v1.36.3");
  await machine.setUp();
  machine.script("kubectl", "echo Client Version: v1.37.0");
  expect(listTools(machine.root).find(({ name }) => name === "kubectl")?.from).toBeNull();
  await machine.setUp();
  expect(listTools(machine.root).find(({ name }) => name === "kubectl")?.from).toBe("go");
});

test("no Go and no network: one error in four parts that lists what was tried", async () => {
  using machine = new Machine();
  machine.script("pulumi", "echo v3.199.0");
  const { code, stderr } = await machine.setUp({ QUORATE_RELEASE_BASE: closedPort });
  expect(code).toBe(2);
  const error = stderr.slice(stderr.indexOf("TOOL_MISSING"));
  expect(error.replaceAll(machine.bin, "<bin>").replace(/http:\/\/127\.0\.0\.1:9\S*/, "<url>")).toMatchInlineSnapshot(`
    "TOOL_MISSING  pulumi 3.220.0 (the Pulumi engine) can't be had on this machine
      found     PATH      <bin>/pulumi is 3.199.0
                Go        Go is not installed
                release   <url> connect ECONNREFUSED 127.0.0.1:9
      expected  pulumi 3.220.0 on PATH, or Go 1.26 or newer with its modules reachable, or the vendor's release reachable
      next      install Go 1.26 or newer (https://go.dev/dl) or pulumi 3.220.0 itself, then run the same command again
    "
  `);
  expect(stderr).not.toContain("    at ");
  expect(existsSync(join(machine.root, ".tools", "state.json"))).toBe(false);
});

test("a place that can not be used for tools is an error that names it, not a crash", async () => {
  using machine = new Machine();
  machine.go();
  const taken = join(machine.base, "home", ".cache");
  writeFileSync(taken, "");
  const cache = await machine.setUp();
  expect(cache.code).toBe(2);
  expect(cache.stderr).toContain(`FILE_UNUSABLE  set-up can not use ${taken}`);
  rmSync(join(machine.root, ".tools"), { recursive: true });
  writeFileSync(join(machine.root, ".tools"), "");
  const own = await machine.setUp();
  expect(own.code).toBe(2);
  expect(own.stderr).toMatch(/^FILE_UNUSABLE {2}set-up can not use \S+\/\.tools$/m);
  for (const { stderr } of [cache, own]) expect(stderr).not.toContain("    at ");
});

test("a Go that is too old is named, and not used", async () => {
  using machine = new Machine();
  machine.go(undefined, "go1.22.4", "local");
  const { code, stderr } = await machine.setUp({ QUORATE_RELEASE_BASE: closedPort });
  expect(code).toBe(2);
  expect(stderr).toMatch(/Go {8}.*go is go1\.22\.4, too old: Go 1\.26 or newer is needed/);
  expect(builds(machine)).toEqual([]);
});

test("an older Go that may fetch a newer toolchain is allowed to", async () => {
  using machine = new Machine();
  machine.go(undefined, "go1.22.4", "auto");
  expect((await machine.setUp()).code).toBe(0);
});

test("a failed build shows what the compiler said", async () => {
  using machine = new Machine();
  machine.go("echo 'no required module provides package' >&2; exit 1");
  const { code, stderr } = await machine.setUp({ QUORATE_RELEASE_BASE: closedPort });
  expect(code).toBe(2);
  expect(stderr).toContain("no required module provides package");
  expect(machine.cached()).toEqual([]);
});

const slowGo = 'echo half > "$out"; echo $$ > "$MACHINE_LOG.pid"; exec sleep 30';

async function untilBuilding(machine: Machine): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    if (existsSync(`${machine.log}.pid`)) {
      const pid = Number(readFileSync(`${machine.log}.pid`, "utf8"));
      if (pid > 0) return pid;
    }
    await sleep(20);
  }
  throw new Error("the build never began");
}

test("ended by a signal in the middle of a build, set-up leaves nothing half-made and no build running", async () => {
  using machine = new Machine();
  machine.go(slowGo);
  const running = machine.start();
  const builder = await untilBuilding(machine);
  running.kill("SIGTERM");
  expect((await running.ended).code).toBe(143);
  await expect.poll(() => isRunning(builder)).toBe(false);
  expect(machine.cached()).toEqual([]);
  expect(existsSync(join(machine.root, ".tools", "lock"))).toBe(false);
});

test("killed in the middle of a build, the next set-up clears the remains and goes on", async () => {
  using machine = new Machine();
  machine.go(slowGo);
  const running = machine.start();
  const builder = await untilBuilding(machine);
  running.kill("SIGKILL");
  await running.ended;
  process.kill(builder, "SIGKILL");
  expect(machine.cached().filter((name) => name === "pulumi-3.220.0")).toEqual([]);
  expect(machine.cached().some((name) => name.startsWith(".making-"))).toBe(true);
  machine.go();
  expect((await machine.setUp()).code).toBe(0);
  expect(machine.cached().filter((name) => name.startsWith(".making-"))).toEqual([]);
  expect(readFileSync(join(machine.cache, "pulumi-3.220.0", "pulumi"), "utf8")).toBe("made\n");
});

test("two at once in one checkout build each tool once, and both succeed", async () => {
  using machine = new Machine();
  machine.go('sleep 0.05; echo made > "$out"');
  const both = await Promise.all([machine.setUp(), machine.setUp()]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(builds(machine)).toHaveLength(tools.length);
  expect(both.map(({ stderr }) => stderr).join("")).toMatch(/process \d+ is setting up this checkout: waiting/);
});

test("two checkouts at once share the work through the user's cache", async () => {
  using machine = new Machine();
  machine.go('sleep 0.05; echo made > "$out"');
  const second = machine.checkout(join(machine.base, "second"));
  const both = await Promise.all([machine.setUp(), machine.start(second).ended]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(builds(machine)).toHaveLength(tools.length);
});

const lockfile = (version: string) =>
  JSON.stringify({ lockfileVersion: 3, packages: { "": {}, "node_modules/a": { version, integrity: "sha512-x" } } });

test("packages are installed when the lockfile asks for others, and only then", async () => {
  using machine = new Machine();
  machine.go();
  await machine.setUp();
  const installed = join(machine.root, "node_modules", ".package-lock.json");
  writeFileSync(join(machine.root, "package-lock.json"), lockfile("1.0.0"));
  machine.script("npm", `mkdir -p node_modules; cat package-lock.json > node_modules/.package-lock.json`);
  const npmCalls = () => machine.calls().filter((call) => call.startsWith("npm ci")).length;

  expect((await machine.setUp()).stderr).toContain("npm ci (node_modules is not complete)");
  expect(npmCalls()).toBe(1);

  // npm itself may write the two files in either order.
  const later = new Date(Date.now() + 5_000);
  utimesSync(join(machine.root, "package-lock.json"), later, later);
  await machine.setUp();
  expect(npmCalls()).toBe(1);

  writeFileSync(join(machine.root, "package-lock.json"), lockfile("2.0.0"));
  utimesSync(join(machine.root, "package-lock.json"), later, later);
  expect((await machine.setUp()).stderr).toContain("npm ci (package-lock.json has changed)");
  expect(npmCalls()).toBe(2);
  expect(readFileSync(installed, "utf8")).toContain("2.0.0");
});

test("npm that fails is an error with its own words, not a stack trace", async () => {
  using machine = new Machine();
  writeFileSync(join(machine.root, "package-lock.json"), lockfile("1.0.0"));
  mkdirSync(join(machine.root, "node_modules"));
  machine.script("npm", "echo 'npm error network ENOTFOUND' >&2; exit 1");
  const { code, stderr } = await machine.setUp();
  expect(code).toBe(2);
  expect(stderr).toMatch(/PACKAGES_MISSING[\s\S]*npm error network ENOTFOUND[\s\S]*next +cd .* && npm ci/);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
