import { mkdtempSync, readFileSync, rmSync } from "node:fs";
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
    stack: (stackName: string, program: PulumiFn): Promise<Stack> =>
      LocalWorkspace.createOrSelectStack(
        { stackName, projectName: "providers", program },
        { envVars, pulumiCommand: pulumi, workDir: mkdtempSync(join(dir, "work-")) },
      ),
    /** The state as it lies on disk. */
    state: (stackName: string): string =>
      readFileSync(join(dir, ".pulumi", "stacks", "providers", `${stackName}.json`), "utf8"),
    async [Symbol.asyncDispose]() {
      await servers.close();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
export type TestCloud = Awaited<ReturnType<typeof testCloud>>;
