import type { CloudAccount } from "./config.ts";
import { templateVersionType } from "./providers/aws/ec2.ts";
import type { AccountStore, StoredResource } from "./store.ts";

const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";
const groupType = "aws:ec2/securityGroup:SecurityGroup";
const ruleType = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const nodeGroupType = "aws:eks/nodeGroup:NodeGroup";
const clusterType = "aws:eks/cluster:Cluster";

/** An interface endpoint as those see it who would use it from the own nodes. */
export interface PrivateWay {
  from: number;
  to: number;
  /** Whether what the nodes send to the endpoint's port goes on to the service behind it. */
  isOpen: boolean;
}

/** A rule that lets something in. */
export interface IngressRule {
  protocol: string;
  fromPort: number;
  toPort: number;
  cidrs: string[];
  groups: string[];
}

/** States in which an endpoint carries something. One that waits for its acceptance has neither names nor a way through. */
export const carryingStates: readonly string[] = ["available", "pending"];

/** Every endpoint of an account to a peer's service, judged by its state and by the rules of its security groups. */
export function privateWays(
  account: AccountStore,
  { partyId, vpc }: Pick<CloudAccount, "partyId" | "vpc">,
  port: number,
  offeredBy: (serviceName: string) => number | null,
): PrivateWay[] {
  const nodes = { groups: nodeGroups(account), addresses: vpc.subnets.map(({ cidr }) => cidr) };
  return account.list(endpointType).flatMap((endpoint) => {
    const to = offeredBy(String(endpoint.props.serviceName));
    if (to === null) return [];
    const isOpen =
      carryingStates.includes(String(endpoint.props.state ?? "available")) &&
      rulesOf(account, endpoint).some((rule) => admits(rule, port, nodes));
    return [{ from: partyId, to, isOpen }];
  });
}

function rulesOf(account: AccountStore, endpoint: StoredResource): IngressRule[] {
  const ids = texts(endpoint.props.securityGroupIds);
  return [
    ...ids.flatMap((id) => inlineRules(account.get(groupType, id), id)),
    ...account.list(ruleType).flatMap(({ props }) =>
      ids.includes(String(props.securityGroupId))
        ? [
            {
              ...ports(props.ipProtocol, props.fromPort, props.toPort),
              cidrs: [props.cidrIpv4 ?? []].flat().map(String),
              groups: [props.referencedSecurityGroupId ?? []].flat().map(String),
            },
          ]
        : [],
    ),
  ];
}

function inlineRules(group: StoredResource | undefined, id: string): IngressRule[] {
  const rules = (group?.props.ingress ?? []) as Record<string, unknown>[];
  return rules.map((rule) => ({
    ...ports(rule.protocol, rule.fromPort, rule.toPort),
    cidrs: texts(rule.cidrBlocks),
    groups: [...texts(rule.securityGroups), ...(rule.self === true ? [id] : [])],
  }));
}

function ports(protocol: unknown, from: unknown, to: unknown): Pick<IngressRule, "protocol" | "fromPort" | "toPort"> {
  const isAll = String(protocol) === "-1";
  return {
    protocol: String(protocol),
    fromPort: isAll ? 0 : Number(from),
    toPort: isAll ? 65_535 : Number(to),
  };
}

/** Whether a rule lets connections from the nodes in at a port. Of nodes whose groups nobody knows, any group's rule is about them. */
export function admits(
  { protocol, fromPort, toPort, cidrs, groups }: IngressRule,
  port: number,
  nodes: { groups: readonly string[]; addresses: readonly string[] },
): boolean {
  if (!["-1", "tcp", "6"].includes(protocol) || port < fromPort || port > toPort) return false;
  return (
    groups.some((group) => nodes.groups.length === 0 || nodes.groups.includes(group)) ||
    cidrs.some((cidr) => nodes.addresses.some((address) => contains(cidr, address.split("/")[0] ?? "")))
  );
}

/** Security groups of the nodes: those of their launch template, else the one that EKS made with the cluster. */
function nodeGroups(account: AccountStore): string[] {
  const ofClusters = account
    .list(clusterType)
    .map(({ props }) => String((props.vpcConfig as { clusterSecurityGroupId?: string })?.clusterSecurityGroupId));
  return account.list(nodeGroupType).flatMap(({ props }) => {
    const { id, version } = (props.launchTemplate ?? {}) as { id?: string; version?: string };
    const own = texts(account.get(templateVersionType, `${id}:${version}`)?.props.vpcSecurityGroupIds);
    return own.length > 0 ? own : ofClusters;
  });
}

export function contains(cidr: string, address: string): boolean {
  const [network = "", length = "32"] = cidr.split("/");
  const bits = (text: string) => text.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(bits(network) / size) === Math.floor(bits(address) / size);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
