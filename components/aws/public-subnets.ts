import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** These subnets, once all of them are known to be public. */
export function publicSubnets(
  subnetIds: readonly string[],
  options: { parent: pulumi.Resource },
): pulumi.Output<string[]> {
  const found = Promise.all(subnetIds.map((id) => aws.ec2.getSubnet({ id }, options)));
  return pulumi.output(found).apply(openOnly);
}

type Subnet = { id: string; mapPublicIpOnLaunch: boolean };

/** Ids of subnets in which a machine gets a public address as it starts; KubeIP exchanges that for a kept one. */
export function openOnly(subnets: readonly Subnet[]): string[] {
  const closed = closedAmong(subnets);
  if (closed.length === 0) return subnets.map((subnet) => subnet.id).sort();
  throw new pulumi.InputPropertyError({ propertyPath: "publicSubnetIds", reason: `private: ${closed.join(", ")}` });
}

/** Ids of those in which a machine gets no public address. */
export function closedAmong(subnets: readonly Subnet[]): string[] {
  return subnets.filter((subnet) => !subnet.mapPublicIpOnLaunch).map((subnet) => subnet.id);
}
