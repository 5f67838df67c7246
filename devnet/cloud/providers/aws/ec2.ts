import { createHash } from "node:crypto";
import type { Properties } from "../property-values.ts";
import { same } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, hexId, list, text } from "./aws-resource.ts";
import { eipType, elasticIp } from "./elastic-ip.ts";
import { openEndpointService, serviceLabel } from "./endpoint-service.ts";

const templateType = "aws:ec2/launchTemplate:LaunchTemplate";
/** Versions of a launch template stay as they were; this type is the store's own, Pulumi has none for it. */
export const templateVersionType = "aws:ec2/launchTemplate:Version";
const groupType = "aws:ec2/securityGroup:SecurityGroup";
const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";

const arn = (caller: AwsCaller, rest: string) => `arn:aws:ec2:${caller.region}:${caller.account.accountId}:${rest}`;

/** Inputs that describe the template, not the machines that are made from it. */
const notOfVersion = new Set(["defaultVersion", "updateDefaultVersion", "name", "namePrefix", "tags", "tagsAll"]);

const versionOf = (inputs: Properties) =>
  Object.fromEntries(Object.entries(inputs).filter(([name]) => !notOfVersion.has(name)));

const launchTemplate: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    if (caller.store.list(templateType).some(({ props }) => props.name === name))
      throw awsError(
        "EC2",
        "CreateLaunchTemplate",
        400,
        "InvalidLaunchTemplateName.AlreadyExistsException",
        "Launch template name already in use.",
      );
    const id = hexId("lt");
    return { id, computed: { arn: arn(caller, `launch-template/${id}`), latestVersion: 1, defaultVersion: 1 } };
  },
  update(_caller, _id, inputs, before) {
    const before_ = versionOf(Object.fromEntries(Object.keys(inputs).map((name) => [name, before[name]])));
    const changed = !same(before_, versionOf(inputs)) || Object.keys(before).some((name) => dropped(name, inputs));
    const latestVersion = Number(before.latestVersion) + (changed ? 1 : 0);
    const defaultVersion =
      inputs.updateDefaultVersion === true
        ? latestVersion
        : Number(inputs.defaultVersion ?? before.defaultVersion ?? 1);
    return { latestVersion, defaultVersion };
  },
  async settle(caller, id, props) {
    const version = text(props.latestVersion);
    const versionId = `${id}:${version}`;
    if (!caller.store.get(templateVersionType, versionId))
      await caller.store.put({ type: templateVersionType, id: versionId, props: versionOf(props) });
    return {};
  },
  async remove(caller, id) {
    for (const version of caller.store.list(templateVersionType))
      if (version.id.startsWith(`${id}:`)) await caller.store.delete(templateVersionType, version.id);
  },
};

const templateOutputs = new Set(["arn", "latestVersion", "defaultVersion", "region"]);
const dropped = (name: string, inputs: Properties) =>
  !notOfVersion.has(name) && !templateOutputs.has(name) && !(name in inputs);

/** The launch template's version that a node group names: a number, `$Latest` or `$Default`. */
export function launchTemplateVersion(
  caller: AwsCaller,
  reference: { id?: string; name?: string; version?: string },
): { id: string; name: string; version: string; props: Properties } {
  const template = caller.store
    .list(templateType)
    .find(({ id, props }) => id === reference.id || (reference.name !== undefined && props.name === reference.name));
  const missing = (message: string) => awsError("EKS", "CreateNodegroup", 400, "InvalidRequestException", message);
  if (!template) throw missing(`Launch template ${reference.id ?? reference.name} can't be found.`);
  const asked = reference.version ?? "$Default";
  const version = text(
    asked === "$Latest" ? template.props.latestVersion : asked === "$Default" ? template.props.defaultVersion : asked,
  );
  const found = caller.store.get(templateVersionType, `${template.id}:${version}`);
  if (!found) throw missing(`You requested version ${version} of launch template ${template.id}, which doesn't exist.`);
  return { id: template.id, name: text(template.props.name), version, props: found.props };
}

function requireVpc(caller: AwsCaller, operation: string, vpcId: unknown): void {
  if (vpcId !== caller.account.vpc.vpcId)
    throw awsError("EC2", operation, 400, "InvalidVpcID.NotFound", `The vpc ID '${text(vpcId)}' does not exist`);
}

const securityGroup: AwsResource = {
  create(caller, inputs) {
    const vpcId = inputs.vpcId ?? caller.account.vpc.vpcId;
    requireVpc(caller, "CreateSecurityGroup", vpcId);
    const name = text(inputs.name);
    if (caller.store.list(groupType).some(({ props }) => props.name === name && props.vpcId === vpcId))
      throw awsError(
        "EC2",
        "CreateSecurityGroup",
        400,
        "InvalidGroup.Duplicate",
        `The security group '${name}' already exists for VPC '${text(vpcId)}'`,
      );
    const id = hexId("sg");
    return {
      id,
      computed: {
        arn: arn(caller, `security-group/${id}`),
        ownerId: caller.account.accountId,
        vpcId,
        ingress: inputs.ingress ?? [],
        egress: inputs.egress ?? [],
      },
    };
  },
  async remove(caller, id) {
    const user = caller.store.list(endpointType).find(({ props }) => list(props.securityGroupIds).includes(id));
    if (user)
      throw awsError("EC2", "DeleteSecurityGroup", 400, "DependencyViolation", `resource ${id} has a dependent object`);
    for (const type of Object.keys(ruleTypes))
      for (const rule of caller.store.list(type))
        if (rule.props.securityGroupId === id) await caller.store.delete(type, rule.id);
  },
};

