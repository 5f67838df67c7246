import type { ResourceRule } from "./rule.ts";

interface Container {
  image?: string;
  env?: { name: string; value?: string }[];
}

export const enclaveCpusAdvertised: ResourceRule = {
  id: "enclave-cpus-advertised",
  severity: "mandatory",
  guarantees: "The Nitro device plugin offers the enclave's CPUs to the scheduler.",
  why: "The chart asks for aws.ec2.nitro/nitro_enclaves_cpus; without the switch no node has any, and the core stays Pending.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: ENCLAVE_CPU_ADVERTISEMENT=TRUE",
  fix: "components/kubernetes/enclave-device-plugin.ts",
  types: ["kubernetes:apps/v1:DaemonSet"],
  check({ props }, tell) {
    ((props.spec?.template?.spec?.containers ?? []) as Container[]).forEach(({ image, env }, index) => {
      if (!image?.includes("aws-nitro-enclaves-k8s-device-plugin")) return;
      const found = env?.find(({ name }) => name === "ENCLAVE_CPU_ADVERTISEMENT")?.value;
      if (found?.toUpperCase() !== "TRUE")
        tell({
          field: `spec.template.spec.containers[${index}].env`,
          found: `ENCLAVE_CPU_ADVERTISEMENT ${found ?? "not set"}`,
          expected: "ENCLAVE_CPU_ADVERTISEMENT TRUE",
        });
    });
  },
};
