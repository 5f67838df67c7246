import { defaultTags, type ResourceRule, type Tell } from "./rule.ts";

const required = ["network", "party", "environment", "managed-by"];

/** What a launch template makes, and no provider's default tags reach. */
const machineParts = ["instance", "volume", "network-interface"];

export const requiredTags: ResourceRule = {
  id: "required-tags",
  severity: "mandatory",
  guarantees:
    "Everything in AWS says whose it is, of which network, and what is at stake; machines and their parts too.",
  why: "By them an interrupted update finds what it had made, and rules know a mainnet from a testnet.",
  source: "terraform-mpc-modules: variable common_tags; environment tag of the load balancer",
  fix: "stacks/party-settings.ts: tags, of the AWS provider and of what launch templates make",
  types: ["pulumi:providers:aws", "aws:ec2/launchTemplate:LaunchTemplate"],
  check({ type, props }, tell) {
    // A provider's own inputs are what is known of it: it has no provider.
    if (type === "pulumi:providers:aws") return compare("defaultTags", defaultTags({ provider: props }), tell);
    for (const part of machineParts) {
      const specifications = (props.tagSpecifications ?? []) as { resourceType?: string; tags?: object }[];
      const found = specifications.find(({ resourceType }) => resourceType === part)?.tags ?? {};
      compare(`tagSpecifications: ${part}`, found, tell);
    }
  },
};

function compare(field: string, tags: object, tell: Tell): void {
  const names = Object.entries(tags).flatMap(([name, value]) => (value ? [name] : []));
  if (required.every((tag) => names.includes(tag))) return;
  tell({ field, found: names.join(", ") || "none", expected: required.join(", ") });
}