const ruleTypes = {
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "AuthorizeSecurityGroupIngress",
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "AuthorizeSecurityGroupEgress",
} as const;

const ruleFields = [
  "securityGroupId",
  "ipProtocol",
  "fromPort",
  "toPort",
  "cidrIpv4",
  "cidrIpv6",
  "prefixListId",
  "referencedSecurityGroupId",
];

const securityGroupRule = (type: keyof typeof ruleTypes): AwsResource => {
  const check = (caller: AwsCaller, inputs: Properties, own?: string) => {
    const operation = ruleTypes[type];
    for (const group of [inputs.securityGroupId, inputs.referencedSecurityGroupId])
      if (group !== undefined && !caller.store.get(groupType, text(group).split("/").at(-1) ?? ""))
        throw awsError(
          "EC2",
          operation,
          400,
          "InvalidGroup.NotFound",
          `The security group '${text(group)}' does not exist`,
        );
    const twin = caller.store
      .list(type)
      .find((rule) => rule.id !== own && ruleFields.every((field) => same(rule.props[field], inputs[field])));
    if (twin) throw awsError("EC2", operation, 400, "InvalidPermission.Duplicate", "the specified rule already exists");
  };
  return {
    create(caller, inputs) {
      check(caller, inputs);
      const id = hexId("sgr");
      return { id, computed: { arn: arn(caller, `security-group-rule/${id}`), securityGroupRuleId: id } };
    },
    update(caller, id, inputs) {
      check(caller, inputs, id);
      return {};
    },
  };
};

const vpcEndpoint: AwsResource = {
  create(caller, inputs) {
    requireVpc(caller, "CreateVpcEndpoint", inputs.vpcId);
    const serviceName = text(inputs.serviceName);
    const state = openEndpointService(caller, serviceName, text(inputs.serviceRegion ?? caller.region));
    const subnetIds = list<string>(inputs.subnetIds);
    requireSubnets(caller, "CreateVpcEndpoint", subnetIds);
    const id = hexId("vpce");
    const interfaceEndpoint = inputs.vpcEndpointType === "Interface";
    return {
      id,
      computed: {
        arn: arn(caller, `vpc-endpoint/${id}`),
        ownerId: caller.account.accountId,
        requesterManaged: false,
        state,
        policy: inputs.policy ?? "",
        ipAddressType: inputs.ipAddressType ?? "ipv4",
        cidrBlocks: [],
        routeTableIds: inputs.routeTableIds ?? [],
        securityGroupIds: inputs.securityGroupIds ?? [],
        subnetIds,
        networkInterfaceIds: interfaceEndpoint ? subnetIds.map(() => hexId("eni")) : [],
        dnsOptions: inputs.dnsOptions ?? { dnsRecordIpType: "ipv4", privateDnsOnlyForInboundResolverEndpoint: false },
        dnsEntries: interfaceEndpoint ? dnsEntries(caller, id, serviceName, subnetIds) : [],
        subnetConfigurations: inputs.subnetConfigurations ?? [],
      },
    };
  },
  update: (caller, _id, inputs, before) => {
    const subnetIds = list<string>(inputs.subnetIds);
    requireSubnets(caller, "ModifyVpcEndpoint", subnetIds);
    return {
      networkInterfaceIds: subnetIds.map((_, index) => list<string>(before.networkInterfaceIds)[index] ?? hexId("eni")),
    };
  },
};

/** Regional name first, then one per zone, as AWS lists them. */
function dnsEntries(caller: AwsCaller, id: string, serviceName: string, subnetIds: string[]): Properties[] {
  const service = serviceLabel(serviceName);
  const suffix = createHash("sha256").update(id).digest("hex").slice(0, 8);
  const domain = `${service}.${caller.region}.vpce.amazonaws.com`;
  const hostedZoneId = "Z38GZ743OKFT7T";
  const zones = subnetIds.flatMap((subnet) => caller.account.vpc.subnets.find(({ id }) => id === subnet)?.az ?? []);
  return [`${id}-${suffix}.${domain}`, ...zones.map((zone) => `${id}-${suffix}-${zone}.${domain}`)].map((dnsName) => ({
    dnsName,
    hostedZoneId,
  }));
}

export function requireSubnets(caller: AwsCaller, operation: string, subnetIds: readonly string[]): void {
  for (const subnet of subnetIds)
    if (!caller.account.vpc.subnets.some(({ id }) => id === subnet))
      throw awsError("EC2", operation, 400, "InvalidSubnetID.NotFound", `The subnet ID '${subnet}' does not exist`);
}

export const ec2Resources: { readonly [type: string]: AwsResource } = {
  [templateType]: launchTemplate,
  [groupType]: securityGroup,
  [endpointType]: vpcEndpoint,
  [eipType]: elasticIp,
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": securityGroupRule(
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  ),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": securityGroupRule(
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
  ),
};
