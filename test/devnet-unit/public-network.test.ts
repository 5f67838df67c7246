import net from "node:net";
import { AssociateAddressCommand, DescribeAddressesCommand, DisassociateAddressCommand } from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { kubeIpStatements } from "../../components/aws/kubeip-role.ts";
import { addressesOf } from "../../devnet/addresses.ts";
import { requireAccess } from "../../devnet/cloud/access.ts";
import { freeAddresses } from "../../devnet/cloud/providers/aws/elastic-ip.ts";
import { publicWays } from "../../devnet/cloud/public-ways.ts";
import { KubeError } from "../../devnet/clusters/kube-client.ts";
import { Links, type PublicWayState } from "../../devnet/network/links.ts";
import { lookUp, type Zone } from "../../devnet/network/zone.ts";
import { strangerAddress } from "../../devnet/public-address.ts";
import { isChosenBy, type NodeObject, reportAddress } from "../../devnet/supervision/kubeip-agent.ts";
import { isAdmitted } from "../../devnet/supervision/public-network.ts";
import { accountOf, clients, operatorKeys, startCloud } from "../cloud/support/cloud.ts";
import { dial as dialAny } from "../support/dial.ts";

const port = 50_001;
const addresses = addressesOf(100 + (process.pid % 90));

const dial = async (host: string) => await dialAny(host, port, 500);

test("a peer gets through to a public address, a stranger meets silence, and without a machine nobody is there", async () => {
  const core = net.createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => core.listen(port, addresses.core(1), resolve));
  const links = new Links(addresses, port, [1, 2, 3]);
  try {
    let state: PublicWayState = () => "nobody";
    links.followPublicWays((from, to) => state(from, to));
    await links.refresh();
    expect(await dial(addresses.internet(2, 1))).toBe("ECONNREFUSED");
    // The endpoints of the other transport are as they were.
    expect(await dial(addresses.link(2, 1))).toBe("connected");

    state = (from, to) => (to !== 1 ? "nobody" : from === 2 ? "open" : "dropped");
    await links.refresh();
    expect(await dial(addresses.internet(2, 1))).toBe("connected");
    expect(await dial(addresses.internet(0, 1))).toBe("silence");
    expect(await dial(addresses.internet(3, 1))).toBe("silence");

    await links.setFault(2, 1, { kind: "cut" });
    expect(await dial(addresses.internet(2, 1))).toBe("silence");
    await links.heal();
    expect(await dial(addresses.internet(2, 1))).toBe("connected");
  } finally {
    await links.close();
    core.close();
  }
});

test("the firewall's rules decide, by address and port", () => {
  const ingress = [{ cidr: "203.0.113.2/32", fromPort: port, toPort: port }];
  expect(isAdmitted({ ingress }, ["203.0.113.2"], port)).toBe(true);
  expect(isAdmitted({ ingress }, ["203.0.113.2"], 50_100)).toBe(false);
  expect(isAdmitted({ ingress }, [strangerAddress, "203.0.113.3"], port)).toBe(false);
  expect(isAdmitted({ ingress }, [], port)).toBe(false);
  expect(
    isAdmitted({ ingress: [{ cidr: "203.0.113.0/24", fromPort: 0, toPort: 65_535 }] }, [strangerAddress], port),
  ).toBe(true);
});

test("a headless Service whose endpoints are public addresses leads to the ways there", () => {
  const metadata = { name: "mpc-node-2", namespace: "kms" };
  const labels = { "kubernetes.io/service-name": "mpc-node-2" };
  const zone: Zone = {
    podAddress: "127.9.0.1",
    services: new Map([["kms/mpc-node-2", { metadata, spec: { type: "ClusterIP", clusterIP: "None" } }]]),
    endpointSlices: new Map([
      [
        "kms/s",
        { metadata: { ...metadata, labels }, endpoints: [{ addresses: ["203.0.113.2"], conditions: { ready: true } }] },
      ],
    ]),
    vpcEndpoints: new Map(),
    publicAddresses: new Map([["203.0.113.2", "127.9.1.102"]]),
  };
  const name = "mpc-node-2.kms.svc.cluster.local";
  expect(lookUp(zone, name)).toEqual([{ type: "A", name, address: "127.9.1.102" }]);
});

