import { expect, test } from "vitest";
import { AttestedKey, type AttestedKeyArgs } from "../../components/aws/attested-key.ts";
import { Pcr } from "../../contract/trusted-release.ts";
import { onMockStack, settled } from "../support/mocks.ts";
import { hex } from "../support/network.ts";

const root = "arn:aws:iam::100000000001:root";
const core = "arn:aws:iam::100000000001:role/core";
const [older, newer] = [Pcr.parse(hex(96, "1")), Pcr.parse(hex(96, "2"))];

const key = (args: Partial<AttestedKeyArgs> = {}) =>
  onMockStack(
    () =>
      new AttestedKey("k", {
        alias: "party-1",
        coreRoleArn: core,
        allowedPcr0: [newer, older],
        runningPcr0: newer,
        administratorArns: [root],
        deletionWindowDays: 30,
        ...args,
      }),
  );

interface Statement {
  Sid: string;
  Principal: { AWS: string | string[] };
  Action: string[];
  Condition?: object;
}

async function statements(args?: Partial<AttestedKeyArgs>): Promise<Statement[]> {
  return JSON.parse((await key(args)).get("k-key").inputs.policy).Statement;
}

test("a key has an alias, an ARN and a deletion window", async () => {
  const stack = await key();
  expect(await settled(stack.result.keyArn)).toMatch(/^arn:aws:kms:/);
  expect(stack.get("k-alias").inputs.name).toBe("alias/party-1");
  expect(stack.get("k-key").inputs.deletionWindowInDays).toBe(30);
});

test("a key is protected, and KMS may not be told to skip its lock-out check", async () => {
  const stack = await key();
  expect(stack.get("k-key")).toMatchObject({ protect: true, inputs: { bypassPolicyLockoutSafetyCheck: false } });
  expect(stack.get("k-key").parent).toBe(stack.get("k").urn);
  expect(stack.get("k-alias").parent).toBe(stack.get("k").urn);
});

test("only the core decrypts, and only in an enclave with an accepted PCR0, old and new alike", async () => {
  const deciding = (await statements()).filter(({ Action }) => Action.some((a) => /Decrypt|GenerateDataKey/.test(a)));
  expect(deciding).toEqual([
    {
      Sid: "AttestedCoreUnseals",
      Effect: "Allow",
      Principal: { AWS: core },
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: "*",
      Condition: { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [older, newer] } },
    },
  ]);
});

test("an asymmetric key seals with its public half, so the core has nothing to generate", async () => {
  expect((await key()).get("k-key").inputs).toMatchObject({ customerMasterKeySpec: "SYMMETRIC_DEFAULT" });
  const stack = await key({ spec: "asymm" });
  expect(stack.get("k-key").inputs).toMatchObject({ customerMasterKeySpec: "RSA_4096", keyUsage: "ENCRYPT_DECRYPT" });
  const unseals = (await statements({ spec: "asymm" })).find(({ Sid }) => Sid === "AttestedCoreUnseals");
  expect(unseals).toMatchObject({ Action: ["kms:Decrypt"], Condition: expect.anything() });
});

test("the measurement of the release that runs can't be taken away, and debug mode's is never let in", async () => {
  await expect(key({ allowedPcr0: [older] })).rejects.toMatchObject({
    errors: [{ propertyPath: "allowedPcr0", reason: expect.stringContaining(newer) }],
  });
  await expect(key({ allowedPcr0: [newer, hex(96, "0") as Pcr] })).rejects.toMatchObject({
    errors: [{ propertyPath: "allowedPcr0", reason: expect.stringContaining("debug mode") }],
  });
});

test("administrators have no wildcard, no use of the key and no grant to hand out", async () => {
  const actions = (await statements()).find(({ Sid }) => Sid === "Administrators")?.Action ?? [];
  expect(actions).toContain("kms:PutKeyPolicy");
  expect(
    actions.filter((action) => /\*|CreateGrant|Decrypt|Encrypt|GenerateDataKey|ReplicateKey/.test(action)),
  ).toEqual([]);
});

test("a key that nobody could use or change is refused, with every reason at once", async () => {
  await expect(key({ allowedPcr0: [], administratorArns: [], deletionWindowDays: 3 })).rejects.toMatchObject({
    errors: [
      { propertyPath: "allowedPcr0" },
      { propertyPath: "administratorArns" },
      { propertyPath: "deletionWindowDays" },
    ],
  });
});
