import { randomBytes } from "node:crypto";
import { operatorArn } from "../../credentials.ts";
import { loadBalancerType } from "../../load-balancers.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, awsError, list, record, text } from "./aws-resource.ts";
import { getElasticIp } from "./elastic-ip.ts";
import { instanceType } from "./instance-types.ts";
import { renderPolicyDocument } from "./policy-document.ts";

type Invoke = (caller: AwsCaller, args: Properties) => Properties;

const randomId = () => randomBytes(4).readUInt32BE().toString();

type Subnet = AwsCaller["account"]["vpc"]["subnets"][number];

function subnetResult(caller: AwsCaller, subnet: Subnet): Properties {
  const { accountId, vpc } = caller.account;
  return {
    id: subnet.id,
    arn: `arn:aws:ec2:${caller.region}:${accountId}:subnet/${subnet.id}`,
    assignIpv6AddressOnCreation: false,
    availabilityZone: subnet.az,
    availabilityZoneId: zoneId(subnet.az),
    availableIpAddressCount: 251,
    cidrBlock: subnet.cidr,
    customerOwnedIpv4Pool: "",
    defaultForAz: false,
    enableDns64: false,
    enableLniAtDeviceIndex: 0,
    enableResourceNameDnsARecordOnLaunch: false,
    enableResourceNameDnsAaaaRecordOnLaunch: false,
    ipv6CidrBlock: "",
    ipv6CidrBlockAssociationId: "",
    ipv6Native: false,
    mapCustomerOwnedIpOnLaunch: false,
    mapPublicIpOnLaunch: subnet.mapPublicIpOnLaunch,
    outpostArn: "",
    ownerId: accountId,
    privateDnsHostnameTypeOnLaunch: "ip-name",
    region: caller.region,
    state: "available",
    tags: {},
    vpcId: vpc.vpcId,
  };
}

/** `euw1-az1` for `eu-west-1a`. Real accounts each have an order of their own; here all zones are named alike. */
function zoneId(zone: string): string {
  const [, area = "", place = "", number = "", letter = "a"] = /^([a-z]+)-([a-z-]+)-(\d)([a-z])$/.exec(zone) ?? [];
  const short = place.replace(
    /^(north|south|central)?(east|west)?.*$/,
    (_all, one = "", two = "") => `${one[0] ?? ""}${two[0] ?? ""}`,
  );
  return `${area}${short}${number}-az${letter.charCodeAt(0) - 96}`;
}

/** The load balancer of an account that has all the given tags, or the given ARN or name. Its controller made it, not Pulumi. */
const getLoadBalancer: Invoke = (caller, args) => {
  const tags = Object.entries(record(args.tags));
  const found = caller.store
    .list(loadBalancerType)
    .filter(
      ({ props }) =>
        (args.arn === undefined || props.arn === args.arn) &&
        (args.name === undefined || props.name === args.name) &&
        tags.every(([key, value]) => record(props.tags)[key] === value),
    );
  const [balancer] = found;
  if (!balancer || found.length > 1)
    throw new Error(
      `Search returned ${found.length} results, please revise so only one is returned: reading ELBv2 Load Balancers`,
    );
  return { ...balancer.props, id: balancer.id, region: caller.region };
};

/** Filters that the simulated VPC can answer; another one is an error, not an empty answer. */
function matches(caller: AwsCaller, subnet: Subnet, args: Properties): boolean {
  const filters = list<{ name: string; values: string[] }>(args.filters);
  const value = (name: string) => {
    switch (name) {
      case "vpc-id":
        return caller.account.vpc.vpcId;
      case "subnet-id":
        return subnet.id;
      case "availability-zone":
        return subnet.az;
      case "cidr-block":
        return subnet.cidr;
      case "map-public-ip-on-launch":
        return String(subnet.mapPublicIpOnLaunch);
      default:
        throw awsError("EC2", "DescribeSubnets", 400, "InvalidParameterValue", `The filter '${name}' is invalid`);
    }
  };
  return (
    filters.every(({ name, values }) => values.includes(value(name))) &&
    (args.id === undefined || args.id === subnet.id) &&
    (args.vpcId === undefined || args.vpcId === caller.account.vpc.vpcId) &&
    (args.availabilityZone === undefined || args.availabilityZone === subnet.az) &&
    (args.cidrBlock === undefined || args.cidrBlock === subnet.cidr)
  );
}