test("KubeIP's role may give the tagged addresses to machines of its VPC, and no other address, and nowhere else", async () => {
  await using cloud = await startCloud();
  const { accountId, region, vpc } = accountOf(1);
  const store = cloud.store.account(accountId);
  const statements = kubeIpStatements({
    region,
    accountId,
    vpcId: vpc.vpcId,
    tag: { key: "KUBEIP", value: "reserved" },
  });
  await store.put({ type: "aws:iam/role:Role", id: "kubeip", props: { name: "kubeip" } });
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  await store.put({ type: "aws:iam/rolePolicy:RolePolicy", id: "p", props: { role: "kubeip", policy } });
  const arn = (resource: string) => `arn:aws:ec2:${region}:${accountId}:${resource}`;
  const roleArn = `arn:aws:iam::${accountId}:role/kubeip`;
  const may = (action: string, resource: string, context: Record<string, string>) => {
    const principal = { kind: "assumed-role" as const, arn: `${roleArn}/s`, roleArn, accountId };
    const request = {
      principal,
      action: `ec2:${action}`,
      resource: arn(resource),
      resourceAccountId: accountId,
      context,
    };
    try {
      requireAccess(cloud.store, request);
      return true;
    } catch {
      return false;
    }
  };
  expect(may("AssociateAddress", "elastic-ip/eipalloc-1", { "aws:resourcetag/kubeip": "reserved" })).toBe(true);
  expect(may("AssociateAddress", "elastic-ip/eipalloc-1", {})).toBe(false);
  expect(may("DisassociateAddress", "elastic-ip/eipalloc-1", { "aws:resourcetag/kubeip": "others" })).toBe(false);
  expect(may("AssociateAddress", "network-interface/eni-1", { "ec2:vpc": arn(`vpc/${vpc.vpcId}`) })).toBe(true);
  expect(may("AssociateAddress", "network-interface/eni-1", { "ec2:vpc": arn("vpc/vpc-other") })).toBe(false);
  expect(may("ReleaseAddress", "elastic-ip/eipalloc-1", { "aws:resourcetag/kubeip": "reserved" })).toBe(false);
});

test("an address is found by its tag, is on one machine at a time, and the account's ways show it", async () => {
  await using cloud = await startCloud();
  const store = cloud.store.account(accountOf(1).accountId);
  const tags = { KUBEIP: "reserved" };
  await store.put({ type: "aws:ec2/eip:Eip", id: "eipalloc-1", props: { publicIp: "203.0.113.1", tags } });
  await store.put({ type: "aws:ec2/eip:Eip", id: "eipalloc-2", props: { publicIp: "203.0.113.2", tags: {} } });
  const { ec2 } = clients(cloud.endpoint, operatorKeys(1));
  const Filters = [{ Name: "tag:KUBEIP", Values: ["reserved"] }];
  const { Addresses = [] } = await ec2.send(new DescribeAddressesCommand({ Filters }));
  expect(Addresses.map(({ PublicIp }) => PublicIp)).toEqual(["203.0.113.1"]);
  const give = (NetworkInterfaceId: string) =>
    ec2.send(
      new AssociateAddressCommand({ AllocationId: "eipalloc-1", NetworkInterfaceId, AllowReassociation: false }),
    );
  const { AssociationId } = await give("eni-01");
  await expect(give("eni-02")).rejects.toMatchObject({ name: "Resource.AlreadyAssociated" });
  expect(publicWays(store).addresses).toEqual([{ publicIp: "203.0.113.1", instanceId: "i-01" }]);
  await ec2.send(new DisassociateAddressCommand({ AssociationId }));
  expect(publicWays(store).addresses).toEqual([]);
  await give("eni-02");
  await freeAddresses(store, "i-01");
  expect(publicWays(store).addresses).toHaveLength(1);
  await freeAddresses(store, "i-02");
  expect(publicWays(store).addresses).toEqual([]);
  await give("eni-01");
});

test("the ways in are the rules of the groups that the node group's machines were launched with", async () => {
  await using cloud = await startCloud();
  const store = cloud.store.account(accountOf(1).accountId);
  const put = (type: string, id: string, props: Record<string, unknown>) => store.put({ type, id, props });
  await put("aws:eks/nodeGroup:NodeGroup", "g", { launchTemplate: { id: "lt-1", version: "2" } });
  await put("aws:ec2/launchTemplate:Version", "lt-1:1", { vpcSecurityGroupIds: ["sg-old"] });
  await put("aws:ec2/launchTemplate:Version", "lt-1:2", { vpcSecurityGroupIds: ["sg-cluster", "sg-firewall"] });
  const rule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
  const tcp = { ipProtocol: "tcp", fromPort: port, toPort: port };
  await put(rule, "r1", { securityGroupId: "sg-firewall", cidrIpv4: "203.0.113.2/32", ...tcp });
  await put(rule, "r2", { securityGroupId: "sg-old", cidrIpv4: "203.0.113.3/32", ...tcp });
  await put(rule, "r3", { securityGroupId: "sg-cluster", referencedSecurityGroupId: "sg-cluster", ipProtocol: "-1" });
  expect(publicWays(store).ingress).toEqual([{ cidr: "203.0.113.2/32", fromPort: port, toPort: port }]);
});

