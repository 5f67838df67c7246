import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { LocalWorkspace, PulumiCommand, type PulumiFn, type Stack } from "@pulumi/pulumi/automation/index.js";
import type { CloudAccount } from "../../../devnet/cloud/config.ts";
import { type ProvidersConfig, startProviders } from "../../../devnet/cloud/providers/servers.ts";
import { CloudStore } from "../../../devnet/cloud/store.ts";
import { toolPath } from "../../../devnet/tool-path.ts";

/** One account of a simulated cloud, as the devnet describes it. */
export function testAccount(partyId: number, change: Partial<CloudAccount> = {}): CloudAccount {
  return {
    accountId: `${partyId}`.repeat(12) as CloudAccount["accountId"],
    partyId: partyId as CloudAccount["partyId"],
    profile: `test-party-${partyId}`,
    accessKeyId: `AKIATESTTESTTEST000${partyId}`,
    secretAccessKey: "0123456789abcdef",
    region: "eu-west-1",
    cluster: { endpoint: "https://127.0.0.1:1", caData: "Q0E=", adminKubeconfig: "/nonexistent", version: "1.33" },
    vpc: {
      vpcId: `vpc-0000000${partyId}`,
      subnets: ["a", "b"].map((zone, index) => ({
        id: `subnet-000000${partyId}${zone}`,
        az: `eu-west-1${zone}`,
        mapPublicIpOnLaunch: false,
        cidr: `10.${partyId}.${index}.0/24`,
      })),
    },
    ...change,
  };
}

const projectName = "providers";
/** Marks a secret in a state. */
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

const checkpointFile = (dir: string, stackName: string) =>
  join(dir, ".pulumi", "stacks", projectName, `${stackName}.json`);

/** After each update the automation API starts the engine's CLI three times to be told what lies on this disk. Only for secrets it has to. */
function readingFromDisk(stack: Stack, dir: string): Stack {
  const askForOutputs = stack.outputs.bind(stack);
  stack.outputs = async () => {
    const { checkpoint } = JSON.parse(readFileSync(checkpointFile(dir, stack.name), "utf8"));
    const resources = (checkpoint.latest?.resources ?? []) as { type: string; outputs?: Record<string, unknown> }[];
    const outputs = resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs ?? {};
    if (JSON.stringify(outputs).includes(secretSignature)) return await askForOutputs();
    return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, { value, secret: false }]));
  };
  stack.info = async () => {
    const history = join(dir, ".pulumi", "history", projectName, stack.name);
    const latest = readdirSync(history).filter((name) => name.endsWith(".history.json"));
    return JSON.parse(readFileSync(join(history, latest.sort().at(-1) ?? ""), "utf8"));
  };
  return stack;
}

/** Store, provider servers and a Pulumi home of their own, gone when disposed of. */
export async function testCloud(config: Partial<ProvidersConfig> = {}) {
  const dir = mkdtempSync(join(tmpdir(), "quorate-providers-"));
  const store = await CloudStore.open(join(dir, "store"));
  const accounts = config.accounts ?? [testAccount(1), testAccount(2)];
  const servers = await startProviders({ store, config: { endpointServices: {}, ...config, accounts } });
  const pulumi = await PulumiCommand.get({ root: dirname(dirname(toolPath("pulumi"))), skipVersionCheck: true }).catch(
    () => PulumiCommand.get({ skipVersionCheck: true }),
  );
  const envVars = {
    PULUMI_BACKEND_URL: `file://${dir}`,
    PULUMI_HOME: join(dir, "home"),
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // As in a devnet: an engine lives for seconds.
    GOGC: "400",
    PULUMI_DEBUG_PROVIDERS: Object.entries(servers.ports)
      .map(([name, port]) => `${name}:${port}`)
      .join(","),
    PATH: [dirname(toolPath("pulumi")), process.env.PATH ?? ""].join(delimiter),
  };
  return {
    dir,
    store,
    accounts,
    servers,
    /** A stack of its own, whose program can be exchanged between updates. */
    stack: async (stackName: string, program: PulumiFn): Promise<Stack> => {
      const options = { envVars, pulumiCommand: pulumi, workDir: mkdtempSync(join(dir, "work-")) };
      const stack = await LocalWorkspace.createOrSelectStack({ stackName, projectName, program }, options);
      return readingFromDisk(stack, dir);
    },
    /** The state as it lies on disk. */
    state: (stackName: string): string => readFileSync(checkpointFile(dir, stackName), "utf8"),
    async [Symbol.asyncDispose]() {
      await servers.close();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
export type TestCloud = Awaited<ReturnType<typeof testCloud>>;
