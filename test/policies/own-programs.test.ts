import { log, runtime } from "@pulumi/pulumi";
import { afterEach, expect, test, vi } from "vitest";
import { rules } from "../../policies/rules.ts";
import { mainnetManifest, mainnetParty, stacksWith } from "../support/mainnet.ts";
import type { MockStack } from "../support/mocks.ts";
import { rawManifest, rawStackConfig, StacksDir } from "../support/network.ts";
import { runProgramIn } from "../support/run-program.ts";
import { asked, type Made } from "./asking.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  runtime.setAllConfig({});
});

async function made(stacks: { dir: string }, config: object, calls = {}): Promise<Made[]> {
  const said = [vi.spyOn(log, "warn").mockResolvedValue(), vi.spyOn(log, "info").mockResolvedValue()];
  const stack = await runProgramIn(stacks.dir, config, undefined, calls);
  for (const spy of said) spy.mockRestore();
  return stack.resources.map((one) => madeOf(one, stack));
}

function madeOf(
  { type, name, inputs, protect, parent }: MockStack<unknown>["resources"][number],
  stack: MockStack<unknown>,
): Made {
  const within = stack.resources.find(({ urn }) => urn === parent)?.type;
  return { type, name, props: inputs, protect, untagged: type.startsWith("kubernetes:"), ...(within && { within }) };
}

/** What the mandatory rules about one resource say; those about the whole need an engine's references. */
function refusals(resources: Made[], environment: string): string[] {
  return rules
    .filter((rule) => rule.severity === "mandatory" && !("checkStack" in rule))
    .flatMap((rule) => asked(rule, resources, environment));
}

const people = ["arn:aws:iam::100000000001:role/sre"];
const ci = {
  oidcProviderArn: "arn:aws:iam::100000000001:oidc-provider/token.example",
  repository: "a/b",
  environment: "c",
};

test("a party of the mainnet, with everything that it can have besides, is refused by no rule", async () => {
  const more = {
    pauser: { createNamespace: true },
    peerDomain: "mpc-partners.local",
    access: { sre: people, breakGlass: people, ci },
  };
  await using stacks = await stacksWith(await mainnetManifest());
  const resources = await made(stacks, { ...(await mainnetParty()), ...more });
  expect(resources.length).toBeGreaterThan(60);
  expect(refusals(resources, "mainnet")).toEqual([]);
});

test("a party that peers reach by its own addresses is refused by no rule", async () => {
  const open = { "aws:ec2/getSubnet:getSubnet": { mapPublicIpOnLaunch: true, cidrBlock: "10.1.0.0/24" } };
  await using stacks = await StacksDir.create({ ...rawManifest(), transport: "kubeip" });
  const resources = await made(stacks, { ...rawStackConfig(), kubeip: { publicSubnetIds: ["subnet-0c"] } }, open);
  expect(refusals(resources, "devnet")).toEqual([]);
});

test("a party's backups, in an account of their own, are refused by no rule", async () => {
  const backup = {
    contract: "backup/v1",
    network: "zama-mainnet",
    party: 1,
    accountId: "200000000001",
    awsProfile: "backup",
    region: "eu-central-1",
    partyCluster: "kms",
    release: "0.13.10",
    replica: { region: "eu-west-1" },
  };
  await using stacks = await stacksWith(await mainnetManifest());
  expect(refusals(await made(stacks, backup), "mainnet")).toEqual([]);
});
