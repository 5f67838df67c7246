import { RunError } from "@pulumi/pulumi";
import { expect, test } from "vitest";
import type { Machine } from "../../components/aws/enclave-allocator.ts";
import type { NetworkManifest } from "../../contract/network-manifest.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import type { AwsCaller } from "../../devnet/cloud/providers/aws/aws-resource.ts";
import { invokes } from "../../devnet/cloud/providers/aws/invokes.ts";
import { settleAllocator } from "../../stacks/node-allocator.ts";
import { allocatorOn, checkNodes, nodeNotes } from "../../stacks/node-settings.ts";
import { exampleSettings } from "../components/example.ts";
import { onMockStack } from "../support/mocks.ts";
import { rawStackConfig } from "../support/network.ts";

const source = "Pulumi.party-1.yaml";
const path = "networks/devnet.yaml";
const { manifest } = exampleSettings();
const config = (enclaveNodes: object, release: object = { amiReleaseVersion: "1.33.8-20260304" }) =>
  StackConfig.parse({ ...rawStackConfig(), enclaveNodes: { ...release, ...enclaveNodes } });
const machine = (fields: Partial<Machine> = {}): Machine => ({
  instanceType: "c7a.16xlarge",
  cpuCount: 64,
  memoryMib: 131_072,
  enclaves: true,
  architectures: ["x86_64"],
  ...fields,
});
const allocator = (enclaveNodes: object, fields: Partial<Machine> = {}, of: NetworkManifest = manifest) =>
  allocatorOn(machine(fields), config(enclaveNodes), { manifest: of, path }, source);
const check = (enclaveNodes: object, environment: NetworkManifest["environment"] = "devnet") =>
  checkNodes(config(enclaveNodes), { manifest: { ...manifest, environment }, path } as never, source);

const token = "aws:ec2/getInstanceType:getInstanceType";

function problem(act: () => unknown) {
  try {
    act();
  } catch (failure) {
    return (failure as { problem?: unknown }).problem;
  }
  return undefined;
}

test("sizes that are written down go before the share, and the share before the network's enclave", () => {
  const small = { ...manifest, enclave: { cpuCount: 8, memoryGib: 16 } };
  expect(allocator({}, {}, small)).toEqual({ cpuCount: 8, memoryMib: 16_384 });
  expect(allocator({ allocatorSharePercent: 75 }, {}, small)).toEqual({ cpuCount: 48, memoryMib: 98_304 });
  expect(allocator({ allocatorSharePercent: 75, allocatorCpuCount: 10 }, {}, small)).toEqual({
    cpuCount: 10,
    memoryMib: 98_304,
  });
});

test.each([
  ["an odd number of CPUs", { allocatorCpuCount: 49 }, "allocatorCpuCount: 49", /even number/],
  ["half a GiB", { allocatorMemoryMib: 98_816 }, "allocatorMemoryMib: 98816", /whole GiB/],
])("%s is refused before AWS is asked", (_what, nodes, found, expected) => {
  expect(problem(() => check(nodes))).toMatchObject({
    code: "ALLOCATOR_UNFIT",
    found: `quorate:enclaveNodes.${found} in ${source}`,
    expected: expect.stringMatching(expected),
    next: expect.stringContaining(source),
  });
});

test("a share that is less than the enclave is refused, with what it comes to", () => {
  const half = { cpuCount: 32, memoryMib: 65_536, instanceType: "c7a.8xlarge" };
  expect(problem(() => allocator({ instanceType: "c7a.8xlarge", allocatorSharePercent: 75 }, half))).toMatchObject({
    code: "ALLOCATOR_TOO_SMALL",
    found: `quorate:enclaveNodes.allocatorSharePercent: 75 in ${source}, 24 of the 32 CPUs of c7a.8xlarge`,
    expected: `at least 48, the enclave size in ${path}`,
  });
});

