import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import * as aws from "@pulumi/aws";
import { describe, expect, test } from "vitest";
import { kubeIpStatements } from "../../components/aws/kubeip-role.ts";
import { PartyAddresses, type PartyAddressesArgs, reserved } from "../../components/aws/party-addresses.ts";
import { isPublic, PeerFirewall, type PeerFirewallArgs } from "../../components/aws/peer-firewall.ts";
import { openOnly } from "../../components/aws/public-subnets.ts";
import { KubeIpAgent, type KubeIpAgentArgs } from "../../components/kubernetes/kubeip-agent.ts";
import { CoreNetworkPolicy } from "../../components/kubernetes/network-policy.ts";
import { PeerGate, type PeerGateArgs } from "../../components/kubernetes/peer-gate.ts";
import { PeerServices } from "../../components/kubernetes/peer-services.ts";
import { testAccount, testCloud } from "../cloud/support/providers-stack.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const nodeKey = "node.kubernetes.io/enclave-enabled";
const tag = { key: "KUBEIP", value: "reserved" };

describe("a party's addresses", () => {
  const addresses = (args: Partial<PartyAddressesArgs> = {}, calls = {}) =>
    onMockStack(() => new PartyAddresses("a", { pool: { count: 1 }, tag, maxNodes: 1, ...args }), {
      calls,
      states: { "aws:ec2/eip:Eip": { publicIp: "203.0.113.7" } },
    });

  test("are made, with the tag by which KubeIP finds them", async () => {
    const stack = await addresses({ pool: { count: 2 }, maxNodes: 2 });
    expect(stack.ofType("aws:ec2/eip:Eip").map(({ inputs }) => inputs)).toEqual([
      { domain: "vpc", tags: { Name: "a-1", KUBEIP: "reserved" } },
      { domain: "vpc", tags: { Name: "a-2", KUBEIP: "reserved" } },
    ]);
    expect(stack.get("a-1").parent).toBe(stack.get("a").urn);
    expect(await settled(stack.result.address)).toBe("203.0.113.7");
  });

  test("or brought: looked up, not made, and refused without the tag", async () => {
    const found = { publicIp: "198.51.100.20", tags: { Name: "x", mpc: "ours" } };
    const stack = await addresses(
      { pool: { allocationIds: ["eipalloc-1"] }, tag: { key: "mpc", value: "ours" } },
      { "aws:ec2/getElasticIp:getElasticIp": found },
    );
    expect(stack.ofType("aws:ec2/eip:Eip")).toEqual([]);
    expect(await settled(stack.result.addresses)).toEqual(["198.51.100.20"]);
    expect(() => reserved("eipalloc-1", found, tag)).toThrow(
      expect.objectContaining({ reason: expect.stringMatching(/eipalloc-1 .* tag KUBEIP: none.*aws ec2 create-tags/) }),
    );
  });

  test("fewer than nodes, or one named twice, are refused", async () => {
    await expect(addresses({ maxNodes: 2 })).rejects.toMatchObject({
      errors: [{ propertyPath: "pool", reason: expect.stringContaining("1 for up to 2 nodes") }],
    });
    await expect(addresses({ pool: { allocationIds: ["e", "e"] } })).rejects.toMatchObject({
      errors: [{ propertyPath: "pool", reason: "names an address twice" }],
    });
  });
});

