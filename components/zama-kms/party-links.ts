import * as pulumi from "@pulumi/pulumi";
import { type ManifestParty, partyHost, portsForPeers } from "../../contract/network-manifest.ts";
import { clusterNameOf } from "../../contract/stack-config.ts";
import { EndpointService } from "../aws/endpoint-service.ts";
import { PeerEndpoints } from "../aws/peer-endpoints.ts";
import { PeerLoadBalancer } from "../kubernetes/peer-load-balancer.ts";
import { type PeerService, PeerServices } from "../kubernetes/peer-services.ts";
import { coreSelector } from "./core-values.ts";
import type { PartyArgs } from "./party-args.ts";
import { addressesOf, createKubeIp, type KubeIpParts } from "./party-kubeip.ts";

type Namespace = pulumi.Input<string>;

const peersOf = ({ manifest, party }: PartyArgs) => manifest.parties.filter((peer) => peer.id !== party.id);

/** This party's way to its peers, and what it takes for theirs to it. */
export interface PartyLinks {
  /** Of the endpoints to peers, or of the firewall in front of the own nodes. */
  securityGroupId: pulumi.Output<string>;
  /** Where the peers' hosts lead to, as far as that is known. */
  peers: PeerService[];
  /** Absent where the transport is another. */
  kubeip: KubeIpParts | undefined;
}

/** What the network's transport needs in AWS. */
export function createPartyLinks(parent: pulumi.Resource, name: string, args: PartyArgs): PartyLinks {
  const { manifest } = args;
  if (manifest.transport === "kubeip") {
    const kubeip = createKubeIp(parent, name, args);
    const known = peersOf(args).map((peer) => [peer, addressesOf(args, peer)] as const);
    const peers = known.flatMap(([peer, [first]]) =>
      first === undefined ? [] : [{ partyId: peer.id, host: partyHost(peer), addresses: [first] }],
    );
    return { securityGroupId: kubeip.firewall.securityGroupId, peers, kubeip };
  }
  const { dnsNames, securityGroupId } = createPeerEndpoints(parent, name, args);
  const peers = manifest.parties.flatMap((peer) => {
    const externalName = dnsNames[peer.id];
    return externalName ? [{ partyId: peer.id, host: partyHost(peer), externalName }] : [];
  });
  return { securityGroupId, peers, kubeip: undefined };
}

/** This party's way to its peers: to those that have published one. */
function createPeerEndpoints(parent: pulumi.Resource, name: string, args: PartyArgs): PeerEndpoints {
  const { cluster, config } = args;
  const peers = peersOf(args);
  warnOfUnpublished(parent, peers);
  const hosts = Object.fromEntries(peers.map((peer) => [peer.id, partyHost(peer)]));
  return new PeerEndpoints(
    `${name}-peers`,
    {
      peers: peers.flatMap(({ id, region, endpointServiceName }) =>
        endpointServiceName === undefined
          ? []
          : [{ partyId: id, region, endpointServiceName, availabilityZoneIds: zonesOfCard(args, id) }],
      ),
      vpcId: cluster.vpcId,
      subnetIds: cluster.privateSubnetIds,
      clientSecurityGroupId: cluster.securityGroupId,
      ports: Object.values(portsForPeers(args.manifest)),
      privateZone: config.peerDomain === undefined ? undefined : { domain: config.peerDomain, hosts },
    },
    { parent },
  );
}

function warnOfUnpublished(parent: pulumi.Resource, peers: readonly ManifestParty[]) {
  const unpublished = peers.filter((peer) => peer.endpointServiceName === undefined);
  if (unpublished.length === 0) return;
  const ids = unpublished.map((peer) => peer.id).join(", ");
  void pulumi.log.warn(
    `no way yet to party ${ids}: the manifest names no endpointServiceName; add it once published, then run up again`,
    parent,
  );
}

/** Where the peer's service answers, as far as its card says so. */
function zonesOfCard({ peerCards }: PartyArgs, partyId: number): readonly string[] {
  const endpoint = peerCards.get(partyId)?.endpoint;
  return endpoint?.transport === "privatelink" ? endpoint.availabilityZoneIds : [];
}

/** The hosts of the peer list, as the party's own cluster resolves them. */
export function createPeerServices(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  { peers }: PartyLinks,
  namespace: Namespace,
): void {
  const { manifest, party } = args;
  new PeerServices(
    `${name}-hosts`,
    {
      namespace,
      ports: manifest.ports,
      own: { partyId: party.id, host: partyHost(party), selector: coreSelector },
      peers,
    },
    { parent },
  );
}

/** The peers' way to this party by PrivateLink: the name of a service of this stack's own, or of one that the manifest names. */
export function settleEndpointService(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  namespace: Namespace,
): pulumi.Output<string> | undefined {
  const { party, config, manifest } = args;
  if (manifest.transport !== "privatelink") return undefined;
  const published = party.endpointServiceName;
  if (config.endpointService === "existing") return published === undefined ? undefined : pulumi.output(published);
  const { serviceName } = createEndpointService(parent, name, args, namespace);
  return serviceName.apply(async (made) => {
    if (published !== undefined && published !== made)
      await pulumi.log.warn(
        `the manifest names ${published}, and this stack's endpoint service is ${made}: peers go by the manifest; have it name the new one`,
        parent,
      );
    return made;
  });
}

function createEndpointService(parent: pulumi.Resource, name: string, args: PartyArgs, namespace: Namespace) {
  const { manifest, party, config } = args;
  const balancer = new PeerLoadBalancer(
    `${name}-balancer`,
    {
      namespace,
      host: partyHost(party),
      partyId: party.id,
      environment: manifest.environment,
      clusterName: clusterNameOf(config.cluster),
      selector: coreSelector,
      ports: portsForPeers(manifest),
      grpcPort: manifest.ports.grpc,
    },
    { parent },
  );
  return new EndpointService(
    `${name}-endpoint`,
    { region: config.region, loadBalancerTags: balancer.tags, peers: peersOf(args), before: args.awaitBalancer },
    { parent },
  );
}
