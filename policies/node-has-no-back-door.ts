import { environmentOf, type ResourceRule } from "./rule.ts";

export const nodeHasNoBackDoor: ResourceRule = {
  id: "node-has-no-back-door",
  severity: "mandatory",
  guarantees: "No one logs in to a mainnet's nodes: neither by Session Manager nor by SSH.",
  why: "From a node's shell the core's token and its sockets are in reach, and kubectl's audit log sees none of it.",
  source:
    "terraform-mpc-modules modules/mpc-party/variables.tf: nodegroup_enable_ssm_managed_instance, keep it off for mainnet",
  fix: "quorate:enclaveNodes in the stack file: leave Session Manager off",
  types: ["aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:eks/nodeGroup:NodeGroup"],
  check(subject, tell) {
    if (environmentOf(subject) !== "mainnet") return;
    const arn = String(subject.props.policyArn ?? "");
    if (/\/AmazonSSM(ManagedInstanceCore|FullAccess|ManagedEC2InstanceDefaultPolicy)$/.test(arn))
      tell({ field: "policyArn", found: arn, expected: "no policy for Session Manager" });
    const key = subject.props.remoteAccess?.ec2SshKey;
    if (key) tell({ field: "remoteAccess.ec2SshKey", found: String(key), expected: "none" });
  },
};
