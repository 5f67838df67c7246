import { ingressesOf, ingressTypes, isEverywhere } from "./ingress-rules.ts";
import type { ResourceRule } from "./rule.ts";

export const noIngressFromEverywhere: ResourceRule = {
  id: "no-ingress-from-everywhere",
  severity: "mandatory",
  guarantees: "No security group lets the whole internet in, on any port.",
  why: "The peers are known, by their cards: each is one endpoint or one address.",
  source: "terraform-mpc-modules modules/vpc-endpoint-consumer: security_group_ingress_cidr_blocks = 0.0.0.0/0",
  fix: "parties in the manifest; components/aws/peer-endpoints.ts",
  types: ingressTypes,
  check(subject, tell) {
    for (const { field, fromPort, toPort, cidrs } of ingressesOf(subject)) {
      const everywhere = cidrs.filter(isEverywhere);
      if (everywhere.length > 0)
        tell({
          field,
          found: `ports ${fromPort} to ${toPort} from ${everywhere.join(", ")}`,
          expected: "a security group, or the peers' addresses",
        });
    }
  },
};
