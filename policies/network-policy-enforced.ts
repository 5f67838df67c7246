import { ifKnown, ofType, refersTo, type StackRule, type Subject } from "./rule.ts";

export const networkPolicyEnforced: StackRule = {
  id: "network-policy-enforced",
  severity: "mandatory",
  guarantees: "A cluster of the stack's own enforces network policies.",
  why: "Kubernetes takes any NetworkPolicy and does nothing by itself: without an enforcer every pod reaches the core's gRPC port, which asks nobody who they are.",
  source: "https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html; missing upstream",
  fix: "components/aws/cluster-addons.ts: enableNetworkPolicy",
  checkStack(subjects, tell, each) {
    const addons = ofType(subjects, "aws:eks/addon:Addon").filter(({ props }) => props.addonName === "vpc-cni");
    each(ofType(subjects, "aws:eks/cluster:Cluster"), (cluster) => {
      const addon = addons.find((one) => refersTo(one, "clusterName", cluster, "name"));
      if (!addon)
        return tell(cluster, {
          field: "vpc-cni",
          found: "no such add-on beside it",
          expected: "the add-on, with enableNetworkPolicy",
        });
      each([addon], () => {
        const found = enforcement(addon);
        if (found !== "true")
          tell(addon, { field: "configurationValues.enableNetworkPolicy", found: found ?? "none", expected: '"true"' });
      });
    });
  },
};

function enforcement({ props }: Subject): string | undefined {
  const text = props.configurationValues;
  return ifKnown(() => parsed(String(text ?? "{}")).enableNetworkPolicy);
}

function parsed(text: string): { enableNetworkPolicy?: string } {
  try {
    return JSON.parse(text);
  } catch {
    return { enableNetworkPolicy: "unknown: the settings are no JSON" };
  }
}
