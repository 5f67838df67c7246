import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KubeError } from "../../devnet/clusters/kube-client.ts";
import { parseFault } from "../../devnet/fault.ts";
import { findObstacle, waitingStatus } from "../../devnet/supervision/core-admission.ts";
import type { PodObject } from "../../devnet/supervision/pod-object.ts";
import { type CloudResource, TakenThings, type TakenWorld } from "../../devnet/supervision/taken.ts";
import { isTaking, type Sources, thingsOf } from "../../devnet/supervision/taking-faults.ts";

// A party's account and cluster as maps, taken from and put back without a devnet.
const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";
const groupType = "aws:ec2/securityGroup:SecurityGroup";
const ruleType = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const roleType = "aws:iam/role:Role";
const services = "/api/v1/namespaces/kms/services";
const maps = "/api/v1/namespaces/kms/configmaps";
const sets = "/apis/apps/v1/namespaces/kube-system/daemonsets";
const node = "ip-10-1-0-11";

type Json = Record<string, unknown>;
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

let folder: string;
let resources: Map<string, CloudResource>;
let objects: Map<string, Json>;
let kubelets: string[];

const pod = (): PodObject => ({
  metadata: { name: "kms-core-1", namespace: "kms", uid: "pod-1", resourceVersion: "9" },
  spec: {
    serviceAccountName: "mpc-party",
    nodeName: node,
    volumes: [{ name: "config-files", configMap: { name: "kms-core-config" } }],
    initContainers: [
      {
        name: "load-env",
        image: "socat",
        env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "mpc-party", key: "A" } } }],
      },
    ],
    containers: [
      {
        name: "kms-core",
        image: "core",
        env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "mpc-party", key: "A" } } }],
      },
    ],
  },
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-taken-"));
  kubelets = [];
  const of = (type: string, id: string, props: Json): [string, CloudResource] => [id, { type, id, props }];
  resources = new Map([
    of(endpointType, "vpce-2", { serviceName: "to-2", state: "available", securityGroupIds: ["sg-peers"] }),
    of(endpointType, "vpce-3", { serviceName: "to-3", state: "available", securityGroupIds: ["sg-peers"] }),
    of(groupType, "sg-peers", { name: "peers", ingress: [] }),
    of(ruleType, "sgr-peer", {
      ...{ securityGroupId: "sg-peers", ipProtocol: "tcp", fromPort: 50_001, toPort: 50_001 },
      ...{ referencedSecurityGroupId: "sg-nodes", cidrIpv4: "203.0.113.2/32" },
    }),
    of(ruleType, "sgr-metrics", {
      ...{ securityGroupId: "sg-peers", ipProtocol: "tcp", fromPort: 9646, toPort: 9646 },
      referencedSecurityGroupId: "sg-nodes",
    }),
    of(roleType, "core", {
      arn: "arn:aws:iam::1:role/core",
      assumeRolePolicy: '{"Condition":{"StringEquals":{"x:sub":"system:serviceaccount:kms:mpc-party"}}}',
    }),
  ]);
  const common = { uid: "u", resourceVersion: "7", creationTimestamp: "2026-01-01T00:00:00Z", generation: 3 };
  objects = new Map<string, Json>([
    [
      `${services}/mpc-node-3`,
      {
        metadata: { ...common, name: "mpc-node-3", annotations: { "mpc.io/partner-party": "3" } },
        spec: { type: "ExternalName" },
        status: { loadBalancer: {} },
      },
    ],
    [`${maps}/mpc-party`, { kind: "ConfigMap", metadata: { ...common, name: "mpc-party" }, data: { A: "a" } }],
    [`${maps}/kms-core-config`, { kind: "ConfigMap", metadata: { ...common, name: "kms-core-config" }, data: {} }],
    [`${sets}/plugin`, { metadata: { ...common, name: "plugin" }, spec: {} }],
    ["/api/v1/namespaces/kms/pods/kms-core-1", pod() as unknown as Json],
    [
      "/api/v1/namespaces/kms/serviceaccounts/mpc-party",
      { metadata: { name: "mpc-party", annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/core" } } },
    ],
    [
      `/api/v1/nodes/${node}`,
      {
        metadata: { name: node },
        status: Object.fromEntries(
          ["allocatable", "capacity"].map((field) => [
            field,
            {
              "aws.ec2.nitro/nitro_enclaves": "1",
              "aws.ec2.nitro/nitro_enclaves_cpus": "48",
              "hugepages-1Gi": "96Gi",
              memory: "128Gi",
            },
          ]),
        ),
      },
    ],
  ]);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The API server, as far as the faults ask it. */
const client = {
  get: async <T>(path: string): Promise<T> => {
    const [plain = ""] = path.split("?");
    const found = objects.get(plain);
    if (found !== undefined) return copy(found) as T;
    if (!/\/(services|configmaps|daemonsets|pods|nodes)$/.test(plain)) throw new KubeError(plain, 404, "not found");
    const items = [...objects].flatMap(([key, object]) =>
      key.slice(0, key.lastIndexOf("/")) === plain ? [object] : [],
    );
    return { items: copy(items) } as T;
  },
  post: async <T>(path: string, body: unknown): Promise<T> => {
    const key = `${path}/${(body as { metadata: { name: string } }).metadata.name}`;
    if (objects.has(key)) throw new KubeError(key, 409, "AlreadyExists");
    objects.set(key, copy(body) as Json);
    return {} as T;
  },
  mergePatch: async <T>(path: string, body: unknown): Promise<T> => {
    const object = objects.get(path.replace(/\/status$/, ""));
    const { status = {} } = body as { status?: Record<string, Json> };
    const own = object?.status as Record<string, Json>;
    for (const [field, values] of Object.entries(status)) own[field] = { ...own[field], ...values };
    return {} as T;
  },
  delete: async (path: string) => {
    if (!objects.delete(path)) throw new KubeError(path, 404, "not found");
  },
};

const world: TakenWorld = {
  client: () => client,
  resources: async () => copy([...resources.values()]),
  putResource: async (_account, resource) => void resources.set(resource.id, copy(resource)),
  deleteResource: async (_account, { id }) => void resources.delete(id),
  deleteObject: async () => {},
  putObject: async () => {},
  stopKubelet: async (party, name) => void kubelets.push(`stop ${party} ${name}`),
  startKubelet: async (party, name) => void kubelets.push(`start ${party} ${name}`),
};

const sources = (addresses: string[] = []): Sources => ({
  party: (id) => ({ id, accountId: "1" }),
  namespace: "kms",
  peerPort: 50_001,
  client: () => client,
  resources: world.resources,
  offeredBy: async (_account, id) => Number(id.replace("vpce-", "")),
  addresses: () => addresses,
});

const open = () => new TakenThings(join(folder, "taken.json"), world);

async function take(things: TakenThings, words: string[], addresses: string[] = []) {
  const fault = parseFault(words);
  if (!isTaking(fault)) throw new Error(`${words} takes nothing`);
  await things.take(fault, await thingsOf(fault, sources(addresses)));
}

const state = () =>
  copy({
    resources: [...resources.values()].sort((a, b) => a.id.localeCompare(b.id)),
    objects: [...objects.keys()].sort(),
  });
const allocatable = () =>
  (objects.get(`/api/v1/nodes/${node}`)?.status as Record<string, Json> | undefined)?.allocatable;

test.each([
  [["pending-endpoint", "1", "3"], () => resources.get("vpce-3")?.props.state === "pendingAcceptance"],
  [["dns-lost", "1", "3"], () => !objects.has(`${services}/mpc-node-3`)],
  [["config-lost", "1"], () => !objects.has(`${maps}/mpc-party`) && objects.has(`${maps}/kms-core-config`)],
  [
    ["small-allocator", "1"],
    () => allocatable()?.["hugepages-1Gi"] === "48Gi" && allocatable()?.["aws.ec2.nitro/nitro_enclaves_cpus"] === "24",
  ],
  [
    ["no-device-plugin", "1"],
    () => !objects.has(`${sets}/plugin`) && allocatable()?.["aws.ec2.nitro/nitro_enclaves"] === "0",
  ],
  [["node-down", "1"], () => kubelets.at(-1) === `stop 1 ${node}`],
  [
    ["token-denied", "1"],
    () => String(resources.get("core")?.props.assumeRolePolicy).includes("system:serviceaccount:kms-before:mpc-party"),
  ],
])("%j takes what it is about, and the healing puts it back exactly", async (words, isTaken) => {
  const before = state();
  const status = copy(objects.get(`/api/v1/nodes/${node}`));
  const things = open();
  await take(things, words);
  expect(isTaken()).toBe(true);
  expect(things.faults).toEqual([parseFault(words)]);
  await things.putBack();
  expect(things.faults).toEqual([]);
  expect(state()).toEqual(before);
  expect(objects.get(`/api/v1/nodes/${node}`)).toEqual(status);
  expect(kubelets).toEqual(words[0] === "node-down" ? [`stop 1 ${node}`, `start 1 ${node}`] : []);
});

test("firewall: the endpoint to that peer alone is in a group without the rule for the peers' port", async () => {
  const before = state();
  const things = open();
  await take(things, ["firewall", "1", "3"]);
  expect(resources.get("vpce-2")?.props.securityGroupIds).toEqual(["sg-peers"]);
  const groups = resources.get("vpce-3")?.props.securityGroupIds;
  const ports = [...resources.values()].flatMap(({ type, props }) =>
    type === ruleType && [props.securityGroupId].join() === String(groups) ? [props.fromPort] : [],
  );
  expect(ports).toEqual([9646]);
  await things.putBack();
  expect(state()).toEqual(before);
});

test("firewall with public addresses: the peer's rule for the party is gone", async () => {
  const before = state();
  const things = open();
  await take(things, ["firewall", "1", "3"], ["203.0.113.2"]);
  expect(resources.has("sgr-peer")).toBe(false);
  expect(resources.has("sgr-metrics")).toBe(true);
  await things.putBack();
  expect(state()).toEqual(before);
  await expect(take(things, ["firewall", "1", "3"], ["203.0.113.9"])).rejects.toThrow(/^FAULT_INVALID/);
});

test("what a devnet took that was killed is put back by the next one", async () => {
  const before = state();
  await take(open(), ["dns-lost", "1", "3"]);
  await take(open(), ["firewall", "1", "3"]);
  const next = open();
  expect(next.faults.map(({ kind }) => kind)).toEqual(["dns-lost", "firewall"]);
  await next.putBack();
  expect(state()).toEqual(before);
  expect(open().faults).toEqual([]);
});

test("what was made again or changed meanwhile stays as it was made", async () => {
  const things = open();
  await take(things, ["dns-lost", "1", "3"]);
  await take(things, ["token-denied", "1"]);
  await take(things, ["firewall", "1", "3"], ["203.0.113.2"]);
  const again = { metadata: { name: "mpc-node-3" }, spec: { type: "ClusterIP" } };
  objects.set(`${services}/mpc-node-3`, again);
  const role = resources.get("core");
  if (role) resources.set("core", { ...role, props: { ...role.props, assumeRolePolicy: "another" } });
  resources.set("sgr-new", {
    type: ruleType,
    id: "sgr-new",
    props: {
      ...{ securityGroupId: "sg-peers", ipProtocol: "tcp", fromPort: 50_001, toPort: 50_001 },
      ...{ referencedSecurityGroupId: "sg-nodes", cidrIpv4: "203.0.113.2/32", arn: "new" },
    },
  });
  await things.putBack();
  expect(objects.get(`${services}/mpc-node-3`)).toEqual(again);
  expect(resources.get("core")?.props.assumeRolePolicy).toBe("another");
  // The same rule under another id: a second one would be refused by AWS.
  expect(resources.has("sgr-peer")).toBe(false);
});

test.each([[["pending-endpoint", "1", "9"]], [["dns-lost", "1", "9"]]])(
  "%j: what is not there can not be taken",
  async (words) => {
    await expect(take(open(), words)).rejects.toThrow(/^FAULT_INVALID/);
  },
);

test("a party without a core, a node or a role has nothing to lose", async () => {
  objects.delete(`/api/v1/nodes/${node}`);
  await expect(take(open(), ["small-allocator", "1"])).rejects.toThrow(/no enclave node/);
  resources.delete("core");
  await expect(take(open(), ["token-denied", "1"])).rejects.toThrow(/no role/);
  objects.delete("/api/v1/namespaces/kms/pods/kms-core-1");
  await expect(take(open(), ["config-lost", "1"])).rejects.toThrow(/no core's pod/);
});

test("a pod whose ConfigMaps are there is admitted, and one that lacks some waits as a kubelet says it", async () => {
  expect(await findObstacle(client, pod())).toBeNull();
  objects.delete(`${maps}/mpc-party`);
  const missing = await findObstacle(client, pod());
  expect(missing).toEqual({
    container: "load-env",
    message: 'configmap "mpc-party" not found',
    event: { reason: "Failed", message: 'Error: configmap "mpc-party" not found' },
  });
  if (missing === null) return;
  expect(waitingStatus(pod(), missing)).toMatchObject({
    phase: "Pending",
    initContainerStatuses: [{ state: { waiting: { reason: "CreateContainerConfigError", message: missing.message } } }],
    containerStatuses: [{ state: { waiting: { reason: "PodInitializing" } } }],
  });
  objects.delete(`${maps}/kms-core-config`);
  expect((await findObstacle(client, pod()))?.event).toEqual({
    reason: "FailedMount",
    message: 'MountVolume.SetUp failed for volume "config-files" : configmap "kms-core-config" not found',
  });
});

test("what may be missing is not waited for", async () => {
  objects.delete(`${maps}/kms-core-config`);
  const relaxed = pod();
  relaxed.spec.volumes = [{ name: "config-files", configMap: { name: "kms-core-config", optional: true } }];
  expect(await findObstacle(client, relaxed)).toBeNull();
});
