import type { InstanceType } from "./instance-types.ts";

/** What the Nitro Enclaves allocator is told to set aside at boot. */
export interface AllocatorSize {
  cpuCount: number;
  memoryMib: number;
}

/** Values of the allocator's own configuration file, where a machine's boot script leaves them alone. */
const allocatorDefaults: AllocatorSize = { cpuCount: 2, memoryMib: 512 };

/**
 * Reads allocator sizes from a launch template's user data (base64, a script or several parts): the last value that the text gives to `cpu_count`
 * and `memory_mib`, as the script would leave them. Undefined where nothing starts the allocator.
 */
export function allocatorSize(userData: string | undefined): AllocatorSize | undefined {
  if (!userData) return undefined;
  const script = decodeParts(userData);
  if (!/nitro-enclaves-allocator/.test(script)) return undefined;
  const last = (name: string) =>
    [...script.matchAll(new RegExp(`${name}["']?\\s*[:=]\\s*["']?(\\d+)`, "gi"))].at(-1)?.[1];
  return {
    cpuCount: Number(last("cpu_count") ?? allocatorDefaults.cpuCount),
    memoryMib: Number(last("memory_mib") ?? allocatorDefaults.memoryMib),
  };
}

function decodeParts(userData: string): string {
  const text = /^[A-Za-z0-9+/=\s]+$/.test(userData) ? Buffer.from(userData, "base64").toString("utf8") : userData;
  // Parts of a MIME document may be base64 again.
  return text.replace(
    /Content-Transfer-Encoding:\s*base64[\s\S]*?\r?\n\r?\n([A-Za-z0-9+/=\s]+)/gi,
    (_match, body: string) => `\n${Buffer.from(body, "base64").toString("utf8")}\n`,
  );
}

/** Whether the allocator's service can start on this machine: whole cores, one core and a fair rest of memory left for the machine itself. */
export function allocatorFits(machine: InstanceType, size: AllocatorSize): boolean {
  return (
    machine.enclaves &&
    size.cpuCount >= 2 &&
    size.cpuCount % machine.threadsPerCore === 0 &&
    size.cpuCount <= machine.vcpus - 2 &&
    size.memoryMib >= 64 &&
    size.memoryMib <= usableMemoryMib(machine) - 1024
  );
}

/** Linux keeps a little of what the machine has. */
const usableMemoryMib = (machine: InstanceType) => Math.floor(machine.memoryMib * 0.97);

export interface NodeArgs {
  /** Names the node and its address: `ip-10-<party>-0-<ordinal>`. */
  partyId: number;
  ordinal: number;
  region: string;
  zone: string;
  nodeGroup: string;
  clusterName: string;
  machine: InstanceType;
  instanceId: string;
  capacityType: string;
  amiId: string;
  launchTemplate: { id: string; version: string } | undefined;
  /** `enclaveOptions.enabled` of the launch template. */
  enclaveOptions: boolean;
  userData: string | undefined;
  labels: { readonly [name: string]: string };
  taints: readonly { key: string; value?: string; effect: string }[];
}

/** EKS spells taint effects as an enum, Kubernetes as words. */
const taintEffects: { readonly [effect: string]: string } = {
  NO_SCHEDULE: "NoSchedule",
  NO_EXECUTE: "NoExecute",
  PREFER_NO_SCHEDULE: "PreferNoSchedule",
};

export function nodeName(region: string, partyId: number, ordinal: number): string {
  const domain = region === "us-east-1" ? "ec2.internal" : `${region}.compute.internal`;
  return `ip-10-${partyId}-0-${ordinal}.${domain}`;
}

/** The Kubernetes Node that a machine of an EKS node group registers; kwok takes it from there. */
export function nodeObject(args: NodeArgs) {
  const { machine } = args;
  const name = nodeName(args.region, args.partyId, args.ordinal);
  const size = args.enclaveOptions ? allocatorSize(args.userData) : undefined;
  const enclave = size && allocatorFits(machine, size) ? size : undefined;
  const hugeGib = enclave ? Math.floor(enclave.memoryMib / 1024) : 0;
  const hugeRestMib = enclave ? Math.ceil((enclave.memoryMib % 1024) / 2) * 2 : 0;
  const { maxPods } = machine;
  const architecture = machine.architecture === "arm64" ? "arm64" : "amd64";
  const cpus = machine.vcpus - (enclave?.cpuCount ?? 0);
  const memoryMib = usableMemoryMib(machine);
  // @see https://docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html (reserved by kubelet)
  const reservedMib = 255 + 11 * maxPods + 100;
  const reservedMillicpus = 60 + 10 + 10 + Math.ceil(2.5 * Math.max(0, cpus - 4));
  const devices = enclave
    ? {
        "aws.ec2.nitro/nitro_enclaves": "1",
        "aws.ec2.nitro/nitro_enclaves_cpus": String(enclave.cpuCount),
      }
    : {};
  const common = {
    "ephemeral-storage": "95551679124",
    "hugepages-1Gi": hugeGib > 0 ? `${hugeGib}Gi` : "0",
    "hugepages-2Mi": hugeRestMib > 0 ? `${hugeRestMib}Mi` : "0",
    pods: String(maxPods),
    ...devices,
  };
  const capacity = { ...common, cpu: String(cpus), memory: `${memoryMib}Mi` };
  const allocatable = {
    ...common,
    cpu: `${cpus * 1000 - reservedMillicpus}m`,
    memory: `${Math.max(0, memoryMib - hugeGib * 1024 - hugeRestMib - reservedMib)}Mi`,
  };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0" },
      labels: {
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": machine.name,
        "topology.kubernetes.io/region": args.region,
        "topology.kubernetes.io/zone": args.zone,
        "eks.amazonaws.com/capacityType": args.capacityType,
        "eks.amazonaws.com/nodegroup": args.nodeGroup,
        "eks.amazonaws.com/nodegroup-image": args.amiId,
        ...(args.launchTemplate && {
          "eks.amazonaws.com/sourceLaunchTemplateId": args.launchTemplate.id,
          "eks.amazonaws.com/sourceLaunchTemplateVersion": args.launchTemplate.version,
        }),
        ...args.labels,
      },
    },
    spec: {
      providerID: `aws:///${args.zone}/${args.instanceId}`,
      taints: args.taints.map((taint) => ({
        key: taint.key,
        ...(taint.value !== undefined && { value: taint.value }),
        effect: taintEffects[taint.effect] ?? taint.effect,
      })),
    },
    // Where its kubelet answers, and what it is, is for the kubelet to say: of both at once, the later would win.
    status: { capacity, allocatable },
  };
}
export type NodeObject = ReturnType<typeof nodeObject>;
