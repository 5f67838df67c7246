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

/** Whether the machine has the labels that the pod asks for. A pod names its node, and a machine without them may have come under that name meanwhile. */
export const isChosenBy = ({ spec: { nodeSelector = {} } }: PodObject, { metadata: { labels } }: NodeObject) =>
  Object.entries(nodeSelector).every(([key, value]) => labels?.[key] === value);

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
  await reportAddress(client, node, address, settings.TAINT_KEY ?? "");
  return address;
}

/**
 * Writes an address down on its node, and takes the taint away. Nothing else of the node is touched: its kubelet may tell
 * its own addresses meanwhile, and where those are lost no command gets into its pods.
 */
export async function reportAddress(
  client: Pick<KubeClient, "strategicPatch" | "mergePatch">,
  node: NodeObject,
  address: string,
  taintKey: string,
): Promise<void> {
  const path = `/api/v1/nodes/${node.metadata.name}`;
  const reported = await client.strategicPatch<NodeObject>(`${path}/status`, {
    // Of this machine and no successor that has its name.
    metadata: { uid: node.metadata.uid },
    // A list that is merged by its types.
    status: { addresses: [{ type: "ExternalIP", address }] },
  });
  const had = reported.spec?.taints ?? [];
  const taints = had.filter(({ key }) => key !== taintKey);
  // A list that is replaced whole: refused, and done again, where somebody else has changed it.
  const { resourceVersion } = reported.metadata;
  if (taints.length !== had.length) await client.mergePatch(path, { metadata: { resourceVersion }, spec: { taints } });
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
