import { clientOptions, type Profile } from "../stacks/aws-profile.ts";
import type { StateResource } from "./checkpoint.ts";

/** Where a party's resources are made, and what marks them as its own. */
export interface Place extends Profile {
  accountId: string;
  tags: Readonly<Record<string, string>>;
}

/** The ids of a type that the state has already: what they name is not what is searched. */
type Known = (type: string) => ReadonlySet<string>;

type Inputs = Record<string, unknown>;

/** Ids that follow from what was asked for. */
const namedByInputs: { readonly [type: string]: (inputs: Inputs, place: Place) => string } = {
  "aws:eks/accessEntry:AccessEntry": ({ clusterName, principalArn }) => `${clusterName}:${principalArn}`,
  "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": ({ clusterName, principalArn, policyArn }) =>
    `${clusterName}#${principalArn}#${policyArn}`,
  "aws:eks/addon:Addon": ({ clusterName, addonName }) => `${clusterName}:${addonName}`,
  "aws:eks/cluster:Cluster": ({ name }) => `${name}`,
  "aws:eks/nodeGroup:NodeGroup": ({ clusterName, nodeGroupName }) => `${clusterName}:${nodeGroupName}`,
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ({ url }, { accountId }) =>
    `arn:aws:iam::${accountId}:oidc-provider/${`${url}`.replace(/^https:\/\//, "")}`,
  "aws:iam/role:Role": ({ name }) => `${name}`,
  "aws:iam/rolePolicy:RolePolicy": ({ role, name }) => `${role}:${name}`,
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ({ role, policyArn }) => `${role}/${policyArn}`,
  "aws:kms/alias:Alias": ({ name }) => `${name}`,
  "kubernetes:helm.sh/v3:Release": ({ namespace, name }) => `${namespace}/${name}`,
};

/** Ids that AWS chose: whoever wants them has to ask. */
const namedByAws: { readonly [type: string]: (inputs: Inputs, place: Place, known: Known) => Promise<string[]> } = {
  "aws:ec2/launchTemplate:LaunchTemplate": async ({ name }, place) => {
    const { ec2, DescribeLaunchTemplatesCommand } = await openEc2(place);
    const Filters = [filter("launch-template-name", name)];
    const { LaunchTemplates = [] } = await ec2.send(new DescribeLaunchTemplatesCommand({ Filters }));
    return LaunchTemplates.flatMap(({ LaunchTemplateId = [] }) => LaunchTemplateId);
  },
  "aws:ec2/securityGroup:SecurityGroup": async ({ name, vpcId }, place) => {
    const { ec2, DescribeSecurityGroupsCommand } = await openEc2(place);
    const Filters = [filter("group-name", name), filter("vpc-id", vpcId)];
    const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters }));
    return SecurityGroups.flatMap(({ GroupId = [] }) => GroupId);
  },
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": async (inputs, place) =>
    await findRules(inputs, true, place),
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": async (inputs, place) =>
    await findRules(inputs, false, place),
  // Endpoints have no names. One that the state knows belongs to another resource of it.
  "aws:ec2/vpcEndpoint:VpcEndpoint": async ({ serviceName, vpcId }, place, known) => {
    const { ec2, DescribeVpcEndpointsCommand } = await openEc2(place);
    const Filters = [filter("service-name", serviceName), filter("vpc-id", vpcId)];
    const { VpcEndpoints = [] } = await ec2.send(new DescribeVpcEndpointsCommand({ Filters }));
    const others = known("aws:ec2/vpcEndpoint:VpcEndpoint");
    return VpcEndpoints.flatMap(({ VpcEndpointId = [] }) => VpcEndpointId).filter((id) => !others.has(id));
  },
};

/**
 * The id that a resource has if it was made: "none" where nothing of it lies in a cloud or nothing is there, undefined where it can't be told.
 * Throws the SDK's error where AWS has to be asked and does not answer.
 */
export async function findCreated(
  { type, inputs = {} }: StateResource,
  place: Place,
  known: Known,
): Promise<{ id: string } | "none" | undefined> {
  if (type.startsWith("pulumi:") || type.startsWith("random:")) return "none";
  const named = namedByInputs[type];
  if (named) return { id: named(inputs, place) };
  if (type.startsWith("aws:s3/")) return { id: `${inputs.bucket}` };
  if (type.startsWith("kubernetes:")) return { id: objectId(inputs) };
  const found = await namedByAws[type]?.(inputs, place, known);
  if (found === undefined) return undefined;
  const [id, ...more] = found;
  if (id === undefined) return "none";
  return more.length === 0 ? { id } : undefined;
}

function objectId({ metadata }: Inputs): string {
  const { namespace, name } = metadata as { namespace?: string; name: string };
  return namespace === undefined ? name : `${namespace}/${name}`;
}

async function findRules(inputs: Inputs, isEgress: boolean, place: Place): Promise<string[]> {
  const { ec2, DescribeSecurityGroupRulesCommand } = await openEc2(place);
  const Filters = [filter("group-id", inputs.securityGroupId)];
  const { SecurityGroupRules = [] } = await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters }));
  return SecurityGroupRules.filter(
    (rule) =>
      rule.IsEgress === isEgress &&
      rule.IpProtocol === inputs.ipProtocol &&
      (inputs.ipProtocol === "-1" || (rule.FromPort === inputs.fromPort && rule.ToPort === inputs.toPort)) &&
      rule.CidrIpv4 === inputs.cidrIpv4 &&
      rule.CidrIpv6 === inputs.cidrIpv6 &&
      rule.PrefixListId === inputs.prefixListId &&
      rule.ReferencedGroupInfo?.GroupId === inputs.referencedSecurityGroupId,
  ).flatMap(({ SecurityGroupRuleId = [] }) => SecurityGroupRuleId);
}

async function openEc2(place: Place) {
  // Only an `up` after a kill needs it, and every start would pay for it.
  const sdk = await import("@aws-sdk/client-ec2");
  return { ...sdk, ec2: new sdk.EC2Client(await clientOptions(place)) };
}

const filter = (Name: string, value: unknown) => ({ Name, Values: [`${value}`] });
