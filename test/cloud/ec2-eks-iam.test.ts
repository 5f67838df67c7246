import { Sha256 } from "@aws-crypto/sha256-js";
import {
  DescribeAddressesCommand,
  DescribeInstanceTypesCommand,
  DescribeRegionsCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointServicesCommand,
  DescribeVpcEndpointsCommand,
} from "@aws-sdk/client-ec2";
import {
  DeleteClusterCommand,
  DescribeAccessEntryCommand,
  DescribeClusterCommand,
  DescribeNodegroupCommand,
  ListAccessEntriesCommand,
  ListClustersCommand,
  ListNodegroupsCommand,
} from "@aws-sdk/client-eks";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clients, controlToken, operatorKeys, region, startCloud } from "./support/cloud.ts";

const accountId = "100000000001";
const serviceName = "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002";
const dnsName = "vpce-0aa-abc.vpce-svc-00000000000000002.eu-west-1.vpce.amazonaws.com";
const roleArn = `arn:aws:iam::${accountId}:role/sre`;

let cloud: Awaited<ReturnType<typeof startCloud>>;
beforeAll(async () => {
  cloud = await startCloud();
  const account = cloud.store.account(accountId);
  const put = (type: string, id: string, props: Record<string, unknown>) => account.put({ type, id, props });
  await Promise.all([
    put("aws:ec2/vpcEndpoint:VpcEndpoint", "vpce-0aa", {
      serviceName,
      state: "available",
      vpcId: "vpc-0000000000000011",
      vpcEndpointType: "Interface",
      subnetIds: ["subnet-000000000000001a"],
      securityGroupIds: ["sg-0aa"],
      dnsEntries: [{ dnsName, hostedZoneId: "Z1" }],
      tagsAll: { party: "2" },
    }),
    put("aws:ec2/securityGroup:SecurityGroup", "sg-0aa", { name: "peers", description: "peers", vpcId: "vpc-1" }),
    put("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "sgr-1", {
      securityGroupId: "sg-0aa",
      ipProtocol: "tcp",
      fromPort: 50001,
      toPort: 50001,
      cidrIpv4: "10.1.0.0/16",
    }),
    put("aws:eks/cluster:Cluster", "kms-party-1", {
      name: "kms-party-1",
      arn: `arn:aws:eks:${region}:${accountId}:cluster/kms-party-1`,
      version: "1.33",
      endpoint: "https://127.1.0.1:6443",
      certificateAuthority: { data: "Y2E=" },
      identities: [{ oidcs: [{ issuer: "https://127.1.0.1:6443" }] }],
      vpcConfig: { subnetIds: ["subnet-000000000000001a"] },
      status: "ACTIVE",
    }),
    put("aws:eks/nodeGroup:NodeGroup", "kms-party-1:enclave", {
      clusterName: "kms-party-1",
      nodeGroupName: "enclave",
      scalingConfig: { minSize: 1, maxSize: 1, desiredSize: 1 },
      instanceTypes: ["c7a.16xlarge"],
      taints: [{ key: "enclave", value: "true", effect: "NO_SCHEDULE" }],
    }),
    put("aws:eks/accessEntry:AccessEntry", "entry", {
      clusterName: "kms-party-1",
      principalArn: roleArn,
      kubernetesGroups: ["readers"],
      userName: "sre",
    }),
    put("aws:iam/role:Role", "sre", { name: "sre", arn: roleArn, assumeRolePolicy: '{"Statement":[]}' }),
    put("aws:iam/policy:Policy", `arn:aws:iam::${accountId}:policy/read`, {
      name: "read",
      arn: `arn:aws:iam::${accountId}:policy/read`,
      policy: '{"Version":"2012-10-17","Statement":[]}',
    }),
    put("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "a", {
      role: "sre",
      policyArn: `arn:aws:iam::${accountId}:policy/read`,
    }),
  ]);
});
afterAll(() => cloud[Symbol.asyncDispose]());

const operator = (n = 1) => clients(cloud.endpoint, operatorKeys(n));

