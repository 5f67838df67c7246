import type { ResourceRule } from "./rule.ts";
import { isInternal } from "./service-ports.ts";

export const loadBalancersInternal: ResourceRule = {
  id: "load-balancers-internal",
  severity: "mandatory",
  guarantees: "Every load balancer has private addresses only.",
  why: "PrivateLink leads peers to an internal one; a public one beside it is a second door.",
  source: "terraform-mpc-modules modules/vpc-endpoint-provider: scheme=internal",
  fix: "the component that makes the Service or the load balancer",
  types: ["kubernetes:core/v1:Service", "aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer"],
  check(subject, tell) {
    if (subject.type !== "kubernetes:core/v1:Service") {
      if (subject.props.internal !== true)
        tell({ field: "internal", found: String(subject.props.internal ?? false), expected: "true" });
      return;
    }
    if (subject.props.spec?.type === "LoadBalancer" && !isInternal(subject))
      tell({
        field: "metadata.annotations",
        found: "no scheme, or another than internal",
        expected: "service.beta.kubernetes.io/aws-load-balancer-scheme: internal",
      });
  },
};
