import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { allocatorFits, type Machine, shareOf } from "../../components/aws/enclave-allocator.ts";
import { EnclaveNodegroup, type EnclaveNodegroupArgs } from "../../components/aws/enclave-nodegroup.ts";
import { enclaveUserData } from "../../components/aws/enclave-user-data.ts";
import { type MockStack, onMockStack, settled } from "../support/mocks.ts";

const nodes = (args: Partial<EnclaveNodegroupArgs> = {}) =>
  onMockStack(
    () =>
      new EnclaveNodegroup("n", {
        region: "eu-west-1",
        cluster: { name: "kms", version: "1.33", subnetIds: ["subnet-0a"], securityGroupId: "sg-0a" },
        instanceType: "c7a.16xlarge",
        image: { releaseVersion: "1.33.8-20260304" },
        size: { min: 1, max: 1, desired: 1 },
        allocator: { cpuCount: 48, memoryMib: 98_304 },
        ...args,
      }),
  );

const policiesOf = (stack: MockStack<unknown>) =>
  stack
    .ofType("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    .map(({ inputs }) => inputs.policyArn.split("/").at(-1))
    .sort();

const userDataOf = (stack: MockStack<unknown>, template = "n-template") =>
  Buffer.from(stack.get(template).inputs.userData, "base64").toString();

test("a node group needs a cluster, an instance type, an image release and sizes", async () => {
  const stack = await nodes();
  expect(await settled(stack.result.nodegroupName)).toBe("n-nodegroup");
  expect(stack.get("n-nodegroup").inputs).toMatchObject({
    capacityType: "ON_DEMAND",
    amiType: "AL2023_x86_64_STANDARD",
    releaseVersion: "1.33.8-20260304",
    instanceTypes: ["c7a.16xlarge"],
    updateConfig: { maxUnavailable: 1 },
    scalingConfig: { minSize: 1, maxSize: 1, desiredSize: 1 },
  });
  expect(stack.get("n-nodegroup").inputs).not.toHaveProperty("remoteAccess");
  expect(policiesOf(stack)).toEqual([
    "AmazonEBSCSIDriverPolicy",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
  ]);
});

test("its nodes demand IMDSv2, can run enclaves, have an encrypted disk, and take no other pods", async () => {
  const stack = await nodes();
  const template = stack.get("n-template").inputs;
  expect(template.metadataOptions).toEqual({
    httpEndpoint: "enabled",
    httpTokens: "required",
    httpPutResponseHopLimit: 2,
  });
  expect(template.enclaveOptions).toEqual({ enabled: true });
  expect(template.blockDeviceMappings[0].ebs).toMatchObject({ encrypted: "true", volumeType: "gp3", volumeSize: 100 });
  const key = "node.kubernetes.io/enclave-enabled";
  expect(stack.get("n-nodegroup").inputs).toMatchObject({
    labels: { [key]: "true" },
    taints: [{ key, value: "true", effect: "NO_SCHEDULE" }],
    launchTemplate: { id: "n-template-id", version: "1" },
  });
  expect(stack.get("n-nodegroup").dependsOn).toContain(stack.get("n-worker-policy").urn);
  for (const resource of stack.resources.filter(({ name }) => name !== "n"))
    expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("n").urn]);
});

test("sizes that can't work are refused, with every reason at once", async () => {
  const wrong = nodes({
    size: { min: 2, max: 1, desired: 1 },
    allocator: { cpuCount: 47, memoryMib: 1000 },
    rootVolumeGib: 20,
  });
  await expect(wrong).rejects.toMatchObject({
    errors: [
      { propertyPath: "size" },
      { propertyPath: "allocator.cpuCount" },
      { propertyPath: "allocator.memoryMib" },
      { propertyPath: "rootVolumeGib" },
    ],
  });
});

test("the user data sets the allocator's sizes before the kubelet starts", async () => {
  const stack = await nodes();
  const userData = userDataOf(stack);
  expect(userData).toBe(enclaveUserData({ cpuCount: 48, memoryMib: 98_304 }));
  expect(userData).toMatchInlineSnapshot(`
    "MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="quorate"

    --quorate
    Content-Type: text/x-shellscript; charset="us-ascii"

    #!/bin/bash
    set -euo pipefail
    dnf install -y aws-nitro-enclaves-cli
    cat > /etc/nitro_enclaves/allocator.yaml <<'ALLOCATOR'
    ---
    memory_mib: 98304
    cpu_count: 48
    ALLOCATOR
    systemctl enable nitro-enclaves-allocator.service
    systemctl restart nitro-enclaves-allocator.service
    --quorate--
    "
  `);
});

