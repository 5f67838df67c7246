import { randomBytes } from "node:crypto";
import { type KubeClient, KubeError, type KubeObject } from "../clusters/kube-client.ts";
import { type Fault, faultWanting } from "../fault.ts";
import type { PartyTopology } from "../topology.ts";
import type { PodObject } from "./pod-object.ts";
import { type CloudResource, restorable, type Taken } from "./taken.ts";

const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";
const groupType = "aws:ec2/securityGroup:SecurityGroup";
const ruleType = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const roleType = "aws:iam/role:Role";
const enclaveLabel = "node.kubernetes.io/enclave-enabled";
const pluginSelector = "name=aws-nitro-enclaves";
const enclaves = "aws.ec2.nitro/nitro_enclaves";
const enclaveCpus = "aws.ec2.nitro/nitro_enclaves_cpus";
const hugePages = "hugepages-1Gi";

export type TakingFault = Extract<
  Fault,
  {
    kind:
      | "pending-endpoint"
      | "firewall"
      | "dns-lost"
      | "small-allocator"
      | "no-device-plugin"
      | "node-down"
      | "config-lost"
      | "token-denied";
  }
>;

/** Faults after which the core's pod is made anew, since a running one would not notice. */
const restarting: ReadonlySet<Fault["kind"]> = new Set([
  "small-allocator",
  "no-device-plugin",
  "config-lost",
  "token-denied",
]);

const taking: ReadonlySet<Fault["kind"]> = new Set([
  ...restarting,
  "pending-endpoint",
  "firewall",
  "dns-lost",
  "node-down",
]);

export const isTaking = (fault: Fault): fault is TakingFault => taking.has(fault.kind);
export const restartsCore = (fault: Fault): boolean => restarting.has(fault.kind);

/** What a fault looks at to find out what it has to take. */
export interface Sources {
  party(id: number): Pick<PartyTopology, "id" | "accountId">;
  namespace: string;
  peerPort: number;
  client(party: number): Pick<KubeClient, "get">;
  resources(accountId: string): Promise<CloudResource[]>;
  /** Party that offers the service behind an endpoint. */
  offeredBy(accountId: string, endpointId: string): Promise<number | null>;
  /** Public addresses of a party's nodes; none where the transport is another. */
  addresses(party: number): readonly string[];
}

/** What there is to take for a fault, in the order in which it is taken. */
export async function thingsOf(fault: TakingFault, sources: Sources): Promise<Taken[]> {
  switch (fault.kind) {
    case "pending-endpoint":
      return await pendingEndpoint(fault, sources);
    case "firewall":
      return sources.addresses(fault.party).length > 0
        ? await publicRule(fault, sources)
        : await endpointRule(fault, sources);
    case "dns-lost":
      return await peerName(fault, sources);
    case "small-allocator":
      return [await offer(fault, sources, half, [enclaveCpus, hugePages])];
    case "no-device-plugin":
      return [...(await devicePlugin(fault, sources)), await offer(fault, sources, () => "0", [enclaves, enclaveCpus])];
    case "node-down":
      return [{ what: "kubelet", party: fault.party, node: (await enclaveNode(fault, sources)).metadata.name }];
    case "config-lost":
      return await configMap(fault, sources);
    case "token-denied":
      return await trust(fault, sources);
  }
}

/* What AWS has. */

type OfLink = Extract<TakingFault, { peer: number }>;

async function endpointTo(fault: OfLink, sources: Sources): Promise<{ accountId: string; endpoint: CloudResource }> {
  const { accountId } = sources.party(fault.party);
  for (const endpoint of (await sources.resources(accountId)).filter(({ type }) => type === endpointType))
    if ((await sources.offeredBy(accountId, endpoint.id)) === fault.peer) return { accountId, endpoint };
  throw faultWanting(
    fault,
    `party ${fault.party} has no interface endpoint to party ${fault.peer}`,
    "transport privatelink, and both parties up",
  );
}

async function pendingEndpoint(fault: OfLink, sources: Sources): Promise<Taken[]> {
  const { accountId, endpoint } = await endpointTo(fault, sources);
  const { state = "available" } = endpoint.props;
  return [changed(accountId, endpoint, { state }, { state: "pendingAcceptance" })];
}

