import "reflect-metadata";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { type LastDeployment, neverDeployed } from "../../stacks/deployment-facts.ts";
import { readLastDeployment } from "../../stacks/last-deployment.ts";
import { testCloud } from "../cloud/support/providers-stack.ts";

/** A resource as far as the state goes; no provider is needed for it. */
class Kept extends pulumi.ComponentResource {
  constructor(type: string, name: string, outputs: object) {
    super(type, name);
    this.registerOutputs(outputs);
  }
}

test("a program reads what its own stack was before, also where an update broke off, and outputs refer to resources", async () => {
  await using cloud = await testCloud({ accounts: [] });
  const seen: LastDeployment[] = [];
  let isBroken = true;
  const stack = await cloud.stack("party-1", async () => {
    seen.push(await readLastDeployment());
    const data = {
      KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX: "PUB-p1",
      KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX: "PRV-p1",
    };
    const map = new Kept("kubernetes:core/v1:ConfigMap", "map", { metadata: { name: "mpc-party" }, data });
    const values = { kmsCore: { enabled: true, image: { tag: "v1" } }, podAnnotations: {} };
    const release = new Kept("kubernetes:helm.sh/v3:Release", "release", { name: "kms-core", values });
    new Kept("quorate:test:Party", "party", { map, release });
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (isBroken) throw new pulumi.RunError("broken off");
    return {};
  });
  await expect(stack.up()).rejects.toThrow("broken off");
  isBroken = false;
  await stack.preview();
  expect(seen).toEqual([
    neverDeployed,
    {
      prefixes: { public: "PUB-p1", private: "PRV-p1" },
      core: { imageDigest: undefined, peerCertificates: undefined },
      releases: ["kms-core"],
    },
  ]);
});