test("an image of one's own is told its cluster, and EKS neither type nor release", async () => {
  const stack = await nodes({
    image: {
      amiId: "ami-0123456789abcdef0",
      cluster: {
        endpoint: "https://cluster.example",
        certificateAuthorityData: "Q0E=",
        serviceCidr: "172.20.0.0/16",
      },
    },
    labels: { nodepool: "kms" },
  });
  const template = "n-own-image-template";
  expect(stack.get(template).inputs.imageId).toBe("ami-0123456789abcdef0");
  const { inputs } = stack.get("n-nodegroup");
  for (const field of ["amiType", "releaseVersion", "version"]) expect(inputs).not.toHaveProperty(field);
  const [, config = "", script = ""] = userDataOf(stack, template).split("--quorate\n");
  expect(config).toMatchInlineSnapshot(`
    "Content-Type: application/node.eks.aws

    ---
    apiVersion: node.eks.aws/v1alpha1
    kind: NodeConfig
    spec:
      cluster:
        name: "kms"
        apiServerEndpoint: "https://cluster.example"
        certificateAuthority: "Q0E="
        cidr: "172.20.0.0/16"
      kubelet:
        flags:
          - "--node-labels=nodepool=kms,node.kubernetes.io/enclave-enabled=true"
          - "--register-with-taints=node.kubernetes.io/enclave-enabled=true:NoSchedule"
    "
  `);
  expect(script).toContain("cpu_count: 48");
  expect(parse(config.slice(config.indexOf("---")))).toMatchObject({ spec: { cluster: { cidr: "172.20.0.0/16" } } });
});

test("what a stack file may switch arrives where it belongs", async () => {
  const stack = await nodes({
    nodegroupName: "kms-nodes",
    capacity: "spot",
    ssm: true,
    securityGroupIds: ["sg-0b"],
    volumeKeyArn: "arn:aws:kms:eu-west-1:100000000001:key/1",
    labels: { nodepool: "kms", "node.kubernetes.io/enclave-enabled": "false" },
    tags: { owner: "ops", Name: "x" },
  });
  expect(stack.get("n-nodegroup").inputs).toMatchObject({
    nodeGroupName: "kms-nodes",
    capacityType: "SPOT",
    labels: { nodepool: "kms", "node.kubernetes.io/enclave-enabled": "true" },
  });
  const template = stack.get("n-template").inputs;
  expect(template.vpcSecurityGroupIds).toEqual(["sg-0a", "sg-0b"]);
  expect(template.blockDeviceMappings[0].ebs).toMatchObject({
    encrypted: "true",
    kmsKeyId: "arn:aws:kms:eu-west-1:100000000001:key/1",
  });
  expect(template.tagSpecifications).toEqual(
    ["instance", "volume", "network-interface"].map((resourceType) => ({
      resourceType,
      tags: { owner: "ops", Name: "n" },
    })),
  );
  expect(policiesOf(stack)).toContain("AmazonSSMManagedInstanceCore");
});

describe("what a machine can set aside", () => {
  const machine = (cpuCount: number, memoryMib: number): Machine => ({
    instanceType: "x.large",
    cpuCount,
    memoryMib,
    enclaves: true,
    architectures: ["x86_64"],
  });

  test.each([
    [64, 131_072, 75, { cpuCount: 48, memoryMib: 98_304 }],
    [36, 73_728, 75, { cpuCount: 26, memoryMib: 55_296 }],
    [8, 15_360, 50, { cpuCount: 4, memoryMib: 7_168 }],
  ])("of %i CPUs and %i MiB, %i %% are whole cores and whole GiB", (cpus, mib, percent, expected) => {
    expect(shareOf(machine(cpus, mib), percent)).toEqual(expected);
  });

  test.each([
    [{ cpuCount: 62, memoryMib: 98_304 }, true],
    [{ cpuCount: 64, memoryMib: 98_304 }, false],
    [{ cpuCount: 48, memoryMib: 117_760 }, true],
    [{ cpuCount: 48, memoryMib: 118_784 }, false],
  ])("%j leaves enough for the node itself: %s", (size, fits) => {
    expect(allocatorFits(machine(64, 131_072), size)).toBe(fits);
  });

  test("of a small machine, 4 GiB stay", () => {
    expect(allocatorFits(machine(4, 8_192), { cpuCount: 2, memoryMib: 4_096 })).toBe(true);
    expect(allocatorFits(machine(4, 8_192), { cpuCount: 2, memoryMib: 5_120 })).toBe(false);
  });
});
