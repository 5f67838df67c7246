import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PartyCluster, type PartyClusterArgs } from "../../components/aws/party-cluster.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import { checkExistingCluster } from "../../stacks/existing-cluster.ts";
import { rawStackConfig } from "../support/network.ts";
import { startControlPlane } from "./support/control-plane.ts";
import { type TestCloud, testAccount, testCloud } from "./support/providers-stack.ts";

let controlPlane: Awaited<ReturnType<typeof startControlPlane>>;
let cloud: TestCloud;
let stack: Stack;
/** What the program says; each test changes it. */
const said: { cluster: PartyClusterArgs["cluster"]; options: pulumi.ComponentResourceOptions } = {
  cluster: { existing: { name: "" } },
  options: {},
};

const { accountId, profile, vpc } = testAccount(1);
const create = {
  ...{ name: "kms", version: "1.33", vpcId: vpc.vpcId },
  privateSubnetIds: vpc.subnets.map(({ id }) => id),
};

async function program() {
  const provider = new aws.Provider("party", { profile, region: "eu-west-1", allowedAccountIds: [accountId] });
  const config = { ...rawStackConfig(), accountId, cluster: said.cluster };
  await checkExistingCluster(StackConfig.parse(config), "Pulumi.cluster.yaml", { provider });
  const args = { region: "eu-west-1", accountId, cluster: said.cluster };
  new PartyCluster("eks", args, { provider, ...said.options });
}

beforeAll(async () => {
  controlPlane = await startControlPlane();
  cloud = await testCloud({ accounts: [1, 2].map((id) => testAccount(id, { cluster: controlPlane.cluster })) });
  stack = await cloud.stack("cluster", program);
});
afterAll(async () => {
  await cloud[Symbol.asyncDispose]();
  controlPlane[Symbol.dispose]();
});

const changes = (summary: { resourceChanges?: object | undefined }) => summary.resourceChanges ?? {};
const clusterInCloud = () => cloud.store.account(accountId).get("aws:eks/cluster:Cluster", "kms")?.props;
/** As stacks were made before clusters had a key for their Secrets. */
const withoutKey: pulumi.ResourceTransformation = ({ type, props, opts }) => {
  if (type !== "eks:index:Cluster") return undefined;
  const { encryptionConfigKeyArn: _, ...rest } = props;
  return { props: rest, opts };
};

test("a cluster that was made without a key gets one, and is not made anew", { timeout: 60_000 }, async () => {
  said.cluster = { create };
  said.options = { transformations: [withoutKey] };
  await stack.up();
  const before = clusterInCloud();
  expect(before?.encryptionConfig).toBeUndefined();

  said.options = {};
  const { same, ...changed } = changes((await stack.up()).summary) as Record<string, number>;
  expect({ same: same !== undefined, ...changed }).toEqual({ same: true, update: 1 });
  const [key] = cloud.store.account(accountId).list("aws:kms/key:Key");
  expect(clusterInCloud()).toMatchObject({
    createdAt: before?.createdAt,
    encryptionConfig: { provider: { keyArn: key?.props.arn }, resources: ["secrets"] },
  });
  expect(Object.keys(changes((await stack.up()).summary))).toEqual(["same"]);
});

test("whatever would take the key away again, or the cluster with it, is refused", { timeout: 60_000 }, async () => {
  said.options = { transformations: [withoutKey] };
  await expect(stack.up()).rejects.toThrow(/marked for protection/);
  said.options = {};
  said.cluster = { create: { ...create, name: "another" } };
  await expect(stack.preview()).rejects.toThrow(/marked for protection/);
  expect(clusterInCloud()?.status).toBe("ACTIVE");
});

test("an existing cluster is looked at and left alone", { timeout: 60_000 }, async () => {
  const other = await cloud.stack("existing", program);
  said.cluster = { existing: { name: "kms" } };
  const before = JSON.stringify(cloud.store.account(accountId).list("aws:eks/cluster:Cluster"));
  const count = (type: string) => cloud.store.account(accountId).list(type).length;
  const addons = count("aws:eks/addon:Addon");
  // Stack, provider and component.
  expect(changes((await other.up()).summary)).toEqual({ create: 3 });
  expect(changes((await other.up()).summary)).toEqual({ same: 3 });
  expect(JSON.stringify(cloud.store.account(accountId).list("aws:eks/cluster:Cluster"))).toBe(before);
  expect(count("aws:eks/addon:Addon")).toBe(addons);

  await cloud.store.account(accountId).delete("aws:eks/addon:Addon", "kms:vpc-cni");
  await expect(other.preview()).rejects.toThrow(/CLUSTER_LACKS .*nobody enforces the core's network policies/);
});

test("EKS refuses a key that it is not let take, and add-ons that it does not know", { timeout: 60_000 }, async () => {
  const refused = await cloud.stack("refused", async () => {
    const provider = new aws.Provider("party", { profile, region: "eu-west-1" });
    const clusterName = "kms";
    new aws.eks.Addon("unknown", { clusterName, addonName: "vpc-cni-metrics-helper" }, { provider });
    const unreadable = { clusterName, addonName: "eks-pod-identity-agent", configurationValues: '{"replicas":2}' };
    new aws.eks.Addon("unreadable", unreadable, { provider });
    clusterWith(["kms:PutKeyPolicy", "kms:DescribeKey"]);
  });
  const text = await refused.up({ continueOnError: true }).then(String, String);
  expect(text).toContain("Addon vpc-cni-metrics-helper specified is not supported");
  expect(text).toContain("[$.replicas: is not defined in the schema");
  expect(text).toMatch(/AccessDeniedException: kms:CreateGrant on arn:aws:kms:eu-west-1:/);
});

/** In another account, whose administrators may do this with the key and no more. */
function clusterWith(Action: string[]) {
  const { accountId, profile, vpc } = testAccount(2);
  const provider = new aws.Provider("other", { profile, region: "eu-west-1" });
  const document = (statement: object) => JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  const root = { AWS: `arn:aws:iam::${accountId}:root` };
  const key = new aws.kms.Key(
    "key",
    { policy: document({ Effect: "Allow", Principal: root, Action, Resource: "*" }) },
    { provider },
  );
  const eks = { Effect: "Allow", Principal: { Service: "eks.amazonaws.com" }, Action: "sts:AssumeRole" };
  const role = new aws.iam.Role("role", { assumeRolePolicy: document(eks) }, { provider });
  const encryptionConfig = { provider: { keyArn: key.arn }, resources: ["secrets"] };
  const vpcConfig = { subnetIds: vpc.subnets.map(({ id }) => id) };
  new aws.eks.Cluster("kms2", { roleArn: role.arn, vpcConfig, encryptionConfig }, { provider });
}
