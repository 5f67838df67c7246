import * as aws from "@pulumi/aws";
import { describe, expect, test, vi } from "vitest";
import { EndpointService, type EndpointServiceArgs, internalOnly } from "../../components/aws/endpoint-service.ts";
import { PeerEndpoints } from "../../components/aws/peer-endpoints.ts";
import { PeerLoadBalancer, type PeerLoadBalancerArgs } from "../../components/kubernetes/peer-load-balancer.ts";
import type { CloudAccount } from "../../devnet/cloud/config.ts";
import { settleBalancer } from "../../devnet/cloud/load-balancers.ts";
import { balancerWait } from "../../stacks/balancer-wait.ts";
import { overHttp } from "../cloud/support/over-http.ts";
import { testAccount, testCloud } from "../cloud/support/providers-stack.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const peers = [
  { accountId: "100000000003", region: "eu-west-1" },
  { accountId: "100000000002", region: "eu-central-1" },
];

describe("the load balancer in front of a core", () => {
  const balancer = (args: Partial<PeerLoadBalancerArgs> = {}) =>
    onMockStack(
      () =>
        new PeerLoadBalancer("b", {
          namespace: "kms-decentralized",
          host: "mpc-node-1",
          partyId: 1,
          environment: "testnet",
          clusterName: "kms-party-1",
          selector: { app: "kms-core" },
          ports: { peer: 50_001 },
          grpcPort: 50_100,
          ...args,
        }),
    );

  test("is the reference's internal one, without its port for metrics", async () => {
    const stack = await balancer();
    const { metadata, spec } = stack.get("b-service").inputs;
    expect(stack.get("b-service").parent).toBe(stack.get("b").urn);
    const prefix = "service.beta.kubernetes.io/aws-load-balancer-";
    const annotations = Object.entries(metadata.annotations).filter(([name]) => name.startsWith(prefix));
    expect(Object.fromEntries(annotations.map(([name, value]) => [name.slice(prefix.length), value]))).toEqual({
      type: "external",
      scheme: "internal",
      internal: "true",
      "nlb-target-type": "ip",
      "backend-protocol": "tcp",
      "cross-zone-load-balancing-enabled": "true",
      "additional-resource-tags": "mpc-node=node-1,environment=testnet",
    });
    expect(spec).toEqual({
      type: "LoadBalancer",
      loadBalancerClass: "service.k8s.aws/nlb",
      allocateLoadBalancerNodePorts: false,
      selector: { app: "kms-core" },
      ports: [{ name: "peer", port: 50_001, targetPort: 50_001, protocol: "TCP" }],
    });
  });

  test("is waited for, but not the core behind it, and is known by its controller's tags", async () => {
    const stack = await balancer();
    expect(stack.get("b-service").inputs.metadata.annotations["pulumi.com/waitFor"]).toBe(
      "jsonpath={.status.loadBalancer.ingress[0].hostname}",
    );
    expect(await settled(stack.result.tags)).toEqual({
      "elbv2.k8s.aws/cluster": "kms-party-1",
      "service.k8s.aws/stack": "kms-decentralized/mpc-node-1-peers",
      "service.k8s.aws/resource": "LoadBalancer",
    });
  });

  test("never has the port by which a core is commanded, whatever number the network gave it", async () => {
    for (const wrong of [
      { ports: { peer: 50_001, grpc: 50_100 }, grpcPort: 50_200 },
      { ports: { peer: 50_200 }, grpcPort: 50_200 },
    ])
      await expect(balancer(wrong)).rejects.toMatchObject({ errors: [{ propertyPath: "ports" }] });
    await expect(balancer({ ports: {}, selector: {} })).rejects.toMatchObject({
      errors: [{ propertyPath: "ports" }, { propertyPath: "selector" }],
    });
  });
});

describe("an endpoint service", () => {
  const service = (args: Partial<EndpointServiceArgs> = {}, calls = {}) =>
    onMockStack(() => new EndpointService("s", { region: "eu-west-1", loadBalancerTags: { a: "b" }, peers, ...args }), {
      calls,
    });

  test("admits the peers' accounts and no other, from the peers' regions and its own", async () => {
    const stack = await service();
    expect(stack.get("s-service").parent).toBe(stack.get("s").urn);
    expect(stack.get("s-service").inputs).toMatchObject({
      acceptanceRequired: false,
      allowedPrincipals: ["arn:aws:iam::100000000002:root", "arn:aws:iam::100000000003:root"],
      supportedRegions: ["eu-central-1", "eu-west-1"],
      networkLoadBalancerArns: [expect.stringContaining(":loadbalancer/net/")],
    });
    expect(await settled(stack.result.serviceName)).toBe("com.amazonaws.vpce.eu-west-1.vpce-svc-s-service");
  });

  test("without peers admits nobody", async () => {
    expect((await service({ peers: [] })).get("s-service").inputs).toMatchObject({
      allowedPrincipals: [],
      supportedRegions: ["eu-west-1"],
    });
  });

  test("for everybody, or in front of a load balancer that the internet reaches, is refused", async () => {
    await expect(service({ peers: [{ accountId: "*", region: "eu-west-1" }] })).rejects.toMatchObject({
      errors: [{ propertyPath: "peers.accountId" }],
    });
    const balancer = { arn: "arn:balancer", internal: true, loadBalancerType: "network" };
    expect(internalOnly(balancer)).toBe("arn:balancer");
    for (const wrong of [{ internal: false }, { loadBalancerType: "application" }])
      expect(() => internalOnly({ ...balancer, ...wrong })).toThrow(
        expect.objectContaining({ propertyPath: "loadBalancerTags" }),
      );
  });
});

