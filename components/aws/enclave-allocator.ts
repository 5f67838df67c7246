/** What the Nitro Enclaves allocator takes from the node for enclaves. */
export interface AllocatorSize {
  /** Even: an enclave takes whole cores. */
  cpuCount: number;
  memoryMib: number;
}

/** What AWS says of an instance type. */
export interface Machine {
  instanceType: string;
  cpuCount: number;
  memoryMib: number;
  enclaves: boolean;
  /** `x86_64`, `arm64`. */
  architectures: readonly string[];
}

/** A share of a machine, as even CPUs and whole GiB: the core asks for huge pages of 1 GiB. */
export function shareOf({ cpuCount, memoryMib }: Machine, percent: number): AllocatorSize {
  return {
    cpuCount: Math.floor((cpuCount * percent) / 200) * 2,
    memoryMib: Math.floor((memoryMib * percent) / 102_400) * 1024,
  };
}

/**
 * What a node needs for itself. One core at least can't leave it; the kubelet keeps up to 3105 MiB aside (255, 11 for each of
 * 250 pods, 100), and Linux sees less than the type's full memory.
 * @see https://docs.aws.amazon.com/enclaves/latest/user/multiple-enclaves.html
 * @see https://docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html
 */
export function nodeKeeps({ memoryMib }: Machine): AllocatorSize {
  return { cpuCount: 2, memoryMib: Math.max(4096, Math.ceil(memoryMib / 10)) };
}

/** Whether a machine can set this aside and go on being a node. */
export function allocatorFits(machine: Machine, size: AllocatorSize): boolean {
  const keeps = nodeKeeps(machine);
  return size.cpuCount + keeps.cpuCount <= machine.cpuCount && size.memoryMib + keeps.memoryMib <= machine.memoryMib;
}
