import { partitionOf } from "./arn.ts";
import type { Statement } from "./key-policy.ts";
import type { AddressTag } from "./party-addresses.ts";

export interface KubeIpPlace {
  region: string;
  accountId: string;
  vpcId: string;
  tag: AddressTag;
}

/**
 * What KubeIP's agents may do in the party's account: give the tagged addresses, and no others, to interfaces of the
 * cluster's VPC.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
 */
export function kubeIpStatements({ region, accountId, vpcId, tag }: KubeIpPlace): Statement[] {
  const arn = (resource: string) => `arn:${partitionOf(region)}:ec2:${region}:${accountId}:${resource}`;
  const moves = ["ec2:AssociateAddress", "ec2:DisassociateAddress"];
  return [
    // EC2 knows no narrower resource for these two.
    {
      Sid: "Looks",
      Effect: "Allow",
      Action: ["ec2:DescribeAddresses", "ec2:DescribeInstances"],
      Resource: "*",
      Condition: { StringEquals: { "aws:RequestedRegion": region } },
    },
    {
      Sid: "MovesReservedAddresses",
      Effect: "Allow",
      Action: moves,
      Resource: arn("elastic-ip/*"),
      Condition: { StringEquals: { [`aws:ResourceTag/${tag.key}`]: tag.value } },
    },
    {
      Sid: "OfInterfacesInTheVpc",
      Effect: "Allow",
      Action: moves,
      Resource: arn("network-interface/*"),
      Condition: { ArnEquals: { "ec2:Vpc": arn(`vpc/${vpcId}`) } },
    },
  ];
}