/** What the load balancer controller in a party's cluster asks for. */
const wanted = { service: "kms-decentralized/mpc-node-1-peers", clusterName: "kms", tags: {} };

test("a peer connects to what a party offers, once its load balancer is up, and a stranger is told there is none", async () => {
  const [first, second, stranger] = [testAccount(1), testAccount(2), testAccount(3)] as const;
  await using cloud = await testCloud({ accounts: [first, second, stranger] });
  const providerOf = ({ profile }: CloudAccount) => new aws.Provider("party", { profile, region: "eu-west-1" });
  const store = cloud.store.account(first.accountId);
  const tags = { "service.k8s.aws/stack": wanted.service };
  const offering = await cloud.stack("offering", async () => {
    const admitted = [{ accountId: second.accountId, region: "eu-west-1" }];
    const args = { region: "eu-west-1", loadBalancerTags: tags, peers: admitted };
    return { serviceName: new EndpointService("s", args, { provider: providerOf(first) }).serviceName };
  });
  const minutesAhead = Date.now() + 180_000;
  const balancer = await settleBalancer(store, first, wanted, minutesAhead);
  await expect(offering.up()).rejects.toThrow(/not in the active state/);
  await store.put({ ...balancer, props: { ...balancer.props, activeAt: 0 } });
  const { outputs } = await offering.up();
  const serviceName = String(outputs.serviceName?.value);
  expect(serviceName).toMatch(/^com\.amazonaws\.vpce\.eu-west-1\.vpce-svc-[0-9a-f]{17}$/);

  const connecting = (account: CloudAccount) => async () => {
    const provider = providerOf(account);
    const nodes = new aws.ec2.SecurityGroup("nodes", { vpcId: account.vpc.vpcId }, { provider });
    const endpoints = new PeerEndpoints(
      "p",
      {
        peers: [
          { partyId: 1, region: "eu-west-1", endpointServiceName: serviceName, availabilityZoneIds: ["euw1-az1"] },
        ],
        vpcId: account.vpc.vpcId,
        subnetIds: account.vpc.subnets.map(({ id }) => id),
        clientSecurityGroupId: nodes.id,
        ports: [50_001],
        privateZone: { domain: "mpc-partners.local", hosts: { 1: "mpc-node-1" } },
      },
      { provider },
    );
    return { dnsName: endpoints.dnsNames[1] };
  };
  const peer = await cloud.stack("peer", connecting(second));
  const connected = await peer.up();
  expect(connected.outputs.dnsName?.value).toContain(`.${serviceName.split(".").at(-1)}.eu-west-1.vpce.amazonaws.com`);
  const [endpoint] = cloud.store.account(second.accountId).list("aws:ec2/vpcEndpoint:VpcEndpoint");
  expect(endpoint?.props).toMatchObject({ state: "available", subnetIds: [second.vpc.subnets[0]?.id] });

  const other = await cloud.stack("stranger", connecting(stranger));
  await expect(other.up()).rejects.toThrow(
    new RegExp(`InvalidServiceName: The Vpc Endpoint Service '${serviceName.replaceAll(".", "\\.")}' does not exist`),
  );
  // Nobody is cut off by mistake: AWS keeps a service that has connections.
  await expect(offering.destroy()).rejects.toThrow(/ExistingVpcEndpointConnections/);
}, 180_000);

test("an endpoint service waits until AWS takes its load balancer for active", async () => {
  const account = testAccount(1);
  const { profile, region } = account;
  await using cloud = await testCloud({ accounts: [account] });
  const http = await overHttp(cloud);
  try {
    const store = cloud.store.account(account.accountId);
    const { id, type, props } = await settleBalancer(store, account, wanted, Date.now());
    const args = { region, loadBalancerTags: { "service.k8s.aws/stack": wanted.service }, peers: [] };
    const stack = await cloud.stack("waiting", async () => {
      const provider = new aws.Provider("party", { profile, region });
      const before = balancerWait({ profile, region });
      return { serviceName: new EndpointService("s", { ...args, before }, { provider }).serviceName };
    });
    const activeAt = Date.now() + 4_000;
    await store.put({ type, id, props: { ...props, activeAt } });
    await stack.up();
    expect(Date.now()).toBeGreaterThan(activeAt);
  } finally {
    vi.unstubAllEnvs();
    await http.close();
  }
});
