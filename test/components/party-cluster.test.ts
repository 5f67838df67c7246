import { expect, test } from "vitest";
import { ClusterSecretsKey } from "../../components/aws/cluster-secrets-key.ts";
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
  expect(stack.tree()).toMatchInlineSnapshot(`
    [
      "c (quorate:aws:PartyCluster)",
      "  c-aws-ebs-csi-driver (aws:eks/addon:Addon)",
      "  c-cluster (eks:index:Cluster) protected",
      "  c-coredns (aws:eks/addon:Addon)",
      "  c-kube-proxy (aws:eks/addon:Addon)",
      "  c-oidc (aws:iam/openIdConnectProvider:OpenIdConnectProvider)",
      "  c-secrets (quorate:aws:ClusterSecretsKey)",
      "    c-secrets-alias (aws:kms/alias:Alias)",
      "    c-secrets-key (aws:kms/key:Key) protected",
      "  c-volumes (quorate:aws:PartyRole)",
      "    c-volumes-policy (aws:iam/rolePolicyAttachment:RolePolicyAttachment)",
      "    c-volumes-role (aws:iam/role:Role)",
      "  c-vpc-cni (aws:eks/addon:Addon)",
    ]
  `);
});

const enclaveNodes = [{ key: "node.kubernetes.io/enclave-enabled", operator: "Exists", effect: "NoSchedule" }];

test("its add-ons run on the enclave nodes, which are the only ones, and enforce network policies", async () => {
  const stack = await cluster({ create });
  const configured = (addon: string) => JSON.parse(stack.get(`c-${addon}`).inputs.configurationValues);
  expect(configured("coredns")).toEqual({ tolerations: enclaveNodes });
  expect(configured("aws-ebs-csi-driver")).toEqual({ controller: { tolerations: enclaveNodes } });
  expect(configured("vpc-cni")).toEqual({ enableNetworkPolicy: "true" });
});

test("volumes are made with a role that only the driver's controller can take", async () => {
  const stack = await cluster({ create });
  expect(stack.get("c-aws-ebs-csi-driver").inputs.serviceAccountRoleArn).toBe(
    "arn:aws:iam::100000000001:role/c-volumes-role",
  );
  expect(stack.get("c-volumes-policy").inputs.policyArn).toBe(
    "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
  );
  expect(JSON.parse(stack.get("c-volumes-role").inputs.assumeRolePolicy).Statement[0].Condition.StringEquals).toEqual({
    "oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub": "system:serviceaccount:kube-system:ebs-csi-controller-sa",
    "oidc.eks.eu-west-1.amazonaws.com/id/ABC:aud": "sts.amazonaws.com",
  });
});

test("its Secrets are encrypted with a key of its own, which EKS gets by a grant and nobody else may use", async () => {
  const stack = await cluster({ create });
  const { policy, ...key } = stack.get("c-secrets-key").inputs;
  expect(stack.get("c-cluster").inputs.encryptionConfigKeyArn).toMatch(/^arn:aws:kms:eu-west-1:100000000001:key\//);
  expect(key).toMatchObject({
    keyUsage: "ENCRYPT_DECRYPT",
    customerMasterKeySpec: "SYMMETRIC_DEFAULT",
    enableKeyRotation: true,
    deletionWindowInDays: 30,
  });
  const [grantors, administrators] = JSON.parse(policy).Statement;
  const root = { AWS: ["arn:aws:iam::100000000001:root"] };
  expect(grantors).toEqual({
    Sid: "ClusterMakers",
    Effect: "Allow",
    Principal: root,
    Action: ["kms:CreateGrant", "kms:DescribeKey"],
    Resource: "*",
  });
  expect(administrators.Principal).toEqual(root);
  expect(
    administrators.Action.filter((action: string) => /Decrypt|Encrypt|GenerateDataKey|Grant$/.test(action)),
  ).toEqual(["kms:RevokeGrant"]);
});

test("operators who are named are who may give EKS the key", async () => {
  const operatorArns = ["arn:aws:iam::100000000001:role/operator"];
  const administratorArns = ["arn:aws:iam::100000000001:role/security"];
  const secretsKey = { administratorArns, deletionWindowDays: 30 };
  const stack = await onMockStack(
    () =>
      new PartyCluster("c", {
        region: "eu-west-1",
        accountId: "100000000001",
        cluster: { create: { ...create, secretsKey } },
        operatorArns,
      }),
  );
  const { Statement } = JSON.parse(stack.get("c-secrets-key").inputs.policy);
  expect(Statement.map((statement: { Principal: object }) => statement.Principal)).toEqual([
    { AWS: operatorArns },
    { AWS: administratorArns },
  ]);
});

test("a key that EKS could not take, or that everybody could give away, is refused", () => {
  const args = { clusterName: "kms", grantorArns: [], administratorArns: ["*"], deletionWindowDays: 3 };
  expect(() => new ClusterSecretsKey("k", args)).toThrow(
    expect.objectContaining({
      errors: [
        expect.objectContaining({ propertyPath: "grantorArns" }),
        expect.objectContaining({ propertyPath: "grantorArns" }),
        expect.objectContaining({ propertyPath: "deletionWindowDays" }),
      ],
    }),
  );
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
    expect.objectContaining({
      propertyPath: "image.releaseVersion",
      reason: "1.32.3-20250620 is not of 1.33, which cluster kms runs",
    }),
  );
});

test("one subnet, or an API server open to everybody, is refused", async () => {
  const wrong = { ...create, privateSubnetIds: ["subnet-0a", "subnet-0a"], publicAccessCidrs: ["0.0.0.0/0"] };
  await expect(cluster({ create: wrong })).rejects.toMatchObject({
    errors: [{ propertyPath: "cluster.create.privateSubnetIds" }, { propertyPath: "cluster.create.publicAccessCidrs" }],
  });
});