test("a type that can not run enclaves, or not this image, is refused by name, with what it has", () => {
  const t3 = { instanceType: "t3.large", cpuCount: 2, memoryMib: 8_192, enclaves: false };
  expect(problem(() => allocator({ instanceType: "t3.large" }, t3))).toMatchObject({
    code: "INSTANCE_TYPE_UNFIT",
    found: `quorate:enclaveNodes.instanceType: t3.large in ${source}, which has no Nitro Enclaves (2 vCPUs, 8192 MiB, x86_64)`,
    expected: "an x86-64 instance type that supports Nitro Enclaves",
    next: expect.stringContaining("aws ec2 describe-instance-types --region eu-west-1"),
  });
  expect(problem(() => allocator({ instanceType: "c7g.16xlarge" }, { architectures: ["arm64"] }))).toMatchObject({
    code: "INSTANCE_TYPE_UNFIT",
    found: expect.stringContaining("no x86-64 processors"),
  });
});

test("a type that is too small is refused by name, with what it has and what is needed", () => {
  const half = { cpuCount: 32, memoryMib: 65_536 };
  expect(problem(() => allocator({ instanceType: "c7a.8xlarge" }, half))).toMatchObject({
    code: "INSTANCE_TYPE_TOO_SMALL",
    found: `quorate:enclaveNodes.instanceType: c7a.8xlarge in ${source}, with 32 vCPUs and 65536 MiB`,
    expected: "48 CPUs and 98304 MiB for enclaves, and 2 CPUs and 6554 MiB more for the node itself",
    next: expect.stringContaining("larger instance type"),
  });
  expect(problem(() => allocator({ allocatorCpuCount: 64 }))).toMatchObject({ code: "INSTANCE_TYPE_TOO_SMALL" });
});

test("AWS says what a type is; one that it does not have, and any other failure, reaches the operator as text", async () => {
  const settings = { ...exampleSettings(), config: config({ allocatorSharePercent: 80 }) };
  const settle = (answer?: () => never) =>
    onMockStack(() => settleAllocator(settings, {}), answer ? { calls: { [token]: answer } } : {});
  expect((await settle()).result).toEqual({ cpuCount: 50, memoryMib: 104_448 });
  const fails = (text: string) =>
    settle(() => {
      throw Object.assign(new Error(text), { details: text });
    });
  await expect(fails("api error InvalidInstanceType: [c7a.16xlarge]")).rejects.toMatchObject({
    problem: { code: "INSTANCE_TYPE_UNKNOWN", found: expect.stringContaining("c7a.16xlarge") },
  });
  await expect(fails("no credentials")).rejects.toBeInstanceOf(RunError);
});

test.each([
  ["c7a.16xlarge", undefined],
  ["t3.large", "INSTANCE_TYPE_UNFIT"],
  ["c7i.48xlarge", "INSTANCE_TYPE_UNFIT"],
  ["c7g.4xlarge", "INSTANCE_TYPE_UNFIT"],
  ["c7a.8xlarge", "INSTANCE_TYPE_TOO_SMALL"],
  ["c99z.large", "INSTANCE_TYPE_UNKNOWN"],
])("by what the simulated cloud says of it, %s is %s", async (instanceType, code) => {
  const settings = { ...exampleSettings(), config: config({ instanceType }) };
  const answer = (inputs: Record<string, unknown>) => {
    try {
      return invokes[token]?.({ region: "eu-west-1" } as AwsCaller, inputs) ?? {};
    } catch (failure) {
      throw Object.assign(failure as Error, { details: (failure as Error).message });
    }
  };
  const settling = onMockStack(() => settleAllocator(settings, {}), { calls: { [token]: answer } });
  if (code === undefined) expect((await settling).result).toEqual({ cpuCount: 48, memoryMib: 98_304 });
  else
    await expect(settling).rejects.toMatchObject({ problem: { code, found: expect.stringContaining(instanceType) } });
});

