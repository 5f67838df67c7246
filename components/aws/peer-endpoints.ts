import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

export interface Peer {
  partyId: number;
  /** PrivateLink endpoint service that the peer published. */
  endpointServiceName: string;
  /** Region of the peer's service; PrivateLink crosses regions. */
  region: string;
}

export interface PeerEndpointsArgs {
  peers: readonly Peer[];
  vpcId: pulumi.Input<string>;
  subnetIds: pulumi.Input<pulumi.Input<string>[]>;
  /** Security group of this party's nodes: the only ones that may use the endpoints. */
  clientSecurityGroupId: pulumi.Input<string>;
  /** Ports of a peer's core that are reached through its endpoint. */
  ports: readonly number[];
}

/**
 * One interface endpoint per peer, through which this party's core reaches the peer's. Creates: security group with
 * one rule per port, endpoints.
 *
 * An endpoint costs about $0.011 per hour and zone, so 12 peers in two zones come to about $190 a month, plus $0.01
 * per GB (list price, 2026-11).
 */
export class PeerEndpoints extends pulumi.ComponentResource {
  /** Party id to the DNS name under which the VPC knows the endpoint. */
  readonly dnsNames: Readonly<Record<number, pulumi.Output<string>>>;
  readonly securityGroupId: pulumi.Output<string>;

  constructor(name: string, args: PeerEndpointsArgs, opts?: pulumi.ComponentResourceOptions) {
    const ids = args.peers.map((peer) => peer.partyId);
    checkArgs(`peer endpoints ${name}`, [
      new Set(ids).size !== ids.length && { propertyPath: "peers", reason: "names one party twice" },
      args.ports.length === 0 && { propertyPath: "ports", reason: "is empty: nothing could pass" },
    ]);
    super("quorate:aws:PeerEndpoints", name, {}, opts);
    const group = createSecurityGroup(this, name, args);
    this.dnsNames = createEndpoints(this, name, args, group);
    this.securityGroupId = group.id;
    this.registerOutputs({ dnsNames: this.dnsNames, securityGroupId: this.securityGroupId });
  }
}

function createSecurityGroup(parent: PeerEndpoints, name: string, args: PeerEndpointsArgs) {
  const group = new aws.ec2.SecurityGroup(
    `${name}-group`,
    { description: "From this party's nodes to its peers' cores", vpcId: args.vpcId },
    { parent },
  );
  // No rule out: an endpoint opens no connection into our VPC.
  for (const port of args.ports)
    new aws.vpc.SecurityGroupIngressRule(
      `${name}-port-${port}`,
      {
        securityGroupId: group.id,
        referencedSecurityGroupId: args.clientSecurityGroupId,
        ipProtocol: "tcp",
        fromPort: port,
        toPort: port,
      },
      { parent },
    );
  return group;
}

function createEndpoints(
  parent: PeerEndpoints,
  name: string,
  args: PeerEndpointsArgs,
  group: aws.ec2.SecurityGroup,
): Record<number, pulumi.Output<string>> {
  const create = (peer: Peer) =>
    new aws.ec2.VpcEndpoint(
      `${name}-party-${peer.partyId}`,
      {
        vpcEndpointType: "Interface",
        serviceName: peer.endpointServiceName,
        serviceRegion: peer.region,
        vpcId: args.vpcId,
        subnetIds: args.subnetIds,
        securityGroupIds: [group.id],
        privateDnsEnabled: false,
        tags: { Name: `${name}-party-${peer.partyId}` },
      },
      { parent },
    );
  const dnsName = (endpoint: aws.ec2.VpcEndpoint) =>
    endpoint.dnsEntries.apply((entries) => {
      const found = entries[0]?.dnsName;
      if (found) return found;
      throw new pulumi.InputPropertyError({ propertyPath: "peers", reason: "an endpoint came up without a DNS name" });
    });
  return Object.fromEntries(args.peers.map((peer) => [peer.partyId, dnsName(create(peer))]));
}
