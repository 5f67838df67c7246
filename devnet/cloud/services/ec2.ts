import type { AwsService } from "../aws-call.ts";
import { AwsError } from "../aws-error.ts";
import { instanceType } from "../providers/aws/instance-types.ts";
import type { AccountStore, StoredResource } from "../store.ts";
import { renderXml, type Xml } from "../xml.ts";
import { addressActions } from "./ec2-addresses.ts";
import { connectionActions } from "./ec2-connections.ts";
import { allow, select, text } from "./ec2-query.ts";
import { type QueryAction, runQueryAction, xmlAnswer } from "./query-protocol.ts";

const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";

/** Elastic Compute Cloud: the reading calls that networking needs. */
export const ec2: AwsService = {
  async handle(call, cloud) {
    const { action, result } = await runQueryAction("ec2", actions, call, cloud);
    const content = { requestId: call.requestId, ...(result as Record<string, Xml>) };
    return xmlAnswer(200, renderXml(`${action}Response`, content, namespace));
  },
  renderError(error, call) {
    const names: Record<string, string> = {
      AccessDenied: "UnauthorizedOperation",
      InvalidClientTokenId: "AuthFailure",
    };
    const fault = { Error: { Code: names[error.code] ?? error.code, Message: error.message } };
    return xmlAnswer(error.status, renderXml("Response", { Errors: fault, RequestID: call.requestId }));
  },
};

