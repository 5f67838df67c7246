import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

export interface PeerServicesArgs {
  namespace: pulumi.Input<string>;
  ports: { peer: number; metrics: number };
  /** This party: its host has to lead to its own core, as the peer list that all cores share names it too. */
  own: { partyId: number; host: string; selector: Record<string, string> };
  peers: readonly PeerService[];
}

/** A peer's host, and what leads to it: the DNS name of an endpoint, or the peer's public addresses. */
export type PeerService = { partyId: number; host: string } & (
  | { externalName: pulumi.Input<string> }
  | { addresses: readonly string[] }
);

/**
 * The hosts of the peer list, resolvable in this cluster. Creates: per peer an ExternalName Service, or a headless one
 * with an EndpointSlice; ClusterIP Service for the own core.
 */
export class PeerServices extends pulumi.ComponentResource {
  constructor(name: string, args: PeerServicesArgs, opts?: pulumi.ComponentResourceOptions) {
    const hosts = [args.own.host, ...args.peers.map((peer) => peer.host)];
    checkArgs(`peer services ${name}`, [
      new Set(hosts).size !== hosts.length && { propertyPath: "peers", reason: "two parties have the same host" },
      Object.keys(args.own.selector).length === 0 && {
        propertyPath: "own.selector",
        reason: "is empty: the Service would lead nowhere",
      },
    ]);
    super("quorate:kubernetes:PeerServices", name, {}, opts);
    createOwnService(this, name, args);
    for (const peer of args.peers) createPeerService(this, name, args, peer);
    this.registerOutputs({});
  }
}

function portsOf({ ports }: PeerServicesArgs) {
  return [
    { name: "peer", port: ports.peer, targetPort: ports.peer },
    { name: "metrics", port: ports.metrics, targetPort: ports.metrics },
  ];
}

function createOwnService(parent: PeerServices, name: string, args: PeerServicesArgs) {
  new kubernetes.core.v1.Service(
    `${name}-own`,
    {
      metadata: {
        name: args.own.host,
        namespace: args.namespace,
        labels: labelsOf(args.own.partyId),
        // Its endpoints appear when the core is ready, which takes all the other parties.
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      spec: { type: "ClusterIP", selector: args.own.selector, ports: portsOf(args) },
    },
    { parent },
  );
}

function createPeerService(parent: PeerServices, name: string, args: PeerServicesArgs, peer: PeerService) {
  const service = new kubernetes.core.v1.Service(
    `${name}-party-${peer.partyId}`,
    {
      metadata: {
        name: peer.host,
        namespace: args.namespace,
        labels: labelsOf(peer.partyId),
        annotations: {
          "mpc.io/connection-type": "party-connection",
          "mpc.io/partner-party": String(peer.partyId),
          // Endpoints come from the slice below, which comes after.
          ...("addresses" in peer && { "pulumi.com/skipAwait": "true" }),
        },
      },
      spec:
        "addresses" in peer
          ? { type: "ClusterIP", clusterIP: "None", ports: portsOf(args) }
          : { type: "ExternalName", externalName: peer.externalName, ports: portsOf(args) },
    },
    { parent },
  );
  if ("addresses" in peer) createEndpointSlice(parent, name, args, peer, service);
}

/** An address is no DNS name, so no ExternalName leads to it. */
function createEndpointSlice(
  parent: PeerServices,
  name: string,
  args: PeerServicesArgs,
  { partyId, host, addresses }: Extract<PeerService, { addresses: readonly string[] }>,
  service: kubernetes.core.v1.Service,
) {
  new kubernetes.discovery.v1.EndpointSlice(
    `${name}-party-${partyId}-addresses`,
    {
      metadata: {
        name: `${host}-addresses`,
        namespace: args.namespace,
        labels: {
          ...labelsOf(partyId),
          "kubernetes.io/service-name": host,
          "endpointslice.kubernetes.io/managed-by": "quorate",
        },
      },
      addressType: "IPv4",
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: portsOf(args).map(({ name, port }) => ({ name, port, protocol: "TCP" })),
    },
    { parent, dependsOn: [service] },
  );
}

function labelsOf(partyId: number) {
  return {
    "app.kubernetes.io/name": `kms-${partyId}-core`,
    "app.kubernetes.io/instance": `kms-${partyId}-core`,
    "app.kubernetes.io/component": "mpc-partner-interface",
  };
}
