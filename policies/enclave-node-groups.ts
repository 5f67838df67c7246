import { ifKnown, ofType, refersTo, type Subject } from "./rule.ts";

/** Label and taint of the nodes that run enclaves. */
export const enclaveNodeKey = "node.kubernetes.io/enclave-enabled";

export function enclaveNodeGroups(subjects: readonly Subject[]): Subject[] {
  return ofType(subjects, "aws:eks/nodeGroup:NodeGroup").filter(
    ({ props }) => ifKnown(() => props.labels?.[enclaveNodeKey]) === "true",
  );
}

/** The launch template of a node group, where it is of the same stack. */
export function templateOf(group: Subject, subjects: readonly Subject[]): Subject | undefined {
  return ofType(subjects, "aws:ec2/launchTemplate:LaunchTemplate").find(
    (template) => refersTo(group, "launchTemplate", template) || hasId(group, template),
  );
}

function hasId(group: Subject, template: Subject): boolean {
  const id = ifKnown(() => group.props.launchTemplate?.id);
  return id !== undefined && id === ifKnown(() => template.props.id);
}