describe("EC2", () => {
  test("describes endpoints by id and filter, for their own account only", async () => {
    const { ec2 } = operator();
    const all = await ec2.send(
      new DescribeVpcEndpointsCommand({ Filters: [{ Name: "service-name", Values: [serviceName] }] }),
    );
    expect(all.VpcEndpoints?.[0]).toMatchObject({
      VpcEndpointId: "vpce-0aa",
      State: "available",
      DnsEntries: [{ DnsName: dnsName, HostedZoneId: "Z1" }],
      Groups: [{ GroupId: "sg-0aa" }],
      Tags: [{ Key: "party", Value: "2" }],
    });
    const none = await ec2.send(
      new DescribeVpcEndpointsCommand({ Filters: [{ Name: "vpc-endpoint-state", Values: ["failed"] }] }),
    );
    expect(none.VpcEndpoints ?? []).toEqual([]);
    await expect(
      operator(2).ec2.send(new DescribeVpcEndpointsCommand({ VpcEndpointIds: ["vpce-0aa"] })),
    ).rejects.toMatchObject({ name: "InvalidVpcEndpointId.NotFound" });
    await expect(
      ec2.send(new DescribeVpcEndpointsCommand({ Filters: [{ Name: "tag:party", Values: ["2"] }] })),
    ).rejects.toMatchObject({ message: "The simulated cloud does not implement the filter tag:party" });
  });

  test("describes services, subnets, addresses, groups with their rules, and machines", async () => {
    const { ec2 } = operator();
    const services = await ec2.send(new DescribeVpcEndpointServicesCommand({ ServiceNames: [serviceName] }));
    expect(services.ServiceDetails?.[0]?.Owner).toBe("100000000002");
    const subnets = await ec2.send(new DescribeSubnetsCommand({}));
    expect(subnets.Subnets?.map((each) => [each.AvailabilityZone, each.MapPublicIpOnLaunch])).toEqual([
      ["eu-west-1a", false],
      ["eu-west-1b", false],
    ]);
    expect((await ec2.send(new DescribeAddressesCommand({}))).Addresses ?? []).toEqual([]);
    const groups = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: ["sg-0aa"] }));
    expect(groups.SecurityGroups?.[0]?.IpPermissions).toMatchObject([
      { IpProtocol: "tcp", FromPort: 50001, ToPort: 50001, IpRanges: [{ CidrIp: "10.1.0.0/16" }] },
    ]);
    const types = await ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: ["c7a.16xlarge"] }));
    expect(types.InstanceTypes?.[0]).toMatchObject({
      VCpuInfo: { DefaultVCpus: 64 },
      MemoryInfo: { SizeInMiB: 131_072 },
      NitroEnclavesSupport: "supported",
    });
    await expect(
      ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: ["z9.huge" as "c7a.large"] })),
    ).rejects.toMatchObject({ name: "InvalidInstanceType" });
  });

  test("says what it does not do", async () => {
    await expect(operator().ec2.send(new DescribeRegionsCommand({}))).rejects.toMatchObject({
      name: "InvalidAction",
      message: "The simulated cloud does not implement ec2 DescribeRegions",
    });
  });
});

