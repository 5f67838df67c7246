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
  /** Address ranges, and prefix lists, whose ranges nobody sees here; none where the source is a security group. */
  cidrs: string[];
}

// biome-ignore lint/suspicious/noExplicitAny: a rule's properties, in two spellings
function ingress(field: string, rule: any): Ingress {
  const protocol = String(rule.ipProtocol ?? rule.protocol ?? "-1");
  const every = protocol === "-1" || protocol === "all";
  const cidrs = [
    ...[rule.cidrIpv4, rule.cidrIpv6, ...(rule.cidrBlocks ?? []), ...(rule.ipv6CidrBlocks ?? [])],
    ...[rule.prefixListId, ...(rule.prefixListIds ?? [])],
  ];
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
export const isOneAddress = (cidr: string) => (cidr.includes(":") ? /\/128$/ : /\/32$/).test(cidr);

const privateRanges: readonly [start: RegExp, shortestPrefix: number][] = [
  [/^10\./, 8],
  [/^192\.168\./, 16],
  [/^172\.(1[6-9]|2\d|3[01])\./, 12],
  [/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./, 10],
  [/^f[cd]/i, 7],
];

/** Whether the range is none of the internet's: 10.0.0.0/1 begins as one and is half of it. */
export const isPrivate = (cidr: string) =>
  privateRanges.some(([start, shortest]) => start.test(cidr) && Number(cidr.split("/")[1]) >= shortest);

export const isEverywhere = (cidr: string) => cidr.endsWith("/0");
