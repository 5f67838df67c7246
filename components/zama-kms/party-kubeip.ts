import * as pulumi from "@pulumi/pulumi";
import { enclaveNodeKey } from "../../contract/enclave-node-key.ts";
import { type ManifestParty, partyHost, portsForPeers } from "../../contract/network-manifest.ts";
import { clusterNameOf } from "../../contract/stack-config.ts";
import type { EnclaveTaint } from "../aws/enclave-nodegroup.ts";
import { kubeIpStatements } from "../aws/kubeip-role.ts";
import { PartyAddresses } from "../aws/party-addresses.ts";
import { PartyRole } from "../aws/party-role.ts";
import { PeerFirewall } from "../aws/peer-firewall.ts";
import { publicSubnets } from "../aws/public-subnets.ts";
import { checkArgs } from "../check-args.ts";
import { addressLabel, addressTaint, KubeIpAgent, kubeIpAccount } from "../kubernetes/kubeip-agent.ts";
import { PeerGate } from "../kubernetes/peer-gate.ts";
import type { PartyArgs } from "./party-args.ts";
import { partyRoleNames } from "./party-role-names.ts";

/** What gives a party its public addresses, and what that asks of its nodes. */
export interface KubeIpParts {
  addresses: PartyAddresses;
  firewall: PeerFirewall;
  agent: KubeIpAgent;
  nodes: {
    subnetIds: pulumi.Output<string[]>;
    securityGroupIds: pulumi.Output<string>[];
    taints: readonly EnclaveTaint[];
    labels: Readonly<Record<string, string>>;
  };
}

/** Where a peer's connections come from, and lead to; none as long as neither manifest nor card names it. */
export function addressesOf({ peerCards }: PartyArgs, peer: ManifestParty): readonly string[] {
  if (peer.elasticIp === undefined) return [];
  const endpoint = peerCards.get(peer.id)?.endpoint;
  const further = endpoint?.transport === "kubeip" ? (endpoint.furtherIps ?? []) : [];
  return [...new Set([peer.elasticIp, ...further])];
}

const peersOf = ({ manifest, party }: PartyArgs) => manifest.parties.filter((peer) => peer.id !== party.id);

/** The peers' addresses as blocks of one each. */
export function peerBlocks(args: PartyArgs): string[] {
  return peersOf(args).flatMap((peer) => addressesOf(args, peer).map((address) => `${address}/32`));
}

/** Addresses, the agent that gives them to nodes, and the firewall in front of these. */
export function createKubeIp(parent: pulumi.Resource, name: string, args: PartyArgs): KubeIpParts {
  const { config, manifest, cluster, party } = args;
  const { kubeip } = config;
  checkArgs(`party ${name}`, [
    kubeip === undefined && {
      propertyPath: "config.kubeip",
      reason: "is left out, and the network's transport needs it",
    },
  ]);
  const { publicSubnetIds = [], allocationIds, tagKey: key = "", tagValue: value = "", image } = kubeip ?? {};
  const tag = { key, value };
  const maxNodes = config.enclaveNodes.maxSize;
  warnOfUnknown(parent, args);
  const addresses = new PartyAddresses(
    `${name}-address`,
    { pool: allocationIds ? { allocationIds } : { count: maxNodes }, tag, maxNodes },
    { parent },
  );
  const firewall = new PeerFirewall(
    `${name}-firewall`,
    {
      vpcId: cluster.vpcId,
      peers: peersOf(args).map((peer) => ({ partyId: peer.id, addresses: addressesOf(args, peer) })),
      ports: Object.values(portsForPeers(manifest)),
    },
    { parent },
  );
  const role = new PartyRole(
    `${name}-kubeip`,
    {
      roleName: `${partyRoleNames(clusterNameOf(config.cluster), party.id, config.roles).core}-kubeip`,
      serviceAccount: kubeIpAccount,
      oidc: { providerArn: cluster.oidcProviderArn, issuer: cluster.oidcIssuer },
      rights: {
        addresses: pulumi
          .output(cluster.vpcId)
          .apply((vpcId) => kubeIpStatements({ region: config.region, accountId: config.accountId, vpcId, tag })),
      },
    },
    { parent },
  );
  const agent = new KubeIpAgent(
    `${name}-agent`,
    { nodeKey: enclaveNodeKey, roleArn: role.roleArn, tag, image },
    { parent, dependsOn: [addresses, role] },
  );
  return {
    addresses,
    firewall,
    agent,
    nodes: {
      subnetIds: publicSubnets(publicSubnetIds, { parent }),
      securityGroupIds: [firewall.securityGroupId],
      taints: [{ ...addressTaint, effect: "NoSchedule" }],
      labels: { [addressLabel.key]: addressLabel.value },
    },
  };
}

function warnOfUnknown(parent: pulumi.Resource, args: PartyArgs) {
  const unknown = peersOf(args).filter((peer) => addressesOf(args, peer).length === 0);
  if (unknown.length === 0) return;
  const ids = unknown.map((peer) => peer.id).join(", ");
  void pulumi.log.warn(
    `no way yet to party ${ids}, nor from there: neither card nor manifest names an address; npx quorate cards sync, then up again`,
    parent,
  );
}

/** The way from the nodes' addresses to the core. */
export function createPeerGate(
  parent: pulumi.Resource,
  name: string,
  { manifest, party, config }: PartyArgs,
  namespace: pulumi.Input<string>,
): PeerGate {
  return new PeerGate(
    `${name}-gate`,
    {
      namespace,
      nodeKey: enclaveNodeKey,
      coreHost: partyHost(party),
      ports: Object.values(portsForPeers(manifest)),
      grpcPort: manifest.ports.grpc,
      image: config.proberImage,
    },
    { parent },
  );
}