describe("the firewall", () => {
  const firewall = (args: Partial<PeerFirewallArgs> = {}) =>
    onMockStack(
      () =>
        new PeerFirewall("f", {
          vpcId: "vpc-01",
          peers: [
            { partyId: 2, addresses: ["203.0.113.2"] },
            { partyId: 3, addresses: ["203.0.113.3", "203.0.113.33"] },
          ],
          ports: [50_001],
          ...args,
        }),
    );
  const rules = async (args: Partial<PeerFirewallArgs> = {}) =>
    (await firewall(args))
      .ofType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
      .map(({ name, inputs }) => [name, inputs.cidrIpv4, inputs.fromPort, inputs.toPort]);

  test("admits the peers' addresses and no other, on the agreed ports", async () => {
    expect(await rules()).toEqual([
      ["f-party-2-port-50001", "203.0.113.2/32", 50_001, 50_001],
      ["f-party-3-port-50001", "203.0.113.3/32", 50_001, 50_001],
      ["f-party-3-2-port-50001", "203.0.113.33/32", 50_001, 50_001],
    ]);
    expect((await rules({ ports: [50_001, 9_646] })).length).toBe(6);
    const { inputs } = (await firewall()).get("f-group");
    expect([inputs.ingress, inputs.egress, inputs.vpcId]).toEqual([undefined, undefined, "vpc-01"]);
  });

  test("admits nobody while no peer is known", async () => {
    expect(await rules({ peers: [] })).toEqual([]);
  });

  test("never opens the port by which a core is commanded, and believes no address that the internet has not", async () => {
    await expect(firewall({ ports: [50_100] })).rejects.toMatchObject({ errors: [{ propertyPath: "ports" }] });
    const wrong = [
      { partyId: 2, addresses: ["10.0.0.1"] },
      ...[3, 4].map((partyId) => ({ partyId, addresses: ["203.0.113.9"] })),
    ];
    await expect(firewall({ peers: wrong })).rejects.toMatchObject({
      errors: [
        { propertyPath: "peers.addresses", reason: expect.stringMatching(/^10\.0\.0\.1: no address/) },
        { propertyPath: "peers.addresses", reason: expect.stringContaining("two are the same") },
      ],
    });
    const inside = [
      "0.0.0.0",
      "127.0.0.1",
      "100.64.0.1",
      "169.254.169.254",
      "172.31.0.1",
      "192.168.0.1",
      "224.0.0.1",
      "1.2.3",
    ];
    expect(inside.filter(isPublic)).toEqual([]);
    expect(["1.1.1.1", "100.128.0.1", "172.32.0.1"].every(isPublic)).toBe(true);
  });
});

test("a private subnet is refused, by its name", () => {
  const subnet = (id: string, mapPublicIpOnLaunch: boolean) => ({ id, mapPublicIpOnLaunch });
  expect(openOnly([subnet("subnet-b", true), subnet("subnet-a", true)])).toEqual(["subnet-a", "subnet-b"]);
  expect(() => openOnly([subnet("subnet-a", true), subnet("subnet-b", false)])).toThrow(
    expect.objectContaining({ reason: "private: subnet-b" }),
  );
});

describe("KubeIP", () => {
  const agent = (args: Partial<KubeIpAgentArgs> = {}) =>
    onMockStack(() => new KubeIpAgent("k", { nodeKey, roleArn: "arn:role", tag, ...args }));

  test("runs on enclave nodes that have no address yet, and frees them once they have", async () => {
    const { spec } = (await agent()).get("k-daemonset").inputs;
    const pod = spec.template.spec;
    expect(pod).toMatchObject({
      serviceAccountName: "quorate-kubeip",
      nodeSelector: { [nodeKey]: "true" },
      dnsPolicy: "Default",
      priorityClassName: "system-node-critical",
    });
    expect(pod.tolerations.map(({ key, effect }: { key: string; effect: string }) => [key, effect])).toEqual([
      [nodeKey, "NoSchedule"],
      ["kubeip.com/not-ready", "NoSchedule"],
    ]);
    const [{ image, env }] = pod.containers;
    expect(image).toBe("docker.io/doitintl/kubeip-agent:2.2.0");
    expect(
      Object.fromEntries(env.map(({ name, value }: { name: string; value?: string }) => [name, value])),
    ).toMatchObject({
      FILTER: "Name=tag:KUBEIP,Values=reserved",
      TAINT_KEY: "kubeip.com/not-ready",
      RELEASE_ON_EXIT: "false",
      LEASE_NAMESPACE: "kube-system",
    });
  });

  test("may patch nodes and hold a lease, and takes its role by its service account", async () => {
    const stack = await agent();
    expect(stack.get("k-nodes").inputs.rules).toEqual([
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "patch"] },
    ]);
    expect(stack.get("k-turns").inputs).toMatchObject({
      metadata: { namespace: "kube-system" },
      rules: [{ resources: ["leases"], verbs: ["create", "delete", "get"] }],
    });
    expect(stack.get("k-account").inputs.metadata).toMatchObject({
      name: "quorate-kubeip",
      annotations: { "eks.amazonaws.com/role-arn": "arn:role" },
    });
    const place = { region: "eu-west-1", accountId: "100000000001", vpcId: "vpc-01", tag };
    const [looks, moves, interfaces] = kubeIpStatements(place);
    expect(looks?.Action).toEqual(["ec2:DescribeAddresses", "ec2:DescribeInstances"]);
    expect(moves).toMatchObject({
      Action: ["ec2:AssociateAddress", "ec2:DisassociateAddress"],
      Resource: "arn:aws:ec2:eu-west-1:100000000001:elastic-ip/*",
      Condition: { StringEquals: { "aws:ResourceTag/KUBEIP": "reserved" } },
    });
    expect(interfaces?.Condition).toEqual({
      ArnEquals: { "ec2:Vpc": "arn:aws:ec2:eu-west-1:100000000001:vpc/vpc-01" },
    });
  });

  test("a floating image, and a tag that its filter can not say, are refused", async () => {
    await expect(
      agent({ image: "doitintl/kubeip-agent:latest", tag: { key: "a", value: "b;c" } }),
    ).rejects.toMatchObject({
      errors: [{ propertyPath: "image" }, { propertyPath: "tag" }],
    });
  });
});

