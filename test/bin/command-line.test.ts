import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { commands } from "../../bin/command-table.mjs";
import { renderHelp } from "../../bin/help.mjs";
import { nearestWord } from "../../contract/nearest-word.mjs";
import { tools } from "../../tools/pins.mjs";
import { runHere } from "../support/run-here.ts";

const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-cli-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function run(args: string[], env: Record<string, string> = {}) {
  return await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [quorate, ...args],
      { cwd: folder, env: { ...process.env, QUORATE_NETWORK: "", ...env } },
      (failure, stdout, stderr) => resolve({ code: Number(failure?.code ?? 0), stdout, stderr }),
    );
  });
}

/** What a command itself answers: it takes no process. Each command has one below, under --network. */
const answer = async (args: string[]) => await runHere(folder, args, { QUORATE_NETWORK: "" });

test("help names every command and the exit codes", () => {
  const help = renderHelp(undefined);
  for (const name of Object.keys(commands)) expect(help).toContain(`  ${name} `);
  expect(help).toContain("4 interrupted");
});

test("every command's help has an example", () => {
  for (const name of Object.keys(commands)) expect(renderHelp(name)).toContain("examples:");
});

test.each([
  ["validat", "validate"],
  ["devent", "devnet"],
  ["ouputs", "outputs"],
  ["valid", "validate"],
  ["kube", "kubeconfig"],
  ["r", undefined],
  ["xyzzy", undefined],
])("a mistyped %s suggests %s", (typed, meant) => {
  expect(nearestWord(typed, Object.keys(commands))).toBe(meant);
});

