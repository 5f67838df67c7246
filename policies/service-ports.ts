import type { Subject } from "./rule.ts";

const internalScheme = "service.beta.kubernetes.io/aws-load-balancer-scheme";

/** A Service, and what patches one. */
export const serviceTypes: readonly string[] = ["kubernetes:core/v1:Service", "kubernetes:core/v1:ServicePatch"];

interface ServicePort {
  port?: number;
  targetPort?: number | string;
}

/** What a Service opens to machines outside of its cluster; nothing where it is only a name, or for the inside. */
export function openedPorts(subject: Subject): number[] {
  return portsFromOutside(subject).flatMap(({ port, targetPort }) => [Number(port), Number(targetPort ?? port)]);
}

/** Ports of pods that the Service opens by name: which numbers they are, the pods say. */
export function namedPorts(subject: Subject): string[] {
  return portsFromOutside(subject)
    .map(({ targetPort }) => String(targetPort ?? 0))
    .filter((port) => !/^\d+$/.test(port));
}

function portsFromOutside({ props }: Subject): ServicePort[] {
  const spec = props.spec ?? {};
  const reaches = ["LoadBalancer", "NodePort"].includes(spec.type) || (spec.externalIPs ?? []).length > 0;
  return reaches ? (spec.ports ?? []) : [];
}

/** Whether the Service's load balancer has private addresses only. */
export function isInternal({ props }: Subject): boolean {
  return props.metadata?.annotations?.[internalScheme] === "internal";
}
