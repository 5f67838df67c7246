import { expect, test } from "vitest";
import { EnclaveNodegroup, type EnclaveNodegroupArgs } from "../../components/aws/enclave-nodegroup.ts";
import { enclaveUserData } from "../../components/aws/enclave-user-data.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const nodes = (args: Partial<EnclaveNodegroupArgs> = {}) =>
  onMockStack(
    () =>
      new EnclaveNodegroup("n", {
        region: "eu-west-1",
        cluster: { name: "kms", version: "1.33", subnetIds: ["subnet-0a"], securityGroupId: "sg-0a" },
        instanceType: "c7a.16xlarge",
        amiReleaseVersion: "1.33.8-20260304",
        size: { min: 1, max: 1, desired: 1 },
        allocator: { cpuCount: 48, memoryMib: 98_304 },
        ...args,
      }),
  );

test("a node group needs a cluster, an instance type, an image release and sizes", async () => {
  const stack = await nodes();
  expect(await settled(stack.result.nodegroupName)).toBe("n-nodegroup");
  expect(stack.get("n-nodegroup").inputs).toMatchObject({
    capacityType: "ON_DEMAND",
    amiType: "AL2023_x86_64_STANDARD",
    releaseVersion: "1.33.8-20260304",
    instanceTypes: ["c7a.16xlarge"],
  });
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
  const userData = Buffer.from(stack.get("n-template").inputs.userData, "base64").toString();
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
