import { expect, test } from "vitest";
import type { AwsCaller } from "../../devnet/cloud/providers/aws/aws-resource.ts";
import { eksResources } from "../../devnet/cloud/providers/aws/eks.ts";

const nodeGroup = eksResources["aws:eks/nodeGroup:NodeGroup"];
const role = "arn:aws:iam::111111111111:role/nodes";

/** An account with a cluster, a role and two versions of a launch template: Amazon's image, and another. */
function caller(): AwsCaller {
  const records: Record<string, { id: string; props: object }[]> = {
    "aws:eks/cluster:Cluster": [{ id: "kms", props: { version: "1.33" } }],
    "aws:iam/role:Role": [{ id: "nodes", props: { arn: role } }],
    "aws:ec2/launchTemplate:LaunchTemplate": [
      { id: "lt-1", props: { name: "t", latestVersion: 2, defaultVersion: 2 } },
    ],
    "aws:ec2/launchTemplate:Version": [
      { id: "lt-1:1", props: {} },
      { id: "lt-1:2", props: { imageId: "ami-0123456789abcdef0" } },
    ],
  };
  const list = (type: string) => records[type] ?? [];
  const get = (type: string, id: string) => list(type).find((record) => record.id === id);
  const account = { accountId: "111111111111", vpc: { subnets: [{ id: "subnet-0a" }] } };
  return { region: "eu-west-1", account, store: { list, get } } as unknown as AwsCaller;
}

const inputs = (version: string, more: object = {}) => ({
  clusterName: "kms",
  nodeGroupName: "nodes",
  nodeRoleArn: role,
  subnetIds: ["subnet-0a"],
  scalingConfig: { minSize: 1, desiredSize: 1, maxSize: 1 },
  launchTemplate: { id: "lt-1", version },
  ...more,
});

test("a group of Amazon's image has its release, one of another image has that image's id", () => {
  const amazon = { amiType: "AL2023_x86_64_STANDARD", releaseVersion: "1.33.8-20260304" };
  expect(nodeGroup?.create(caller(), inputs("1", amazon)).computed).toMatchObject({
    releaseVersion: "1.33.8-20260304",
  });
  expect(nodeGroup?.create(caller(), inputs("2")).computed).toMatchObject({
    amiType: "CUSTOM",
    releaseVersion: "ami-0123456789abcdef0",
  });
});

test("type and release beside another image are refused, and so is a release of another Kubernetes version", () => {
  for (const more of [{ amiType: "AL2023_x86_64_STANDARD" }, { releaseVersion: "1.33.8-20260304" }])
    expect(() => nodeGroup?.create(caller(), inputs("2", more))).toThrow(/can ?not specify an AMI type/i);
  expect(() => nodeGroup?.create(caller(), inputs("1", { releaseVersion: "1.32.3-20250620" }))).toThrow(
    /Allowed kubernetes version is 1\.33/,
  );
});
