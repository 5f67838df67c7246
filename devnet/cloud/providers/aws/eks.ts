import { createHash, randomUUID } from "node:crypto";
import { operatorArn } from "../../credentials.ts";
import type { Properties } from "../property-values.ts";
import { same } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, hexId, list, record, text } from "./aws-resource.ts";
import { launchTemplateVersion, requireSubnets } from "./ec2.ts";
import { addon, addonType } from "./eks-addon.ts";
import { checkEncryption, encryptionAfter } from "./eks-encryption.ts";
import { reconcileMachines, removeMachines, tokenIssuer, waitForControlPlane } from "./node-group-machines.ts";

const clusterType = "aws:eks/cluster:Cluster";
const nodeGroupType = "aws:eks/nodeGroup:NodeGroup";
const accessEntryType = "aws:eks/accessEntry:AccessEntry";
const accessPolicyType = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation";
const groupType = "aws:ec2/securityGroup:SecurityGroup";

const clusterAdminPolicy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

const arn = (caller: AwsCaller, rest: string) => `arn:aws:eks:${caller.region}:${caller.account.accountId}:${rest}`;

const inUse = (operation: string, message: string) =>
  awsError("EKS", operation, 409, "ResourceInUseException", message);

function requireCluster(caller: AwsCaller, operation: string, name: unknown): Properties {
  const found = caller.store.get(clusterType, text(name));
  if (!found)
    throw awsError("EKS", operation, 404, "ResourceNotFoundException", `No cluster found for name: ${text(name)}.`);
  return found.props;
}

function requireRole(caller: AwsCaller, operation: string, roleArn: unknown): void {
  const name = text(roleArn).split("/").at(-1) ?? "";
  if (caller.store.get("aws:iam/role:Role", name)?.props.arn !== roleArn)
    throw awsError(
      "EKS",
      operation,
      400,
      "InvalidParameterException",
      `Role with arn: ${text(roleArn)} could not be assumed because it does not exist or the trusted entity is not correct`,
    );
}

const cluster: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    if (caller.store.get(clusterType, name)) throw inUse("CreateCluster", `Cluster already exists with name: ${name}`);
    const other = caller.store.list(clusterType)[0];
    if (other)
      throw awsError(
        "EKS",
        "CreateCluster",
        400,
        "ResourceLimitExceededException",
        `Cannot exceed 1 clusters per account in this simulation: ${other.id} has the account's control plane`,
      );
    requireRole(caller, "CreateCluster", inputs.roleArn);
    requireSubnets(caller, "CreateCluster", list<string>(record(inputs.vpcConfig).subnetIds));
    checkEncryption(caller, "CreateCluster", inputs.encryptionConfig);
    const version = text(inputs.version ?? caller.account.cluster.version);
    const { endpoint, caData } = caller.account.cluster;
    return {
      id: name,
      computed: {
        arn: arn(caller, `cluster/${name}`),
        clusterId: "",
        createdAt: new Date().toISOString(),
        endpoint,
        certificateAuthority: { data: caData },
        version,
        platformVersion: "eks.1",
        status: "CREATING",
        accessConfig: {
          authenticationMode: "CONFIG_MAP",
          bootstrapClusterCreatorAdminPermissions: true,
          ...record(inputs.accessConfig),
        },
        kubernetesNetworkConfig: {
          ipFamily: "ipv4",
          serviceIpv4Cidr: "172.20.0.0/16",
          ...record(inputs.kubernetesNetworkConfig),
        },
        upgradePolicy: { supportType: "EXTENDED", ...record(inputs.upgradePolicy) },
        vpcConfig: {
          endpointPrivateAccess: false,
          endpointPublicAccess: true,
          publicAccessCidrs: ["0.0.0.0/0"],
          ...record(inputs.vpcConfig),
          clusterSecurityGroupId: hexId("sg"),
          vpcId: caller.account.vpc.vpcId,
        },
      },
    };
  },
  update(caller, _id, inputs, before) {
    const old = record(before.vpcConfig);
    return {
      encryptionConfig: encryptionAfter(caller, inputs, before),
      version: inputs.version ?? before.version,
      accessConfig: { ...record(before.accessConfig), ...record(inputs.accessConfig) },
      kubernetesNetworkConfig: before.kubernetesNetworkConfig,
      upgradePolicy: { ...record(before.upgradePolicy), ...record(inputs.upgradePolicy) },
      vpcConfig: { ...old, ...record(inputs.vpcConfig) },
    };
  },
  async settle(caller, id, props, before) {
    if (!before) {
      await clusterSecurityGroup(caller, id, props);
      await creatorAccess(caller, id, props);
    }
    await waitForControlPlane(caller.account, caller.signal);
    const issuer = await tokenIssuer(caller.account, caller.signal);
    return { status: "ACTIVE", identities: [{ oidcs: [{ issuer }] }] };
  },
  async remove(caller, id, props) {
    if (props.deletionProtection === true)
      throw awsError(
        "EKS",
        "DeleteCluster",
        400,
        "InvalidRequestException",
        "Deletion protection is enabled for this cluster",
      );
    const group = caller.store.list(nodeGroupType).find((each) => each.props.clusterName === id);
    if (group) throw inUse("DeleteCluster", "Cluster has nodegroups attached");
    for (const type of [addonType, accessEntryType, accessPolicyType])
      for (const each of caller.store.list(type))
        if (each.props.clusterName === id) await caller.store.delete(type, each.id);
    await caller.store.delete(groupType, text(record(props.vpcConfig).clusterSecurityGroupId));
  },
};

