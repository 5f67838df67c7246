import { templateOf } from "./enclave-node-groups.ts";
import { ifKnown, ofType, type StackRule } from "./rule.ts";

export const nodeImageDecided: StackRule = {
  id: "node-image-decided",
  severity: "mandatory",
  guarantees: "A node group says which release of its image it runs, in one place.",
  why: "Upstream's example gives an image id, which silently turns the release version off; with neither, AWS chooses the newest.",
  source: "terraform-mpc-modules examples/mpc-party: nodegroup_ami_id beside nodegroup_ami_release_version",
  fix: "quorate:enclaveNodes.amiReleaseVersion or amiId in the stack file",
  checkStack(subjects, tell, each) {
    each(ofType(subjects, "aws:eks/nodeGroup:NodeGroup"), (group) => {
      const own =
        templateOf(group, subjects)?.props.imageId !== undefined || ifKnown(() => group.props.amiType) === "CUSTOM";
      // What EKS makes of an image of one's own is not known before; what the program asks for is.
      const releaseVersion = own ? ifKnown(() => group.props.releaseVersion) : group.props.releaseVersion;
      // Of a group that is there, AWS gives the image's id as its release.
      if (own && releaseVersion && !/^ami-/.test(releaseVersion))
        tell(group, {
          field: "releaseVersion",
          found: `${releaseVersion} beside an image of one's own`,
          expected: "one of the two: EKS ignores the release version",
        });
      if (!own && !/^1\.\d\d\.\d+-\d{8}$/.test(String(releaseVersion ?? "")))
        tell(group, {
          field: "releaseVersion",
          found: String(releaseVersion ?? "none: the newest on the day"),
          expected: "a release such as 1.33.8-20260304",
        });
    });
  },
};
