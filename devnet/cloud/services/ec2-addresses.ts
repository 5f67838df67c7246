import { requireAccess } from "../access.ts";
import { type AwsCall, type CloudContext, callerAccount } from "../aws-call.ts";
import { AwsError } from "../aws-error.ts";
import { eipType, withoutMachine } from "../providers/aws/elastic-ip.ts";
import type { StoredResource } from "../store.ts";
import type { QueryAction } from "./query-protocol.ts";

/** Network interface that an instance has from the start, by which KubeIP gives it its address. */
export const primaryInterface = (instanceId: string) => instanceId.replace(/^i-/, "eni-");

/** Elastic Compute Cloud: the calls that give an address to a machine and take it away. */
export const addressActions: Record<string, QueryAction> = {
  async AssociateAddress(parameters, call, cloud) {
    const allocationId = parameters.require("AllocationId");
    const networkInterface = parameters.require("NetworkInterfaceId");
    const { account, eip } = allowMove("AssociateAddress", call, cloud, {
      networkInterface,
      find: (each) => each.id === allocationId,
      missing: ["InvalidAllocationID.NotFound", `The allocation ID '${allocationId}' does not exist`],
    });
    if (eip.props.associationId && parameters.get("AllowReassociation") !== "true")
      throw new AwsError(
        "Resource.AlreadyAssociated",
        `resource ${allocationId} is already associated with associate-id ${eip.props.associationId}`,
      );
    const associationId = allocationId.replace("eipalloc-", "eipassoc-");
    const instance = networkInterface.replace(/^eni-/, "i-");
    await account.put({ ...eip, props: { ...eip.props, associationId, networkInterface, instance } });
    return { associationId, return: true };
  },
  async DisassociateAddress(parameters, call, cloud) {
    const associationId = parameters.require("AssociationId");
    const owner = callerAccount(call, cloud);
    const held = owner && cloud.store.account(owner.accountId).list(eipType);
    const networkInterface = String(
      held?.find(({ props }) => props.associationId === associationId)?.props.networkInterface,
    );
    const { account, eip } = allowMove("DisassociateAddress", call, cloud, {
      networkInterface,
      find: ({ props }) => props.associationId === associationId,
      missing: ["InvalidAssociationID.NotFound", `The association ID '${associationId}' does not exist`],
    });
    await account.put(withoutMachine(eip));
    return { return: true };
  },
};

/** EC2 asks for rights on both: the address, and the interface that it is on or comes to. */
function allowMove(
  action: string,
  call: AwsCall,
  cloud: CloudContext,
  {
    networkInterface,
    find,
    missing,
  }: { networkInterface: string; find: (each: StoredResource) => boolean; missing: [code: string, message: string] },
) {
  const owner = callerAccount(call, cloud);
  if (!owner) throw new AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
  const { accountId, region, vpc } = owner;
  const account = cloud.store.account(accountId);
  const eip = account.list(eipType).find(find);
  if (!eip) throw new AwsError(...missing);
  const tags = (eip.props.tagsAll ?? eip.props.tags ?? {}) as Record<string, string>;
  const arn = (resource: string) => `arn:aws:ec2:${region}:${accountId}:${resource}`;
  const ask = (resource: string, context: Record<string, string>) =>
    requireAccess(cloud.store, {
      principal: call.principal,
      action: `ec2:${action}`,
      resource: arn(resource),
      resourceAccountId: accountId,
      context,
    });
  ask(
    `elastic-ip/${eip.id}`,
    Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:resourcetag/${key}`.toLowerCase(), value])),
  );
  ask(`network-interface/${networkInterface}`, { "ec2:vpc": arn(`vpc/${vpc.vpcId}`) });
  return { account, eip };
}
