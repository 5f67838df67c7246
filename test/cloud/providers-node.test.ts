import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type InstanceType, instanceType } from "../../devnet/cloud/providers/aws/instance-types.ts";
import {
  allocatorFits,
  allocatorSize,
  type NodeArgs,
  nodeObject,
} from "../../devnet/cloud/providers/aws/node-object.ts";

const machine = (name: string) => instanceType(name) as InstanceType;
const script = (cpuCount: number, memoryMib: number) =>
  `#!/bin/bash\ncat > /etc/nitro_enclaves/allocator.yaml <<'X'\nmemory_mib: ${memoryMib}\ncpu_count: ${cpuCount}\nX\nsystemctl restart nitro-enclaves-allocator.service\n`;
const base64 = (text: string) => Buffer.from(text).toString("base64");

const args = (change: Partial<NodeArgs> = {}): NodeArgs => ({
  partyId: 3,
  ordinal: 11,
  region: "eu-west-1",
  zone: "eu-west-1b",
  nodeGroup: "enclaves",
  clusterName: "kms-party-3",
  machine: machine("c7a.16xlarge"),
  instanceId: "i-00000000000000001",
  capacityType: "ON_DEMAND",
  amiId: "ami-1",
  launchTemplate: { id: "lt-1", version: "2" },
  enclaveOptions: true,
  userData: base64(script(48, 98304)),
  labels: { "node.kubernetes.io/enclave-enabled": "true" },
  taints: [{ key: "node.kubernetes.io/enclave-enabled", value: "true", effect: "NO_SCHEDULE" }],
  ...change,
});

describe("the allocator's size", () => {
  test.each([
    ["a plain script", script(48, 98304), { cpuCount: 48, memoryMib: 98304 }],
    ["base64 of it", base64(script(4, 4096)), { cpuCount: 4, memoryMib: 4096 }],
    [
      "variables that sed writes into the file",
      "readonly CPU_COUNT=8\nMEMORY_MIB='8192'\nsed -i s/cpu_count:.*/x/ f\nsystemctl enable nitro-enclaves-allocator.service",
      { cpuCount: 8, memoryMib: 8192 },
    ],
    ["an allocator left alone", "systemctl enable nitro-enclaves-allocator", { cpuCount: 2, memoryMib: 512 }],
    ["no allocator", "#!/bin/bash\necho cpu_count: 4", undefined],
    ["nothing", undefined, undefined],
    [
      "one part of several, itself in base64",
      `Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Transfer-Encoding: base64\nContent-Type: text/x-shellscript\n\n${base64(script(6, 6144))}\n--b--\n`,
      { cpuCount: 6, memoryMib: 6144 },
    ],
  ])("is read from %s", (_what, userData, expected) => {
    expect(allocatorSize(userData)).toEqual(expected);
  });
});

test.each([
  ["c7a.16xlarge", true],
  ["c7a.48xlarge", true],
  ["c7i.16xlarge", true],
  ["c7i.24xlarge", false],
  ["m7i.48xlarge", false],
  ["c7a.large", false],
  ["t3.xlarge", false],
])("whether %s can run enclaves is what AWS documents: %s", (name, can) => {
  expect(machine(name).enclaves).toBe(can);
});

describe("a node", () => {
  test("offers what the allocator took, and less of the rest", () => {
    const node = nodeObject(args());
    expect(node.metadata.name).toBe("ip-10-3-0-11.eu-west-1.compute.internal");
    expect(node.metadata.annotations["kwok.x-k8s.io/node"]).toBe("fake");
    expect(node.status.allocatable).toEqual({
      "aws.ec2.nitro/nitro_enclaves": "1",
      "aws.ec2.nitro/nitro_enclaves_cpus": "48",
      "ephemeral-storage": "95551679124",
      "hugepages-1Gi": "96Gi",
      "hugepages-2Mi": "0",
      pods: "737",
      cpu: "15890m",
      memory: "20373Mi",
    });
    expect(node.spec.taints).toEqual([
      { key: "node.kubernetes.io/enclave-enabled", value: "true", effect: "NoSchedule" },
    ]);
    expect(node.metadata.labels).toMatchObject({
      "eks.amazonaws.com/nodegroup": "enclaves",
      "node.kubernetes.io/instance-type": "c7a.16xlarge",
      "topology.kubernetes.io/zone": "eu-west-1b",
      "node.kubernetes.io/enclave-enabled": "true",
    });
  });

  test.each([
    ["whose launch template does not allow enclaves", { enclaveOptions: false }],
    ["that is too small for its allocator", { machine: machine("c7a.8xlarge") }],
    ["whose allocator wants half a core", { machine: machine("c6a.16xlarge"), userData: base64(script(47, 98304)) }],
    ["whose allocator wants all cores", { userData: base64(script(64, 1024)) }],
    ["without an allocator", { userData: undefined }],
  ])("%s has nothing for an enclave", (_what, change) => {
    const { allocatable } = nodeObject(args(change as Partial<NodeArgs>)).status;
    expect(Object.keys(allocatable).filter((name) => name.startsWith("aws.ec2.nitro"))).toEqual([]);
    expect(allocatable["hugepages-1Gi"]).toBe("0");
  });

  test("never offers more than its machine has", () => {
    const types = fc.constantFrom("c7a.4xlarge", "c7a.8xlarge", "c7a.16xlarge", "c6a.16xlarge", "m6i.4xlarge");
    fc.assert(
      fc.property(types, fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 300_000 }), (name, cpus, mib) => {
        const size = machine(name);
        const { allocatable } = nodeObject(args({ machine: size, userData: base64(script(cpus, mib)) })).status;
        const devices: { [name: string]: string } = allocatable;
        const enclaveCpus = Number(devices["aws.ec2.nitro/nitro_enclaves_cpus"] ?? 0);
        expect(Number.parseInt(allocatable.cpu, 10) / 1000 + enclaveCpus).toBeLessThanOrEqual(size.vcpus);
        const hugeMib =
          Number.parseInt(allocatable["hugepages-1Gi"], 10) * 1024 + Number.parseInt(allocatable["hugepages-2Mi"], 10);
        expect(Number.parseInt(allocatable.memory, 10) + hugeMib).toBeLessThanOrEqual(size.memoryMib);
        expect(enclaveCpus > 0).toBe(allocatorFits(size, { cpuCount: cpus, memoryMib: mib }));
      }),
    );
  });
});