describe("EKS", () => {
  test("describes cluster, node group and access entry", async () => {
    const { eks } = operator();
    const name = "kms-party-1";
    expect((await eks.send(new ListClustersCommand({}))).clusters).toEqual([name]);
    const { cluster } = await eks.send(new DescribeClusterCommand({ name }));
    expect(cluster).toMatchObject({
      endpoint: "https://127.1.0.1:6443",
      certificateAuthority: { data: "Y2E=" },
      identity: { oidc: { issuer: "https://127.1.0.1:6443" } },
    });
    expect((await eks.send(new ListNodegroupsCommand({ clusterName: name }))).nodegroups).toEqual(["enclave"]);
    const { nodegroup } = await eks.send(new DescribeNodegroupCommand({ clusterName: name, nodegroupName: "enclave" }));
    expect(nodegroup).toMatchObject({ scalingConfig: { desiredSize: 1 }, taints: [{ effect: "NO_SCHEDULE" }] });
    expect((await eks.send(new ListAccessEntriesCommand({ clusterName: name }))).accessEntries).toEqual([roleArn]);
    const entry = await eks.send(new DescribeAccessEntryCommand({ clusterName: name, principalArn: roleArn }));
    expect(entry.accessEntry).toMatchObject({ username: "sre", kubernetesGroups: ["readers"] });
  });

  test("knows nobody else's cluster and deletes none", async () => {
    await expect(operator(2).eks.send(new DescribeClusterCommand({ name: "kms-party-1" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: "No cluster found for name: kms-party-1.",
    });
    await expect(operator().eks.send(new DeleteClusterCommand({ name: "kms-party-1" }))).rejects.toMatchObject({
      message: "The simulated cloud does not implement eks DELETE /clusters/kms-party-1",
    });
  });
});

test("IAM shows a role, what is attached to it, and the policy's text", async () => {
  const ask = async (parameters: Record<string, string>) => {
    const { host, hostname, port } = new URL(cloud.endpoint);
    const body = new URLSearchParams({ Version: "2010-05-08", ...parameters }).toString();
    const signer = new SignatureV4({ service: "iam", region, credentials: operatorKeys(1), sha256: Sha256 });
    const { headers } = await signer.sign({
      method: "POST",
      protocol: "http:",
      hostname,
      port: Number(port),
      path: "/",
      headers: { host, "content-type": "application/x-www-form-urlencoded" },
      body,
    });
    const response = await fetch(cloud.endpoint, { method: "POST", headers, body });
    return `${response.status} ${await response.text()}`;
  };
  expect(await ask({ Action: "GetRole", RoleName: "sre" })).toMatch(
    /^200 .*<Arn>arn:aws:iam::100000000001:role\/sre</s,
  );
  expect(await ask({ Action: "ListAttachedRolePolicies", RoleName: "sre" })).toContain("<PolicyName>read</PolicyName>");
  const PolicyArn = `arn:aws:iam::${accountId}:policy/read`;
  expect(await ask({ Action: "GetPolicy", PolicyArn })).toContain("<DefaultVersionId>v1</DefaultVersionId>");
  expect(await ask({ Action: "GetPolicyVersion", PolicyArn, VersionId: "v1" })).toContain("%222012-10-17%22");
  expect(await ask({ Action: "GetRole", RoleName: "none" })).toMatch(/^404 .*<Code>NoSuchEntity<\/Code>/s);
  expect(await ask({ Action: "CreateUser" })).toMatch(/^501 .*does not implement iam CreateUser/s);
});

describe("the devnet's own endpoints", () => {
  const ask = (path: string, init: RequestInit = {}, token = controlToken) =>
    fetch(`${cloud.endpoint}/devnet/${path}`, { ...init, headers: { authorization: `Bearer ${token}` } });

  test("want their token", async () => {
    expect((await ask("health", {}, "wrong")).status).toBe(401);
    expect((await fetch(`${cloud.endpoint}/devnet/accounts`)).status).toBe(401);
    expect((await ask("health")).status).toBe(200);
  });

  test("list endpoints for the DNS servers, and revoke one", async () => {
    const path = `accounts/${accountId}/vpc-endpoints`;
    const expected = { id: "vpce-0aa", dnsName, serviceName, partyId: 2, state: "available" };
    expect(await (await ask(path)).json()).toEqual({ endpoints: [expected] });
    const body = JSON.stringify({ state: "rejected" });
    const put = await ask(`${path}/vpce-0aa/state`, { method: "PUT", body });
    expect(await put.json()).toEqual({ ...expected, state: "rejected" });
    const described = await operator().ec2.send(new DescribeVpcEndpointsCommand({ VpcEndpointIds: ["vpce-0aa"] }));
    expect(described.VpcEndpoints?.[0]?.State).toBe("rejected");
    expect((await ask(`${path}/vpce-0aa/state`, { method: "PUT", body: '{"state":"gone"}' })).status).toBe(400);
    expect((await ask(`${path}/vpce-none/state`, { method: "PUT", body })).status).toBe(404);
  });

  test("list what an account has, but no key material", async () => {
    const listed = (await (await ask(`accounts/${accountId}/resources`)).json()) as { resources: { type: string }[] };
    expect(listed.resources.map((each) => each.type)).toContain("aws:eks/cluster:Cluster");
    expect((await ask("accounts/999999999999/resources")).status).toBe(404);
    expect((await ask("nonsense")).status).toBe(404);
  });
});
