import { ingressesOf, ingressTypes, isEverywhere, isOneAddress, isPrivate } from "./ingress-rules.ts";
import type { ResourceRule } from "./rule.ts";

export const noIngressFromEverywhere: ResourceRule = {
  id: "no-ingress-from-everywhere",
  severity: "mandatory",
  guarantees: "No security group lets the internet in, on any port, but by single addresses.",
  why: "The peers are known, by their cards: each is one endpoint or one address.",
  source: "terraform-mpc-modules modules/vpc-endpoint-consumer: security_group_ingress_cidr_blocks = 0.0.0.0/0",
  fix: "parties in the manifest; components/aws/peer-endpoints.ts, components/aws/peer-firewall.ts",
  types: ingressTypes,
  check(subject, tell) {
    for (const { field, fromPort, toPort, cidrs } of ingressesOf(subject)) {
      const strangers = cidrs.filter((cidr) => isEverywhere(cidr) || !(isPrivate(cidr) || isOneAddress(cidr)));
      if (strangers.length > 0)
        tell({
          field,
          found: `ports ${fromPort} to ${toPort} from ${strangers.join(", ")}`,
          expected: "a security group, or the peers' addresses",
        });
    }
  },
};