const getCluster: Invoke = (caller, args) => {
  const found = caller.store.get("aws:eks/cluster:Cluster", text(args.name));
  if (!found)
    throw awsError(
      "EKS",
      "DescribeCluster",
      404,
      "ResourceNotFoundException",
      `No cluster found for name: ${text(args.name)}.`,
    );
  const props = found.props;
  const listed = (value: unknown) => (value === undefined ? [] : [value].flat());
  return {
    id: found.id,
    name: found.id,
    arn: props.arn,
    accessConfigs: listed(props.accessConfig),
    certificateAuthorities: listed(props.certificateAuthority),
    clusterId: props.clusterId ?? "",
    computeConfigs: listed(props.computeConfig),
    controlPlaneScalingConfigs: [],
    createdAt: props.createdAt,
    deletionProtection: props.deletionProtection ?? false,
    enabledClusterLogTypes: props.enabledClusterLogTypes ?? [],
    endpoint: props.endpoint,
    identities: props.identities,
    kubeApiServerConfigs: [],
    kubeControllerManagerConfigs: [],
    kubeSchedulerConfigs: [],
    kubernetesNetworkConfigs: listed(props.kubernetesNetworkConfig),
    outpostConfigs: [],
    platformVersion: props.platformVersion,
    region: caller.region,
    remoteNetworkConfigs: [],
    roleArn: props.roleArn,
    status: props.status,
    storageConfigs: [],
    tags: record(props.tagsAll),
    upgradePolicies: listed(props.upgradePolicy),
    version: props.version,
    vpcConfig: props.vpcConfig,
    zonalShiftConfigs: [],
  };
};

const getAddon: Invoke = (caller, args) => {
  const id = `${text(args.clusterName)}:${text(args.addonName)}`;
  const found = caller.store.get("aws:eks/addon:Addon", id);
  // As the provider words it, whatever EKS answered.
  if (!found) throw new Error(`reading EKS Add-On (${id}): couldn't find resource`);
  const { arn, addonVersion, configurationValues, createdAt, modifiedAt, serviceAccountRoleArn } = found.props;
  return {
    ...{ id, arn, addonVersion, configurationValues, createdAt, modifiedAt, podIdentityAssociations: [] },
    ...{ clusterName: args.clusterName, addonName: args.addonName, region: caller.region },
    serviceAccountRoleArn: serviceAccountRoleArn ?? "",
    tags: record(found.props.tagsAll),
  };
};

const getOpenIdConnectProvider: Invoke = (caller, args) => {
  const found = caller.store.get("aws:iam/openIdConnectProvider:OpenIdConnectProvider", text(args.arn));
  if (!found) throw new Error(`finding IAM OIDC Provider (${text(args.arn)}): couldn't find resource`);
  const { arn, clientIdLists, thumbprintLists, url } = found.props;
  return { id: arn, arn, clientIdLists, thumbprintLists, url, tags: record(found.props.tagsAll) };
};

const getInstanceType: Invoke = (caller, args) => {
  const name = text(args.instanceType);
  const found = instanceType(name);
  if (!found)
    throw awsError(
      "EC2",
      "DescribeInstanceTypes",
      400,
      "InvalidInstanceType",
      `The following supplied instance types do not exist: [${name}]`,
    );
  return {
    id: name,
    instanceType: name,
    region: caller.region,
    bareMetal: false,
    burstablePerformanceSupported: name.startsWith("t"),
    currentGeneration: true,
    defaultCores: found.vcpus / found.threadsPerCore,
    defaultThreadsPerCore: found.threadsPerCore,
    defaultVcpus: found.vcpus,
    hypervisor: "nitro",
    memorySize: found.memoryMib,
    nitroEnclavesSupport: found.enclaves ? "supported" : "unsupported",
    nitroTpmSupport: "supported",
    nitroTpmSupportedVersions: ["2.0"],
    supportedArchitectures: [found.architecture],
  };
};