/** One Node as an API server keeps it: status by strategic merge, addresses by their types; other lists are replaced whole. */
class NodeOnServer {
  readonly node: NodeObject = {
    metadata: { name: "machine", uid: "1", resourceVersion: "1" },
    spec: { taints: [{ key: "kubeip.com/not-ready", effect: "NoSchedule" }] },
    status: {},
  };
  /** Done by somebody else right after the next patch. */
  meanwhile = () => {};

  touch(): void {
    this.node.metadata.resourceVersion = String(Number(this.node.metadata.resourceVersion) + 1);
  }

  async strategicPatch<T>(_path: string, body: unknown): Promise<T> {
    const { metadata, status } = body as NodeObject;
    if (metadata.uid !== this.node.metadata.uid) throw new KubeError("patch", 409, "Conflict");
    this.write(status?.addresses ?? []);
    const answer = structuredClone(this.node);
    this.meanwhile();
    return answer as T;
  }

  async mergePatch<T>(_path: string, body: unknown): Promise<T> {
    const { metadata, spec, status } = body as NodeObject;
    const { resourceVersion = this.node.metadata.resourceVersion } = metadata;
    if (resourceVersion !== this.node.metadata.resourceVersion) throw new KubeError("patch", 409, "Conflict");
    if (status) this.node.status = status;
    if (spec) this.node.spec = spec;
    this.touch();
    return structuredClone(this.node) as T;
  }

  write(addresses: { type: string; address: string }[]): void {
    const types = new Map((this.node.status?.addresses ?? []).map((each) => [each.type, each]));
    for (const each of addresses) types.set(each.type, each);
    this.node.status = { addresses: [...types.values()] };
    this.touch();
  }
}

test("a machine that an agent gives an address keeps those that its kubelet tells meanwhile, so that exec finds it", async () => {
  const server = new NodeOnServer();
  // As the agent read it: a machine that has just come, under the name of one whose agent is still there.
  const seen = structuredClone(server.node);
  server.write([{ type: "InternalIP", address: "10.3.0.11" }]);
  await reportAddress(server, seen, "203.0.113.3", "kubeip.com/not-ready");
  expect(server.node.status?.addresses).toEqual([
    { type: "InternalIP", address: "10.3.0.11" },
    { type: "ExternalIP", address: "203.0.113.3" },
  ]);
  expect(server.node.spec?.taints).toEqual([]);
});

test("an agent does nothing on a machine that its DaemonSet would not choose, under whatever name it came", () => {
  const nodeSelector = { enclave: "true", transport: "kubeip" };
  const pod = { metadata: { name: "agent" }, spec: { nodeName: "machine", nodeSelector, containers: [] } };
  const machine = (labels?: Record<string, string>): NodeObject => ({
    metadata: { name: "machine", ...(labels && { labels }) },
  });
  expect(isChosenBy(pod, machine({ ...nodeSelector, zone: "a" }))).toBe(true);
  expect(isChosenBy(pod, machine({ enclave: "true" }))).toBe(false);
  expect(isChosenBy(pod, machine({ ...nodeSelector, transport: "privatelink" }))).toBe(false);
  expect(isChosenBy(pod, machine())).toBe(false);
});

test("an agent touches no other machine of the same name, and no taint that came meanwhile", async () => {
  const server = new NodeOnServer();
  const seen = structuredClone(server.node);
  server.meanwhile = () => {
    server.node.spec?.taints?.push({ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" });
    server.touch();
  };
  const report = () => reportAddress(server, seen, "203.0.113.3", "kubeip.com/not-ready");
  await expect(report()).rejects.toMatchObject({ status: 409 });
  server.meanwhile = () => {};
  await report();
  expect(server.node.spec?.taints).toMatchObject([{ key: "node.kubernetes.io/unschedulable" }]);
  server.node.metadata.uid = "2";
  await expect(report()).rejects.toMatchObject({ status: 409 });
});
