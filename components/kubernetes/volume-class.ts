import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

export interface VolumeClassArgs {
  className: string;
}

/**
 * Encrypted gp3 volumes for pods, which EKS has no class for: its own makes gp2 volumes in the clear. Creates:
 * StorageClass of the EBS CSI driver.
 */
export class VolumeClass extends pulumi.ComponentResource {
  constructor(name: string, args: VolumeClassArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorate:kubernetes:VolumeClass", name, {}, opts);
    new kubernetes.storage.v1.StorageClass(
      `${name}-class`,
      {
        metadata: { name: args.className },
        provisioner: "ebs.csi.aws.com",
        parameters: { type: "gp3", encrypted: "true" },
        // A volume lies in one zone: in that of the pod which it is for.
        volumeBindingMode: "WaitForFirstConsumer",
        allowVolumeExpansion: true,
        reclaimPolicy: "Delete",
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
