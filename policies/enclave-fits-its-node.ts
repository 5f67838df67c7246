import { coreRelease } from "./core-release.ts";
import { enclaveNodeGroups, templateOf } from "./enclave-node-groups.ts";
import type { StackRule } from "./rule.ts";

export const enclaveFitsItsNode: StackRule = {
  id: "enclave-fits-its-node",
  severity: "mandatory",
  guarantees: "A node sets aside at least what the core's enclave takes, in whole cores and whole GiB.",
  why: "Too few huge pages, and the pod stays Pending for ever; nothing that it prints says why.",
  source:
    "terraform-mpc-modules modules/mpc-party/main.tf: allocator.yaml; kms charts/kms-core values.yaml: nitroEnclave",
  fix: "enclave in the manifest; quorate:enclaveNodes.allocatorSharePercent, allocatorCpuCount and allocatorMemoryMib in the stack file",
  checkStack(subjects, tell, each) {
    const [release] = coreRelease(subjects);
    each(release ? enclaveNodeGroups(subjects) : [], (group) => {
      const template = templateOf(group, subjects);
      const enclave = release?.props.values?.kmsCore?.nitroEnclave;
      if (!template || !enclave?.enabled) return;
      const userData = Buffer.from(String(template.props.userData ?? ""), "base64").toString();
      const aside = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(userData)?.[1] ?? 0);
      const [cpus, mib] = [aside("cpu_count"), aside("memory_mib")];
      if (cpus < enclave.cpuCount || cpus % 2 !== 0)
        tell(template, {
          field: "userData: cpu_count",
          found: String(cpus),
          expected: `an even number, at least ${enclave.cpuCount}`,
        });
      if (mib < enclave.memoryGiB * 1024 || mib % 1024 !== 0)
        tell(template, {
          field: "userData: memory_mib",
          found: String(mib),
          expected: `whole GiB, at least ${enclave.memoryGiB * 1024}`,
        });
    });
  },
};
