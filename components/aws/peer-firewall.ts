import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

export interface PeerFirewallArgs {
  vpcId: pulumi.Input<string>;
  /** The peers that are known so far, with the addresses that their connections come from. */
  peers: readonly { partyId: number; addresses: readonly string[] }[];
  /** Ports of this party's core that they may reach. */
  ports: readonly number[];
}

/** Port of the core's own clients in every published configuration: no peer ever gets to it. */
const clientPort = 50_100;

/**
 * Who may reach a party's nodes from the internet: each peer, by its own addresses, on the agreed ports. Creates:
 * security group, with one rule per address and port.
 */
export class PeerFirewall extends pulumi.ComponentResource {
  readonly securityGroupId: pulumi.Output<string>;

  constructor(name: string, args: PeerFirewallArgs, opts?: pulumi.ComponentResourceOptions) {
    const addresses = args.peers.flatMap((peer) => peer.addresses);
    const wrong = addresses.filter((address) => !isPublic(address));
    checkArgs(`peer firewall ${name}`, [
      args.ports.length === 0 && { propertyPath: "ports", reason: "is empty: nothing could pass" },
      args.ports.includes(clientPort) && {
        propertyPath: "ports",
        reason: `has ${clientPort}, by which a core's own clients command it: no party uses a peer's`,
      },
      wrong.length > 0 && {
        propertyPath: "peers.addresses",
        reason: `${wrong.join(", ")}: no address that a machine has on the internet`,
      },
      new Set(addresses).size !== addresses.length && {
        propertyPath: "peers.addresses",
        reason: "two are the same: nobody could tell whose connection it is",
      },
    ]);
    super("quorate:aws:PeerFirewall", name, {}, opts);
    const group = new aws.ec2.SecurityGroup(
      `${name}-group`,
      { description: "From the peers' addresses to this party's nodes", vpcId: args.vpcId },
      { parent: this },
    );
    createRules(this, name, args, group);
    this.securityGroupId = group.id;
    this.registerOutputs({ securityGroupId: this.securityGroupId });
  }
}

function createRules(
  parent: PeerFirewall,
  name: string,
  { peers, ports }: PeerFirewallArgs,
  group: aws.ec2.SecurityGroup,
) {
  for (const { partyId, addresses } of peers)
    for (const [index, address] of addresses.entries())
      for (const port of ports)
        new aws.vpc.SecurityGroupIngressRule(
          // Whose rule it is, not where it leads: a changed address is an update that a preview shows as one.
          `${name}-party-${partyId}${index === 0 ? "" : `-${index + 1}`}-port-${port}`,
          {
            securityGroupId: group.id,
            description: `party ${partyId}`,
            cidrIpv4: `${address}/32`,
            ipProtocol: "tcp",
            fromPort: port,
            toPort: port,
          },
          { parent },
        );
}

/** Whether the internet leads to this IPv4 address. @see https://www.iana.org/assignments/iana-ipv4-special-registry */
export function isPublic(address: string): boolean {
  const bytes = address.split(".").map(Number);
  const [a = 0, b = 0] = bytes;
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) return false;
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  return !(
    (a === 100 && b >= 64 && b <= 127) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && b === 168)
  );
}
