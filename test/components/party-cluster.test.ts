import { expect, test } from "vitest";
import { matchingRelease } from "../../components/aws/enclave-nodegroup.ts";
import { closedOnly, PartyCluster, type PartyClusterArgs } from "../../components/aws/party-cluster.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const create = { name: "kms", version: "1.33", vpcId: "vpc-01", privateSubnetIds: ["subnet-0a", "subnet-0b"] };

const cluster = (choice: PartyClusterArgs["cluster"], calls: Record<string, object> = {}) =>
  onMockStack(() => new PartyCluster("c", { region: "eu-west-1", accountId: "100000000001", cluster: choice }), {
    calls,
  });

test("a cluster of our own has no public endpoint, no nodes of its own and its OIDC provider", async () => {
  const stack = await cluster({ create });
  expect(stack.get("c-cluster").inputs).toMatchObject({
    endpointPrivateAccess: true,
    endpointPublicAccess: false,
    skipDefaultNodeGroup: true,
    authenticationMode: "API",
    enabledClusterLogTypes: ["api", "audit", "authenticator"],
  });
  expect(await settled(stack.result.oidcIssuer)).toBe("oidc.eks.eu-west-1.amazonaws.com/id/ABC");
  expect(stack.get("c-oidc").inputs.clientIdLists).toEqual(["sts.amazonaws.com"]);
  for (const resource of stack.resources.filter(({ name }) => name !== "c"))
    expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("c").urn]);
});

test("CoreDNS tolerates the enclave nodes, which are the only ones", async () => {
  const stack = await cluster({ create });
  expect(JSON.parse(stack.get("c-coredns").inputs.configurationValues)).toEqual({
    tolerations: [{ key: "node.kubernetes.io/enclave-enabled", operator: "Exists", effect: "NoSchedule" }],
  });
});

test("an existing cluster is looked up by name, and nothing is created", async () => {
  const stack = await cluster({ existing: { name: "shared" } });
  expect(stack.resources.map(({ name }) => name)).toEqual(["c"]);
  expect(await settled(stack.result.clusterName)).toBe("shared");
  expect(await settled(stack.result.privateSubnetIds)).toEqual(["subnet-0a", "subnet-0b"]);
  expect(await settled(stack.result.oidcProviderArn)).toBe(
    "arn:aws:iam::100000000001:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC",
  );
});

test("an existing cluster without a private subnet is refused", () => {
  const open = { id: "subnet-0c", mapPublicIpOnLaunch: true };
  expect(closedOnly([open, { id: "subnet-0b", mapPublicIpOnLaunch: false }])).toEqual(["subnet-0b"]);
  expect(() => closedOnly([open])).toThrow(expect.objectContaining({ propertyPath: "cluster" }));
});

test("nodes of another Kubernetes version than the cluster's are refused", () => {
  expect(matchingRelease("1.33.8-20260304", "1.33", "kms")).toBe("1.33.8-20260304");
  expect(() => matchingRelease("1.32.3-20250620", "1.33", "kms")).toThrow(
    /^AMI_VERSION_MISMATCH {2}cluster kms.*\n {2}found .*1\.32\.3-20250620\n {2}expected .*1\.33/,
  );
});

test("one subnet, or an API server open to everybody, is refused", async () => {
  const wrong = { ...create, privateSubnetIds: ["subnet-0a", "subnet-0a"], publicAccessCidrs: ["0.0.0.0/0"] };
  await expect(cluster({ create: wrong })).rejects.toMatchObject({
    errors: [{ propertyPath: "cluster.create.privateSubnetIds" }, { propertyPath: "cluster.create.publicAccessCidrs" }],
  });
});
