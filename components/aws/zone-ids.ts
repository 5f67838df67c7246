import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

/** Ids of the zones that subnets lie in, sorted: the same in every account, which the zones' names are not. */
export function zoneIds(
  subnetIds: pulumi.Output<string[]>,
  options: { parent: pulumi.Resource },
): pulumi.Output<string[]> {
  return subnetIds.apply(async (ids) => {
    const subnets = await Promise.all(ids.map((id) => aws.ec2.getSubnet({ id }, options)));
    return [...new Set(subnets.map((subnet) => subnet.availabilityZoneId))].sort();
  });
}
