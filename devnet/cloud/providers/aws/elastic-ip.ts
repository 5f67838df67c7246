import { madeAddress } from "../../../public-address.ts";
import type { AccountStore, StoredResource } from "../../store.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, hexId, record, text } from "./aws-resource.ts";

export const eipType = "aws:ec2/eip:Eip";

export const elasticIp: AwsResource = {
  create(caller) {
    const taken = new Set(caller.store.list(eipType).map(({ props }) => props.publicIp));
    const { partyId, accountId } = caller.account;
    // AWS's own limit for a start is five.
    const publicIp = [1, 2, 3, 4, 5].map((count) => madeAddress(partyId, count)).find((each) => !taken.has(each));
    if (publicIp === undefined)
      throw awsError(
        "EC2",
        "AllocateAddress",
        400,
        "AddressLimitExceeded",
        "The maximum number of addresses has been reached.",
      );
    const id = hexId("eipalloc");
    const computed = {
      allocationId: id,
      arn: `arn:aws:ec2:${caller.region}:${accountId}:elastic-ip/${id}`,
      publicIp,
      domain: "vpc",
      publicIpv4Pool: "amazon",
      networkBorderGroup: caller.region,
    };
    return { id, computed };
  },
  remove(caller, id) {
    if (caller.store.get(eipType, id)?.props.associationId)
      throw awsError("EC2", "ReleaseAddress", 400, "InvalidIPAddress.InUse", "The address is in use");
  },
};

/** What an address is without the machine that it was on. */
export function withoutMachine(eip: StoredResource): StoredResource {
  const { associationId: _gone, networkInterface: _from, instance: _machine, ...props } = eip.props;
  return { ...eip, props };
}

/** Frees the addresses of a machine that is gone, as EC2 does when it ends an instance. */
export async function freeAddresses(store: AccountStore, instanceId: string): Promise<void> {
  for (const eip of store.list(eipType)) if (eip.props.instance === instanceId) await store.put(withoutMachine(eip));
}

export function getElasticIp(caller: AwsCaller, args: Properties): Properties {
  const found = caller.store
    .list(eipType)
    .find(({ id, props }) => (args.id === undefined ? props.publicIp === args.publicIp : id === args.id));
  if (!found)
    throw awsError(
      "EC2",
      "DescribeAddresses",
      400,
      "InvalidAllocationID.NotFound",
      `The allocation ID '${text(args.id)}' does not exist`,
    );
  const { props } = found;
  return {
    id: found.id,
    publicIp: props.publicIp,
    associationId: text(props.associationId),
    domain: "vpc",
    instanceId: text(props.instance),
    networkInterfaceId: text(props.networkInterface),
    region: caller.region,
    tags: record(props.tagsAll ?? props.tags),
  };
}
