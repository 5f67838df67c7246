import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

type Subnet = aws.ec2.GetSubnetResult;

const call = "aws:ec2/getSubnet:getSubnet";

/** By the provider that was asked, which is one account, one region and one run of the program. */
const asked = new WeakMap<pulumi.ProviderResource, Map<string, Promise<Subnet>>>();

/** These subnets, as AWS describes them. Several parts of a party look at the same ones: each is asked for once. */
export async function readSubnets(ids: readonly string[], options: pulumi.InvokeOptions): Promise<Subnet[]> {
  return await Promise.all(ids.map((id) => readSubnet(id, options)));
}

function readSubnet(id: string, options: pulumi.InvokeOptions): Promise<Subnet> {
  const provider = options.provider ?? options.parent?.getProvider(call);
  if (provider === undefined) return aws.ec2.getSubnet({ id }, options);
  const subnets = asked.get(provider) ?? new Map<string, Promise<Subnet>>();
  asked.set(provider, subnets);
  const subnet = subnets.get(id) ?? aws.ec2.getSubnet({ id }, options);
  subnets.set(id, subnet);
  return subnet;
}

/** Ids of those in which a machine gets no public address as it starts. */
export function closedAmong(subnets: readonly { id: string; mapPublicIpOnLaunch: boolean }[]): string[] {
  return subnets.filter((subnet) => !subnet.mapPublicIpOnLaunch).map((subnet) => subnet.id);
}