const getSubnet: Invoke = (caller, args) => {
  const found = caller.account.vpc.subnets.filter((subnet) => matches(caller, subnet, args));
  const [subnet] = found;
  if (!subnet) {
    if (args.id)
      throw awsError(
        "EC2",
        "DescribeSubnets",
        400,
        "InvalidSubnetID.NotFound",
        `The subnet ID '${text(args.id)}' does not exist`,
      );
    throw new Error("reading EC2 Subnet: no matching EC2 Subnet found");
  }
  if (found.length > 1)
    throw new Error("reading EC2 Subnet: multiple EC2 Subnets matched; use additional constraints to reduce matches");
  return subnetResult(caller, subnet);
};

const getVpc: Invoke = (caller, args) => {
  const { vpc, accountId } = caller.account;
  if (args.id !== undefined && args.id !== vpc.vpcId)
    throw awsError("EC2", "DescribeVpcs", 400, "InvalidVpcID.NotFound", `The vpc ID '${text(args.id)}' does not exist`);
  const cidrBlock = vpcCidr(caller);
  return {
    id: vpc.vpcId,
    arn: `arn:aws:ec2:${caller.region}:${accountId}:vpc/${vpc.vpcId}`,
    cidrBlock,
    cidrBlockAssociations: [{ associationId: `${vpc.vpcId}-cidr`, cidrBlock, state: "associated" }],
    default: false,
    dhcpOptionsId: "",
    enableDnsHostnames: true,
    enableDnsSupport: true,
    enableNetworkAddressUsageMetrics: false,
    instanceTenancy: "default",
    ipv6AssociationId: "",
    ipv6CidrBlock: "",
    ipv6CidrBlockAssociations: [],
    mainRouteTableId: "",
    ownerId: accountId,
    region: caller.region,
    state: "available",
    tags: {},
  };
};

/** The /16 that the first subnet is in. */
function vpcCidr(caller: AwsCaller): string {
  const [a = "10", b = "0"] = (caller.account.vpc.subnets[0]?.cidr ?? "10.0.0.0/24").split(".");
  return `${a}.${b}.0.0/16`;
}

export const invokes: { readonly [token: string]: Invoke } = {
  "aws:index/getCallerIdentity:getCallerIdentity": (caller) => ({
    id: caller.account.accountId,
    accountId: caller.account.accountId,
    arn: operatorArn(caller.account.accountId),
    userId: `AIDA${caller.account.accountId}OPER`,
  }),
  "aws:index/getPartition:getPartition": () => ({
    id: "aws",
    partition: "aws",
    dnsSuffix: "amazonaws.com",
    reverseDnsPrefix: "com.amazonaws",
  }),
  "aws:index/getRegion:getRegion": (caller, args) => {
    const name = text(args.region ?? args.name ?? caller.region);
    return { id: name, name, region: name, description: name, endpoint: `ec2.${name}.amazonaws.com` };
  },
  "aws:index/getAvailabilityZones:getAvailabilityZones": (caller) => {
    const names = [...new Set(caller.account.vpc.subnets.map(({ az }) => az))].sort();
    return { id: caller.region, region: caller.region, names, zoneIds: names, groupNames: [caller.region] };
  },
  "aws:eks/getCluster:getCluster": getCluster,
  "aws:eks/getAddon:getAddon": getAddon,
  "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": getOpenIdConnectProvider,
  "aws:eks/getClusterAuth:getClusterAuth": () => {
    throw new Error("getClusterAuth would put a token into the state; use a kubeconfig with exec");
  },
  "aws:ec2/getElasticIp:getElasticIp": getElasticIp,
  "aws:ec2/getSubnet:getSubnet": getSubnet,
  "aws:ec2/getSubnets:getSubnets": (caller, args) => ({
    id: caller.region,
    region: caller.region,
    ids: caller.account.vpc.subnets.filter((subnet) => matches(caller, subnet, args)).map(({ id }) => id),
    filters: args.filters ?? [],
    tags: record(args.tags),
  }),
  "aws:ec2/getVpc:getVpc": getVpc,
  "aws:lb/getLoadBalancer:getLoadBalancer": getLoadBalancer,
  "aws:ec2/getInstanceType:getInstanceType": getInstanceType,
  "aws:iam/getPolicyDocument:getPolicyDocument": (_caller, args) => {
    const json = renderPolicyDocument(args);
    return { ...args, id: randomId(), json, minifiedJson: JSON.stringify(JSON.parse(json)) };
  },
};