test("an unknown command is a usage error with a suggestion, and prints nothing on standard output", async () => {
  const { code, stdout, stderr } = await run(["previw"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain('COMMAND_UNKNOWN  there is no command "previw"');
  expect(stderr).toContain("preview?");
});

test.each([
  [["previw", "--help"], "preview?"],
  [["help", "previw"], "preview?"],
  [["--help", "previw"], "preview?"],
  [["toString"], "a command that the help lists"],
  [["--bogus", "--help"], "a command that the help lists"],
])("help of a command that is none says so: %j", async (args, expected) => {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`  expected  ${expected}\n`);
});

test("a runbook takes parties and timeout under the names that they have with commands", async () => {
  const args = ["run", "cluster-check", "--party", "1,x", "--timeout=10"];
  const { code, stderr } = await answer(args);
  expect(code).toBe(2);
  expect(stderr).toContain("INPUTS_INVALID  ");
  expect(stderr).toContain("--party 1,x");
  expect(stderr).toContain("--timeout 10");
  const { stdout } = await answer(["run", "cluster-check", "--help"]);
  expect(stdout).toMatch(/--parties <a,b,…> .*; also --party$/m);
  // It has an input of that name, which is another thing.
  expect((await answer(["run", "certificates", "--help"])).stdout).not.toContain("also --party");
});

test("the help of one runbook has its inputs with their choices, limits and defaults", async () => {
  const { code, stdout } = await run(["run", "validate", "--help"], { COLUMNS: "200" });
  expect(code).toBe(0);
  for (const line of [
    "--stage <link|network>  link:",
    "--timeout-ms <n> ",
    "at most 60000, default 5000)",
    "--confirm",
  ])
    expect(stdout).toContain(line);
  expect((await answer(["run", "validat", "--help"])).stderr).toContain("RUNBOOK_UNKNOWN");
});

describe("--network is an option of a command", () => {
  test.each(Object.entries(commands))(
    "that lists it, and of no other: %s",
    async (name, { options = {}, words = [] }) => {
      const { code, stdout, stderr } = await run([
        name,
        ...(name === "run" ? ["validate"] : []),
        ...words.slice(0, 1),
        "--network",
        "x",
      ]);
      const isListed = Object.keys(options).some((usage) => usage.includes("--network"));
      // Without a project, that is what is said of options that are taken.
      expect({ code, stdout, head: stderr.split("  ")[0] }, stderr).toEqual({
        code: 2,
        stdout: "",
        head: isListed ? "PROJECT_MISSING" : "ARGUMENT_INVALID",
      });
      expect(stderr.includes("--network"), stderr).toBe(!isListed);
    },
  );
});

test.each([
  [["setup", "now"], "setup does not take the word now"],
  [["runbooks", "--format", "yaml"], 'there is no format "yaml"'],
  [["runbooks", "--all"], "runbooks has no option --all"],
  [["completion", "bash", "zsh"], "completion of which shell?"],
  [["preview", "--yes"], "preview has no option --yes"],
])("nothing that is typed is passed over: %j", async (args, words) => {
  const { code, stdout, stderr } = await answer(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(words);
});

test("an unknown option is a usage error without a stack", async () => {
  const { code, stderr } = await answer(["preview", "--partty", "1"]);
  expect(code).toBe(2);
  expect(stderr).toContain("ARGUMENT_INVALID");
  expect(stderr).not.toContain("    at ");
});

test("outside of a project, the error says what a project is", async () => {
  const { code, stderr } = await answer(["preview", "--party", "1"]);
  expect(code).toBe(2);
  expect(stderr).toContain("PROJECT_MISSING");
  expect(stderr).toContain("stacks/networks");
});

test.each(["bash", "zsh", "fish"])("completion of %s knows commands and their words", async (shell) => {
  const { code, stdout } = await answer(["completion", shell]);
  expect(code).toBe(0);
  for (const word of ["validate", "devnet", "fault", "--party"]) expect(stdout).toContain(word);
});

test.each([
  ["quorate dev", "devnet"],
  ["npx quorate val", "validate"],
  ["npx quo", "quorate"],
  ["npx other dev", ""],
  ["quorate devnet f", "fault"],
  ["npx quorate devnet fault cu", "cut"],
  [
    "npx quorate devnet fault ",
    "cut slow reset kill hang expire-cert wrong-release cn-mismatch enclave-stopped rate-limit skew-clock no-prss lose-peer-cert wrong-pcr deny-vault pending-endpoint firewall dns-lost small-allocator no-device-plugin node-down config-lost token-denied heal --help",
  ],
  ["quorate devnet down --k", "--keep"],
  ["npx quorate validate --stage ", "link network"],
  ["npx quorate preview --party 1 --format ", "table json markdown"],
  [
    "npx quorate run ",
    "validate report certificates cluster-check doctor bandwidth --plan --confirm --format --network --help",
  ],
  ["npx quorate use ", "devnet other --help"],
  ["npx quorate up --party ", "1 2"],
  ["quorate completion z", "zsh"],
])("a shell takes the bash completion: after %j it offers %j", async (typed, offered) => {
  await mkdir(join(folder, "stacks/networks"), { recursive: true });
  for (const name of ["devnet", "other"]) await writeFile(join(folder, `stacks/networks/${name}.yaml`), "");
  for (const id of [1, 2])
    await writeFile(join(folder, `stacks/Pulumi.party-${id}.yaml`), `config:\n  quorate:party: ${id}\n`);
  const { stdout } = await answer(["completion", "bash"]);
  const words = typed.split(" ");
  const script = `${stdout}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}) COMP_CWORD=${words.length - 1}; _quorate${words[0] === "npx" ? "_npx" : ""}; echo "\${COMPREPLY[@]}"`;
  const said = await new Promise<string>((resolve, reject) => {
    execFile("bash", ["-c", script], { cwd: folder }, (failure, out) => (failure ? reject(failure) : resolve(out)));
  });
  expect(said.trim()).toBe(offered);
});

test.each([
  [["validate", "--timeout", "abc"], "--timeout abc", "a whole number from 50 to 60000", "validate"],
  [["validate", "--timeout=10"], "--timeout 10", "a whole number from 50 to 60000", "validate"],
  [["run", "validate", "--timeout-ms", "61000"], "--timeout-ms 61000", "from 50 to 60000", "run validate"],
  [["validate", "--stage", "both"], "--stage both", "link or network", "validate"],
  [["doctor", "x".repeat(4_001)], `--symptom ${"x".repeat(200)}… (4001 characters)`, "4000", "doctor"],
  [["run", "validate", "--parties", "1,x"], "--parties 1,x", "a whole number from 1, or several", "run validate"],
])("an input that is wrong is told as it was typed: %j", async (args, found, expected, command) => {
  const { code, stdout, stderr } = await answer(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("INPUTS_INVALID  ");
  expect(stderr).toContain(`  found     ${found}\n`);
  expect(stderr).toContain(expected);
  expect(stderr).toContain(`  next      npx quorate ${command} --help\n`);
});

test.each([
  [["--foo"], 'there is no option "--foo"', "--foo", "a command", "--help"],
  [["preview", "--partty", "1"], "preview has no option --partty", "--partty", "--party?", "preview --help"],
  [["run", "validate", "--xyz"], "run validate has no option --xyz", "--xyz", "its help lists", "run validate --help"],
  [["devnet", "down", "--kepe"], "devnet down has no option --kepe", "--kepe", "--keep?", "devnet --help"],
  [["outputs", "3"], "outputs does not take the word 3", "3", "its help lists", "outputs --help"],
  [["up", "--party"], "--party of up lacks its value", "--party", "--party <value>", "up --help"],
  [["up", "--yes=no"], "--yes of up takes no value", "--yes=no", "--yes", "up --help"],
])("what a command does not take is told in four parts: %j", async (args, what, found, expected, help) => {
  await mkdir(join(folder, "stacks", "networks"), { recursive: true });
  const { code, stdout, stderr } = await (args[0] === "--foo" ? run(args) : answer(args));
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`ARGUMENT_INVALID  ${what}\n`);
  expect(stderr).toMatch(new RegExp(`^ {2}found +"?${found}"?$`, "m"));
  expect(stderr).toMatch(new RegExp(`^ {2}expected .*${expected.replace("?", "\\?")}`, "m"));
  expect(stderr).toContain(`next      npx quorate ${help}\n`);
});

test("where no devnet is up, its status is told as by every other command that needs one", async () => {
  await mkdir(join(folder, "stacks", "networks"), { recursive: true });
  const { code, stdout, stderr } = await answer(["devnet", "status"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("DEVNET_DOWN  ");
  const asJson = await answer(["devnet", "status", "--format", "json"]);
  expect({ code: asJson.code, stderr: asJson.stderr }).toEqual({ code: 2, stderr: "" });
  const next = "npx quorate devnet up";
  expect(JSON.parse(asJson.stdout)).toMatchObject({
    phase: "down",
    verdict: "FAIL",
    findings: [{ code: "DEVNET_DOWN", next }],
  });
});

test.each([80, 140])("no line of help is wider than %d columns, and no option is torn from its value", (columns) => {
  const before = Object.getOwnPropertyDescriptor(process.stdout, "columns");
  Object.defineProperty(process.stdout, "columns", { value: columns, configurable: true });
  try {
    for (const name of [undefined, ...Object.keys(commands)])
      for (const line of renderHelp(name)
        .split("\n")
        .filter((line) => !/^ {2}\S*(npx|eval|KUBECONFIG)/.test(line))) {
        expect(line.length, line).toBeLessThanOrEqual(columns);
        if (line.startsWith("usage:")) expect(line.match(/\[/g)?.length, line).toBe(line.match(/\]/g)?.length);
      }
  } finally {
    if (before) Object.defineProperty(process.stdout, "columns", before);
    else Reflect.deleteProperty(process.stdout, "columns");
  }
});

// What has actions has options for each of them.
test.each(Object.entries(commands).filter(([, { words }]) => words === undefined))(
  "the usage of %s has all its options but --network, which every project needs once",
  (_, { usage, options }) => {
    for (const option of Object.keys(options ?? {}).flatMap((text) => /^--[a-z-]+/.exec(text)?.[0] ?? []))
      if (option !== "--network") expect(usage).toContain(option);
    const values = /--format ([a-z|]+)/.exec(usage)?.[1]?.split("|") ?? [];
    for (const value of values) expect(options?.["--format <f>"]).toContain(value);
  },
);

test("set-up that finds all there says so", async () => {
  const { code, stdout } = await run(["setup"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${tools.length} tools ready; npx quorate tools lists them\n` });
});
