import { environmentOf, type ResourceRule } from "./rule.ts";

const spotTypes: readonly string[] = [
  "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
  "aws:ec2/spotFleetRequest:SpotFleetRequest",
];

export const noSpotOnMainnet: ResourceRule = {
  id: "no-spot-on-mainnet",
  severity: "mandatory",
  guarantees: "No node of a mainnet can be taken away at two minutes' notice.",
  why: "A core that goes takes its sessions along; with t + 1 of them gone the network stops.",
  source: "terraform-mpc-modules modules/mpc-party/variables.tf: nodegroup_capacity_type ON_DEMAND",
  fix: "components/aws/enclave-nodegroup.ts: capacityType",
  types: [
    "aws:eks/nodeGroup:NodeGroup",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/instance:Instance",
    "aws:autoscaling/group:Group",
    ...spotTypes,
  ],
  check(subject, tell) {
    if (environmentOf(subject) !== "mainnet") return;
    if (spotTypes.includes(subject.type)) tell({ field: "type", found: subject.type, expected: "on demand" });
    const { capacityType, instanceMarketOptions, mixedInstancesPolicy } = subject.props;
    // On demand alone, unless the mixture says otherwise.
    const share = Number(mixedInstancesPolicy?.instancesDistribution?.onDemandPercentageAboveBaseCapacity ?? 100);
    if (share < 100)
      tell({
        field: "mixedInstancesPolicy.instancesDistribution.onDemandPercentageAboveBaseCapacity",
        found: String(share),
        expected: "100",
      });
    if (String(capacityType).toUpperCase() === "SPOT")
      tell({ field: "capacityType", found: "SPOT", expected: "ON_DEMAND" });
    if (instanceMarketOptions?.marketType === "spot")
      tell({ field: "instanceMarketOptions.marketType", found: "spot", expected: "none" });
  },
};
