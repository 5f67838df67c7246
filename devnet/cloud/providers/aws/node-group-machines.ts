import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { CloudAccount } from "../../config.ts";
import { KubeClient, KubeError, type KubeObject, pause } from "../kubernetes/kube-client.ts";
import { readKubeconfig } from "../kubernetes/kubeconfig.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, awsError, list, record, text } from "./aws-resource.ts";
import { launchTemplateVersion } from "./ec2.ts";
import { freeAddresses } from "./elastic-ip.ts";
import { instanceType } from "./instance-types.ts";
import { nodeName, nodeObject } from "./node-object.ts";

const joinTimeoutMs = 90_000;
/** AWS tries for 15 minutes; what a rehearsal can't evict in this time it won't evict at all. */
const evictTimeoutMs = 10_000;
const apiTimeoutMs = 120_000;
const pollMs = 250;

/** The cluster's own administrator: what EKS does inside a cluster, it does with this. */
export function clusterAdmin(account: CloudAccount): KubeClient {
  return new KubeClient(readKubeconfig(readFileSync(account.cluster.adminKubeconfig, "utf8")));
}

/** Until the control plane answers, as EKS keeps a cluster in CREATING until then. */
export async function waitForControlPlane(account: CloudAccount, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + apiTimeoutMs;
  for (;;) {
    let problem: unknown;
    try {
      const client = clusterAdmin(account);
      try {
        await client.request("GET", "/readyz", { signal });
        return;
      } finally {
        client.close();
      }
    } catch (error) {
      problem = error;
    }
    if (Date.now() > deadline)
      throw new Error(
        `waiting for EKS Cluster of account ${account.accountId} to become ACTIVE: ${(problem as Error).message}`,
        { cause: problem },
      );
    await pause(pollMs, signal);
  }
}

/** Issuer of the service account tokens of the cluster, as its discovery document says. */
export async function tokenIssuer(account: CloudAccount, signal: AbortSignal): Promise<string | undefined> {
  const client = clusterAdmin(account);
  try {
    const document = (await client.find("/.well-known/openid-configuration", signal)) as
      | { issuer?: string }
      | undefined;
    return document?.issuer;
  } finally {
    client.close();
  }
}

/** Makes the cluster's Nodes match the node group: as many, of this launch template version, with these labels and taints. */
export async function reconcileMachines(caller: AwsCaller, props: Properties, before?: Properties): Promise<void> {
  const client = clusterAdmin(caller.account);
  try {
    const group = text(props.nodeGroupName);
    const nodes = await groupNodes(client, group, caller.signal);
    const desired = Number(record(props.scalingConfig).desiredSize);
    const replaces = before !== undefined && templateOf(before) !== templateOf(props);
    // What an update that failed had added is of the new version already.
    const isOutdated = (node: KubeObject) => replaces && !isOf(node, props, before);
    const outdated = nodes.filter(isOutdated);
    const current = nodes.filter((node) => !isOutdated(node));
    await adjustSettings(client, props, current);
    const added: string[] = [];
    while (current.length + added.length < desired) added.push(await addMachine(caller, client, props));
    await waitUntilReady(client, group, added, caller.signal);
    const surplus = current.slice(desired);
    for (const node of [...outdated, ...surplus])
      await retire(caller, client, node, props.forceUpdateVersion === true || !replaces);
  } finally {
    client.close();
  }
}

/** All of the group's machines go; their pods are evicted first, with no regard for disruption budgets once time is up, as EKS does. */
export async function removeMachines(caller: AwsCaller, group: string): Promise<void> {
  const client = clusterAdmin(caller.account);
  try {
    for (const node of await groupNodes(client, group, caller.signal)) await retire(caller, client, node, true);
  } finally {
    client.close();
  }
}

const templateOf = (props: Properties) =>
  JSON.stringify([record(props.launchTemplate), props.releaseVersion, props.version]);

