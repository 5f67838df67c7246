import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { OperatorError } from "../../contract/operator-error.ts";

/** These subnets, once all of them are known to be public. */
export function publicSubnets(
  subnetIds: readonly string[],
  options: { parent: pulumi.Resource },
): pulumi.Output<string[]> {
  const found = Promise.all(subnetIds.map((id) => aws.ec2.getSubnet({ id }, options)));
  return pulumi.output(found).apply(openOnly);
}

/** Ids of subnets in which a machine gets a public address as it starts; KubeIP exchanges that for a kept one. */
export function openOnly(subnets: readonly { id: string; mapPublicIpOnLaunch: boolean }[]): string[] {
  const closed = subnets.filter((subnet) => !subnet.mapPublicIpOnLaunch).map((subnet) => subnet.id);
  if (closed.length === 0) return subnets.map((subnet) => subnet.id).sort();
  const problem = new OperatorError({
    code: "SUBNET_PRIVATE",
    what: "a node would lie where its peers could not reach it",
    found: `quorate:kubeip.publicSubnetIds: ${closed.join(", ")}, private, as map_public_ip_on_launch is false`,
    expected: "public subnets of the cluster's VPC, in which a machine gets a public address as it starts",
    next: "name public ones in quorate:kubeip.publicSubnetIds of the party's stack file",
  });
  // Nobody awaits an output: the engine prints what is thrown here, and of a RunError the text alone.
  throw new pulumi.RunError(problem.render(), { cause: problem });
}
