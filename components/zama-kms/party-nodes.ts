import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { NodeImage } from "../aws/enclave-launch-template.ts";
import { EnclaveNodegroup, enclaveTaints } from "../aws/enclave-nodegroup.ts";
import { EnclaveDevicePlugin } from "../kubernetes/enclave-device-plugin.ts";
import type { PartyArgs } from "./party-args.ts";
import type { KubeIpParts } from "./party-kubeip.ts";

/** What the parties call the kind of environment on their nodes. @see terraform-mpc-modules examples/mpc-party */
const environmentLabels = { mainnet: "prod", testnet: "test", devnet: "dev" };

/** The nodes that the party's enclave runs on, and what offers enclaves to the scheduler. */
export function createNodes(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  kubeip: KubeIpParts | undefined,
  after: readonly pulumi.Resource[],
): EnclaveNodegroup {
  const { config, manifest, cluster, party } = args;
  const nodes = config.enclaveNodes;
  if (nodes.devicePlugin === "created")
    new EnclaveDevicePlugin(
      `${name}-device-plugin`,
      { taints: enclaveTaints, image: nodes.devicePluginImage },
      { parent },
    );
  return new EnclaveNodegroup(
    `${name}-enclaves`,
    {
      region: config.region,
      cluster: {
        name: cluster.clusterName,
        version: cluster.version,
        subnetIds: kubeip?.nodes.subnetIds ?? cluster.privateSubnetIds,
        securityGroupId: cluster.securityGroupId,
      },
      nodegroupName: nodes.name,
      instanceType: nodes.instanceType,
      image: imageOf(parent, args),
      size: { min: nodes.minSize, max: nodes.maxSize, desired: nodes.desiredSize },
      capacity: nodes.capacity,
      rootVolumeGib: nodes.rootVolumeGib,
      volumeKeyArn: nodes.volumeKeyArn,
      allocator: args.allocator,
      ssm: nodes.ssm,
      securityGroupIds: [...(nodes.securityGroupIds ?? []), ...(kubeip?.nodes.securityGroupIds ?? [])],
      taints: kubeip?.nodes.taints,
      labels: {
        nodepool: "kms",
        environment: environmentLabels[manifest.environment],
        ...nodes.labels,
        "party-id": String(party.id),
        ...kubeip?.nodes.labels,
      },
      tags: args.tags,
      after,
    },
    { parent },
  );
}

function imageOf(parent: pulumi.Resource, { config, cluster }: PartyArgs): NodeImage {
  const { amiId, amiReleaseVersion = "" } = config.enclaveNodes;
  if (amiId === undefined) return { releaseVersion: amiReleaseVersion };
  const { endpoint, certificateAuthorityData } = cluster;
  // Only a cluster that is there can be asked, and its endpoint is known when it is.
  const serviceCidr = pulumi
    .all([cluster.clusterName, endpoint])
    .apply(([name]) => aws.eks.getCluster({ name }, { parent }))
    .apply(({ kubernetesNetworkConfigs: [network] }) => network?.serviceIpv4Cidr || network?.serviceIpv6Cidr || "");
  return { amiId, cluster: { endpoint, certificateAuthorityData, serviceCidr } };
}
