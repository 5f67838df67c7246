import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installedPackages } from "../../tools/pulumi-language-nodejs/installed-packages.ts";
import { commandLine, environment, type ProgramRun } from "../../tools/pulumi-language-nodejs/run-program.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-host-"));
  for (const each of ["stacks", "backend", "home"]) mkdirSync(join(dir, each));
  symlinkSync(join(project, "node_modules"), join(dir, "node_modules"));
  writeFileSync(join(dir, "package.json"), '{ "type": "module", "dependencies": { "@pulumi/pulumi": "*" } }');
  writeFileSync(
    join(dir, "Pulumi.yaml"),
    "name: trivial\nruntime: { name: nodejs, options: { typescript: false } }\nmain: stacks/index.ts\nstackConfigDir: stacks\n",
  );
  writeFileSync(
    join(dir, "stacks", "index.ts"),
    `import * as pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
const fail: string = config.get("fail") ?? "";
if (fail === "throw") throw new Error("boom");
if (fail === "exit") process.exit(7);
console.log("the program speaks");
export default async () => ({
  name: config.require("name"),
  token: config.requireSecret("token"),
  dryRun: pulumi.runtime.isDryRun(),
  stack: pulumi.getStack(),
  node: process.versions.node.split(".")[0],
});
`,
  );
  pulumi("stack", "init", "party-1");
  pulumi("config", "set", "name", "abc");
  pulumi("config", "set", "--secret", "token", "s3cret");
}, 60_000);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function pulumi(...args: string[]): { status: number | null; output: string; stdout: string } {
  const { status, stdout, stderr } = spawnSync("pulumi", [...args, "--non-interactive"], {
    cwd: dir,
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${join(project, ".tools", "bin")}${delimiter}${process.env.PATH}`,
      PULUMI_BACKEND_URL: `file://${join(dir, "backend")}`,
      PULUMI_CONFIG_PASSPHRASE: "for a test",
      PULUMI_HOME: join(dir, "home"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
  });
  return { status, stdout, output: stdout + stderr };
}

test("the ordinary command runs a TypeScript program on this Node, with its configuration, stack and secrets", () => {
  const preview = pulumi("preview", "-s", "party-1");
  expect(preview).toMatchObject({ status: 0 });
  expect(preview.output).toContain("the program speaks");
  expect(preview.output).toMatch(/dryRun: true/);
  expect(preview.output).not.toContain("warning");
  expect(preview.output).not.toContain("s3cret");

  expect(pulumi("up", "--yes", "-s", "party-1")).toMatchObject({ status: 0 });
  expect(JSON.parse(pulumi("stack", "output", "--json", "--show-secrets", "-s", "party-1").stdout)).toEqual({
    name: "abc",
    token: "s3cret",
    dryRun: false,
    stack: "party-1",
    node: process.versions.node.split(".")[0],
  });
  expect(pulumi("up", "--yes", "-s", "party-1").output).toContain("1 unchanged");
}, 60_000);

test("a program that throws fails the command once, with its stack", () => {
  pulumi("config", "set", "fail", "throw");
  const { status, output } = pulumi("preview", "-s", "party-1", "--color=never");
  expect(status).not.toBe(0);
  expect(output).toContain("boom");
  expect(output).not.toContain("non-zero exit code");
}, 30_000);

test("a program that just exits fails the command and is not taken for an empty one", () => {
  pulumi("config", "set", "fail", "exit");
  const { status, output } = pulumi("preview", "-s", "party-1");
  expect(status).not.toBe(0);
  expect(output).toContain("Program exited with non-zero exit code: 7");
}, 30_000);

test("what the host does not do, it says", () => {
  const { status, output } = pulumi("install");
  expect(status).not.toBe(0);
  expect(output).toContain("run npm ci in the project instead");
}, 30_000);

const run: ProgramRun = {
  monitor: "127.0.0.1:1",
  engine: "127.0.0.1:2",
  organization: "organization",
  project: "quorate",
  stack: "party-1",
  rootDirectory: "/project",
  programDirectory: "/project/stacks",
  entryPoint: "index.ts",
  args: [],
  parallel: 16,
  dryRun: true,
  tracing: "",
  config: { "quorate:token": "s3cret" },
  secretKeys: ["quorate:token"],
  options: { typescript: false, nodeargs: "--max-old-space-size=512 --no-warnings" },
};

test("the program's command line holds no configuration and nothing that is empty", () => {
  const line = commandLine(run, "/sdk/cmd/run/index.js");
  expect(line).toMatchInlineSnapshot(`
    [
      "--max-old-space-size=512",
      "--no-warnings",
      "/sdk/cmd/run/index.js",
      "--monitor=127.0.0.1:1",
      "--engine=127.0.0.1:2",
      "--organization=organization",
      "--project=quorate",
      "--root-directory=/project",
      "--stack=party-1",
      "--pwd=/project/stacks",
      "--parallel=16",
      "--dry-run",
      "index.ts",
    ]
  `);
  expect(line.join(" ")).not.toContain("s3cret");
});

test("configuration travels in the environment; TypeScript is Node's own business", () => {
  expect(environment(run, {})).toMatchObject({
    PULUMI_CONFIG: '{"quorate:token":"s3cret"}',
    PULUMI_CONFIG_SECRET_KEYS: '["quorate:token"]',
  });
  expect(environment(run, {})).not.toHaveProperty("PULUMI_NODEJS_TYPESCRIPT");
  expect(environment({ ...run, options: {} }, {})).toHaveProperty("PULUMI_NODEJS_TYPESCRIPT", "true");
});

test("the providers that a program may need are those whose SDKs are installed", () => {
  const plugins = installedPackages(join(project, "stacks")).flatMap(({ plugin }) => plugin?.name ?? []);
  expect(plugins.sort()).toEqual(["aws", "eks", "kubernetes", "random"]);
});
