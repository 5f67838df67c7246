import { expect, test } from "vitest";
import { createEksToken } from "../../fleet/eks-token.ts";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const now = new Date("2026-11-20T12:00:00Z");

test("a token is a presigned GetCallerIdentity URL that signs the cluster's name", async () => {
  const { token, expiresAt } = await createEksToken({
    clusterName: "kms-party-1",
    region: "eu-west-1",
    credentials,
    now,
  });
  expect(token).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/);
  const url = new URL(Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString());
  expect(url.origin).toBe("https://sts.eu-west-1.amazonaws.com");
  expect(url.searchParams.get("Action")).toBe("GetCallerIdentity");
  expect(url.searchParams.get("X-Amz-SignedHeaders")).toBe("host;x-k8s-aws-id");
  expect(url.searchParams.get("X-Amz-Expires")).toBe("60");
  expect(url.searchParams.get("X-Amz-Credential")).toBe("AKIDEXAMPLE/20261120/eu-west-1/sts/aws4_request");
  expect(expiresAt.toISOString()).toBe("2026-11-20T12:14:00.000Z");
});

test("another cluster's name gives another signature, and the secret is in neither", async () => {
  const tokens = await Promise.all(
    ["kms-party-1", "kms-party-2"].map(
      async (clusterName) => (await createEksToken({ clusterName, region: "eu-west-1", credentials, now })).token,
    ),
  );
  expect(new Set(tokens).size).toBe(2);
  for (const token of tokens)
    expect(Buffer.from(token, "base64url").toString()).not.toContain(credentials.secretAccessKey);
});
