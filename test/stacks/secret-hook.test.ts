import * as aws from "@pulumi/aws";
import { expect, test } from "vitest";
import { hooksOf } from "../../components/hooks.ts";
import { testAccount, testCloud } from "../cloud/support/providers-stack.ts";

test("what looks before a release stops the engine with its own words, makes nothing, and is not asked in a preview", async () => {
  await using cloud = await testCloud();
  const { profile, region } = testAccount(1);
  let asked = 0;
  let missing = true;
  const stack = await cloud.stack("hooked", async () => {
    const provider = new aws.Provider("party", { profile, region: region as aws.Region });
    const before = async () => {
      asked++;
      if (missing) throw new Error("SECRETS_MISSING  party 1\n  found     rpc: no such Secret");
    };
    new aws.kms.Key("key", { description: "stands for a release" }, { provider, hooks: hooksOf(before) });
    return {};
  });
  await stack.preview();
  expect(asked).toBe(0);
  await expect(stack.up()).rejects.toThrow(/SECRETS_MISSING {2}party 1\n +found +rpc: no such Secret/);
  expect(asked).toBe(1);
  missing = false;
  expect((await stack.up()).summary.resourceChanges).toMatchObject({ create: 1 });
  // Nothing to change: nothing to ask.
  await stack.up();
  expect(asked).toBe(2);
});
