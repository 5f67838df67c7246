import type { Subject } from "./rule.ts";

/** Types that let traffic in. */
export const ingressTypes = [
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  "aws:ec2/securityGroupRule:SecurityGroupRule",
  "aws:ec2/securityGroup:SecurityGroup",
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
] as const;

/** One way in. */
export interface Ingress {
  field: string;
  fromPort: number;
  toPort: number;
  /** Address ranges; none where the source is a security group or a prefix list. */
  cidrs: string[];
}

// biome-ignore lint/suspicious/noExplicitAny: a rule's properties, in two spellings
function ingress(field: string, rule: any): Ingress {
  const protocol = String(rule.ipProtocol ?? rule.protocol ?? "-1");
  const every = protocol === "-1" || protocol === "all";
  const cidrs = [rule.cidrIpv4, rule.cidrIpv6, ...(rule.cidrBlocks ?? []), ...(rule.ipv6CidrBlocks ?? [])];
  return {
    field,
    fromPort: every ? 0 : Number(rule.fromPort ?? 0),
    toPort: every ? 65_535 : Number(rule.toPort ?? 65_535),
    cidrs: cidrs.filter((cidr) => typeof cidr === "string"),
  };
}

export function ingressesOf({ type, props }: Subject): Ingress[] {
  if (type === "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") return [ingress("rule", props)];
  if (type === "aws:ec2/securityGroupRule:SecurityGroupRule")
    return props.type === "ingress" ? [ingress("rule", props)] : [];
  return ((props.ingress ?? []) as unknown[]).map((rule, index) => ingress(`ingress[${index}]`, rule));
}

export const includes = ({ fromPort, toPort }: Ingress, port: number) => fromPort <= port && port <= toPort;

/** Whether the range is one address. */
export const isOneAddress = (cidr: string) => /\/32$/.test(cidr) || /\/128$/.test(cidr);

const privateRanges = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd])/i;

/** Whether the range is none of the internet's. */
export const isPrivate = (cidr: string) => privateRanges.test(cidr);

export const isEverywhere = (cidr: string) => cidr.endsWith("/0");
