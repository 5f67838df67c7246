import { includes, ingressesOf, ingressTypes } from "./ingress-rules.ts";
import { containersOf, onHostNetwork, podTypes } from "./pod-specs.ts";
import type { ResourceRule, Subject } from "./rule.ts";
import { namedPorts, openedPorts, serviceTypes } from "./service-ports.ts";

/** The core's own clients; it has no TLS. */
const grpcPort = 50_100;
const balancerTypes = [
  "aws:lb/listener:Listener",
  "aws:lb/targetGroup:TargetGroup",
  "aws:lb/targetGroupAttachment:TargetGroupAttachment",
  "aws:alb/listener:Listener",
  "aws:alb/targetGroup:TargetGroup",
  "aws:alb/targetGroupAttachment:TargetGroupAttachment",
];
const classicType = "aws:elb/loadBalancer:LoadBalancer";

export const grpcPortNeverExposed: ResourceRule = {
  id: "grpc-port-never-exposed",
  severity: "mandatory",
  guarantees: "The core's gRPC port answers inside its cluster only.",
  why: "50100 has no TLS and no authentication: whoever reaches it can ask the core for anything.",
  source:
    "terraform-mpc-modules modules/vpc-endpoint-provider: enable_grpc_port = false; kms docs/operations: never expose 50100",
  fix: "ports in the manifest: peers use ports.peer; remove the rule, listener or Service",
  types: [...ingressTypes, ...balancerTypes, classicType, ...podTypes, ...serviceTypes],
  check(subject, tell) {
    const expected = `no way in to ${grpcPort} but from security groups of this VPC`;
    if (serviceTypes.includes(subject.type)) {
      if (openedPorts(subject).includes(grpcPort))
        tell({ field: "spec.ports", found: `${grpcPort} by a ${subject.props.spec.type}`, expected: "a ClusterIP" });
      for (const name of namedPorts(subject))
        tell({ field: "spec.ports", found: `targetPort ${name}`, expected: "its number: a name may lead to any port" });
      return;
    }
    if (podTypes.includes(subject.type)) {
      for (const { field, port } of nodePortsOf(subject))
        if (port === grpcPort) tell({ field, found: `${port} of the node`, expected: "no hostPort" });
      return;
    }
    if (subject.type === classicType) {
      for (const [index, { instancePort, lbPort }] of ((subject.props.listeners ?? []) as Listener[]).entries())
        if ([instancePort, lbPort].some((port) => Number(port) === grpcPort))
          tell({ field: `listeners[${index}]`, found: String(grpcPort), expected });
      return;
    }
    if (balancerTypes.includes(subject.type)) {
      if (Number(subject.props.port) === grpcPort) tell({ field: "port", found: String(grpcPort), expected });
      return;
    }
    for (const ingress of ingressesOf(subject))
      if (includes(ingress, grpcPort) && ingress.cidrs.length > 0)
        tell({ field: ingress.field, found: `${grpcPort} from ${ingress.cidrs.join(", ")}`, expected });
  },
};

interface Listener {
  instancePort?: number | string;
  lbPort?: number | string;
}

/** Ports of the node itself that lead into a pod. */
function nodePortsOf(subject: Subject): { field: string; port: number }[] {
  const every = onHostNetwork(subject);
  return containersOf(subject).flatMap(({ field, container: { ports = [] } }) =>
    ports.flatMap(({ hostPort, containerPort }, index) => {
      const port = hostPort ?? (every ? containerPort : undefined);
      const name = hostPort === undefined ? "containerPort" : "hostPort";
      return port === undefined ? [] : [{ field: `${field}.ports[${index}].${name}`, port: Number(port) }];
    }),
  );
}
