import type { ResourceRule } from "./rule.ts";

const smallestGib = 100;
/** Names of the root device: of Amazon's images for EKS, and of other images. */
const roots = ["/dev/xvda", "/dev/sda1"];
const isRoot = ({ deviceName = "" }: Mapping) => roots.includes(deviceName);

interface Mapping {
  deviceName?: string;
  ebs?: { volumeSize?: number; encrypted?: boolean | string };
}

export const rootVolumeRoomy: ResourceRule = {
  id: "root-volume-roomy",
  severity: "mandatory",
  guarantees: "A node's root volume has 100 GiB at least, and every volume is encrypted.",
  why: "With a launch template the node group's own disk size is dropped without a word: 20 GiB, which an enclave image fills.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: nodegroup_disk_size, without effect",
  fix: "quorate:enclaveNodes.rootVolumeGib in the stack file",
  types: ["aws:ec2/launchTemplate:LaunchTemplate"],
  check({ props }, tell) {
    const mappings = (props.blockDeviceMappings ?? []) as Mapping[];
    if (!mappings.some(isRoot))
      tell({
        field: "blockDeviceMappings",
        found: mappings.map(({ deviceName }) => deviceName).join(", ") || "none",
        expected: `/dev/xvda with ${smallestGib} GiB, encrypted`,
      });
    mappings.forEach((mapping, index) => {
      const { ebs } = mapping;
      const field = `blockDeviceMappings[${index}].ebs`;
      if (String(ebs?.encrypted) !== "true")
        tell({ field: `${field}.encrypted`, found: String(ebs?.encrypted ?? false), expected: "true" });
      if (isRoot(mapping) && !((ebs?.volumeSize ?? 0) >= smallestGib))
        tell({
          field: `${field}.volumeSize`,
          found: String(ebs?.volumeSize ?? "the image's default"),
          expected: `at least ${smallestGib}`,
        });
    });
  },
};
