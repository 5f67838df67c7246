export interface InstanceType {
  name: string;
  vcpus: number;
  memoryMib: number;
  threadsPerCore: 1 | 2;
  /**
   * Nitro Enclaves need four vCPUs; no burstable type has them, nor have the largest two of the seventh Intel generation.
   * @see https://docs.aws.amazon.com/enclaves/latest/user/nitro-enclave.html
   */
  enclaves: boolean;
  architecture: "x86_64" | "arm64";
  maxPods: number;
}

const vcpusBySize: { readonly [size: string]: number } = {
  large: 2,
  xlarge: 4,
  "2xlarge": 8,
  "4xlarge": 16,
  "8xlarge": 32,
  "12xlarge": 48,
  "16xlarge": 64,
  "24xlarge": 96,
  "32xlarge": 128,
  "48xlarge": 192,
};

// A letter for the memory per vCPU, a generation, and a or i for AMD or Intel. The seventh AMD generation has no SMT.
const families: { readonly [family: string]: { gibPerVcpu: number; threadsPerCore: 1 | 2 } } = Object.fromEntries(
  Object.entries({ c: 2, m: 4, r: 8 }).flatMap(([letter, gibPerVcpu]) =>
    ["6a", "6i", "7a", "7i"].map((rest) => [
      `${letter}${rest}`,
      { gibPerVcpu, threadsPerCore: rest === "7a" ? (1 as const) : (2 as const) },
    ]),
  ),
);

const single: { readonly [name: string]: Omit<InstanceType, "name"> } = {
  "t3.medium": { vcpus: 2, memoryMib: 4096, threadsPerCore: 2, enclaves: false, architecture: "x86_64", maxPods: 17 },
  "t3.large": { vcpus: 2, memoryMib: 8192, threadsPerCore: 2, enclaves: false, architecture: "x86_64", maxPods: 35 },
  "t3.xlarge": { vcpus: 4, memoryMib: 16384, threadsPerCore: 2, enclaves: false, architecture: "x86_64", maxPods: 58 },
  // Enclaves of a processor that no image of a core is for. Interfaces (8, of 30 addresses) as in karpenter-provider-aws 1.15.1, zz_generated.vpclimits.go;
  // processors and memory as in the Kubernetes cluster autoscaler's ec2_instance_types.go. @see https://docs.aws.amazon.com/ec2/latest/instancetypes/co.html
  "c7g.4xlarge": {
    vcpus: 16,
    memoryMib: 32768,
    threadsPerCore: 1,
    enclaves: true,
    architecture: "arm64",
    maxPods: 234,
  },
};

/** Size of a machine, by the rules that AWS names its types with; undefined for a type that there isn't. */
export function instanceType(name: string): InstanceType | undefined {
  const size = sizeOf(name);
  return size && { name, ...size };
}

function sizeOf(name: string): Omit<InstanceType, "name"> | undefined {
  const [family = "", size = ""] = name.split(".");
  const kind = families[family];
  const vcpus = vcpusBySize[size];
  if (!kind || vcpus === undefined) return single[name];
  return {
    vcpus,
    memoryMib: vcpus * kind.gibPerVcpu * 1024,
    threadsPerCore: kind.threadsPerCore,
    enclaves: vcpus >= 4 && !(family.endsWith("7i") && ["24xlarge", "48xlarge"].includes(size)),
    architecture: "x86_64",
    // Addresses of all network interfaces less one each, plus two host-network pods. @see https://github.com/awslabs/amazon-eks-ami
    maxPods: vcpus <= 2 ? 29 : vcpus <= 8 ? 58 : vcpus <= 48 ? 234 : 737,
  };
}
