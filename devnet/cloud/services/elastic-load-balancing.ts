import { requireAccess } from "../access.ts";
import { callerAccount } from "../aws-call.ts";
import { AwsError } from "../aws-error.ts";
import { balancerState, loadBalancerType } from "../load-balancers.ts";
import { type QueryAction, queryService } from "./query-protocol.ts";

const actions: Record<string, QueryAction> = {
  DescribeLoadBalancers(parameters, call, cloud) {
    const owner = callerAccount(call, cloud);
    if (!owner) throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
    requireAccess(cloud.store, {
      principal: call.principal,
      action: "elasticloadbalancing:DescribeLoadBalancers",
      resource: "*",
      resourceAccountId: owner.accountId,
    });
    const account = cloud.store.account(owner.accountId);
    const asked = parameters.list("LoadBalancerArns");
    const found = account.list(loadBalancerType).filter(({ id }) => asked.length === 0 || asked.includes(id));
    if (asked.length > found.length) throw new AwsError("LoadBalancerNotFound", "One or more load balancers not found");
    return {
      LoadBalancers: {
        member: found.map((balancer) => ({
          LoadBalancerArn: balancer.id,
          LoadBalancerName: String(balancer.props.name),
          DNSName: String(balancer.props.dnsName),
          Scheme: balancer.props.internal === true ? "internal" : "internet-facing",
          Type: "network",
          VpcId: String(balancer.props.vpcId),
          State: { Code: balancerState(balancer, cloud.now().getTime()) },
        })),
      },
    };
  },
};

/** Elastic Load Balancing, version 2: what there is, and whether it is up. */
export const elasticLoadBalancing = queryService(
  "elasticloadbalancing",
  "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
  actions,
);
