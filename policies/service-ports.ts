import type { Subject } from "./rule.ts";

const internalScheme = "service.beta.kubernetes.io/aws-load-balancer-scheme";

interface ServicePort {
  port?: number;
  targetPort?: number | string;
}

/** What a Service opens to machines outside of its cluster; nothing where it is only a name, or for the inside. */
export function openedPorts({ props }: Subject): number[] {
  const spec = props.spec ?? {};
  const reaches = ["LoadBalancer", "NodePort"].includes(spec.type) || (spec.externalIPs ?? []).length > 0;
  if (!reaches) return [];
  return ((spec.ports ?? []) as ServicePort[]).flatMap(({ port, targetPort }) => [Number(port), Number(targetPort)]);
}

/** Whether the Service's load balancer has private addresses only. */
export function isInternal({ props }: Subject): boolean {
  return props.metadata?.annotations?.[internalScheme] === "internal";
}
