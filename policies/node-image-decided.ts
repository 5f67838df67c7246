import type { ResourceRule } from "./rule.ts";

export const nodeImageDecided: ResourceRule = {
  id: "node-image-decided",
  severity: "mandatory",
  guarantees: "A node group says which release of its image it runs, in one place.",
  why: "Upstream's example gives an image id, which silently turns the release version off; with neither, AWS chooses the newest.",
  source: "terraform-mpc-modules examples/mpc-party: nodegroup_ami_id beside nodegroup_ami_release_version",
  fix: "quorate:enclaveNodes.amiReleaseVersion in the stack file",
  types: ["aws:eks/nodeGroup:NodeGroup"],
  check({ props }, tell) {
    const { amiType, releaseVersion } = props;
    if (amiType === "CUSTOM" && releaseVersion)
      tell({
        field: "releaseVersion",
        found: `${releaseVersion} beside an image of one's own`,
        expected: "one of the two: EKS ignores the release version",
      });
    if (amiType !== "CUSTOM" && !/^1\.\d\d\.\d+-\d{8}$/.test(String(releaseVersion ?? "")))
      tell({
        field: "releaseVersion",
        found: String(releaseVersion ?? "none: the newest on the day"),
        expected: "a release such as 1.33.8-20260304",
      });
  },
};
