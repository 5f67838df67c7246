import { includes, ingressesOf, ingressTypes } from "./ingress-rules.ts";
import type { ResourceRule } from "./rule.ts";
import { namedPorts, openedPorts } from "./service-ports.ts";

/** The core's own clients; it has no TLS. */
const grpcPort = 50_100;
/** What runs pods from a template of its own. */
const workloadTypes = ["DaemonSet", "Deployment", "StatefulSet"].map((kind) => `kubernetes:apps/v1:${kind}`);
const balancerTypes = [
  "aws:lb/listener:Listener",
  "aws:lb/targetGroup:TargetGroup",
  "aws:lb/targetGroupAttachment:TargetGroupAttachment",
];

export const grpcPortNeverExposed: ResourceRule = {
  id: "grpc-port-never-exposed",
  severity: "mandatory",
  guarantees: "The core's gRPC port answers inside its cluster only.",
  why: "50100 has no TLS and no authentication: whoever reaches it can ask the core for anything.",
  source:
    "terraform-mpc-modules modules/vpc-endpoint-provider: enable_grpc_port = false; kms docs/operations: never expose 50100",
  fix: "ports in the manifest: peers use ports.peer; remove the rule, listener or Service",
  types: [...ingressTypes, ...balancerTypes, ...workloadTypes, "kubernetes:core/v1:Service"],
  check(subject, tell) {
    const expected = `no way in to ${grpcPort} but from security groups of this VPC`;
    if (subject.type === "kubernetes:core/v1:Service") {
      if (openedPorts(subject).includes(grpcPort))
        tell({ field: "spec.ports", found: `${grpcPort} by a ${subject.props.spec.type}`, expected: "a ClusterIP" });
      for (const name of namedPorts(subject))
        tell({ field: "spec.ports", found: `targetPort ${name}`, expected: "its number: a name may lead to any port" });
      return;
    }
    if (workloadTypes.includes(subject.type)) {
      for (const { field, port } of nodePortsOf(subject.props))
        if (port === grpcPort) tell({ field, found: `${port} of the node`, expected: "no hostPort" });
      return;
    }
    if (balancerTypes.includes(subject.type)) {
      if (subject.props.port === grpcPort) tell({ field: "port", found: String(grpcPort), expected });
      return;
    }
    for (const ingress of ingressesOf(subject))
      if (includes(ingress, grpcPort) && ingress.cidrs.length > 0)
        tell({ field: ingress.field, found: `${grpcPort} from ${ingress.cidrs.join(", ")}`, expected });
  },
};

/** Ports of the node itself that lead into a pod. */
// biome-ignore lint/suspicious/noExplicitAny: a workload's properties
function nodePortsOf({ spec }: any): { field: string; port: number }[] {
  const containers = (spec?.template?.spec?.containers ?? []) as { ports?: { hostPort?: number }[] }[];
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ hostPort }, index) =>
      hostPort === undefined
        ? []
        : [{ field: `spec.template.spec.containers[${container}].ports[${index}].hostPort`, port: Number(hostPort) }],
    ),
  );
}
