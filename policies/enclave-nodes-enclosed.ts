import { enclaveNodeGroups, enclaveNodeKey, templateOf } from "./enclave-node-groups.ts";
import type { StackRule } from "./rule.ts";

export const enclaveNodesEnclosed: StackRule = {
  id: "enclave-nodes-enclosed",
  severity: "mandatory",
  guarantees: "Nodes for enclaves have the enclave option, and a taint that keeps everything else away.",
  why: "Without the option nitro-cli finds no device. Without the taint a stranger's pod runs beside the enclave, with its huge pages gone.",
  source:
    "terraform-mpc-modules modules/mpc-party/main.tf: enclave_options, label and taint node.kubernetes.io/enclave-enabled",
  fix: "components/aws/enclave-nodegroup.ts",
  checkStack(subjects, tell, each) {
    each(enclaveNodeGroups(subjects), (group) => {
      const taint = ((group.props.taints ?? []) as { key: string; effect: string }[]).find(
        ({ key }) => key === enclaveNodeKey,
      );
      if (taint?.effect !== "NO_SCHEDULE")
        tell(group, { field: "taints", found: taint?.effect ?? "none", expected: `${enclaveNodeKey} NO_SCHEDULE` });
      const template = templateOf(group, subjects);
      if (!template)
        return tell(group, { field: "launchTemplate", found: "none", expected: "one with enclaveOptions.enabled" });
      if (template.props.enclaveOptions?.enabled !== true)
        tell(template, {
          field: "enclaveOptions.enabled",
          found: String(template.props.enclaveOptions?.enabled ?? false),
          expected: "true",
        });
    });
  },
};
