import { log } from "@pulumi/pulumi";
import { expect, test, vi } from "vitest";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import { Party } from "../../components/zama-kms/party.ts";
import { onMockStack, settled } from "../support/mocks.ts";
import { rawManifest } from "../support/network.ts";
import { exampleSettings } from "./example.ts";

/** As a public subnet answers; the cluster's own stay private. */
const getSubnet = ({ id }: Record<string, unknown>) => ({
  mapPublicIpOnLaunch: String(id).startsWith("subnet-00c"),
  availabilityZoneId: "euw1-az1",
  cidrBlock: "10.1.0.0/24",
});

const party = (settings: ReturnType<typeof exampleSettings>) =>
  onMockStack(
    () => {
      const { region, accountId, cluster } = settings.config;
      return new Party("party-1", { ...settings, cluster: new PartyCluster("eks", { region, accountId, cluster }) });
    },
    {
      calls: { "aws:ec2/getSubnet:getSubnet": getSubnet },
      states: { "aws:ec2/eip:Eip": { publicIp: "203.0.113.1" } },
    },
  );

const addressed = (fields: object = {}, known = [2, 3, 4]) => {
  const parties = rawManifest().parties.map((each: { id: number }) =>
    known.includes(each.id) ? { ...each, elasticIp: `203.0.113.${each.id}` } : each,
  );
  const settings = exampleSettings(
    { transport: "kubeip", parties, ...fields },
    { kubeip: { publicSubnetIds: ["subnet-00c1"] } },
  );
  return settings;
};

test("nodes lie in public subnets behind the firewall, and wait for their address; the core is let out to peers only", async () => {
  const stack = await party(addressed());
  const group = stack.get("party-1-enclaves-nodegroup").inputs;
  expect(group.subnetIds).toEqual(["subnet-00c1"]);
  expect(group.taints).toEqual([
    { key: "node.kubernetes.io/enclave-enabled", value: "true", effect: "NO_SCHEDULE" },
    { key: "kubeip.com/not-ready", value: "true", effect: "NO_SCHEDULE" },
  ]);
  expect(stack.get("party-1-enclaves-template").inputs.vpcSecurityGroupIds).toEqual([
    expect.any(String),
    "party-1-firewall-group-id",
  ]);
  const rules = stack.ofType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule");
  expect(rules.map(({ inputs }) => [inputs.cidrIpv4, inputs.fromPort])).toEqual(
    [2, 3, 4].map((id) => [`203.0.113.${id}/32`, 50_001]),
  );
  // Neither the core nor what leads to it tolerates a node without its address.
  const core = stack.get("party-1-kms-release").inputs.values.kmsCore;
  const gate = stack.get("party-1-gate-daemonset").inputs.spec.template.spec;
  for (const { tolerations } of [core, gate]) expect(JSON.stringify(tolerations)).not.toContain("kubeip.com/not-ready");
  expect(gate.containers[0].env).toContainEqual({ name: "QUORATE_CORE_HOST", value: "mpc-node-1" });
  expect(stack.get("party-1-traffic-core").inputs.spec.egress[1].to).toEqual(
    [2, 3, 4].map((id) => ({ ipBlock: { cidr: `203.0.113.${id}/32` } })),
  );
  expect(stack.get("party-1-kubeip-role").inputs.assumeRolePolicy).toContain(
    "system:serviceaccount:kube-system:quorate-kubeip",
  );
});

test("the outputs tell the address and KubeIP's state, and no endpoint service", async () => {
  const { outputs } = (await party(addressed())).result;
  expect(await settled(outputs.elasticIp)).toBe("203.0.113.1");
  expect(await settled(outputs.kubeip)).toMatch(/^DaemonSet kube-system\/quorate-kubeip .*KUBEIP=reserved$/);
  expect(await settled(outputs.transport)).toBe("kubeip");
  const absent = await settled(outputs.absent);
  expect(absent).toHaveProperty("endpointServiceName", expect.stringContaining("kubeip"));
  expect(Object.keys(absent)).not.toContain("elasticIp");
  expect(outputs.furtherIps).toBeUndefined();
});

test("metrics pass by the manifest's switch only", async () => {
  const stack = await party(addressed({ kubeip: { metricsToPeers: true } }));
  const rules = stack.ofType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule");
  expect([...new Set(rules.map(({ inputs }) => inputs.fromPort))]).toEqual([50_001, 9_646]);
});

test("a peer whose address nobody knows yet is left out, on both sides, and said aloud", async () => {
  const warn = vi.spyOn(log, "warn").mockResolvedValue();
  const stack = await party(addressed({}, [2]));
  expect(stack.resources.filter(({ name }) => /-party-[34]/.test(name))).toEqual([]);
  expect(stack.get("party-1-hosts-party-2-addresses").inputs.endpoints[0].addresses).toEqual(["203.0.113.2"]);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining("no way yet to party 3, 4, nor from there"), stack.result);
  const none = await party(addressed({}, []));
  expect(none.get("party-1-traffic-gate").inputs.spec.ingress).toEqual([]);
  warn.mockRestore();
});

test("another transport shows what moves: the ways to peers and the nodes' place, and nothing that is kept", async () => {
  const moved = addressed();
  const [before, after] = [await party(exampleSettings()), await party(moved)];
  const names = (stack: typeof before) => new Set(stack.resources.map(({ name }) => name));
  const goes = [...names(before)].filter((name) => !names(after).has(name));
  const comes = [...names(after)].filter((name) => !names(before).has(name));
  expect(goes.every((name) => name.startsWith("party-1-peers"))).toBe(true);
  expect(goes.length).toBeGreaterThan(3);
  const parts = ["address", "agent", "firewall", "gate", "hosts-party-", "kubeip", "traffic-gate"];
  expect(comes.filter((name) => !parts.some((part) => name.startsWith(`party-1-${part}`)))).toEqual([]);
  for (const part of parts)
    expect(
      comes.some((name) => name.startsWith(`party-1-${part}`)),
      part,
    ).toBe(true);
  // Key material stays where it is.
  const kept = (stack: typeof before) =>
    stack.resources.filter((each) => each.protect).map((each) => [each.name, each.inputs]);
  expect(kept(after)).toEqual(kept(before));
});

test("KubeIP's agent comes to nodes of its own transport alone: while a network moves, those of the other are there too", async () => {
  const [other, own] = [await party(exampleSettings()), await party(addressed())];
  const { nodeSelector } = own.get("party-1-agent-daemonset").inputs.spec.template.spec;
  const labels = (stack: typeof own) => stack.get("party-1-enclaves-nodegroup").inputs.labels;
  expect(labels(own)).toMatchObject(nodeSelector);
  expect(labels(other)).not.toMatchObject(nodeSelector);
  // A label of one's own can not make a node something else.
  const renamed = addressed();
  const nodes = renamed.config.enclaveNodes;
  renamed.config.enclaveNodes = { ...nodes, labels: { "quorate.dev/transport": "none" } };
  expect(labels(await party(renamed))).toMatchObject(nodeSelector);
});

test("a party without a place for its nodes is refused", async () => {
  const settings = addressed();
  delete settings.config.kubeip;
  await expect(party(settings)).rejects.toMatchObject({ errors: [{ propertyPath: "config.kubeip" }] });
});
