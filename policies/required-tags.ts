import { defaultTags, type ResourceRule } from "./rule.ts";

const required = ["network", "party", "environment", "managed-by"];

export const requiredTags: ResourceRule = {
  id: "required-tags",
  severity: "mandatory",
  guarantees: "Everything in AWS says whose it is, of which network, and what is at stake.",
  why: "By them an interrupted update finds what it had made, and rules know a mainnet from a testnet.",
  source: "terraform-mpc-modules: variable common_tags; environment tag of the load balancer",
  fix: "stacks/program.ts: defaultTags of the AWS provider",
  types: ["pulumi:providers:aws"],
  check({ props }, tell) {
    // A provider's own inputs are what is known of it: it has no provider.
    const tags = defaultTags({ provider: props });
    const missing = required.filter((tag) => !tags[tag]);
    if (missing.length > 0)
      tell({ field: "defaultTags", found: Object.keys(tags).join(", ") || "none", expected: required.join(", ") });
  },
};