/** EKS makes one security group itself, for control plane and managed nodes. */
async function clusterSecurityGroup(caller: AwsCaller, name: string, props: Properties): Promise<void> {
  const id = text(record(props.vpcConfig).clusterSecurityGroupId);
  await caller.store.put({
    type: groupType,
    id,
    props: {
      arn: `arn:aws:ec2:${caller.region}:${caller.account.accountId}:security-group/${id}`,
      name: `eks-cluster-sg-${name}-${createHash("sha256").update(id).digest("hex").slice(0, 10)}`,
      description:
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
      vpcId: caller.account.vpc.vpcId,
      ownerId: caller.account.accountId,
      ingress: [{ fromPort: 0, toPort: 0, protocol: "-1", self: true }],
      egress: [{ fromPort: 0, toPort: 0, protocol: "-1", cidrBlocks: ["0.0.0.0/0"] }],
      tags: { [`kubernetes.io/cluster/${name}`]: "owned", "aws:eks:cluster-name": name },
    },
  });
}

/** Whoever creates a cluster is its first administrator, unless they say otherwise. */
async function creatorAccess(caller: AwsCaller, name: string, props: Properties): Promise<void> {
  if (record(props.accessConfig).bootstrapClusterCreatorAdminPermissions === false) return;
  const principalArn = operatorArn(caller.account.accountId);
  const now = new Date().toISOString();
  await caller.store.put({
    type: accessEntryType,
    id: `${name}:${principalArn}`,
    props: {
      clusterName: name,
      principalArn,
      type: "STANDARD",
      userName: principalArn,
      kubernetesGroups: [],
      accessEntryArn: arn(caller, `access-entry/${name}/user/${caller.account.accountId}/operator/${randomUUID()}`),
      createdAt: now,
      modifiedAt: now,
    },
  });
  await caller.store.put({
    type: accessPolicyType,
    id: `${name}#${principalArn}#${clusterAdminPolicy}`,
    props: {
      clusterName: name,
      principalArn,
      policyArn: clusterAdminPolicy,
      accessScope: { type: "cluster" },
      associatedAt: now,
      modifiedAt: now,
    },
  });
}

const nodeGroup: AwsResource = {
  create(caller, inputs) {
    const ofCluster = requireCluster(caller, "CreateNodegroup", inputs.clusterName);
    const name = text(inputs.nodeGroupName);
    const id = `${text(inputs.clusterName)}:${name}`;
    if (caller.store.get(nodeGroupType, id))
      throw inUse(
        "CreateNodegroup",
        `NodeGroup already exists with name ${name} and cluster name ${text(inputs.clusterName)}`,
      );
    requireRole(caller, "CreateNodegroup", inputs.nodeRoleArn);
    requireSubnets(caller, "CreateNodegroup", list<string>(inputs.subnetIds));
    checkSettings(caller, "CreateNodegroup", inputs, ofCluster);
    const version = text(inputs.version ?? ofCluster.version);
    const imageId = ownImage(caller, inputs);
    return {
      id,
      computed: {
        arn: arn(caller, `nodegroup/${text(inputs.clusterName)}/${name}/${randomUUID()}`),
        status: "CREATING",
        resources: [{ autoscalingGroups: [{ name: `eks-${name}-${randomUUID()}` }], remoteAccessSecurityGroupId: "" }],
        diskSize: inputs.diskSize ?? (inputs.launchTemplate ? 0 : 20),
        instanceTypes: inputs.instanceTypes ?? (inputs.launchTemplate ? [] : ["t3.medium"]),
        updateConfig: inputs.updateConfig ?? { maxUnavailable: 1 },
        version,
        releaseVersion: inputs.releaseVersion ?? imageId ?? `${version}.0-20260304`,
        ...(imageId !== undefined && { amiType: "CUSTOM" }),
        launchTemplate: completeTemplate(caller, inputs),
      },
    };
  },
  update(caller, _id, inputs, before) {
    const ofCluster = requireCluster(caller, "UpdateNodegroupVersion", inputs.clusterName);
    checkSettings(caller, "UpdateNodegroupVersion", inputs, ofCluster);
    const imageId = ownImage(caller, inputs);
    return {
      version: inputs.version ?? before.version,
      releaseVersion: inputs.releaseVersion ?? imageId ?? before.releaseVersion,
      ...(imageId !== undefined && { amiType: "CUSTOM" }),
      updateConfig: inputs.updateConfig ?? before.updateConfig,
      launchTemplate: completeTemplate(caller, inputs),
      status: "UPDATING",
    };
  },
  async settle(caller, id, props, before) {
    await reconcileMachines(caller, props, before).catch(async (failure: unknown) => {
      // An update that fails leaves the group on its old version, and DescribeNodegroup says so: the next one has it all to do again.
      const { launchTemplate, version, releaseVersion } = before ?? props;
      const left = { ...props, launchTemplate, version, releaseVersion, status: "ACTIVE" };
      if (before) await caller.store.put({ type: "aws:eks/nodeGroup:NodeGroup", id, props: left });
      throw failure;
    });
    return { status: "ACTIVE" };
  },
  remove: (caller, _id, props) => removeMachines(caller, text(props.nodeGroupName)),
};

