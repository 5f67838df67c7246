import * as pulumi from "@pulumi/pulumi";
import { closedAmong, readSubnets } from "./subnets.ts";

/** These subnets, once all of them are known to be public. */
export function publicSubnets(
  subnetIds: readonly string[],
  options: { parent: pulumi.Resource },
): pulumi.Output<string[]> {
  return pulumi.output(readSubnets(subnetIds, options)).apply(openOnly);
}

/** Ids of subnets in which a machine gets a public address as it starts; KubeIP exchanges that for a kept one. */
export function openOnly(subnets: readonly { id: string; mapPublicIpOnLaunch: boolean }[]): string[] {
  const closed = closedAmong(subnets);
  if (closed.length === 0) return subnets.map((subnet) => subnet.id).sort();
  throw new pulumi.InputPropertyError({ propertyPath: "publicSubnetIds", reason: `private: ${closed.join(", ")}` });
}
