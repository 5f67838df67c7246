import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

/** Address blocks of subnets, sorted: what has an interface in one of them has an address of its block. */
export function subnetCidrs(
  subnetIds: pulumi.Output<string[]>,
  options: { parent: pulumi.Resource },
): pulumi.Output<string[]> {
  return subnetIds.apply(async (ids) => {
    const subnets = await Promise.all(ids.map((id) => aws.ec2.getSubnet({ id }, options)));
    return [...new Set(subnets.map((subnet) => subnet.cidrBlock))].sort();
  });
}
