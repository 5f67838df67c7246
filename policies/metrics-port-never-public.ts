import { includes, ingressesOf, ingressTypes, isOneAddress, isPrivate } from "./ingress-rules.ts";
import type { ResourceRule } from "./rule.ts";
import { isInternal, openedPorts, serviceTypes } from "./service-ports.ts";

const metricsPort = 9_646;

export const metricsPortNeverPublic: ResourceRule = {
  id: "metrics-port-never-public",
  severity: "mandatory",
  guarantees: "Metrics are read from private networks, or by single peers.",
  why: "9646 prints the core's configuration and its health without asking who reads.",
  source: "terraform-mpc-modules modules/vpc-endpoint-consumer: 9646 from 0.0.0.0/0 by default",
  fix: "ports.metrics in the manifest; quorate:cluster in the stack file",
  types: [...ingressTypes, ...serviceTypes],
  check(subject, tell) {
    if (serviceTypes.includes(subject.type)) {
      if (openedPorts(subject).includes(metricsPort) && !isInternal(subject))
        tell({
          field: "metadata.annotations",
          found: `${metricsPort} by a ${subject.props.spec.type} that is not internal`,
          expected: "an internal load balancer, or a ClusterIP",
        });
      return;
    }
    for (const ingress of ingressesOf(subject)) {
      const wide = ingress.cidrs.filter((cidr) => !isPrivate(cidr) && !isOneAddress(cidr));
      if (includes(ingress, metricsPort) && wide.length > 0)
        tell({
          field: ingress.field,
          found: `${metricsPort} from ${wide.join(", ")}`,
          expected: "a security group, a private range, or a peer's /32",
        });
    }
  },
};
