import { templateVersionType } from "./providers/aws/ec2.ts";
import { eipType } from "./providers/aws/elastic-ip.ts";
import type { AccountStore } from "./store.ts";

const nodeGroupType = "aws:eks/nodeGroup:NodeGroup";
const ruleType = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";

/** An account as the internet sees it: which machine has which address, and whom the machines' firewall lets in. */
export interface PublicWays {
  addresses: { publicIp: string; instanceId: string }[];
  ingress: { cidr: string; fromPort: number; toPort: number }[];
}

export function publicWays(account: AccountStore): PublicWays {
  const addresses = account
    .list(eipType)
    .flatMap(({ props }) =>
      props.associationId ? [{ publicIp: String(props.publicIp), instanceId: String(props.instance) }] : [],
    );
  const groups = new Set(account.list(nodeGroupType).flatMap(({ props }) => securityGroupsOf(account, props)));
  const ingress = account.list(ruleType).flatMap(({ props }) => {
    if (!groups.has(String(props.securityGroupId)) || typeof props.cidrIpv4 !== "string") return [];
    const every = String(props.ipProtocol) === "-1";
    return [
      {
        cidr: props.cidrIpv4,
        fromPort: every ? 0 : Number(props.fromPort),
        toPort: every ? 65_535 : Number(props.toPort),
      },
    ];
  });
  return { addresses, ingress };
}

/** What the machines of a node group were launched with. */
function securityGroupsOf(account: AccountStore, group: Record<string, unknown>): string[] {
  const { id, version } = (group.launchTemplate ?? {}) as { id?: string; version?: string };
  const template = account.get(templateVersionType, `${id}:${version}`);
  return ((template?.props.vpcSecurityGroupIds ?? []) as unknown[]).map(String);
}
