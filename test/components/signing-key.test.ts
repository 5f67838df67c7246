import { expect, test } from "vitest";
import { SigningKey, type SigningKeyArgs } from "../../components/aws/signing-key.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const root = "arn:aws:iam::100000000001:root";
const operator = "arn:aws:iam::100000000001:role/operator";

const key = (args: Partial<SigningKeyArgs> = {}) =>
  onMockStack(
    () =>
      new SigningKey("k", {
        alias: "party-1-signing",
        signerArns: [operator],
        administratorArns: [root],
        deletionWindowDays: 30,
        ...args,
      }),
  );

test("a signing key signs with P-256 and does nothing else", async () => {
  const stack = await key();
  expect(await settled(stack.result.keyArn)).toMatch(/^arn:aws:kms:/);
  expect(stack.get("k-key")).toMatchObject({
    protect: true,
    inputs: { keyUsage: "SIGN_VERIFY", customerMasterKeySpec: "ECC_NIST_P256", bypassPolicyLockoutSafetyCheck: false },
  });
  expect(stack.get("k-alias").inputs.name).toBe("alias/party-1-signing");
});

test("signers sign ES256 and read the public half; administrators do not sign", async () => {
  const policy = JSON.parse((await key()).get("k-key").inputs.policy);
  const allowed = (sid: string) => policy.Statement.find(({ Sid }: { Sid: string }) => Sid === sid);
  expect(policy.Statement).toHaveLength(3);
  expect(allowed("SignersSign")).toMatchObject({
    Principal: { AWS: [operator] },
    Action: "kms:Sign",
    Condition: { StringEquals: { "kms:SigningAlgorithm": "ECDSA_SHA_256" } },
  });
  expect(allowed("SignersRead").Action).toEqual(["kms:DescribeKey", "kms:GetPublicKey"]);
  expect(allowed("Administrators").Action).not.toContain("kms:Sign");
  expect(JSON.stringify(allowed("Administrators").Action)).not.toMatch(/\*|CreateGrant/);
});

test("a key that nobody or everybody could sign with is refused, with every reason", async () => {
  await expect(key({ signerArns: [], administratorArns: [], deletionWindowDays: 3 })).rejects.toMatchObject({
    errors: [
      { propertyPath: "signerArns" },
      { propertyPath: "administratorArns" },
      { propertyPath: "deletionWindowDays" },
    ],
  });
  await expect(key({ signerArns: ["*"] })).rejects.toThrow(/wildcard/);
});
