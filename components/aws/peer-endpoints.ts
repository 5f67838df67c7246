import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { readSubnets } from "./subnets.ts";

export interface Peer {
  partyId: number;
  /** PrivateLink endpoint service that the peer published. */
  endpointServiceName: string;
  /** Region of the peer's service; PrivateLink crosses regions. */
  region: string;
  /** Zones in which the peer's service answers. @default unknown: endpoints in all of this party's zones */
  availabilityZoneIds?: readonly string[] | undefined;
}

export interface PeerEndpointsArgs {
  peers: readonly Peer[];
  vpcId: pulumi.Input<string>;
  subnetIds: pulumi.Input<pulumi.Input<string>[]>;
  /** Security group of this party's nodes: the only ones that may use the endpoints. */
  clientSecurityGroupId: pulumi.Input<string>;
  /** Ports of a peer's core that are reached through its endpoint. */
  ports: readonly number[];
  /** Private zone in which the peers have names of this party's own, for programs outside the cluster. @default none */
  privateZone?: { domain: string; hosts: Readonly<Record<number, string>> } | undefined;
}

/** Port of the core's own clients in every published configuration: no peer ever gets to it. */
const clientPort = 50_100;

/**
 * One interface endpoint per peer, through which this party's core reaches the peer's. Creates: security group with
 * one rule per port, endpoints, and by choice a private zone with a record per peer.
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
      args.ports.includes(clientPort) && {
        propertyPath: "ports",
        reason: `has ${clientPort}, by which a core's own clients command it: no party uses a peer's`,
      },
    ]);
    super("quorate:aws:PeerEndpoints", name, {}, opts);
    const group = createSecurityGroup(this, name, args);
    const endpoints = createEndpoints(this, name, args, group);
    this.dnsNames = Object.fromEntries(endpoints.map(([id, endpoint]) => [id, entryOf(endpoint).dnsName]));
    createPrivateZone(this, name, args, endpoints);
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
        description: "From the party's nodes",
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
): [partyId: number, endpoint: aws.ec2.VpcEndpoint][] {
  const subnets = lookUpSubnets(parent, args);
  const create = (peer: Peer) =>
    new aws.ec2.VpcEndpoint(
      `${name}-party-${peer.partyId}`,
      {
        vpcEndpointType: "Interface",
        serviceName: peer.endpointServiceName,
        serviceRegion: peer.region,
        vpcId: args.vpcId,
        subnetIds: hasZones(peer) ? subnets.apply((all) => subnetsInZones(peer, all)) : args.subnetIds,
        securityGroupIds: [group.id],
        privateDnsEnabled: false,
        tags: { Name: `${name}-party-${peer.partyId}` },
      },
      // A peer's load balancer may be minutes old.
      { parent, customTimeouts: { create: "10m" } },
    );
  return args.peers.map((peer) => [peer.partyId, create(peer)]);
}

const hasZones = (peer: Peer) => (peer.availabilityZoneIds ?? []).length > 0;

/** What is to be known of one of this party's subnets. */
type PlacedSubnet = Pick<aws.ec2.GetSubnetResult, "id" | "region" | "availabilityZoneId">;

/** This party's subnets, where any peer makes it matter in which zones they lie. */
function lookUpSubnets(parent: PeerEndpoints, { peers, subnetIds }: PeerEndpointsArgs): pulumi.Output<PlacedSubnet[]> {
  if (!peers.some(hasZones)) return pulumi.output([]);
  return pulumi.output(subnetIds).apply(async (ids) => await readSubnets(ids, { parent }));
}

/**
 * Those of this party's subnets that lie in a zone in which the peer's service answers. Across regions that is any of
 * them: there AWS carries the connection to the peer's zones itself.
 */
export function subnetsInZones(peer: Peer, subnets: readonly PlacedSubnet[]): string[] {
  const asked = peer.availabilityZoneIds ?? [];
  const found = subnets.filter((subnet) => subnet.region !== peer.region || asked.includes(subnet.availabilityZoneId));
  if (found.length > 0) return found.map((subnet) => subnet.id).sort();
  const own = [...new Set(subnets.map((subnet) => subnet.availabilityZoneId))].sort().join(", ");
  throw new pulumi.InputPropertyError({
    propertyPath: "peers.availabilityZoneIds",
    reason: `party ${peer.partyId} answers in ${asked.join(", ")}, and this party has private subnets in ${own}: add a subnet in one of the peer's zones`,
  });
}

function entryOf(endpoint: aws.ec2.VpcEndpoint): { dnsName: pulumi.Output<string>; zoneId: pulumi.Output<string> } {
  const entry = endpoint.dnsEntries.apply((entries) => {
    const [found] = entries;
    if (found?.dnsName) return found;
    throw new pulumi.InputPropertyError({ propertyPath: "peers", reason: "an endpoint came up without a DNS name" });
  });
  return { dnsName: entry.dnsName, zoneId: entry.hostedZoneId };
}

function createPrivateZone(
  parent: PeerEndpoints,
  name: string,
  { privateZone, vpcId }: PeerEndpointsArgs,
  endpoints: [partyId: number, endpoint: aws.ec2.VpcEndpoint][],
) {
  if (privateZone === undefined) return;
  const zone = new aws.route53.Zone(
    `${name}-zone`,
    { name: privateZone.domain, comment: "Peers of this party, inside its VPC", vpcs: [{ vpcId }] },
    { parent },
  );
  for (const [partyId, endpoint] of endpoints) {
    const { dnsName, zoneId } = entryOf(endpoint);
    new aws.route53.Record(
      `${name}-record-${partyId}`,
      {
        zoneId: zone.zoneId,
        name: `${privateZone.hosts[partyId] ?? `mpc-node-${partyId}`}.${privateZone.domain}`,
        type: "A",
        aliases: [{ name: dnsName, zoneId, evaluateTargetHealth: true }],
      },
      { parent },
    );
  }
}
