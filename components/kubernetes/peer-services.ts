import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

export interface PeerServicesArgs {
  namespace: pulumi.Input<string>;
  ports: { peer: number; metrics: number };
  /** This party: its host has to lead to its own core, as the peer list that all cores share names it too. */
  own: { partyId: number; host: string; selector: Record<string, string> };
  /** A peer's host, and the DNS name of the endpoint that leads to it. */
  peers: readonly { partyId: number; host: string; externalName: pulumi.Input<string> }[];
}

/**
 * The hosts of the peer list, resolvable in this cluster. Creates: ExternalName Service per peer, ClusterIP Service
 * for the own core.
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

function createPeerService(
  parent: PeerServices,
  name: string,
  args: PeerServicesArgs,
  peer: PeerServicesArgs["peers"][number],
) {
  new kubernetes.core.v1.Service(
    `${name}-party-${peer.partyId}`,
    {
      metadata: {
        name: peer.host,
        namespace: args.namespace,
        labels: labelsOf(peer.partyId),
        annotations: { "mpc.io/connection-type": "party-connection", "mpc.io/partner-party": String(peer.partyId) },
      },
      spec: { type: "ExternalName", externalName: peer.externalName, ports: portsOf(args) },
    },
    { parent },
  );
}

function labelsOf(partyId: number) {
  return {
    "app.kubernetes.io/name": `kms-${partyId}-core`,
    "app.kubernetes.io/instance": `kms-${partyId}-core`,
    "app.kubernetes.io/component": "mpc-partner-interface",
  };
}