test("Session Manager and spot capacity are a testnet's, and not a mainnet's", () => {
  for (const nodes of [{ ssm: true }, { capacity: "spot" }]) check(nodes, "testnet");
  expect(problem(() => check({ ssm: true }, "mainnet"))).toMatchObject({
    code: "SSM_ON_MAINNET",
    found: `quorate:enclaveNodes.ssm: true in ${source}`,
    expected: `ssm: false, because of environment: mainnet in ${path}`,
  });
  expect(problem(() => check({ capacity: "spot" }, "mainnet"))).toMatchObject({ code: "SPOT_ON_MAINNET" });
});

test("an image of another Kubernetes version is refused with both versions, and with releases that would do", () => {
  expect(problem(() => check({ amiReleaseVersion: "1.32.3-20250620" }))).toMatchObject({
    code: "AMI_VERSION_MISMATCH",
    found: `quorate:enclaveNodes.amiReleaseVersion: 1.32.3-20250620 in ${source}`,
    expected: "a release of 1.33, the version of quorate:cluster.create, such as 1.33.8-20260304",
  });
});

test("a volume key of another region is refused", () => {
  const volumeKeyArn = "arn:aws:kms:eu-central-1:100000000001:key/1";
  expect(problem(() => check({ volumeKeyArn }))).toMatchObject({
    code: "VOLUME_KEY_MISPLACED",
    expected: "a key in eu-west-1",
  });
});

test("a release that nobody is known to have run is said, until somebody has", () => {
  const fresh = { amiReleaseVersion: "1.33.9-20260810" };
  expect(nodeNotes(config({}))).toEqual([]);
  expect(nodeNotes(config(fresh))).toEqual([expect.stringContaining("1.33.9-20260810")]);
  expect(nodeNotes(config({ ...fresh, triedAmiReleases: ["1.33.9-20260810"] }))).toEqual([]);
  expect(nodeNotes(config({ amiId: "ami-0123456789abcdef0" }, {}))).toEqual([
    expect.stringContaining("ami-0123456789abcdef0"),
  ]);
});

test.each([
  ["no image", {}, {}, "enclaveNodes,amiReleaseVersion"],
  ["two images", { amiId: "ami-0123456789abcdef0" }, undefined, "enclaveNodes,amiReleaseVersion"],
  ["more nodes than there may be", { maxSize: 2, desiredSize: 3 }, undefined, "enclaveNodes,desiredSize"],
  [
    "a label of Kubernetes",
    { labels: { "node-role.kubernetes.io/x": "" } },
    undefined,
    "enclaveNodes,labels,node-role.kubernetes.io/x",
  ],
  ["the party's own label", { labels: { "party-id": "2" } }, undefined, "enclaveNodes,labels,party-id"],
  [
    "the enclave's label",
    { labels: { "node.kubernetes.io/enclave-enabled": "false" } },
    undefined,
    "enclaveNodes,labels,node.kubernetes.io/enclave-enabled",
  ],
  [
    "somebody else's plugin with an image of ours",
    { devicePlugin: "existing", devicePluginImage: `x@sha256:${"a".repeat(64)}` },
    undefined,
    "enclaveNodes,devicePluginImage",
  ],
])("%s is refused", (_what, nodes, release, where) => {
  const parsed = StackConfig.safeParse({
    ...rawStackConfig(),
    enclaveNodes: { ...(release ?? { amiReleaseVersion: "1.33.8-20260304" }), ...nodes },
  });
  expect(parsed.error?.issues.map((issue) => issue.path.join())).toEqual([where]);
});

test("tags of one's own stand beside ours and never in their place", () => {
  const parse = (tags: object) => StackConfig.safeParse({ ...rawStackConfig(), tags });
  expect(parse({ owner: "party-1-ops", Project: "kms" }).success).toBe(true);
  for (const tags of [{ Environment: "production" }, { party: "2" }, { "aws:x": "y" }, { a: "1", A: "2" }])
    expect(parse(tags).success).toBe(false);
});
