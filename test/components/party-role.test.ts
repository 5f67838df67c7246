import { expect, test } from "vitest";
import { PartyRole, type PartyRoleArgs } from "../../components/aws/party-role.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const role = (args: Partial<PartyRoleArgs> = {}) =>
  onMockStack(
    () =>
      new PartyRole("r", {
        serviceAccount: { namespace: "kms-decentralized", name: "mpc-party" },
        oidc: { providerArn: "arn:aws:iam::1:oidc-provider/issuer/ABC", issuer: "issuer/ABC" },
        ...args,
      }),
  );

test("a role without buckets has no policy at all", async () => {
  const stack = await role();
  expect(await settled(stack.result.roleArn)).toBe("arn:aws:iam::100000000001:role/r-role");
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

test("a role with buckets reads, writes and deletes their objects, and lists them", async () => {
  const stack = await role({ bucketArns: ["arn:aws:s3:::one", "arn:aws:s3:::two"] });
  expect(JSON.parse(stack.get("r-bucket-policy").inputs.policy).Statement).toEqual([
    {
      Sid: "AllowObjectActions",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      Resource: ["arn:aws:s3:::one/*", "arn:aws:s3:::two/*"],
    },
    {
      Sid: "AllowListBucket",
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: ["arn:aws:s3:::one", "arn:aws:s3:::two"],
    },
  ]);
});

test("a role for any service account is refused", async () => {
  await expect(role({ serviceAccount: { namespace: "kms", name: "*" } })).rejects.toMatchObject({
    errors: [{ propertyPath: "serviceAccount.name" }],
  });
});
