import { isOff, isOn, type ResourceRule } from "./rule.ts";

const classType = "kubernetes:storage.k8s.io/v1:StorageClass";
const defaultType = "aws:ebs/encryptionByDefault:EncryptionByDefault";
const instanceType = "aws:ec2/instance:Instance";
/** The driver, and the name that Kubernetes had for it before. */
const provisioners = ["ebs.csi.aws.com", "kubernetes.io/aws-ebs"];

export const volumesEncrypted: ResourceRule = {
  id: "volumes-encrypted",
  severity: "mandatory",
  guarantees: "Every volume of AWS's that the stack or its cluster makes is encrypted.",
  why: "A snapshot of a node's or a gateway's disk is otherwise readable to whoever it is shared with.",
  source: "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html; missing upstream",
  fix: "the component that makes the volume or the storage class",
  types: ["aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem", classType, defaultType, instanceType],
  check({ type, props }, tell) {
    if (type === defaultType) {
      if (isOff(props.enabled)) tell({ field: "enabled", found: "false", expected: "true" });
      return;
    }
    if (type === instanceType) {
      const { rootBlockDevice, ebsBlockDevices } = props;
      // Without a word the image decides.
      const disks = [rootBlockDevice ?? [], ebsBlockDevices ?? []].flat() as { encrypted?: unknown }[];
      if (!disks.every(({ encrypted }) => isOn(encrypted)))
        tell({ field: "rootBlockDevice, ebsBlockDevices: encrypted", found: "false", expected: "true" });
      return;
    }
    if (type === classType) {
      if (!provisioners.includes(props.provisioner) || props.parameters?.encrypted === "true") return;
      return tell({
        field: "parameters.encrypted",
        found: String(props.parameters?.encrypted ?? "none"),
        expected: '"true"',
      });
    }
    if (props.encrypted !== true)
      tell({ field: "encrypted", found: String(props.encrypted ?? false), expected: "true" });
  },
};
