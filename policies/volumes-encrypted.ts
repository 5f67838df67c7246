import type { ResourceRule } from "./rule.ts";

export const volumesEncrypted: ResourceRule = {
  id: "volumes-encrypted",
  severity: "mandatory",
  guarantees: "Every volume of AWS's that the stack or its cluster makes is encrypted.",
  why: "A snapshot of a node's or a gateway's disk is otherwise readable to whoever it is shared with.",
  source: "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html; missing upstream",
  fix: "the component that makes the volume or the storage class",
  types: ["aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem", "kubernetes:storage.k8s.io/v1:StorageClass"],
  check({ type, props }, tell) {
    if (type === "kubernetes:storage.k8s.io/v1:StorageClass") {
      if (props.provisioner !== "ebs.csi.aws.com" || props.parameters?.encrypted === "true") return;
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