const actions: Record<string, QueryAction> = {
  ...addressActions,
  ...connectionActions,
  DescribeInstanceTypes(parameters, call, cloud) {
    allow("DescribeInstanceTypes", call, cloud);
    const asked = parameters.list("InstanceType");
    if (asked.length === 0) throw new AwsError("InvalidAction", "DescribeInstanceTypes of all types: name some", 501);
    const found = asked.map((name) => [name, instanceType(name)] as const);
    const missing = found.filter(([, type]) => !type).map(([name]) => name);
    if (missing.length > 0)
      throw new AwsError("InvalidInstanceType", `The following supplied instance types do not exist: [${missing}]`);
    return {
      instanceTypeSet: {
        item: found.map(([name, type]) => ({
          instanceType: name,
          vCpuInfo: { defaultVCpus: type?.vcpus },
          memoryInfo: { sizeInMiB: type?.memoryMib },
          nitroEnclavesSupport: type?.enclaves ? "supported" : "unsupported",
          hypervisor: "nitro",
          processorInfo: { supportedArchitectures: { item: [type?.architecture] } },
        })),
      },
    };
  },
  DescribeVpcEndpoints(parameters, call, cloud) {
    const { account } = allow("DescribeVpcEndpoints", call, cloud);
    const endpoints = account.list("aws:ec2/vpcEndpoint:VpcEndpoint").map((endpoint) => ({
      vpcEndpointId: endpoint.id,
      vpcEndpointType: text(endpoint.props.vpcEndpointType, "Gateway"),
      vpcId: text(endpoint.props.vpcId),
      serviceName: text(endpoint.props.serviceName),
      state: text(endpoint.props.state, "available"),
      privateDnsEnabled: endpoint.props.privateDnsEnabled === true,
      ownerId: account.accountId,
      subnetIdSet: { item: texts(endpoint.props.subnetIds) },
      groupSet: { item: texts(endpoint.props.securityGroupIds).map((groupId) => ({ groupId })) },
      networkInterfaceIdSet: { item: texts(endpoint.props.networkInterfaceIds) },
      dnsEntrySet: {
        item: ((endpoint.props.dnsEntries ?? []) as { dnsName?: string; hostedZoneId?: string }[]).map((entry) => ({
          dnsName: entry.dnsName,
          hostedZoneId: entry.hostedZoneId,
        })),
      },
      tagSet: tagSet(endpoint),
    }));
    const chosen = select(endpoints, parameters, {
      ids: ["VpcEndpointId", "vpcEndpointId", "InvalidVpcEndpointId.NotFound"],
      filters: {
        "vpc-endpoint-id": (each) => each.vpcEndpointId,
        "service-name": (each) => each.serviceName,
        "vpc-id": (each) => each.vpcId,
        "vpc-endpoint-state": (each) => each.state,
        "vpc-endpoint-type": (each) => each.vpcEndpointType,
      },
    });
    return { vpcEndpointSet: { item: chosen } };
  },
  DescribeVpcEndpointServices(parameters, call, cloud) {
    const { region } = allow("DescribeVpcEndpointServices", call, cloud);
    const asked = parameters.list("ServiceName");
    const known = cloud.config.endpointServices;
    const missing = asked.filter((name) => !Object.hasOwn(known, name));
    if (missing.length > 0)
      throw new AwsError("InvalidServiceName", `The Vpc Endpoint Service '${missing[0]}' does not exist`);
    const chosen = Object.entries(known).filter(([name]) => asked.length === 0 || asked.includes(name));
    return {
      serviceNameSet: { item: chosen.map(([name]) => name) },
      serviceDetailSet: {
        item: chosen.map(([serviceName, partyId]) => ({
          serviceName,
          serviceId: serviceName.split(".").at(-1),
          serviceType: { item: [{ serviceType: "Interface" }] },
          owner: cloud.config.accounts.find((each) => each.partyId === partyId)?.accountId,
          availabilityZoneSet: { item: ["a", "b", "c"].map((zone) => `${region}${zone}`) },
          acceptanceRequired: true,
        })),
      },
    };
  },
  DescribeSubnets(parameters, call, cloud) {
    const { owner } = allow("DescribeSubnets", call, cloud);
    const subnets = owner.vpc.subnets.map((subnet) => ({
      subnetId: subnet.id,
      vpcId: owner.vpc.vpcId,
      availabilityZone: subnet.az,
      cidrBlock: subnet.cidr,
      mapPublicIpOnLaunch: subnet.mapPublicIpOnLaunch,
      state: "available",
      availableIpAddressCount: 251,
      ownerId: owner.accountId,
      subnetArn: `arn:aws:ec2:${owner.region}:${owner.accountId}:subnet/${subnet.id}`,
    }));
    const chosen = select(subnets, parameters, {
      ids: ["SubnetId", "subnetId", "InvalidSubnetID.NotFound"],
      filters: {
        "subnet-id": (each) => each.subnetId,
        "vpc-id": (each) => each.vpcId,
        "availability-zone": (each) => each.availabilityZone,
        "map-public-ip-on-launch": (each) => String(each.mapPublicIpOnLaunch),
      },
    });
    return { subnetSet: { item: chosen } };
  },
  DescribeAddresses(parameters, call, cloud) {
    const { account } = allow("DescribeAddresses", call, cloud);
    const addresses = account.list("aws:ec2/eip:Eip").map((eip) => ({
      allocationId: eip.id,
      publicIp: text(eip.props.publicIp),
      domain: "vpc",
      associationId: optional(eip.props.associationId),
      networkInterfaceId: optional(eip.props.networkInterface),
      instanceId: optional(eip.props.instance),
      tagSet: tagSet(eip),
    }));
    const chosen = select(addresses, parameters, {
      ids: ["AllocationId", "allocationId", "InvalidAllocationID.NotFound"],
      filters: {
        "allocation-id": (each) => each.allocationId,
        "public-ip": (each) => each.publicIp,
        "instance-id": (each) => each.instanceId ?? "",
      },
      tags: (each) => tagsOf(account.get("aws:ec2/eip:Eip", each.allocationId)),
    });
    return { addressesSet: { item: chosen } };
  },
  DescribeSecurityGroups(parameters, call, cloud) {
    const { account } = allow("DescribeSecurityGroups", call, cloud);
    const groups = account.list("aws:ec2/securityGroup:SecurityGroup").map((group) => ({
      groupId: group.id,
      groupName: text(group.props.name),
      groupDescription: text(group.props.description),
      vpcId: text(group.props.vpcId),
      ownerId: account.accountId,
      ipPermissions: { item: permissions(account, group, "ingress") },
      ipPermissionsEgress: { item: permissions(account, group, "egress") },
      tagSet: tagSet(group),
    }));
    const chosen = select(groups, parameters, {
      ids: ["GroupId", "groupId", "InvalidGroup.NotFound"],
      filters: {
        "group-id": (each) => each.groupId,
        "group-name": (each) => each.groupName,
        "vpc-id": (each) => each.vpcId,
      },
    });
    return { securityGroupInfo: { item: chosen } };
  },
  DescribeSecurityGroupRules(parameters, call, cloud) {
    const { account } = allow("DescribeSecurityGroupRules", call, cloud);
    const rules = (["Ingress", "Egress"] as const).flatMap((direction) =>
      account.list(`aws:vpc/securityGroup${direction}Rule:SecurityGroup${direction}Rule`).map(({ id, props }) => ({
        securityGroupRuleId: id,
        groupId: text(props.securityGroupId),
        groupOwnerId: account.accountId,
        isEgress: direction === "Egress",
        ipProtocol: text(props.ipProtocol, "-1"),
        fromPort: Number(props.fromPort ?? -1),
        toPort: Number(props.toPort ?? -1),
        cidrIpv4: props.cidrIpv4 as string | undefined,
        cidrIpv6: props.cidrIpv6 as string | undefined,
        prefixListId: props.prefixListId as string | undefined,
        ...(props.referencedSecurityGroupId !== undefined && {
          referencedGroupInfo: { groupId: text(props.referencedSecurityGroupId) },
        }),
      })),
    );
    const chosen = select(rules, parameters, {
      ids: ["SecurityGroupRuleId", "securityGroupRuleId", "InvalidSecurityGroupRuleId.NotFound"],
      filters: {
        "group-id": (each) => each.groupId,
        "security-group-rule-id": (each) => each.securityGroupRuleId,
      },
    });
    return { securityGroupRuleSet: { item: chosen } };
  },
  DescribeLaunchTemplates(parameters, call, cloud) {
    const { account } = allow("DescribeLaunchTemplates", call, cloud);
    const templates = account.list("aws:ec2/launchTemplate:LaunchTemplate").map((template) => ({
      launchTemplateId: template.id,
      launchTemplateName: text(template.props.name),
      latestVersionNumber: Number(template.props.latestVersion ?? 1),
      defaultVersionNumber: Number(template.props.defaultVersion ?? 1),
      tagSet: tagSet(template),
    }));
    const chosen = select(templates, parameters, {
      ids: ["LaunchTemplateId", "launchTemplateId", "InvalidLaunchTemplateId.NotFound"],
      filters: { "launch-template-name": (each) => each.launchTemplateName },
    });
    return { launchTemplates: { item: chosen } };
  },
};

