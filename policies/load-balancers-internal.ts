import type { ResourceRule, Subject } from "./rule.ts";
import { isInternal, serviceTypes } from "./service-ports.ts";

const balancerTypes = [
  "aws:lb/loadBalancer:LoadBalancer",
  "aws:alb/loadBalancer:LoadBalancer",
  "aws:elb/loadBalancer:LoadBalancer",
];

/** What else has the controller make one, with where it says of which kind. */
const schemes = new Map<string, (props: Subject["props"]) => unknown>([
  [
    "kubernetes:networking.k8s.io/v1:Ingress",
    ({ metadata }) => metadata?.annotations?.["alb.ingress.kubernetes.io/scheme"],
  ],
  ["kubernetes:elbv2.k8s.aws/v1beta1:IngressClassParams", ({ spec }) => spec?.scheme],
]);

export const loadBalancersInternal: ResourceRule = {
  id: "load-balancers-internal",
  severity: "mandatory",
  guarantees: "Every load balancer has private addresses only.",
  why: "PrivateLink leads peers to an internal one; a public one beside it is a second door.",
  source: "terraform-mpc-modules modules/vpc-endpoint-provider: scheme=internal",
  fix: "the component that makes the Service or the load balancer",
  types: [...serviceTypes, ...schemes.keys(), ...balancerTypes],
  check(subject, tell) {
    const scheme = schemes.get(subject.type);
    if (scheme !== undefined) {
      // Without a word they are internal.
      const found = scheme(subject.props);
      if (found !== undefined && found !== "internal")
        tell({ field: "scheme", found: String(found), expected: "internal, or none" });
      return;
    }
    if (balancerTypes.includes(subject.type)) {
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
