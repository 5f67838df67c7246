import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** How KubeIP finds the addresses that it may give to nodes. */
export interface AddressTag {
  key: string;
  value: string;
}

export interface PartyAddressesArgs {
  /** Addresses that exist, which this party looks up; or how many to make. */
  pool: { allocationIds: readonly string[] } | { count: number };
  tag: AddressTag;
  /** Most nodes that can be there at once: each needs an address. */
  maxNodes: number;
}

/**
 * The public addresses of a party's nodes. Creates: Elastic IPs; or nothing where they exist.
 *
 * An address costs $0.005 per hour, whether a node has it or not (list price, 2026-11).
 */
export class PartyAddresses extends pulumi.ComponentResource {
  /** By which peers connect: the first. */
  readonly address: pulumi.Output<string>;
  /** From which this party's connections may come: all. */
  readonly addresses: pulumi.Output<string[]>;

  constructor(name: string, args: PartyAddressesArgs, opts?: pulumi.ComponentResourceOptions) {
    const size = "count" in args.pool ? args.pool.count : new Set(args.pool.allocationIds).size;
    checkArgs(`party addresses ${name}`, [
      size < Math.max(1, args.maxNodes) && {
        propertyPath: "pool",
        reason: `has ${size} for up to ${args.maxNodes} nodes: a node without one never gets ready for the core`,
      },
      "allocationIds" in args.pool &&
        size !== args.pool.allocationIds.length && { propertyPath: "pool", reason: "names an address twice" },
    ]);
    super("quorate:aws:PartyAddresses", name, {}, opts);
    const found = "count" in args.pool ? create(this, name, args.pool.count, args.tag) : lookUp(this, args);
    this.addresses = pulumi.all(found);
    this.address = this.addresses.apply(([first = ""]) => first);
    this.registerOutputs({ address: this.address, addresses: this.addresses });
  }
}

function create(parent: PartyAddresses, name: string, count: number, { key, value }: AddressTag) {
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    const tags = { Name: `${name}-${number}`, [key]: value };
    return new aws.ec2.Eip(`${name}-${number}`, { domain: "vpc", tags }, { parent }).publicIp;
  });
}

function lookUp(parent: PartyAddresses, { pool, tag }: PartyAddressesArgs): pulumi.Output<string>[] {
  const ids = "allocationIds" in pool ? pool.allocationIds : [];
  return ids.map((id) => aws.ec2.getElasticIpOutput({ id }, { parent }).apply((found) => reserved(id, found, tag)));
}

/** The address, once it is known to carry the tag: KubeIP would not see it otherwise, and its node wait for ever. */
export function reserved(
  allocationId: string,
  { publicIp, tags }: Pick<aws.ec2.GetElasticIpResult, "publicIp" | "tags">,
  { key, value }: AddressTag,
): string {
  if (tags[key] === value) return publicIp;
  throw new pulumi.InputPropertyError({
    propertyPath: "pool.allocationIds",
    reason: `${allocationId} (${publicIp}) has tag ${key}: ${tags[key] ?? "none"}, and KubeIP looks for ${value}: aws ec2 create-tags --resources ${allocationId} --tags Key=${key},Value=${value}`,
  });
}