/**
 * All endpoints of a party share one security group, and the fault is of one direction between two parties. So the endpoint gets a group of
 * its own that has every rule but the one for the peers' port.
 */
async function endpointRule(fault: OfLink, sources: Sources): Promise<Taken[]> {
  const { accountId, endpoint } = await endpointTo(fault, sources);
  const all = await sources.resources(accountId);
  const groups = endpoint.props.securityGroupIds as string[];
  const made: Taken[] = [];
  const copies = groups.map((groupId) => {
    const group = all.find(({ type, id }) => type === groupType && id === groupId);
    const copy = newId("sg");
    const inline = ((group?.props.ingress ?? []) as Record<string, unknown>[]).filter(
      ({ protocol }) => protocol !== "-1",
    );
    const name = `${group?.props.name}-narrowed`;
    made.push(madeNew(accountId, groupType, copy, { ...group?.props, name, ingress: inline }));
    for (const { type, props } of all)
      if (type === ruleType && props.securityGroupId === groupId && !letsIn(props, sources.peerPort)) {
        const id = newId("sgr");
        made.push(madeNew(accountId, type, id, { ...props, securityGroupId: copy, securityGroupRuleId: id }));
      }
    return copy;
  });
  return [...made, changed(accountId, endpoint, { securityGroupIds: groups }, { securityGroupIds: copies })];
}

/** The peer's firewall loses the rules for the party's addresses. */
async function publicRule(fault: OfLink, sources: Sources): Promise<Taken[]> {
  const { accountId } = sources.party(fault.peer);
  const sourceRanges = sources.addresses(fault.party).map((address) => `${address}/32`);
  const rules = (await sources.resources(accountId)).filter(
    ({ type, props }) =>
      type === ruleType && sourceRanges.includes(String(props.cidrIpv4)) && letsIn(props, sources.peerPort),
  );
  if (rules.length === 0)
    throw faultWanting(
      fault,
      `the firewall of party ${fault.peer} has no rule for party ${fault.party}`,
      `a rule for ${sourceRanges.join(", ")}`,
    );
  return rules.map(({ type, id, props }) => ({ what: "resource", accountId, type, id, was: props, left: null }));
}

function letsIn({ ipProtocol, fromPort, toPort }: Record<string, unknown>, port: number): boolean {
  if (String(ipProtocol) === "-1") return true;
  return String(ipProtocol) === "tcp" && Number(fromPort) <= port && port <= Number(toPort);
}

