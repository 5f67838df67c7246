import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { inNamespace, type Labels, pod, tcp, toAws, toDns } from "./network-rules.ts";

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
    /** What hands peers' connections on to the core, if they do not reach it themselves. @default nothing */
    gate?: Labels;
  };
  /** Where peers' connections come from, and where they lead to. */
  peerCidrs: pulumi.Input<string[]>;
  /** Ports that peers reach. @default the one between cores */
  peerPorts?: readonly number[];
  /** Whether `peerCidrs` may be empty, as long as no peer is known; nobody then is let in. @default false */
  peersMayBeUnknown?: boolean;
  /** Namespace of the Prometheus that scrapes the core. */
  monitoringNamespace: string;
  /** Where AWS's endpoints are: everywhere, or the subnets of the VPC's own endpoints. */
  awsCidrs: readonly string[];
}

/**
 * Who may talk to a party's core, and to whom it may talk. Creates: a NetworkPolicy for the core, for the job that
 * makes its keys, for the prober, and for the gate where there is one.
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
      .apply((cidrs) => closedOnly(cidrs, args.peersMayBeUnknown).map((cidr) => ({ ipBlock: { cidr } })));
    const peerPorts = args.peerPorts ?? [args.ports.peer];
    createCorePolicy(this, name, args, { blocks, peerPorts });
    createKeyJobPolicy(this, name, args);
    createProberPolicy(this, name, args, blocks);
    if (args.pods.gate) createGatePolicy(this, name, args, { blocks, peerPorts });
    this.registerOutputs({});
  }
}

type Blocks = pulumi.Output<{ ipBlock: { cidr: string } }[]>;

interface Peers {
  blocks: Blocks;
  peerPorts: readonly number[];
}

function check(name: string, { pods, ports, peerPorts, awsCidrs, monitoringNamespace }: CoreNetworkPolicyArgs) {
  const { clients: _some, gate, ...known } = pods;
  const all = { ...known, ...(gate && { gate }) };
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
    (peerPorts ?? []).includes(ports.grpc) && {
      propertyPath: "peerPorts",
      reason: `has ${ports.grpc}, by which the core's own clients command it`,
    },
    awsCidrs.length === 0 && { propertyPath: "awsCidrs", reason: "is empty: the core could not unseal its vault" },
    monitoringNamespace === "" && { propertyPath: "monitoringNamespace", reason: "is empty" },
  ]);
}

/** Address blocks of peers, none of which lets everybody in. */
export function closedOnly(cidrs: string[], mayBeEmpty = false): string[] {
  const open = cidrs.find((cidr) => cidr.endsWith("/0"));
  if ((cidrs.length > 0 || mayBeEmpty) && open === undefined) return cidrs;
  const reason = open === undefined ? "is empty: no peer could connect" : `${open} lets everybody in`;
  throw new pulumi.InputPropertyError({ propertyPath: "peerCidrs", reason });
}

/** A rule about peers; none while no peer is known, since one without addresses would be about everybody. */
const ifAny = <R>(blocks: Blocks, rule: (known: { ipBlock: { cidr: string } }[]) => R): pulumi.Output<R[]> =>
  blocks.apply((known) => (known.length === 0 ? [] : [rule(known)]));

function createCorePolicy(
  parent: CoreNetworkPolicy,
  name: string,
  args: CoreNetworkPolicyArgs,
  { blocks, peerPorts }: Peers,
) {
  const { ports, pods } = args;
  const further = peerPorts.filter((port) => port !== ports.peer);
  createPolicy(parent, name, args, "core", {
    ingress: blocks.apply((known) => {
      // Through a gate a peer's connection comes from the gate.
      const peers = pods.gate ? [pod(pods.gate)] : known;
      return [
        { from: [...peers, pod(pods.prober)], ports: [tcp(ports.peer)] },
        ...(peers.length > 0 && further.length > 0 ? [{ from: peers, ports: further.map(tcp) }] : []),
        // The prober asks the own core whom it reaches: half of what is known of a link.
        { from: [...pods.clients, pods.prober].map(pod), ports: [tcp(ports.grpc)] },
        // Its pages say what is wrong with a core; the core's own image has nothing that could read them.
        {
          from: [{ namespaceSelector: inNamespace(args.monitoringNamespace) }, pod(pods.prober)],
          ports: [tcp(ports.metrics)],
        },
      ];
    }),
    egress: ifAny(blocks, (to) => ({ to, ports: [tcp(ports.peer)] })).apply((rules) => [
      toDns,
      ...rules,
      toAws(args.awsCidrs),
    ]),
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
    ingress: ifAny(peers, (from) => ({ from, ports: [tcp(ports.peer)] })),
    egress: ifAny(peers, (to) => ({ to, ports: [tcp(ports.peer)] })).apply((rules) => [
      toDns,
      ...rules,
      { to: [pod(pods.core)], ports: [ports.peer, ports.grpc, ports.metrics].map(tcp) },
    ]),
  });
}

/** From the peers' addresses to the own core, and nowhere else. */
function createGatePolicy(
  parent: CoreNetworkPolicy,
  name: string,
  args: CoreNetworkPolicyArgs,
  { blocks, peerPorts }: Peers,
) {
  createPolicy(parent, name, args, "gate", {
    ingress: ifAny(blocks, (from) => ({ from, ports: peerPorts.map(tcp) })),
    egress: [toDns, { to: [pod(args.pods.core)], ports: peerPorts.map(tcp) }],
  });
}

const kinds = { core: "core", keyJob: "key-job", prober: "prober", gate: "gate" } as const;

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
      spec: { podSelector: { matchLabels: pods[of] ?? {} }, policyTypes: ["Ingress", "Egress"], ...rules },
    },
    { parent },
  );
}
