import { log } from "@pulumi/pulumi";
import { expect, test, vi } from "vitest";
import { ImportedKey, type ImportedKeyArgs } from "../../components/aws/imported-key.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const connector = "arn:aws:iam::100000000001:role/connector";
const root = "arn:aws:iam::100000000001:root";

const key = (args: Partial<ImportedKeyArgs> = {}, keyState = "PendingImport") =>
  onMockStack(
    () =>
      new ImportedKey("k", {
        description: "Signs",
        alias: "tx-sender",
        signerRoleArn: connector,
        administratorArns: [root],
        deletionWindowDays: 30,
        ...args,
      }),
    { states: { "aws:kms/externalKey:ExternalKey": { keyState } } },
  );

test("the key is for Ethereum's curve, signs, has no material from us, and is protected", async () => {
  const warn = vi.spyOn(log, "warn").mockResolvedValue();
  const stack = await key();
  expect(stack.get("k-key")).toMatchObject({
    type: "aws:kms/externalKey:ExternalKey",
    parent: stack.get("k").urn,
    protect: true,
    inputs: { keySpec: "ECC_SECG_P256K1", keyUsage: "SIGN_VERIFY", deletionWindowInDays: 30 },
  });
  expect(stack.get("k-key").inputs).not.toHaveProperty("keyMaterialBase64");
  expect(stack.get("k-alias").inputs.name).toBe("alias/tx-sender");
  warn.mockRestore();
});

test("the signer signs, and administrators import but never sign", async () => {
  const warn = vi.spyOn(log, "warn").mockResolvedValue();
  const { Statement } = JSON.parse((await key()).get("k-key").inputs.policy);
  expect(Statement).toHaveLength(2);
  expect(Statement[0]).toEqual({
    Sid: "Signs",
    Effect: "Allow",
    Principal: { AWS: connector },
    Action: ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"],
    Resource: "*",
  });
  expect(Statement[1].Principal).toEqual({ AWS: [root] });
  expect(Statement[1].Action).toEqual(expect.arrayContaining(["kms:ImportKeyMaterial", "kms:PutKeyPolicy"]));
  expect(Statement[1].Action.filter((action: string) => /\*|Sign|Verify|CreateGrant/.test(action))).toEqual([]);
  warn.mockRestore();
});

test("a key without material says what to do next; one that has some says nothing", async () => {
  const warn = vi.spyOn(log, "warn").mockResolvedValue();
  const stack = await key();
  expect(await settled(stack.result.keyId)).toBe("k-key-id");
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/alias\/tx-sender has no material yet.*import-key-material --key-id k-key-id/),
    stack.result,
  );
  warn.mockClear();
  await settled((await key({}, "Enabled")).result.keyId);
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

test("a key that nobody could change, or that could be gone in a day, is refused", async () => {
  await expect(key({ administratorArns: [], deletionWindowDays: 1 })).rejects.toMatchObject({
    errors: [{ propertyPath: "administratorArns" }, { propertyPath: "deletionWindowDays" }],
  });
});
