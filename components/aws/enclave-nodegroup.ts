import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { enclaveNodeKey } from "../../contract/enclave-node-key.ts";
import { checkArgs } from "../check-args.ts";
import { managedPolicyArn } from "./arn.ts";
import type { AllocatorSize } from "./enclave-allocator.ts";
import { createLaunchTemplate, type NodeImage } from "./enclave-launch-template.ts";

/** Spelled as Kubernetes does. */
export interface EnclaveTaint {
  key: string;
  value: string;
  effect: "NoSchedule";
}

/** Keeps everything off an enclave node that does not tolerate it; spelled as Kubernetes does. */
export const enclaveTaints = [{ key: enclaveNodeKey, value: "true", effect: "NoSchedule" }] as const;

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
  /** @default one that Pulumi makes, so that a replaced group's nodes are there before the old ones go */
  nodegroupName?: string | undefined;
  instanceType: string;
  image: NodeImage;
  size: { min: number; max: number; desired: number };
  /** @default "on-demand" */
  capacity?: "on-demand" | "spot";
  /** @default 100 */
  rootVolumeGib?: number;
  /** @default the account's usual key */
  volumeKeyArn?: string | undefined;
  allocator: AllocatorSize;
  /** Whether Session Manager opens shells on the nodes. @default false */
  ssm?: boolean;
  /** Beside the cluster's own. @default none */
  securityGroupIds?: readonly pulumi.Input<string>[] | undefined;
  /** Beside the one for enclaves, until somebody takes them away. @default none */
  taints?: readonly EnclaveTaint[] | undefined;
  /** Beside the one for enclaves. @default none */
  labels?: Readonly<Record<string, string>>;
  /** Of machines, volumes and network interfaces, which a provider's default tags do not reach. @default none */
  tags?: Readonly<Record<string, string>>;
  /** What has to be as it should before machines come or go; a component's own dependencies do not reach what it makes. @default nothing */
  after?: readonly pulumi.Resource[];
}

/**
 * Nodes that can run Nitro Enclaves, and nothing that does not tolerate them. Creates: node role with its policies,
 * launch template, managed node group.
 *
 * IMDSv2, the enclave option and the encrypted disk can't be changed from outside, and there is no key to log in with.
 */
export class EnclaveNodegroup extends pulumi.ComponentResource {
  readonly nodegroupName: pulumi.Output<string>;
  readonly nodeRoleArn: pulumi.Output<string>;

  constructor(name: string, args: EnclaveNodegroupArgs, opts?: pulumi.ComponentResourceOptions) {
    const rootVolumeGib = args.rootVolumeGib ?? 100;
    check(name, args, rootVolumeGib);
    super("quorate:aws:EnclaveNodegroup", name, {}, opts);
    const labels = { ...args.labels, [enclaveNodeKey]: "true" };
    const { role, policies } = createNodeRole(this, name, args.region, args.ssm ?? false);
    const taints = [...enclaveTaints, ...(args.taints ?? [])];
    const template = createLaunchTemplate(this, name, args, { rootVolumeGib, labels, taints });
    const nodegroup = createNodegroup(this, name, args, { role, policies, template, labels, taints });
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

function createNodeRole(parent: EnclaveNodegroup, name: string, region: string, ssm: boolean) {
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
    ...(ssm ? { ssm: "AmazonSSMManagedInstanceCore" } : {}),
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

function createNodegroup(
  parent: EnclaveNodegroup,
  name: string,
  args: EnclaveNodegroupArgs,
  {
    role,
    policies,
    template,
    labels,
    taints,
  }: ReturnType<typeof createNodeRole> & {
    template: aws.ec2.LaunchTemplate;
    labels: Record<string, string>;
    taints: readonly EnclaveTaint[];
  },
) {
  return new aws.eks.NodeGroup(
    `${name}-nodegroup`,
    {
      clusterName: args.cluster.name,
      ...(args.nodegroupName !== undefined && { nodeGroupName: args.nodegroupName }),
      nodeRoleArn: role.arn,
      subnetIds: args.cluster.subnetIds,
      instanceTypes: [args.instanceType],
      capacityType: args.capacity === "spot" ? "SPOT" : "ON_DEMAND",
      ...imageChoice(args),
      scalingConfig: { minSize: args.size.min, maxSize: args.size.max, desiredSize: args.size.desired },
      updateConfig: { maxUnavailable: 1 },
      labels,
      taints: taints.map((taint) => ({ ...taint, effect: "NO_SCHEDULE" })),
      launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
    },
    // Without its policies the role's first node never joins.
    { parent, dependsOn: [...policies, ...(args.after ?? [])] },
  );
}

/** EKS refuses type and release where the launch template names an image of one's own. */
function imageChoice({ image, cluster }: EnclaveNodegroupArgs) {
  if ("amiId" in image) return {};
  return {
    amiType: "AL2023_x86_64_STANDARD",
    releaseVersion: pulumi
      .all([cluster.version, cluster.name])
      .apply(([version, name]) => matchingRelease(image.releaseVersion, version, name)),
  };
}

/** The release, once it is known to be of the control plane's version. */
export function matchingRelease(releaseVersion: string, version: string, clusterName: string): string {
  if (releaseVersion.startsWith(`${version}.`)) return releaseVersion;
  throw new pulumi.InputPropertyError({
    propertyPath: "image.releaseVersion",
    reason: `${releaseVersion} is not of ${version}, which cluster ${clusterName} runs`,
  });
}
