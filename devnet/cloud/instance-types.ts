/** What EC2 says of one instance type, as far as an enclave node asks. */
export interface InstanceType {
  name: string;
  vcpus: number;
  memoryMib: number;
  enclaves: boolean;
}

/** GiB of memory per vCPU, by family; enclaves run on none of the burstable ones. @see https://aws.amazon.com/ec2/instance-types/ */
const families: Record<string, { gibPerVcpu: number; enclaves: boolean; largestVcpus: number }> = {
  c5: { gibPerVcpu: 2, enclaves: true, largestVcpus: 96 },
  c6a: { gibPerVcpu: 2, enclaves: true, largestVcpus: 192 },
  c6i: { gibPerVcpu: 2, enclaves: true, largestVcpus: 128 },
  c7a: { gibPerVcpu: 2, enclaves: true, largestVcpus: 192 },
  c7i: { gibPerVcpu: 2, enclaves: true, largestVcpus: 192 },
  m5: { gibPerVcpu: 4, enclaves: true, largestVcpus: 96 },
  m6a: { gibPerVcpu: 4, enclaves: true, largestVcpus: 192 },
  m6i: { gibPerVcpu: 4, enclaves: true, largestVcpus: 128 },
  m7a: { gibPerVcpu: 4, enclaves: true, largestVcpus: 192 },
  m7i: { gibPerVcpu: 4, enclaves: true, largestVcpus: 192 },
  r5: { gibPerVcpu: 8, enclaves: true, largestVcpus: 96 },
  r7a: { gibPerVcpu: 8, enclaves: true, largestVcpus: 192 },
  t3: { gibPerVcpu: 4, enclaves: false, largestVcpus: 8 },
};

/** The named type, or undefined where AWS (as far as simulated) has none of that name. */
export function instanceType(name: string): InstanceType | undefined {
  const [, familyName = "", size = ""] = /^([a-z0-9]+)\.([a-z0-9]+)$/.exec(name) ?? [];
  const family = Object.hasOwn(families, familyName) ? families[familyName] : undefined;
  const vcpus = vcpusOf(familyName, size);
  if (!family || vcpus === undefined || vcpus > family.largestVcpus) return undefined;
  // Smaller than xlarge has too few vCPUs to give two away; c7a, m7a and r7a "medium" and "large" have no hyper-threads.
  const enclaves = family.enclaves && vcpus >= 4;
  return { name, vcpus, memoryMib: vcpus * family.gibPerVcpu * 1024, enclaves };
}

function vcpusOf(family: string, size: string): number | undefined {
  if (size === "medium") return /7a$/.test(family) ? 1 : undefined;
  if (size === "large") return 2;
  const [, count] = /^(\d*)xlarge$/.exec(size) ?? [];
  return count === undefined ? undefined : 4 * Number(count || 1);
}
