import { expect, test } from "vitest";
import { PartyRole, type PartyRoleArgs } from "../../components/aws/party-role.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const role = (args: Partial<PartyRoleArgs> = {}) =>
  onMockStack(
    () =>
      new PartyRole("r", {
        roleName: "mpc-cluster-party-1",
        serviceAccount: { namespace: "kms-decentralized", name: "mpc-party" },
        oidc: { providerArn: "arn:aws:iam::1:oidc-provider/issuer/ABC", issuer: "issuer/ABC" },
        ...args,
      }),
  );

test("a role without vaults has no policy at all", async () => {
  const stack = await role();
  expect(await settled(stack.result.roleArn)).toBe("arn:aws:iam::100000000001:role/mpc-cluster-party-1");
  expect(stack.ofType("aws:iam/rolePolicy:RolePolicy")).toEqual([]);
});

test("a role trusts one exact service account, for the audience of STS only", async () => {
  const stack = await role();
  expect(stack.get("r-role").parent).toBe(stack.get("r").urn);
  expect(JSON.parse(stack.get("r-role").inputs.assumeRolePolicy).Statement).toEqual([
    {
      Effect: "Allow",
      Principal: { Federated: "arn:aws:iam::1:oidc-provider/issuer/ABC" },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: {
        StringEquals: {
          "issuer/ABC:sub": "system:serviceaccount:kms-decentralized:mpc-party",
          "issuer/ABC:aud": "sts.amazonaws.com",
        },
      },
    },
  ]);
});

test("a role with vaults reads them, and writes and deletes under its own prefixes only", async () => {
  const stack = await role({
    vaults: {
      publicArn: "arn:aws:s3:::pub",
      privateArn: "arn:aws:s3:::prv",
      prefixes: { public: "PUB-p1", private: "PRV-p1" },
    },
  });
  const own = ["arn:aws:s3:::pub/PUB-p1/*", "arn:aws:s3:::prv/PRV-p1/*"];
  expect(JSON.parse(stack.get("r-vault-policy").inputs.policy).Statement).toEqual([
    { Sid: "Read", Effect: "Allow", Action: "s3:GetObject", Resource: ["arn:aws:s3:::pub/*", own[1]] },
    { Sid: "Write", Effect: "Allow", Action: ["s3:DeleteObject", "s3:PutObject"], Resource: own },
    { Sid: "List", Effect: "Allow", Action: "s3:ListBucket", Resource: ["arn:aws:s3:::pub", "arn:aws:s3:::prv"] },
  ]);
});

test("a role has the name by which others know it, and IAM's length", async () => {
  const stack = await role();
  expect(stack.get("r-role").inputs.name).toBe("mpc-cluster-party-1");
  await expect(role({ roleName: "m".repeat(65) })).rejects.toMatchObject({ errors: [{ propertyPath: "roleName" }] });
});

test("a role for any service account is refused", async () => {
  await expect(role({ serviceAccount: { namespace: "kms", name: "*" } })).rejects.toMatchObject({
    errors: [{ propertyPath: "serviceAccount.name" }],
  });
});
