import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

/** These subnets, as AWS describes them. */
export async function readSubnets(
  ids: readonly string[],
  options: pulumi.InvokeOptions,
): Promise<aws.ec2.GetSubnetResult[]> {
  return await Promise.all(ids.map((id) => aws.ec2.getSubnet({ id }, options)));
}

/** Ids of those in which a machine gets no public address as it starts. */
export function closedAmong(subnets: readonly { id: string; mapPublicIpOnLaunch: boolean }[]): string[] {
  return subnets.filter((subnet) => !subnet.mapPublicIpOnLaunch).map((subnet) => subnet.id);
}
