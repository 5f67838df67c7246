import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AllocatorSize } from "./enclave-allocator.ts";
import { type ClusterToJoin, enclaveUserData } from "./enclave-user-data.ts";

/** A release of Amazon's AL2023, `<kubernetes version>-<date>`, or an image of one's own, which has to be told its cluster. */
export type NodeImage =
  | { releaseVersion: string }
  | {
      amiId: string;
      cluster: {
        endpoint: pulumi.Input<string>;
        /** Base64 of PEM. */
        certificateAuthorityData: pulumi.Input<string>;
        serviceCidr: pulumi.Input<string>;
      };
    };

/** What is not decided here, of a node group's arguments. */
interface LaunchTemplateArgs {
  cluster: { name: pulumi.Input<string>; securityGroupId: pulumi.Input<string> };
  image: NodeImage;
  volumeKeyArn?: string | undefined;
  allocator: AllocatorSize;
  securityGroupIds?: readonly pulumi.Input<string>[] | undefined;
  tags?: Readonly<Record<string, string>>;
}

interface Settled extends Pick<ClusterToJoin, "labels" | "taints"> {
  rootVolumeGib: number;
}

/** What every machine of an enclave node group is made from. */
export function createLaunchTemplate(
  parent: pulumi.Resource,
  name: string,
  args: LaunchTemplateArgs,
  settled: Settled,
): aws.ec2.LaunchTemplate {
  const own = "amiId" in args.image;
  return new aws.ec2.LaunchTemplate(
    // EKS never brings a node group from Amazon's image to another; of another template it is made anew.
    own ? `${name}-own-image-template` : `${name}-template`,
    {
      updateDefaultVersion: true,
      ...("amiId" in args.image && { imageId: args.image.amiId }),
      enclaveOptions: { enabled: true },
      // Two hops: the answer to a pod that is not on the host's network passes one router more.
      metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 2 },
      // The node group's own disk size is ignored once there is a launch template.
      blockDeviceMappings: [
        {
          deviceName: "/dev/xvda",
          ebs: {
            volumeType: "gp3",
            volumeSize: settled.rootVolumeGib,
            encrypted: "true",
            ...(args.volumeKeyArn !== undefined && { kmsKeyId: args.volumeKeyArn }),
            deleteOnTermination: "true",
          },
        },
      ],
      vpcSecurityGroupIds: [args.cluster.securityGroupId, ...(args.securityGroupIds ?? [])],
      userData: userData(args, settled),
      tagSpecifications: ["instance", "volume", "network-interface"].map((resourceType) => ({
        resourceType,
        tags: { ...args.tags, Name: name },
      })),
    },
    { parent },
  );
}

function userData({ image, cluster, allocator }: LaunchTemplateArgs, { labels, taints }: Settled) {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  if (!("amiId" in image)) return base64(enclaveUserData(allocator));
  return pulumi
    .output({ name: cluster.name, ...image.cluster })
    .apply((join) => base64(enclaveUserData(allocator, { ...join, labels, taints })));
}
