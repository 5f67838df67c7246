import type { ResourceRule } from "./rule.ts";

const wanted = ["api", "audit", "authenticator"];

export const clusterAuditLog: ResourceRule = {
  id: "cluster-audit-log",
  severity: "mandatory",
  guarantees: "A cluster's control plane logs who asked for what.",
  why: "Who read a secret, or opened a shell in the core's pod, is found there and nowhere else.",
  source: "https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html; missing upstream",
  fix: "components/aws/party-cluster.ts: enabledClusterLogTypes",
  types: ["aws:eks/cluster:Cluster"],
  check({ props }, tell) {
    const found = (props.enabledClusterLogTypes ?? []) as string[];
    const missing = wanted.filter((type) => !found.includes(type));
    if (missing.length > 0)
      tell({ field: "enabledClusterLogTypes", found: found.join(", ") || "none", expected: wanted.join(", ") });
  },
};
