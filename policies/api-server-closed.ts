import type { ResourceRule } from "./rule.ts";

/** Wider than what any one organisation has: two halves of the internet are all of it. */
const widest = 8;

export const apiServerClosed: ResourceRule = {
  id: "api-server-closed",
  severity: "mandatory",
  guarantees: "A cluster's API server is reached from inside its VPC, or from addresses that are named.",
  why: "EKS opens it to everybody unless told otherwise; a stolen token is then enough.",
  source: "https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",
  fix: "quorate:cluster.create.publicAccessCidrs in the stack file",
  types: ["aws:eks/cluster:Cluster"],
  check({ props }, tell) {
    const { endpointPublicAccess, publicAccessCidrs } = props.vpcConfig ?? {};
    if (endpointPublicAccess === false) return;
    const cidrs = (publicAccessCidrs ?? ["0.0.0.0/0"]) as string[];
    if (cidrs.some((cidr) => Number(cidr.split("/")[1]) < widest))
      tell({
        field: "vpcConfig.publicAccessCidrs",
        found: cidrs.join(", "),
        expected: `ranges of /${widest} and narrower`,
      });
  },
};
