import {
  type AllocatorSize,
  allocatorFits,
  type Machine,
  nodeKeeps,
  shareOf,
} from "../components/aws/enclave-allocator.ts";
import { provenAmiReleases } from "../contract/enclave-nodes.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import type { ManifestFile } from "./manifest-file.ts";

/** One of the allocator's two sizes: its field, in the stack file too. */
const sizes = [
  {
    field: "cpuCount",
    key: "allocatorCpuCount",
    whole: 2,
    unit: "CPUs",
    rule: "an even number: an enclave takes whole cores",
  },
  {
    field: "memoryMib",
    key: "allocatorMemoryMib",
    whole: 1024,
    unit: "MiB",
    rule: "whole GiB, which are 1024 MiB each: the core asks for huge pages of 1 GiB",
  },
] as const;

/** What can be told of a party's nodes before AWS is asked. */
export function checkNodes(config: StackConfig, file: ManifestFile, source: string): void {
  checkAmiRelease(config, source);
  checkForMainnet(config, file, source);
  checkVolumeKey(config, source);
  const enclave = enclaveOf(file.manifest);
  for (const { field, key, whole, rule } of sizes) {
    const found = config.enclaveNodes[key];
    if (found === undefined) continue;
    const problem = {
      found: `quorate:enclaveNodes.${key}: ${found} in ${source}`,
      next: `correct quorate:enclaveNodes.${key} in ${source}, or remove it`,
    };
    if (found % whole !== 0)
      throw new OperatorError({
        code: "ALLOCATOR_UNFIT",
        what: `${partyOf(config)}: no enclave could use all that its nodes set aside`,
        expected: rule,
        ...problem,
      });
    if (found < enclave[field])
      throw tooSmall(
        config,
        problem.found,
        enclave[field],
        file.path,
        `raise quorate:enclaveNodes.${key} in ${source}, or remove it`,
      );
  }
}

/** What the stack file says, else its share of the machine, else the network's enclave size. */
export function allocatorOn(
  machine: Machine,
  config: StackConfig,
  { manifest, path }: Pick<ManifestFile, "manifest" | "path">,
  source: string,
): AllocatorSize {
  checkMachine(config, machine, source);
  const { allocatorSharePercent: percent, instanceType, ...nodes } = config.enclaveNodes;
  const enclave = enclaveOf(manifest);
  const share = percent === undefined ? enclave : shareOf(machine, percent);
  const size = {
    cpuCount: nodes.allocatorCpuCount ?? share.cpuCount,
    memoryMib: nodes.allocatorMemoryMib ?? share.memoryMib,
  };
  for (const { field, unit } of sizes)
    if (size[field] < enclave[field])
      throw tooSmall(
        config,
        `quorate:enclaveNodes.allocatorSharePercent: ${percent} in ${source}, ${size[field]} of the ${machine[field]} ${unit} of ${instanceType}`,
        enclave[field],
        path,
        `choose a larger quorate:enclaveNodes.instanceType or share in ${source}, or remove the share to take the enclave's size`,
      );
  if (allocatorFits(machine, size)) return size;
  const keeps = nodeKeeps(machine);
  throw new OperatorError({
    code: "INSTANCE_TYPE_TOO_SMALL",
    what: `${partyOf(config)}: its nodes are too small for what they are to set aside for enclaves`,
    found: `quorate:enclaveNodes.instanceType: ${instanceType} in ${source}, with ${machine.cpuCount} vCPUs and ${machine.memoryMib} MiB`,
    expected: `${size.cpuCount} CPUs and ${size.memoryMib} MiB for enclaves, and ${keeps.cpuCount} CPUs and ${keeps.memoryMib} MiB more for the node itself`,
    next: `choose a larger instance type in ${source}, or let the nodes set less aside`,
  });
}

/** What an operator should know of the nodes, before every update. */
export function nodeNotes(config: StackConfig): string[] {
  const { amiId, amiReleaseVersion, triedAmiReleases = [], volumeKeyArn } = config.enclaveNodes;
  const proven = [...provenAmiReleases, ...triedAmiReleases];
  return [
    ...(amiId === undefined
      ? []
      : [
          `the nodes run ${amiId}, an image of your own: nothing here can tell whether it fits the cluster's Kubernetes version`,
        ]),
    ...(amiReleaseVersion === undefined || proven.includes(amiReleaseVersion)
      ? []
      : [
          `the nodes run release ${amiReleaseVersion} of Amazon's image, which no network is known to have run (${proven.join(", ")} are): once it has served on a testnet, name it in quorate:enclaveNodes.triedAmiReleases`,
        ]),
    ...(volumeKeyArn === undefined
      ? []
      : [
          `the nodes' volumes need ${volumeKeyArn}, and so does AWSServiceRoleForAutoScaling: without a grant to it no node starts`,
        ]),
  ];
}

