import { expect, test } from "vitest";
import { StackConfig } from "../../contract/stack-config.ts";
import { checkExistingCluster } from "../../stacks/existing-cluster.ts";
import { onMockStack } from "../support/mocks.ts";
import { rawStackConfig } from "../support/network.ts";

/** As the engine hands on what a provider refused: with the text as gRPC's details. */
const failing = (details: string) => () => {
  throw Object.assign(new Error(details), { code: 2, details });
};
const absent = (what: string) => failing(`reading ${what}: couldn't find resource`);
const noAddon = { "aws:eks/getAddon:getAddon": absent("EKS Add-On") };

const check = (change: object, calls: Record<string, object> = {}, has?: string[]) => {
  const existing = { name: "shared", ...(has && { has }) };
  const config = StackConfig.parse({ ...rawStackConfig(), cluster: { existing }, ...change });
  return onMockStack(() => checkExistingCluster(config, "Pulumi.party-1.yaml", {}), { calls });
};

test("a cluster that has what the party needs passes, and nothing is made", async () => {
  const stack = await check({});
  expect(stack.resources).toEqual([]);
});

test("a new cluster is not looked for", async () => {
  const config = StackConfig.parse(rawStackConfig());
  const nothing = { "aws:eks/getCluster:getCluster": absent("EKS Cluster") };
  await onMockStack(() => checkExistingCluster(config, "Pulumi.party-1.yaml", {}), { calls: nothing });
});

test.for([
  ["a trace in the account", {}, { "aws:eks/getCluster:getCluster": absent("EKS Cluster") }],
  [
    "its OIDC provider",
    {},
    { "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": absent("IAM OIDC Provider") },
  ],
  ["a network plugin of EKS", {}, noAddon],
  ["network policies", {}, { "aws:eks/getAddon:getAddon": { configurationValues: '{"enableNetworkPolicy":"false"}' } }],
  ["any setting of its network plugin", {}, { "aws:eks/getAddon:getAddon": { configurationValues: "" } }],
  ["a load balancer controller that is declared", { endpointService: "created" }, {}],
] as const)(
  "a cluster without %s is refused, with what is missing and how to say otherwise",
  async ([_, change, calls]) => {
    await expect(check(change, calls)).rejects.toMatchObject({
      problem: { code: "CLUSTER_LACKS", found: expect.stringContaining("cluster shared") },
    });
  },
);

test("what EKS does not manage is declared, or not wanted", async () => {
  await check({}, noAddon, ["network-policies"]);
  await check({ networkPolicy: { enabled: false } }, noAddon);
  await check({ endpointService: "created" }, {}, ["load-balancer-controller"]);
});

test("whoever is asked to have policies enforced is told that those stored before act too", async () => {
  await expect(check({}, noAddon)).rejects.toMatchObject({
    problem: {
      expected: expect.stringContaining("every NetworkPolicy that is stored in the cluster acts from then on"),
    },
  });
});

test("a lookup that fails is no absence", async () => {
  const denied = failing("AccessDeniedException: not authorized to perform eks:DescribeAddon");
  await expect(check({}, { "aws:eks/getAddon:getAddon": denied })).rejects.toThrow("AccessDeniedException");
});

test("a node image of another Kubernetes version than the cluster's is refused with both, before anything is built", async () => {
  const running = (version: string) => ({ "aws:eks/getCluster:getCluster": { name: "shared", version } });
  await expect(check({}, running("1.32"))).rejects.toMatchObject({
    problem: {
      code: "AMI_VERSION_MISMATCH",
      found: "quorate:enclaveNodes.amiReleaseVersion: 1.33.8-20260304 in Pulumi.party-1.yaml",
      expected: "a release of 1.32, which cluster shared runs, such as 1.32.3-20250620",
      next: expect.stringContaining("in Pulumi.party-1.yaml, or have the cluster brought to the release's version"),
    },
  });
});