describe("the gate", () => {
  const gate = (args: Partial<PeerGateArgs> = {}) =>
    onMockStack(
      () =>
        new PeerGate("g", {
          namespace: "kms-decentralized",
          nodeKey,
          coreHost: "mpc-node-1",
          ports: [50_001],
          grpcPort: 50_100,
          ...args,
        }),
    );

  test("listens on every enclave node, on the agreed ports of the node itself", async () => {
    const { spec } = (await gate()).get("g-daemonset").inputs;
    const [container] = spec.template.spec.containers;
    expect(container.ports).toEqual([{ name: "port-50001", containerPort: 50_001, hostPort: 50_001, protocol: "TCP" }]);
    expect(container.image).toMatch(/@sha256:[0-9a-f]{64}$/);
    // A node without its address is not tolerated: nobody could reach it there.
    expect(spec.template.spec.tolerations.map(({ key }: { key: string }) => key)).toEqual([nodeKey]);
  });

  test("never has the port by which a core is commanded, whatever number the network gave it", async () => {
    for (const wrong of [{ ports: [50_100], grpcPort: 50_200 }, { ports: [50_200], grpcPort: 50_200 }, { ports: [] }])
      await expect(gate(wrong)).rejects.toMatchObject({ errors: [{ propertyPath: "ports" }] });
  });

  test("hands on what it gets, both ways, with the end of one side while the other still talks", async () => {
    const { data } = (await gate()).get("g-script").inputs;
    const core = net.createServer({ allowHalfOpen: true }, (socket) => {
      let heard = "";
      socket.on("data", (chunk) => {
        heard += chunk;
      });
      // Answers once the peer has ended its side.
      socket.on("end", () => socket.end(`heard ${heard}`));
    });
    core.listen(0, "127.0.0.1");
    await once(core, "listening");
    const { port } = core.address() as net.AddressInfo;
    // The gate listens everywhere and leads to the same port elsewhere; on one machine the two need two addresses.
    const source = data["peer-gate.mjs"].replace('"0.0.0.0"', '"127.0.0.2"');
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
      env: { ...process.env, QUORATE_CORE_HOST: "127.0.0.1", QUORATE_PORTS: String(port) },
      stdio: "inherit",
    });
    try {
      const answer = await new Promise<string>((resolve, reject) => {
        const attempt = (left: number) => {
          let heard = "";
          const socket = net.connect({ host: "127.0.0.2", port, allowHalfOpen: true }, () => socket.end("hello"));
          socket.on("data", (chunk) => {
            heard += chunk;
          });
          socket.on("end", () => resolve(heard));
          socket.on("error", (error) => (left > 0 ? setTimeout(attempt, 50, left - 1) : reject(error)));
        };
        attempt(100);
      });
      expect(answer).toBe("heard hello");
    } finally {
      child.kill();
      core.close();
    }
  });
});