const partyOf = ({ party, network }: StackConfig) => `party ${party} (${network})`;

/** How the operator learns which types would do. */
export const listTypes = ({ region }: StackConfig) =>
  `all that can: aws ec2 describe-instance-types --region ${region} --filters Name=nitro-enclaves-support,Values=supported Name=processor-info.supported-architecture,Values=x86_64 --query 'InstanceTypes[].InstanceType'`;

function enclaveOf({ enclave }: Pick<NetworkManifest, "enclave">): AllocatorSize {
  return { cpuCount: enclave.cpuCount, memoryMib: enclave.memoryGib * 1024 };
}

function tooSmall(config: StackConfig, found: string, least: number, path: string, next: string): OperatorError {
  return new OperatorError({
    code: "ALLOCATOR_TOO_SMALL",
    what: `${partyOf(config)}: the nodes set aside less than the enclave takes, so its pod would stay Pending`,
    found,
    expected: `at least ${least}, the enclave size in ${path}`,
    next,
  });
}

function checkMachine(config: StackConfig, machine: Machine, source: string): void {
  const lacks = !machine.enclaves
    ? "Nitro Enclaves"
    : machine.architectures.includes("x86_64")
      ? undefined
      : "x86-64 processors, which the enclave's image is for";
  if (lacks === undefined) return;
  throw new OperatorError({
    code: "INSTANCE_TYPE_UNFIT",
    what: `${partyOf(config)}: its nodes could run no enclave`,
    found: `quorate:enclaveNodes.instanceType: ${machine.instanceType} in ${source}, which has no ${lacks} (${machine.cpuCount} vCPUs, ${machine.memoryMib} MiB, ${machine.architectures.join(", ")})`,
    expected: "an x86-64 instance type that supports Nitro Enclaves",
    next: `choose another in ${source}; ${listTypes(config)}`,
  });
}

function checkAmiRelease(config: StackConfig, source: string): void {
  // The version of a cluster that exists is known to AWS only.
  if (!("create" in config.cluster)) return;
  const { version } = config.cluster.create;
  checkReleaseFits(config, source, {
    version,
    because: "the version of quorate:cluster.create",
    next: `correct one of the two in ${source}`,
  });
}

/** Refuses an image of another Kubernetes version than the control plane's: EKS does only after minutes of waiting. */
export function checkReleaseFits(
  config: StackConfig,
  source: string,
  { version, because, next }: { version: string; because: string; next: string },
): void {
  const { amiReleaseVersion } = config.enclaveNodes;
  if (amiReleaseVersion === undefined || amiReleaseVersion.startsWith(`${version}.`)) return;
  const known = provenAmiReleases.filter((release) => release.startsWith(`${version}.`));
  throw new OperatorError({
    code: "AMI_VERSION_MISMATCH",
    what: `${partyOf(config)}: the node image is not of the cluster's Kubernetes version`,
    found: `quorate:enclaveNodes.amiReleaseVersion: ${amiReleaseVersion} in ${source}`,
    expected: `a release of ${version}, ${because}${known.length > 0 ? `, such as ${known.join(", ")}` : ""}`,
    next,
  });
}

/** What a testnet may do and a mainnet may not. */
function checkForMainnet(config: StackConfig, { manifest, path }: ManifestFile, source: string): void {
  if (manifest.environment !== "mainnet") return;
  const { ssm, capacity } = config.enclaveNodes;
  const because = `because of environment: mainnet in ${path}`;
  const next = `remove it from quorate:enclaveNodes in ${source}`;
  if (ssm)
    throw new OperatorError({
      code: "SSM_ON_MAINNET",
      what: `${partyOf(config)}: a shell on a node reaches the core's token and sockets, and no audit log of the cluster sees it`,
      found: `quorate:enclaveNodes.ssm: true in ${source}`,
      expected: `ssm: false, ${because}`,
      next,
    });
  if (capacity === "spot")
    throw new OperatorError({
      code: "SPOT_ON_MAINNET",
      what: `${partyOf(config)}: AWS could take its nodes away at two minutes' notice, and the core's sessions with them`,
      found: `quorate:enclaveNodes.capacity: spot in ${source}`,
      expected: `capacity: on-demand, ${because}`,
      next,
    });
}

function checkVolumeKey(config: StackConfig, source: string): void {
  const arn = config.enclaveNodes.volumeKeyArn;
  if (arn === undefined || arn.split(":")[3] === config.region) return;
  throw new OperatorError({
    code: "VOLUME_KEY_MISPLACED",
    what: `${partyOf(config)}: no volume of its nodes can be encrypted with a key of another region`,
    found: `quorate:enclaveNodes.volumeKeyArn: ${arn} in ${source}`,
    expected: `a key in ${config.region}`,
    next: `correct it in ${source}, or remove it to use the account's usual key`,
  });
}
