import type * as pulumi from "@pulumi/pulumi";
import { readSubnets } from "./subnets.ts";

/** Ids of the zones that subnets lie in, sorted: the same in every account, which the zones' names are not. */
export function zoneIds(
  subnetIds: pulumi.Output<string[]>,
  options: { parent: pulumi.Resource },
): pulumi.Output<string[]> {
  return subnetIds.apply(async (ids) => {
    const subnets = await readSubnets(ids, options);
    return [...new Set(subnets.map((subnet) => subnet.availabilityZoneId))].sort();
  });
}