/** Whether a machine that is in service was made of this launch template version; other changes every machine has to follow. */
function isOf(node: KubeObject, props: Properties, before: Properties): boolean {
  if (before.releaseVersion !== props.releaseVersion || before.version !== props.version) return false;
  if ((node.spec as { unschedulable?: boolean } | undefined)?.unschedulable) return false;
  const { version } = record(props.launchTemplate);
  return node.metadata.labels?.["eks.amazonaws.com/sourceLaunchTemplateVersion"] === text(version);
}

async function groupNodes(client: KubeClient, group: string, signal: AbortSignal): Promise<KubeObject[]> {
  const selector = encodeURIComponent(`eks.amazonaws.com/nodegroup=${group}`);
  const { items } = (await client.get(`/api/v1/nodes?labelSelector=${selector}`, signal)) as unknown as {
    items: KubeObject[];
  };
  return items.sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
}

async function addMachine(caller: AwsCaller, client: KubeClient, props: Properties): Promise<string> {
  const template = props.launchTemplate
    ? launchTemplateVersion(caller, record(props.launchTemplate) as { id?: string; name?: string; version?: string })
    : undefined;
  const typeName = list<string>(props.instanceTypes)[0] ?? text(template?.props.instanceType ?? "t3.medium");
  const machine = instanceType(typeName);
  if (!machine)
    throw awsError(
      "EKS",
      "CreateNodegroup",
      400,
      "InvalidParameterException",
      `The following supplied instance types do not exist: [${typeName}]`,
    );
  const taken = (await client.get("/api/v1/nodes", caller.signal)) as unknown as { items: KubeObject[] };
  const names = new Set(taken.items.map(({ metadata }) => metadata.name));
  const { partyId } = caller.account;
  let ordinal = 11;
  while (names.has(nodeName(caller.region, partyId, ordinal))) ordinal++;
  const subnets = list<string>(props.subnetIds);
  const subnetId = subnets[(ordinal - 11) % Math.max(1, subnets.length)];
  const zone = caller.account.vpc.subnets.find(({ id }) => id === subnetId)?.az ?? `${caller.region}a`;
  const node = nodeObject({
    partyId,
    ordinal,
    region: caller.region,
    zone,
    nodeGroup: text(props.nodeGroupName),
    clusterName: text(props.clusterName),
    machine,
    instanceId: `i-0${randomBytes(8).toString("hex")}`,
    capacityType: text(props.capacityType ?? "ON_DEMAND"),
    amiId: text(
      template?.props.imageId ?? `ami-0${Buffer.from(text(props.releaseVersion)).toString("hex").slice(0, 16)}`,
    ),
    launchTemplate: template && { id: template.id, version: template.version },
    enclaveOptions: record(template?.props.enclaveOptions).enabled === true,
    userData: template?.props.userData as string | undefined,
    labels: record(props.labels) as { [name: string]: string },
    taints: list(props.taints),
  });
  // As a kubelet registers: status and all at once, so that nothing else sees the machine without its sizes.
  await client.request("POST", "/api/v1/nodes", { body: node, signal: caller.signal });
  return node.metadata.name;
}

async function waitUntilReady(client: KubeClient, group: string, names: string[], signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + joinTimeoutMs;
  for (const name of names)
    for (;;) {
      const conditions = list<{ type: string; status: string }>(
        record((await client.find(`/api/v1/nodes/${name}`, signal))?.status).conditions,
      );
      if (conditions.some(({ type, status }) => type === "Ready" && status === "True")) break;
      if (Date.now() > deadline)
        throw new Error(
          `waiting for EKS Node Group (${group}) to create: unexpected state 'CREATE_FAILED', wanted target 'ACTIVE'. last error: ${name}: NodeCreationFailure: Instances failed to join the kubernetes cluster`,
        );
      await pause(pollMs, signal);
    }
}

