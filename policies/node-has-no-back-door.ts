import { allows, covered, statementsOf } from "./policy-document.ts";
import { environmentOf, type ResourceRule } from "./rule.ts";

/** What Session Manager's agent needs on a machine: without the channel there is no shell. */
const agentActions = ["ssmmessages:OpenDataChannel", "ssm:UpdateInstanceInformation"];
const agentPolicy =
  /\/AmazonSSM(ManagedInstanceCore|FullAccess|ManagedEC2InstanceDefaultPolicy)$|\/AmazonEC2RoleforSSM$/;

export const nodeHasNoBackDoor: ResourceRule = {
  id: "node-has-no-back-door",
  severity: "mandatory",
  guarantees: "No one logs in to a mainnet's nodes: neither by Session Manager nor by SSH.",
  why: "From a node's shell the core's token and its sockets are in reach, and kubectl's audit log sees none of it.",
  source:
    "terraform-mpc-modules modules/mpc-party/variables.tf: nodegroup_enable_ssm_managed_instance, keep it off for mainnet",
  fix: "quorate:enclaveNodes in the stack file: leave Session Manager off",
  types: [
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/instance:Instance",
  ],
  check(subject, tell) {
    if (environmentOf(subject) !== "mainnet") return;
    const expected = "no policy for Session Manager";
    const { policyArn, policyArns, managedPolicyArns, policy, inlinePolicies, remoteAccess, keyName } = subject.props;
    for (const [field, arns] of Object.entries({ policyArn, policyArns, managedPolicyArns }))
      for (const arn of ([arns ?? []].flat() as unknown[]).map(String))
        if (agentPolicy.test(arn)) tell({ field, found: arn, expected });
    const inline = ((inlinePolicies ?? []) as { policy?: unknown }[]).map((one) => one.policy);
    for (const statement of [policy, ...inline].flatMap(statementsOf).filter(allows)) {
      const actions = covered(statement, agentActions);
      if (actions.length > 0) tell({ field: `policy.${statement.path}`, found: actions.join(", "), expected });
    }
    for (const [field, key] of Object.entries({ "remoteAccess.ec2SshKey": remoteAccess?.ec2SshKey, keyName }))
      if (key) tell({ field, found: String(key), expected: "none" });
  },
};
