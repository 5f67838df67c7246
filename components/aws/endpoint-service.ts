import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { hooksOf } from "../hooks.ts";
import { accountRootArn } from "./arn.ts";

export interface EndpointServiceArgs {
  region: string;
  /** Tags of the load balancer in front of the core. */
  loadBalancerTags: pulumi.Input<Record<string, string>>;
  /** Who may connect: the other parties' accounts, and the regions they connect from. Nobody, if there are none. */
  peers: readonly { accountId: string; region: string }[];
  /** Waits until the load balancer is up, for AWS refuses the service before. @default nothing waits */
  before?: pulumi.ResourceHookFunction | undefined;
}

/**
 * The PrivateLink endpoint service by which the peers reach this party's core. Creates: VPC endpoint service with its
 * allowed principals.
 *
 * Whoever is not among the peers is told that there is no such service. A service costs nothing by itself.
 */
export class EndpointService extends pulumi.ComponentResource {
  /** What the peers need to know. */
  readonly serviceName: pulumi.Output<string>;

  constructor(name: string, args: EndpointServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    const accounts = args.peers.map((peer) => peer.accountId);
    checkArgs(`endpoint service ${name}`, [
      // A word that is no account, such as "*", would be a principal that AWS takes for everybody.
      accounts.some((account) => !/^\d{12}$/.test(account)) && {
        propertyPath: "peers.accountId",
        reason: "names the accounts that may connect, of 12 digits each",
      },
    ]);
    super("quorate:aws:EndpointService", name, {}, opts);
    const balancer = aws.lb.getLoadBalancerOutput({ tags: args.loadBalancerTags }, { parent: this });
    const service = createService(this, name, args, balancer.apply(internalOnly));
    this.serviceName = service.serviceName;
    this.registerOutputs({ serviceName: this.serviceName });
  }
}

/** ARN of a load balancer that only its own VPC reaches; on the way to the service that would open it to peers. */
export function internalOnly(
  balancer: Pick<aws.lb.GetLoadBalancerResult, "arn" | "internal" | "loadBalancerType">,
): string {
  if (balancer.internal && balancer.loadBalancerType === "network") return balancer.arn;
  throw new pulumi.InputPropertyError({
    propertyPath: "loadBalancerTags",
    reason: `lead to ${balancer.arn}, a load balancer that is not an internal network one`,
  });
}

function createService(
  parent: EndpointService,
  name: string,
  args: EndpointServiceArgs,
  loadBalancerArn: pulumi.Output<string>,
) {
  const accounts = [...new Set(args.peers.map((peer) => peer.accountId))].sort();
  const regions = [...new Set([args.region, ...args.peers.map((peer) => peer.region)])].sort();
  return new aws.ec2.VpcEndpointService(
    `${name}-service`,
    {
      // Connections are accepted as they come, which is safe because the list of principals is closed.
      acceptanceRequired: false,
      allowedPrincipals: accounts.map((account) => accountRootArn(args.region, account)),
      networkLoadBalancerArns: [loadBalancerArn],
      supportedIpAddressTypes: ["ipv4"],
      supportedRegions: regions,
      tags: { Name: name },
    },
    { parent, hooks: hooksOf(args.before) },
  );
}