function completeTemplate(caller: AwsCaller, inputs: Properties): Properties | undefined {
  if (!inputs.launchTemplate) return undefined;
  const asked = record(inputs.launchTemplate) as { id?: string; name?: string; version?: string };
  const { id, name } = launchTemplateVersion(caller, asked);
  return { ...asked, id, name };
}

/** The image that the launch template names; of such a group EKS says that its type is `CUSTOM` and its release the image's id. */
function ownImage(caller: AwsCaller, inputs: Properties): string | undefined {
  if (!inputs.launchTemplate) return undefined;
  const { props } = launchTemplateVersion(caller, record(inputs.launchTemplate));
  return props.imageId as string | undefined;
}

function checkSettings(caller: AwsCaller, operation: string, inputs: Properties, ofCluster: Properties): void {
  const invalid = (message: string) => awsError("EKS", operation, 400, "InvalidParameterException", message);
  const { minSize, maxSize, desiredSize } = record(inputs.scalingConfig) as {
    minSize: number;
    maxSize: number;
    desiredSize: number;
  };
  if (minSize > desiredSize)
    throw invalid(`Minimum capacity ${minSize} can't be greater than desired size ${desiredSize}`);
  if (desiredSize > maxSize) throw invalid(`desired capacity ${desiredSize} can't be greater than max size ${maxSize}`);
  const release = text(inputs.releaseVersion);
  const version = text(inputs.version ?? ofCluster.version);
  const template = inputs.launchTemplate
    ? launchTemplateVersion(caller, record(inputs.launchTemplate) as { id?: string; name?: string; version?: string })
    : undefined;
  if (template?.props.imageId && (release || inputs.amiType))
    throw invalid("You cannot specify an AMI type or a release version with a launch template that names an AMI");
  if (release && !release.startsWith(`${version}.`))
    throw invalid(
      `Requested Nodegroup release version ${release} is invalid. Allowed kubernetes version is ${version}`,
    );
  if (template?.props.instanceType && list(inputs.instanceTypes).length > 0)
    throw invalid("Cannot specify instance types in launch template and API request");
  if (template && inputs.diskSize) throw invalid("Disk size must be specified within the launch template.");
}

const accessEntry: AwsResource = {
  create(caller, inputs) {
    requireCluster(caller, "CreateAccessEntry", inputs.clusterName);
    const principalArn = text(inputs.principalArn);
    const id = `${text(inputs.clusterName)}:${principalArn}`;
    if (caller.store.get(accessEntryType, id))
      throw inUse("CreateAccessEntry", "The specified access entry resource is already in use on this cluster.");
    const now = new Date().toISOString();
    const kind = principalArn.split(":").at(-1) ?? "";
    return {
      id,
      computed: {
        accessEntryArn: arn(caller, `access-entry/${text(inputs.clusterName)}/${kind}/${randomUUID()}`),
        userName: inputs.userName ?? principalArn,
        kubernetesGroups: inputs.kubernetesGroups ?? [],
        createdAt: now,
        modifiedAt: now,
      },
    };
  },
  update: (_caller, _id, inputs, before) => ({
    userName: inputs.userName ?? before.userName,
    kubernetesGroups: inputs.kubernetesGroups ?? [],
    modifiedAt: new Date().toISOString(),
  }),
};

const accessPolicyAssociation: AwsResource = {
  create(caller, inputs) {
    requireCluster(caller, "AssociateAccessPolicy", inputs.clusterName);
    const { clusterName, principalArn, policyArn } = inputs;
    const entry = caller.store
      .list(accessEntryType)
      .some(({ props }) => same(props.clusterName, clusterName) && same(props.principalArn, principalArn));
    if (!entry)
      throw awsError(
        "EKS",
        "AssociateAccessPolicy",
        404,
        "ResourceNotFoundException",
        `The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.`,
      );
    const now = new Date().toISOString();
    return {
      id: `${text(clusterName)}#${text(principalArn)}#${text(policyArn)}`,
      computed: { associatedAt: now, modifiedAt: now },
    };
  },
};

export const eksResources: { readonly [type: string]: AwsResource } = {
  [clusterType]: cluster,
  [nodeGroupType]: nodeGroup,
  [addonType]: addon,
  [accessEntryType]: accessEntry,
  [accessPolicyType]: accessPolicyAssociation,
};