/** The role of the core's service account trusts the same account of another namespace, as after a namespace was renamed. */
async function trust(fault: TakingFault, sources: Sources): Promise<Taken[]> {
  const { accountId } = sources.party(fault.party);
  const pod = await corePod(fault, sources);
  const account = await sources
    .client(fault.party)
    .get<KubeObject>(`/api/v1/namespaces/${sources.namespace}/serviceaccounts/${pod.spec.serviceAccountName}`);
  const arn = account.metadata.annotations?.["eks.amazonaws.com/role-arn"];
  const role = (await sources.resources(accountId)).find(({ type, props }) => type === roleType && props.arn === arn);
  const policy = String(role?.props.assumeRolePolicy ?? "");
  const other = policy.replaceAll(/system:serviceaccount:([^:"]+):/g, "system:serviceaccount:$1-before:");
  if (role === undefined || other === policy)
    throw faultWanting(
      fault,
      `the core of party ${fault.party} has no role that trusts its service account`,
      "one that does",
    );
  return [changed(accountId, role, { assumeRolePolicy: policy }, { assumeRolePolicy: other })];
}

const newId = (prefix: string) => `${prefix}-0${randomBytes(8).toString("hex")}`;

function madeNew(accountId: string, type: string, id: string, left: Record<string, unknown>): Taken {
  return { what: "resource", accountId, type, id, was: null, left };
}

function changed(
  accountId: string,
  { type, id }: CloudResource,
  was: Record<string, unknown>,
  left: Record<string, unknown>,
): Taken {
  return { what: "resource", accountId, type, id, was, left };
}

/* What the cluster has. */

async function peerName(fault: OfLink, sources: Sources): Promise<Taken[]> {
  const path = `/api/v1/namespaces/${sources.namespace}/services`;
  const { items } = await sources
    .client(fault.party)
    .get<{ items: KubeObject[] }>(`${path}?labelSelector=app.kubernetes.io/component=mpc-partner-interface`);
  const found = items.find(({ metadata }) => metadata.annotations?.["mpc.io/partner-party"] === String(fault.peer));
  if (found === undefined)
    throw faultWanting(
      fault,
      `the cluster of party ${fault.party} has no Service for party ${fault.peer}`,
      "both parties up",
    );
  // A list leaves out what each of its items is.
  const object = { apiVersion: "v1", kind: "Service", ...restorable(found) };
  return [{ what: "object", party: fault.party, path, object }];
}

interface SizedNode extends KubeObject {
  status?: { allocatable?: Record<string, string>; capacity?: Record<string, string> };
}

async function enclaveNode(fault: TakingFault, { client }: Sources): Promise<SizedNode> {
  const { items } = await client(fault.party).get<{ items: SizedNode[] }>(
    `/api/v1/nodes?labelSelector=${enclaveLabel}`,
  );
  const [node] = items;
  if (node === undefined) throw faultWanting(fault, `party ${fault.party} has no enclave node`, `npx quorate up of it`);
  return node;
}

/** The node offers less of some things. */
async function offer(
  fault: TakingFault,
  sources: Sources,
  less: (quantity: string) => string,
  names: readonly string[],
): Promise<Taken> {
  const node = await enclaveNode(fault, sources);
  const pick = (of: Record<string, string> = {}, as = (quantity: string) => quantity) =>
    Object.fromEntries(names.flatMap((name) => (of[name] === undefined ? [] : [[name, as(of[name])]])));
  const { allocatable, capacity } = node.status ?? {};
  return {
    what: "node-status",
    party: fault.party,
    node: node.metadata.name,
    was: { allocatable: pick(allocatable), capacity: pick(capacity) },
    left: { allocatable: pick(allocatable, less), capacity: pick(capacity, less) },
  };
}

/** `96Gi` to `48Gi`. */
const half = (quantity: string) => quantity.replace(/^\d+/, (number) => String(Math.floor(Number(number) / 2)));

async function devicePlugin(fault: TakingFault, sources: Sources): Promise<Taken[]> {
  const path = "/apis/apps/v1/namespaces/kube-system/daemonsets";
  const { items } = await sources
    .client(fault.party)
    .get<{ items: KubeObject[] }>(`${path}?labelSelector=${encodeURIComponent(pluginSelector)}`);
  return items.map((plugin) => ({
    what: "object",
    party: fault.party,
    path,
    object: { apiVersion: "apps/v1", kind: "DaemonSet", ...restorable(plugin) },
  }));
}

async function configMap(fault: TakingFault, sources: Sources): Promise<Taken[]> {
  const pod = await corePod(fault, sources);
  const name = pod.spec.containers
    .flatMap(({ env = [] }) => env)
    .find(({ valueFrom }) => valueFrom?.configMapKeyRef !== undefined)?.valueFrom?.configMapKeyRef?.name;
  const path = `/api/v1/namespaces/${sources.namespace}/configmaps`;
  const missing = () =>
    faultWanting(fault, `there is no ConfigMap ${name} of party ${fault.party} to be lost`, "one that is there");
  if (name === undefined) throw missing();
  const map = await sources
    .client(fault.party)
    .get<KubeObject>(`${path}/${name}`)
    .catch((error) => {
      throw error instanceof KubeError && error.status === 404 ? missing() : error;
    });
  return [{ what: "object", party: fault.party, path, object: restorable(map) }];
}

/** The core's pod, whatever state it is in. */
export async function corePod(fault: TakingFault, { client, namespace }: Sources): Promise<PodObject> {
  const { items } = await client(fault.party).get<{ items: PodObject[] }>(
    `/api/v1/namespaces/${namespace}/pods?labelSelector=app=kms-core`,
  );
  const pod = items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (pod === undefined) throw faultWanting(fault, `party ${fault.party} has no core's pod`, "a core that is released");
  return pod;
}
