import type { Filter } from "@aws-sdk/client-ec2";
import type { KubeClient, KubeObject } from "../clusters/kube-client.ts";
import { assumePodRole } from "./pod-identity.ts";
import { environmentOf, type PodObject } from "./pod-object.ts";

export interface NodeObject extends KubeObject {
  spec?: { providerID?: string; taints?: { key: string; value?: string; effect: string }[] };
  status?: { addresses?: { type: string; address: string }[] };
}

/** A node's machine, as EC2 knows it. */
export const instanceOf = (node: NodeObject) => node.spec?.providerID?.split("/").at(-1) ?? "";

/**
 * Does what KubeIP's agent does in its pod: gives the node one of the reserved addresses, by the pod's own role, waits
 * until the node reports it, and takes the taint away. Gives the address.
 */
export async function runKubeIpAgent(
  client: KubeClient,
  pod: PodObject,
  cloud: { endpoint: string; region: string },
): Promise<string> {
  const settings = await environmentOf(client, pod);
  const path = `/api/v1/nodes/${pod.spec.nodeName}`;
  const node = await client.get<NodeObject>(path);
  const { namespace = "default" } = pod.metadata;
  const credentials = await assumePodRole(client, namespace, pod.spec.serviceAccountName ?? "default", cloud);
  if (credentials === null) throw new Error("KubeIP's service account names no role");
  const address = await giveAddress(instanceOf(node), settings.FILTER ?? "", { ...cloud, credentials });
  const others = (node.status?.addresses ?? []).filter(({ type }) => type !== "ExternalIP");
  await client.mergePatch(`${path}/status`, {
    status: { addresses: [...others, { type: "ExternalIP", address }] },
  });
  const taints = (node.spec?.taints ?? []).filter(({ key }) => key !== settings.TAINT_KEY);
  if (taints.length !== node.spec?.taints?.length) await client.mergePatch(path, { spec: { taints } });
  return address;
}

type Ec2Settings = ConstructorParameters<typeof import("@aws-sdk/client-ec2").EC2Client>[0];

async function giveAddress(instanceId: string, filter: string, settings: Ec2Settings): Promise<string> {
  const { AssociateAddressCommand, DescribeAddressesCommand, EC2Client } = await import("@aws-sdk/client-ec2");
  const ec2 = new EC2Client({ ...settings, maxAttempts: 1 });
  try {
    const list = async (Filters: Filter[]) =>
      (await ec2.send(new DescribeAddressesCommand({ Filters }))).Addresses ?? [];
    const [held] = await list([{ Name: "instance-id", Values: [instanceId] }]);
    if (held?.PublicIp) return held.PublicIp;
    const free = (await list(filtersOf(filter))).find(({ AssociationId }) => !AssociationId);
    if (!free?.PublicIp || !free.AllocationId) throw new Error(`no address is free for ${instanceId}: ${filter}`);
    const NetworkInterfaceId = instanceId.replace(/^i-/, "eni-");
    await ec2.send(
      new AssociateAddressCommand({ AllocationId: free.AllocationId, NetworkInterfaceId, AllowReassociation: false }),
    );
    return free.PublicIp;
  } finally {
    ec2.destroy();
  }
}

/** `Name=tag:KUBEIP,Values=reserved;…`, as KubeIP reads it. */
function filtersOf(text: string): Filter[] {
  return text.split(";").map((part) => {
    const [, name, values] = /^Name=([^,]+),Values=(.+)$/.exec(part) ?? [];
    if (name === undefined || values === undefined) throw new Error(`invalid filter: ${part}`);
    return { Name: name, Values: values.split(",") };
  });
}
