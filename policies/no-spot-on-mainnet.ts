import { environmentOf, type ResourceRule } from "./rule.ts";

export const noSpotOnMainnet: ResourceRule = {
  id: "no-spot-on-mainnet",
  severity: "mandatory",
  guarantees: "No node of a mainnet can be taken away at two minutes' notice.",
  why: "A core that goes takes its sessions along; with t + 1 of them gone the network stops.",
  source: "terraform-mpc-modules modules/mpc-party/variables.tf: nodegroup_capacity_type ON_DEMAND",
  fix: "components/aws/enclave-nodegroup.ts: capacityType",
  types: ["aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"],
  check(subject, tell) {
    if (environmentOf(subject) !== "mainnet") return;
    const { capacityType, instanceMarketOptions } = subject.props;
    if (capacityType === "SPOT") tell({ field: "capacityType", found: "SPOT", expected: "ON_DEMAND" });
    if (instanceMarketOptions?.marketType === "spot")
      tell({ field: "instanceMarketOptions.marketType", found: "spot", expected: "none" });
  },
};
