import type { types } from "@pulumi/kubernetes";

export type Labels = Readonly<Record<string, string>>;
export type EgressRule = types.input.networking.v1.NetworkPolicyEgressRule;
export type IngressRule = types.input.networking.v1.NetworkPolicyIngressRule;

export const tcp = (port: number) => ({ protocol: "TCP", port });
export const pod = (matchLabels: Labels) => ({ podSelector: { matchLabels } });
export const inNamespace = (name: string) => ({ matchLabels: { "kubernetes.io/metadata.name": name } });

/** Names are answered by CoreDNS, or by the node's cache in front of it. */
export const toDns = {
  to: [
    { namespaceSelector: inNamespace("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } },
    { ipBlock: { cidr: "169.254.20.10/32" } },
  ],
  ports: [{ protocol: "UDP", port: 53 }, tcp(53)],
};

/** The node's own role is behind the link-local addresses: a core has a role of its own. */
const linkLocal = "169.254.0.0/16";

export const toAws = (cidrs: readonly string[]) => ({
  to: cidrs.map((cidr) => ({ ipBlock: cidr === "0.0.0.0/0" ? { cidr, except: [linkLocal] } : { cidr } })),
  ports: [tcp(443)],
});
