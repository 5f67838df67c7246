import { isOff, type ResourceRule } from "./rule.ts";

/** Wider than what any one organisation has: two halves of the internet are all of it. */
const widest = 8;
const widestIpv6 = 32;

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
    if (isOff(endpointPublicAccess)) return;
    const named = (publicAccessCidrs ?? []) as string[];
    // To EKS none is all.
    const cidrs = named.length === 0 ? ["0.0.0.0/0"] : named;
    if (shareOf(cidrs, false) > 2 ** -widest || shareOf(cidrs, true) > 2 ** -widestIpv6)
      tell({
        field: "vpcConfig.publicAccessCidrs",
        found: cidrs.join(", "),
        expected: `ranges that are no more than one /${widest} together, or one /${widestIpv6} of IPv6`,
      });
  },
};

/** Which part of all addresses the ranges are. */
function shareOf(cidrs: readonly string[], ipv6: boolean): number {
  const prefixes = cidrs.filter((cidr) => cidr.includes(":") === ipv6).map((cidr) => Number(cidr.split("/")[1] ?? 0));
  return prefixes.reduce((share, prefix) => share + 2 ** -prefix, 0);
}
