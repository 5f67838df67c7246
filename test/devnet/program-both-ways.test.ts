import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LocalWorkspace, PulumiCommand, Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { toolPath } from "../../devnet/tool-path.ts";
import { program } from "../../stacks/program.ts";
import { type TestCloud, testAccount, testCloud } from "../cloud/support/providers-stack.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));

let cloud: TestCloud;
let dir: string;
let stackFile: string;
let environment: Record<string, string>;
let stack: Stack;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "quorate-both-ways-"));
  await copyStacks();
  const account = testAccount(1, { accountId: "100000000001" as never, profile: "devnet-party-1" });
  const [first, second] = account.vpc.subnets;
  if (!first || !second) throw new Error("an account of tests has two subnets");
  const subnets = [
    { ...first, id: "subnet-00000000000001a1" },
    { ...second, id: "subnet-00000000000001b2" },
  ];
  cloud = await testCloud({ accounts: [{ ...account, vpc: { vpcId: "vpc-0000000000000011", subnets } }] });
  const { ports } = cloud.servers;
  environment = {
    PATH: [dirname(toolPath("pulumi")), dirname(process.execPath), process.env.PATH ?? ""].join(delimiter),
    PULUMI_BACKEND_URL: `file://${dir}`,
    PULUMI_HOME: join(dir, "home"),
    PULUMI_CONFIG_PASSPHRASE: "for a test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DEBUG_PROVIDERS: Object.entries(ports)
      .map(([name, port]) => `${name}:${port}`)
      .join(","),
    QUORATE_STACKS_DIR: join(dir, "stacks"),
  };
  stack = await createStack();
  vi.stubEnv("QUORATE_STACKS_DIR", join(dir, "stacks"));
}, 60_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await cloud[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** The committed stack files, away from the checkout: the engine writes its salt into them. */
async function copyStacks() {
  stackFile = join(dir, "stacks", "Pulumi.party-1.yaml");
  await cp(join(project, "stacks"), join(dir, "stacks"), {
    recursive: true,
    filter: (source) => !source.endsWith(".ts"),
  });
  const manifest = join(dir, "stacks", "networks", "devnet.yaml");
  const text = await readFile(manifest, "utf8");
  await writeFile(manifest, text.replace(/ref: .*/, `ref: ${join(project, "devnet", "charts", "kms-core")}`));
}

async function createStack(): Promise<Stack> {
  await writeFile(join(dir, "Pulumi.yaml"), "name: quorate\nruntime: nodejs\nstackConfigDir: stacks\n");
  const pulumiCommand = await PulumiCommand.get({ root: dirname(dirname(toolPath("pulumi"))), skipVersionCheck: true });
  const workspace = await LocalWorkspace.create({ workDir: dir, program, pulumiCommand, envVars: environment });
  await workspace.createStack("party-1");
  return await Stack.select("party-1", workspace);
}

type Plan = Record<string, { operation: string; inputs: unknown }>;

async function planInline(): Promise<Plan> {
  const plan: Plan = {};
  await stack.preview({
    onEvent: ({ resourcePreEvent }) => {
      const step = resourcePreEvent?.metadata;
      // The command's JSON leaves out the providers that the engine adds by itself.
      if (step && !/::pulumi:providers:\w+::default/.test(step.urn))
        plan[step.urn] = { operation: step.op, inputs: settledNames(step.new?.inputs) };
    },
  });
  return plan;
}

/** The provider draws a new suffix for each name that is its own to choose. */
function settledNames(inputs: unknown): unknown {
  return JSON.parse(JSON.stringify(inputs ?? {}).replaceAll(/-[0-9a-f]{7}"/g, '-0000000"'));
}

interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The ordinary command, in the checkout, with its own `Pulumi.yaml`. */
function pulumi(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: project, env: { ...process.env, ...environment }, maxBuffer: 64 * 1024 * 1024 };
    execFile(toolPath("pulumi"), [...args, "--non-interactive", "--color=never"], options, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

async function planOrdinary(): Promise<Plan> {
  const ended = await pulumi("preview", "-s", "party-1", "--config-file", stackFile, "--json");
  expect(ended).toMatchObject({ exitCode: 0 });
  const { steps } = JSON.parse(ended.stdout) as {
    steps: { op: string; urn: string; newState?: { inputs?: unknown } }[];
  };
  return Object.fromEntries(
    steps.map(({ op, urn, newState }) => [urn, { operation: op, inputs: settledNames(newState?.inputs) }] as const),
  );
}

test("the ordinary command and the inline program plan the same resources, with the same names and inputs", async () => {
  const inline = await planInline();
  const ordinary = await planOrdinary();
  expect(Object.keys(inline).length).toBeGreaterThan(60);
  expect(Object.keys(ordinary).sort()).toEqual(Object.keys(inline).sort());
  for (const [urn, step] of Object.entries(inline)) expect(ordinary[urn], urn).toEqual(step);
});

test("a stack that does not fit its network fails with the operator's error, and without a stack trace", async () => {
  const text = await readFile(stackFile, "utf8");
  await writeFile(stackFile, text.replace(/quorate:party: .*/, "quorate:party: 9"));
  const { exitCode, stdout, stderr } = await pulumi("preview", "-s", "party-1", "--config-file", stackFile);
  await writeFile(stackFile, text);
  expect(exitCode).not.toBe(0);
  expect(stdout + stderr).toContain("PARTY_NOT_IN_MANIFEST  party 9 is not a party of network devnet");
  expect(stdout + stderr).toContain("next      correct quorate:party in Pulumi.party-1.yaml");
  expect(stdout + stderr).not.toMatch(/\n\s+at .*\.ts:\d+/);
});