/** Rules of a group: those written in the group itself, and those that are resources of their own. */
function permissions(account: AccountStore, group: StoredResource, direction: "ingress" | "egress"): Xml[] {
  const inline = ((group.props[direction] ?? []) as Record<string, unknown>[]).map((rule) =>
    permission(rule.protocol, rule.fromPort, rule.toPort, texts(rule.cidrBlocks), texts(rule.securityGroups)),
  );
  const name = direction === "ingress" ? "SecurityGroupIngressRule" : "SecurityGroupEgressRule";
  const own = account
    .list(`aws:vpc/${name[0]?.toLowerCase()}${name.slice(1)}:${name}`)
    .filter((rule) => rule.props.securityGroupId === group.id)
    .map(({ props }) =>
      permission(props.ipProtocol, props.fromPort, props.toPort, [props.cidrIpv4 ?? []].flat().map(String), [
        ...[props.referencedSecurityGroupId ?? []].flat().map(String),
      ]),
    );
  return [...inline, ...own];
}

function permission(protocol: unknown, from: unknown, to: unknown, cidrs: string[], groups: string[]): Xml {
  const isAll = String(protocol) === "-1";
  return {
    ipProtocol: text(protocol, "-1"),
    fromPort: isAll || from === undefined ? undefined : Number(from),
    toPort: isAll || to === undefined ? undefined : Number(to),
    ipRanges: { item: cidrs.map((cidrIp) => ({ cidrIp })) },
    groups: { item: groups.map((groupId) => ({ groupId })) },
  };
}

const tagsOf = (resource: StoredResource | undefined) =>
  (resource?.props.tagsAll ?? resource?.props.tags ?? {}) as Record<string, string>;

function tagSet(resource: StoredResource): Xml {
  return { item: Object.entries(tagsOf(resource)).map(([key, value]) => ({ key, value })) };
}

function optional(value: unknown): string | undefined {
  return value === undefined || value === null || value === "" ? undefined : String(value);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
