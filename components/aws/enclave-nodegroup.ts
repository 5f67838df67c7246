import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { managedPolicyArn } from "./arn.ts";
import { type AllocatorSize, enclaveUserData } from "./enclave-user-data.ts";

/** Label and taint of an enclave node. */
export const enclaveNodeKey = "node.kubernetes.io/enclave-enabled";

export interface EnclaveNodegroupArgs {
  region: string;
  cluster: {
    name: pulumi.Input<string>;
    /** Kubernetes minor version of the control plane. */
    version: pulumi.Input<string>;
    /** Private subnets only: an enclave node has no business on the internet. */
    subnetIds: pulumi.Input<pulumi.Input<string>[]>;
    securityGroupId: pulumi.Input<string>;
  };
  instanceType: string;
  /** Release of the AL2023 image, `<kubernetes version>-<date>`. */
  amiReleaseVersion: string;
  size: { min: number; max: number; desired: number };
  /** @default 100 */
  rootVolumeGib?: number;
  allocator: AllocatorSize;
}

/**
 * Nodes that can run Nitro Enclaves, and nothing that does not tolerate them. Creates: node role with its policies,
 * launch template, managed node group.
 *
 * IMDSv2, the enclave option and the encrypted disk can't be changed from outside.
 */
export class EnclaveNodegroup extends pulumi.ComponentResource {
  readonly nodegroupName: pulumi.Output<string>;
  readonly nodeRoleArn: pulumi.Output<string>;

  constructor(name: string, args: EnclaveNodegroupArgs, opts?: pulumi.ComponentResourceOptions) {
    const rootVolumeGib = args.rootVolumeGib ?? 100;
    check(name, args, rootVolumeGib);
    super("quorate:aws:EnclaveNodegroup", name, {}, opts);
    const { role, policies } = createNodeRole(this, name, args.region);
    const template = createLaunchTemplate(this, name, args, rootVolumeGib);
    const nodegroup = createNodegroup(this, name, args, role, policies, template);
    this.nodegroupName = nodegroup.nodeGroupName;
    this.nodeRoleArn = role.arn;
    this.registerOutputs({ nodegroupName: this.nodegroupName, nodeRoleArn: this.nodeRoleArn });
  }
}

function check(name: string, { size, allocator }: EnclaveNodegroupArgs, rootVolumeGib: number) {
  checkArgs(`enclave node group ${name}`, [
    !(size.min <= size.desired && size.desired <= size.max) && {
      propertyPath: "size",
      reason: `needs min ≤ desired ≤ max, found ${size.min}, ${size.desired}, ${size.max}`,
    },
    allocator.cpuCount % 2 !== 0 && {
      propertyPath: "allocator.cpuCount",
      reason: `an enclave takes whole cores, so it has to be even, found ${allocator.cpuCount}`,
    },
    allocator.memoryMib % 1024 !== 0 && {
      propertyPath: "allocator.memoryMib",
      reason: `the core asks for huge pages of 1 GiB, so it has to be whole GiB, found ${allocator.memoryMib} MiB`,
    },
    rootVolumeGib < 100 && {
      propertyPath: "rootVolumeGib",
      reason: `enclave images and logs need at least 100 GiB, found ${rootVolumeGib}`,
    },
  ]);
}

function createNodeRole(parent: EnclaveNodegroup, name: string, region: string) {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
  };
  const role = new aws.iam.Role(`${name}-role`, { assumeRolePolicy: JSON.stringify(trust) }, { parent });
  const policies = Object.entries({
    worker: "AmazonEKSWorkerNodePolicy",
    network: "AmazonEKS_CNI_Policy",
    registry: "AmazonEC2ContainerRegistryReadOnly",
    volumes: "service-role/AmazonEBSCSIDriverPolicy",
  }).map(
    ([kind, policy]) =>
      new aws.iam.RolePolicyAttachment(
        `${name}-${kind}-policy`,
        { role: role.name, policyArn: managedPolicyArn(region, policy) },
        { parent },
      ),
  );
  return { role, policies };
}

function createLaunchTemplate(
  parent: EnclaveNodegroup,
  name: string,
  args: EnclaveNodegroupArgs,
  rootVolumeGib: number,
) {
  return new aws.ec2.LaunchTemplate(
    `${name}-template`,
    {
      updateDefaultVersion: true,
      enclaveOptions: { enabled: true },
      // Two hops: the answer to a pod that is not on the host's network passes one router more.
      metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 2 },
      // The node group's own disk size is ignored once there is a launch template.
      blockDeviceMappings: [
        {
          deviceName: "/dev/xvda",
          ebs: { volumeType: "gp3", volumeSize: rootVolumeGib, encrypted: "true", deleteOnTermination: "true" },
        },
      ],
      vpcSecurityGroupIds: [args.cluster.securityGroupId],
      userData: Buffer.from(enclaveUserData(args.allocator)).toString("base64"),
      tagSpecifications: ["instance", "volume"].map((resourceType) => ({ resourceType, tags: { Name: name } })),
    },
    { parent },
  );
}

function createNodegroup(
  parent: EnclaveNodegroup,
  name: string,
  args: EnclaveNodegroupArgs,
  role: aws.iam.Role,
  policies: aws.iam.RolePolicyAttachment[],
  template: aws.ec2.LaunchTemplate,
) {
  return new aws.eks.NodeGroup(
    `${name}-nodegroup`,
    {
      clusterName: args.cluster.name,
      nodeRoleArn: role.arn,
      subnetIds: args.cluster.subnetIds,
      instanceTypes: [args.instanceType],
      capacityType: "ON_DEMAND",
      amiType: "AL2023_x86_64_STANDARD",
      releaseVersion: pulumi
        .output(args.cluster.version)
        .apply((version) => matchingRelease(args.amiReleaseVersion, version)),
      scalingConfig: { minSize: args.size.min, maxSize: args.size.max, desiredSize: args.size.desired },
      updateConfig: { maxUnavailable: 1 },
      labels: { [enclaveNodeKey]: "true" },
      taints: [{ key: enclaveNodeKey, value: "true", effect: "NO_SCHEDULE" }],
      launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
    },
    // Without its policies the role's first node never joins.
    { parent, dependsOn: policies },
  );
}

/**
 * The release, once it is known to fit the control plane: EKS refuses another minor version only after minutes of
 * waiting.
 */
export function matchingRelease(amiReleaseVersion: string, version: string): string {
  if (amiReleaseVersion.startsWith(`${version}.`)) return amiReleaseVersion;
  throw new pulumi.InputPropertyError({
    propertyPath: "amiReleaseVersion",
    reason: `release ${amiReleaseVersion} is not of the cluster's Kubernetes version ${version}`,
  });
}
