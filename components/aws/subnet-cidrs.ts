import type * as pulumi from "@pulumi/pulumi";
import { readSubnets } from "./subnets.ts";

/** Address blocks of subnets, sorted: what has an interface in one of them has an address of its block. */
export function subnetCidrs(
  subnetIds: pulumi.Output<string[]>,
  options: { parent: pulumi.Resource },
): pulumi.Output<string[]> {
  return subnetIds.apply(async (ids) => {
    const subnets = await readSubnets(ids, options);
    return [...new Set(subnets.map((subnet) => subnet.cidrBlock))].sort();
  });
}