async function adjustSettings(client: KubeClient, props: Properties, nodes: KubeObject[]): Promise<void> {
  const wanted = nodeSettings(props);
  for (const node of nodes) {
    const had = JSON.parse(node.metadata.annotations?.[settingsAnnotation] ?? "{}") as { labels?: Properties };
    const gone = Object.keys(had.labels ?? {}).filter((name) => !(name in wanted.labels));
    await client.request("PATCH", `/api/v1/nodes/${node.metadata.name}`, {
      body: {
        metadata: {
          labels: { ...Object.fromEntries(gone.map((name) => [name, null])), ...wanted.labels },
          annotations: { [settingsAnnotation]: JSON.stringify({ labels: wanted.labels }) },
        },
        spec: { taints: [...keptTaints(node), ...wanted.taints] },
      },
      contentType: "application/merge-patch+json",
    });
  }
}

/** Which labels came from the node group: those that it drops later are removed. */
const settingsAnnotation = "eks.amazonaws.com/nodegroup-settings";

function nodeSettings(props: Properties) {
  const effects: { [effect: string]: string } = {
    NO_SCHEDULE: "NoSchedule",
    NO_EXECUTE: "NoExecute",
    PREFER_NO_SCHEDULE: "PreferNoSchedule",
  };
  return {
    labels: record(props.labels) as { [name: string]: string },
    taints: list<{ key: string; value?: string; effect: string }>(props.taints).map((taint) => ({
      ...taint,
      effect: effects[taint.effect] ?? taint.effect,
    })),
  };
}

/** Taints that Kubernetes itself put there: not ready, unschedulable and so on. */
const keptTaints = (node: KubeObject) =>
  list<{ key: string }>(node.spec?.taints).filter(({ key }) => /^node\.kubernetes\.io\/(?!enclave)/.test(key));

async function retire(caller: AwsCaller, client: KubeClient, node: KubeObject, force: boolean): Promise<void> {
  const { name } = node.metadata;
  await client.request("PATCH", `/api/v1/nodes/${name}`, {
    body: { spec: { unschedulable: true } },
    contentType: "application/merge-patch+json",
  });
  const selector = encodeURIComponent(`spec.nodeName=${name}`);
  const deadline = Date.now() + evictTimeoutMs;
  for (;;) {
    const { items } = (await client.get(`/api/v1/pods?fieldSelector=${selector}`)) as unknown as {
      items: KubeObject[];
    };
    const left = items.filter((pod) => !ownedByDaemonSet(pod));
    if (left.length === 0) break;
    const late = Date.now() > deadline;
    if (late && !force)
      throw new Error(`PodEvictionFailure: Reached max retries while trying to evict pods from nodes in node group`);
    for (const pod of left) {
      const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
      if (late) await ignoreMissing(client.request("DELETE", `${path}?gracePeriodSeconds=0`));
      else if (!pod.metadata.deletionTimestamp)
        await ignoreMissing(
          client.request("POST", `${path}/eviction`, {
            body: {
              apiVersion: "policy/v1",
              kind: "Eviction",
              metadata: { name: pod.metadata.name, namespace: pod.metadata.namespace },
            },
          }),
          429,
        );
    }
    await pause(pollMs, caller.signal);
  }
  await ignoreMissing(client.request("DELETE", `/api/v1/nodes/${name}`));
  const { providerID } = (node.spec ?? {}) as { providerID?: string };
  if (providerID !== undefined) await freeAddresses(caller.store, providerID.split("/").at(-1) ?? "");
}

const ownedByDaemonSet = (pod: KubeObject) =>
  list<{ kind: string }>((pod.metadata as { ownerReferences?: unknown }).ownerReferences).some(
    ({ kind }) => kind === "DaemonSet",
  );

async function ignoreMissing(request: Promise<unknown>, alsoStatus = 404): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof KubeError) || (error.status !== 404 && error.status !== alsoStatus)) throw error;
  }
}
