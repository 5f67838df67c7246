import {
  AcceptVpcEndpointConnectionsCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeVpcEndpointConnectionsCommand,
  DescribeVpcEndpointsCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { admits, type PrivateWay } from "../../devnet/cloud/private-ways.ts";
import { accountOf, clients, controlToken, operatorKeys, startCloud } from "./support/cloud.ts";

const serviceName = "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002";
const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";
const ruleType = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const endpoint = {
  type: endpointType,
  id: "vpce-0aa",
  props: {
    serviceName,
    state: "available",
    vpcId: accountOf(1).vpc.vpcId,
    vpcEndpointType: "Interface",
    securityGroupIds: ["sg-peers"],
    dnsEntries: [{ dnsName: "vpce-0aa.vpce-svc-2.eu-west-1.vpce.amazonaws.com", hostedZoneId: "Z1" }],
  },
};
const rule = {
  type: ruleType,
  id: "sgr-1",
  props: {
    securityGroupId: "sg-peers",
    ipProtocol: "tcp",
    fromPort: 50_001,
    toPort: 50_001,
    referencedSecurityGroupId: "sg-nodes",
  },
};

let cloud: Awaited<ReturnType<typeof startCloud>>;
beforeAll(async () => {
  cloud = await startCloud();
  const account = cloud.store.account(accountOf(1).accountId);
  await account.put({
    type: "aws:eks/cluster:Cluster",
    id: "one",
    props: { vpcConfig: { clusterSecurityGroupId: "sg-nodes" } },
  });
  await account.put({ type: "aws:eks/nodeGroup:NodeGroup", id: "one:nodes", props: { clusterName: "one" } });
  await account.put({ type: "aws:ec2/securityGroup:SecurityGroup", id: "sg-peers", props: { name: "peers" } });
});
beforeEach(async () => {
  const account = cloud.store.account(accountOf(1).accountId);
  await account.put(endpoint);
  await account.put(rule);
});
afterAll(() => cloud[Symbol.asyncDispose]());

async function control(method: string, path: string, body?: object) {
  const answer = await fetch(`${cloud.endpoint}/devnet/${path}`, {
    method,
    headers: { authorization: `Bearer ${controlToken}` },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as { ways?: PrivateWay[]; error?: string } };
}

const resources = `accounts/${accountOf(1).accountId}/resources`;
const ways = async (port = 50_001) => (await control("GET", `private-ways/${port}`)).body.ways;
const ofOwner = () => clients(cloud.endpoint, operatorKeys(2)).ec2;
const ofConsumer = () => clients(cloud.endpoint, operatorKeys(1)).ec2;
const wait = async () =>
  await control("PUT", `accounts/${accountOf(1).accountId}/vpc-endpoints/vpce-0aa/state`, {
    state: "pendingAcceptance",
  });

test("the owner of a service sees who connects to it, and the account that connects sees its endpoint", async () => {
  const { VpcEndpointConnections: seen } = await ofOwner().send(new DescribeVpcEndpointConnectionsCommand({}));
  expect(seen).toEqual([
    expect.objectContaining({
      ServiceId: "vpce-svc-00000000000000002",
      VpcEndpointId: "vpce-0aa",
      VpcEndpointOwner: accountOf(1).accountId,
      VpcEndpointState: "available",
    }),
  ]);
  // Who connects offers nothing, and who offers has no endpoint.
  const none = await ofConsumer().send(new DescribeVpcEndpointConnectionsCommand({}));
  expect(none.VpcEndpointConnections ?? []).toEqual([]);
  expect((await ofOwner().send(new DescribeVpcEndpointsCommand({}))).VpcEndpoints ?? []).toEqual([]);
});

test("a connection that nobody accepted is pending on both sides and carries nothing, until it is accepted", async () => {
  await wait();
  const Filters = [{ Name: "vpc-endpoint-state", Values: ["pendingAcceptance"] }];
  const pending = await ofOwner().send(new DescribeVpcEndpointConnectionsCommand({ Filters }));
  expect(pending.VpcEndpointConnections?.map(({ VpcEndpointId }) => VpcEndpointId)).toEqual(["vpce-0aa"]);
  const mine = await ofConsumer().send(new DescribeVpcEndpointsCommand({ Filters }));
  expect(mine.VpcEndpoints?.map(({ State }) => State)).toEqual(["pendingAcceptance"]);
  expect(await ways()).toEqual([{ from: 1, to: 2, isOpen: false }]);

  const accept = { ServiceId: "vpce-svc-00000000000000002", VpcEndpointIds: ["vpce-0aa"] };
  await expect(ofConsumer().send(new AcceptVpcEndpointConnectionsCommand(accept))).rejects.toThrow(/does not exist/);
  await ofOwner().send(new AcceptVpcEndpointConnectionsCommand(accept));
  expect(await ways()).toEqual([{ from: 1, to: 2, isOpen: true }]);
});

test("an endpoint lets in what the rules of its security groups let in, and nothing when they are gone", async () => {
  expect(await ways()).toEqual([{ from: 1, to: 2, isOpen: true }]);
  expect(await ways(50_100)).toEqual([{ from: 1, to: 2, isOpen: false }]);
  expect((await control("DELETE", resources, { type: rule.type, id: rule.id })).status).toBe(200);
  const { SecurityGroupRules } = await ofConsumer().send(new DescribeSecurityGroupRulesCommand({}));
  expect(SecurityGroupRules ?? []).toEqual([]);
  expect(await ways()).toEqual([{ from: 1, to: 2, isOpen: false }]);
  expect((await control("PUT", resources, rule)).status).toBe(200);
  expect(await ways()).toEqual([{ from: 1, to: 2, isOpen: true }]);
});

test("what is put behind a stack's back has a type, an id and properties", async () => {
  expect((await control("PUT", resources, { type: ruleType, id: "sgr-2" })).status).toBe(400);
  expect((await control("DELETE", resources, { type: ruleType })).status).toBe(400);
});

test.each([
  ["the nodes' group", { groups: ["sg-nodes"] }, true],
  ["another group", { groups: ["sg-other"] }, false],
  ["the nodes' network", { cidrs: ["10.1.0.0/16"] }, true],
  ["everybody", { cidrs: ["0.0.0.0/0"] }, true],
  ["another network", { cidrs: ["10.2.0.0/16"] }, false],
  ["the nodes' group, by UDP", { groups: ["sg-nodes"], protocol: "udp" }, false],
  ["the nodes' group, at other ports", { groups: ["sg-nodes"], toPort: 50_000, fromPort: 1 }, false],
])("a rule for %s", (_, change, is) => {
  const one = { protocol: "tcp", fromPort: 50_001, toPort: 50_001, cidrs: [], groups: [], ...change };
  expect(admits(one, 50_001, { groups: ["sg-nodes"], addresses: ["10.1.0.0/20"] })).toBe(is);
});

test("of nodes whose groups nobody knows, a rule for any group is about them", () => {
  const one = { protocol: "tcp", fromPort: 50_001, toPort: 50_001, cidrs: [], groups: ["sg-nodes"] };
  expect(admits(one, 50_001, { groups: [], addresses: [] })).toBe(true);
});
