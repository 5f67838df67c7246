import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

type Labels = Readonly<Record<string, string>>;

export interface CoreNetworkPolicyArgs {
  namespace: pulumi.Input<string>;
  ports: { grpc: number; peer: number; metrics: number };
  pods: {
    core: Labels;
    /** Makes the keys before the first core, and talks to AWS alone. */
    keyJob: Labels;
    prober: Labels;
    /** Who may give a core orders: its gRPC port asks nobody who they are. */
    clients: readonly Labels[];
  };
  /** Where peers' connections come from, and where they lead to. */
  peerCidrs: pulumi.Input<string[]>;
  /** Namespace of the Prometheus that scrapes the core. */
  monitoringNamespace: string;
  /** Where AWS's endpoints are: everywhere, or the subnets of the VPC's own endpoints. */
  awsCidrs: readonly string[];
}

/**
 * Who may talk to a party's core, and to whom it may talk. Creates: a NetworkPolicy for the core, for the job that
 * makes its keys, for the prober.
 *
 * An address block admits every pod that has an address in it, and EKS gives pods addresses of the VPC's subnets: on
 * the peers' port it is mutual TLS that tells peers from others.
 */
export class CoreNetworkPolicy extends pulumi.ComponentResource {
  constructor(name: string, args: CoreNetworkPolicyArgs, opts?: pulumi.ComponentResourceOptions) {
    check(name, args);
    super("quorate:kubernetes:CoreNetworkPolicy", name, {}, opts);
    const blocks = pulumi
      .output(args.peerCidrs)
      .apply((cidrs) => closedOnly(cidrs).map((cidr) => ({ ipBlock: { cidr } })));
    createCorePolicy(this, name, args, blocks);
    createKeyJobPolicy(this, name, args);
    createProberPolicy(this, name, args, blocks);
    this.registerOutputs({});
  }
}

type Blocks = pulumi.Output<{ ipBlock: { cidr: string } }[]>;

function check(name: string, { pods, ports, awsCidrs, monitoringNamespace }: CoreNetworkPolicyArgs) {
  const all = { core: pods.core, keyJob: pods.keyJob, prober: pods.prober };
  checkArgs(`network policy ${name}`, [
    ...[...Object.entries(all), ...pods.clients.map((labels, index) => [`clients[${index}]`, labels] as const)].map(
      ([kind, labels]) =>
        Object.keys(labels).length === 0 && {
          propertyPath: `pods.${kind}`,
          reason: "is empty: the policy would be about every pod of the namespace",
        },
    ),
    new Set(Object.values(ports)).size !== 3 && {
      propertyPath: "ports",
      reason: "two are the same: what is let in at one would be let in at the other",
    },
    awsCidrs.length === 0 && { propertyPath: "awsCidrs", reason: "is empty: the core could not unseal its vault" },
    monitoringNamespace === "" && { propertyPath: "monitoringNamespace", reason: "is empty" },
  ]);
}

/** Address blocks of peers, none of which lets everybody in. */
export function closedOnly(cidrs: string[]): string[] {
  const open = cidrs.find((cidr) => cidr.endsWith("/0"));
  if (cidrs.length > 0 && open === undefined) return cidrs;
  const reason = open === undefined ? "is empty: no peer could connect" : `${open} lets everybody in`;
  throw new pulumi.InputPropertyError({ propertyPath: "peerCidrs", reason });
}

const tcp = (port: number) => ({ protocol: "TCP", port });
const pod = (matchLabels: Labels) => ({ podSelector: { matchLabels } });
const inNamespace = (name: string) => ({ matchLabels: { "kubernetes.io/metadata.name": name } });

/** Names are answered by CoreDNS, or by the node's cache in front of it. */
const toDns = {
  to: [
    { namespaceSelector: inNamespace("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } },
    { ipBlock: { cidr: "169.254.20.10/32" } },
  ],
  ports: [{ protocol: "UDP", port: 53 }, tcp(53)],
};

/** The node's own role is behind the link-local addresses: a core has a role of its own. */
const linkLocal = "169.254.0.0/16";

const toAws = (cidrs: readonly string[]) => ({
  to: cidrs.map((cidr) => ({ ipBlock: cidr === "0.0.0.0/0" ? { cidr, except: [linkLocal] } : { cidr } })),
  ports: [tcp(443)],
});

function createCorePolicy(parent: CoreNetworkPolicy, name: string, args: CoreNetworkPolicyArgs, peers: Blocks) {
  const { ports, pods } = args;
  createPolicy(parent, name, args, "core", {
    ingress: [
      { from: peers.apply((blocks) => [...blocks, pod(pods.prober)]), ports: [tcp(ports.peer)] },
      // The prober asks the own core whom it reaches: half of what is known of a link.
      { from: [...pods.clients, pods.prober].map(pod), ports: [tcp(ports.grpc)] },
      { from: [{ namespaceSelector: inNamespace(args.monitoringNamespace) }], ports: [tcp(ports.metrics)] },
    ],
    egress: [toDns, { to: peers, ports: [tcp(ports.peer)] }, toAws(args.awsCidrs)],
  });
}

function createKeyJobPolicy(parent: CoreNetworkPolicy, name: string, args: CoreNetworkPolicyArgs) {
  createPolicy(parent, name, args, "keyJob", {
    ingress: [],
    egress: [toDns, toAws(args.awsCidrs)],
  });
}

function createProberPolicy(parent: CoreNetworkPolicy, name: string, args: CoreNetworkPolicyArgs, peers: Blocks) {
  const { ports, pods } = args;
  createPolicy(parent, name, args, "prober", {
    // Before there is a core, the prober listens in its place.
    ingress: [{ from: peers, ports: [tcp(ports.peer)] }],
    egress: [
      toDns,
      { to: peers, ports: [tcp(ports.peer)] },
      { to: [pod(pods.core)], ports: [tcp(ports.peer), tcp(ports.grpc)] },
    ],
  });
}

const kinds = { core: "core", keyJob: "key-job", prober: "prober" } as const;

function createPolicy(
  parent: CoreNetworkPolicy,
  name: string,
  { namespace, pods }: CoreNetworkPolicyArgs,
  of: keyof typeof kinds,
  rules: Pick<kubernetes.types.input.networking.v1.NetworkPolicySpec, "ingress" | "egress">,
) {
  new kubernetes.networking.v1.NetworkPolicy(
    `${name}-${kinds[of]}`,
    {
      metadata: { name: `quorate-${kinds[of]}`, namespace },
      spec: { podSelector: { matchLabels: pods[of] }, policyTypes: ["Ingress", "Egress"], ...rules },
    },
    { parent },
  );
}