test("a peer's host leads to its addresses by a headless service: no alias leads to an address", async () => {
  const stack = await onMockStack(
    () =>
      new PeerServices("p", {
        namespace: "kms-decentralized",
        ports: { peer: 50_001, metrics: 9_646 },
        own: { partyId: 1, host: "mpc-node-1", selector: { app: "kms-core" } },
        peers: [{ partyId: 2, host: "mpc-node-2", addresses: ["203.0.113.2"] }],
      }),
  );
  expect(stack.get("p-party-2").inputs.spec).toMatchObject({ type: "ClusterIP", clusterIP: "None" });
  expect(stack.get("p-party-2").inputs.spec.selector).toBeUndefined();
  expect(stack.get("p-party-2-addresses").inputs).toMatchObject({
    metadata: { labels: { "kubernetes.io/service-name": "mpc-node-2" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["203.0.113.2"], conditions: { ready: true } }],
    ports: [
      { name: "peer", port: 50_001, protocol: "TCP" },
      { name: "metrics", port: 9_646, protocol: "TCP" },
    ],
  });
});

describe("the network policy behind a gate", () => {
  const policies = (peerCidrs: string[], peerPorts = [50_001]) =>
    onMockStack(
      () =>
        new CoreNetworkPolicy("n", {
          namespace: "kms-decentralized",
          ports: { grpc: 50_100, peer: 50_001, metrics: 9_646 },
          pods: {
            core: { app: "kms-core" },
            keyJob: { app: "job" },
            prober: { app: "prober" },
            clients: [{ app: "connector" }],
            gate: { app: "gate" },
          },
          peerCidrs,
          peerPorts,
          peersMayBeUnknown: true,
          monitoringNamespace: "monitoring",
          awsCidrs: ["0.0.0.0/0"],
        }),
    );
  const pod = (app: string) => ({ podSelector: { matchLabels: { app } } });
  const tcp = (port: number) => ({ protocol: "TCP", port });

  test("lets the peers' addresses into the gate, the gate into the core, and the core out to the addresses", async () => {
    const stack = await policies(["203.0.113.2/32"], [50_001, 9_646]);
    const block = { ipBlock: { cidr: "203.0.113.2/32" } };
    const both = [tcp(50_001), tcp(9_646)];
    expect(stack.get("n-gate").inputs.spec).toMatchObject({
      podSelector: { matchLabels: { app: "gate" } },
      ingress: [{ from: [block], ports: both }],
      egress: [{}, { to: [pod("kms-core")], ports: both }],
    });
    const { ingress, egress } = stack.get("n-core").inputs.spec;
    expect(ingress.slice(0, 2)).toEqual([
      { from: [pod("gate"), pod("prober")], ports: [tcp(50_001)] },
      { from: [pod("gate")], ports: [tcp(9_646)] },
    ]);
    expect(egress[1]).toEqual({ to: [block], ports: [tcp(50_001)] });
  });

  test("has no rule about peers while none is known: one without addresses would let everybody in", async () => {
    const stack = await policies([]);
    expect(stack.get("n-gate").inputs.spec.ingress).toEqual([]);
    for (const name of ["n-core", "n-prober"])
      for (const rule of [...stack.get(name).inputs.spec.ingress, ...stack.get(name).inputs.spec.egress])
        expect((rule.from ?? rule.to).length).toBeGreaterThan(0);
  });
});

test("a party's address is there before its rules, stays over a second update, and lets in whom the cards name", async () => {
  const account = testAccount(1);
  await using cloud = await testCloud({ accounts: [account] });
  let known = ["203.0.113.2"];
  const stack = await cloud.stack("kubeip", async () => {
    const provider = new aws.Provider("party", { profile: account.profile, region: "eu-west-1" });
    const own = new PartyAddresses("a", { pool: { count: 1 }, tag, maxNodes: 1 }, { provider });
    const peers = known.map((address, index) => ({ partyId: index + 2, addresses: [address] }));
    new PeerFirewall("f", { vpcId: account.vpc.vpcId, peers, ports: [50_001] }, { provider });
    return { address: own.address };
  });
  const { outputs } = await stack.up();
  expect(outputs.address?.value).toMatch(/^203\.0\.113\.\d+$/);
  const admitted = () =>
    cloud.store
      .account(account.accountId)
      .list("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
      .map(({ props }) => props.cidrIpv4)
      .sort();
  expect(admitted()).toEqual(["203.0.113.2/32"]);
  // Another card came, and a peer has moved: nobody else gets in, and nothing of the address changes.
  known = ["203.0.113.20", "203.0.113.3"];
  const { outputs: after } = await stack.up();
  expect(after.address?.value).toBe(outputs.address?.value);
  expect(admitted()).toEqual(["203.0.113.20/32", "203.0.113.3/32"]);
}, 120_000);
