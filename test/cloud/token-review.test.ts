import { Sha256 } from "@aws-crypto/sha256-js";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEksToken } from "../../fleet/eks-token.ts";
import { clients, type Keys, operatorKeys, region, startCloud } from "./support/cloud.ts";

const accountId = "100000000001";
const clusterName = "kms-party-1";

let cloud: Awaited<ReturnType<typeof startCloud>>;
beforeAll(async () => {
  cloud = await startCloud();
  await cloud.store.account(accountId).put({
    type: "aws:eks/cluster:Cluster",
    id: clusterName,
    props: { name: clusterName, accessConfig: { authenticationMode: "API" } },
  });
});
afterAll(() => cloud[Symbol.asyncDispose]());

async function mint(credentials: Keys = operatorKeys(1), change: { clusterName?: string; now?: Date } = {}) {
  const made = await createEksToken({ clusterName, region, credentials, stsEndpoint: cloud.endpoint, ...change });
  return made.token;
}

async function review(token: string, path = clusterName) {
  const response = await fetch(`${cloud.endpoint}/token-review/${path}/?timeout=30s`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } }),
  });
  expect(response.status).toBe(200);
  const answer = (await response.json()) as {
    status: { authenticated: boolean; error?: string; user?: { username: string; groups: string[] } };
  };
  expect(answer).toMatchObject({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview" });
  return answer.status;
}

/** The token with its URL changed, and not signed again. */
function tamper(token: string, change: (url: URL) => void): string {
  const url = new URL(Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString("utf8"));
  change(url);
  return `k8s-aws-v1.${Buffer.from(url.href).toString("base64url")}`;
}

async function asRole(name: string): Promise<{ keys: Keys; roleArn: string }> {
  const roleArn = `arn:aws:iam::${accountId}:role/${name}`;
  const assumeRolePolicy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" }],
  });
  const props = { name, arn: roleArn, assumeRolePolicy };
  await cloud.store.account(accountId).put({ type: "aws:iam/role:Role", id: name, props });
  const { Credentials } = await clients(cloud.endpoint, operatorKeys(1)).sts.send(
    new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "on-call" }),
  );
  const keys = {
    accessKeyId: Credentials?.AccessKeyId ?? "",
    secretAccessKey: Credentials?.SecretAccessKey ?? "",
    sessionToken: Credentials?.SessionToken ?? "",
  };
  return { keys, roleArn };
}

describe("the cluster's creator", () => {
  test("is its administrator, by cluster name alone and with the account", async () => {
    for (const path of [clusterName, `${accountId}/${clusterName}`])
      expect(await review(await mint(), path)).toMatchObject({
        authenticated: true,
        user: { username: `arn:aws:iam::${accountId}:user/operator`, groups: ["system:masters"] },
      });
  });

  test("has a token for 14 minutes and not for 16, though its URL says 60 seconds", async () => {
    const ago = (minutes: number) => mint(operatorKeys(1), { now: new Date(Date.now() - minutes * 60_000) });
    expect((await review(await ago(14))).authenticated).toBe(true);
    expect(await review(await ago(16))).toEqual({ authenticated: false, error: "Request has expired" });
    expect((await review(await ago(-10))).authenticated).toBe(false);
  });

  test("is no administrator where the cluster was told so", async () => {
    await cloud.store.account(accountId).put({
      type: "aws:eks/cluster:Cluster",
      id: "strict",
      props: { name: "strict", accessConfig: { bootstrapClusterCreatorAdminPermissions: false } },
    });
    expect(await review(await mint(operatorKeys(1), { clusterName: "strict" }), "strict")).toEqual({
      authenticated: false,
      error: `arn:aws:iam::${accountId}:user/operator has no access entry in cluster strict`,
    });
  });
});

describe("a token is refused", () => {
  test.each<[string, (token: string) => string]>([
    ["that is none", () => "nonsense"],
    ["whose URL is none", () => "k8s-aws-v1.bm90aGluZw"],
    [
      "with a changed signature",
      (token) =>
        tamper(token, (url) => {
          const signature = url.searchParams.get("X-Amz-Signature") ?? "";
          url.searchParams.set(
            "X-Amz-Signature",
            signature.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
          );
        }),
    ],
    [
      "with a later date",
      (token) =>
        tamper(token, (url) => {
          url.searchParams.set("X-Amz-Date", new Date().toISOString().replace(/[-:]|\.\d+/g, ""));
          url.searchParams.set("X-Amz-Expires", "900");
        }),
    ],
    ["that asks for another action", (token) => tamper(token, (url) => url.searchParams.set("Action", "AssumeRole"))],
    ["with two actions", (token) => tamper(token, (url) => url.searchParams.append("Action", "GetCallerIdentity"))],
    [
      "of another host",
      (token) =>
        tamper(token, (url) => {
          url.hostname = "sts.evil.example";
        }),
    ],
    ["that lives for a week", (token) => tamper(token, (url) => url.searchParams.set("X-Amz-Expires", "604800"))],
  ])("%s", async (_what, change) => {
    const status = await review(change(await mint()));
    expect(status.authenticated).toBe(false);
    expect(status.error).not.toBe("");
  });

  test("when its signature is right but names no cluster", async () => {
    const { host, hostname, port } = new URL(cloud.endpoint);
    const signer = new SignatureV4({ service: "sts", region, credentials: operatorKeys(1), sha256: Sha256 });
    const { query = {} } = await signer.presign(
      {
        method: "GET",
        protocol: "http:",
        hostname,
        port: Number(port),
        path: "/",
        query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
        headers: { host },
      },
      { expiresIn: 60 },
    );
    const url = `${cloud.endpoint}/?${new URLSearchParams(query as Record<string, string>)}`;
    expect(await (await fetch(url)).text()).toContain("user/operator");
    expect(await review(`k8s-aws-v1.${Buffer.from(url).toString("base64url")}`)).toEqual({
      authenticated: false,
      error: "the token's signature does not name a cluster",
    });
  });

  test("when it was signed for another cluster", async () => {
    expect((await review(await mint(operatorKeys(1), { clusterName: "kms-party-2" }))).authenticated).toBe(false);
  });

  test("when it is another account's operator's", async () => {
    expect(await review(await mint(operatorKeys(2)))).toEqual({
      authenticated: false,
      error: `arn:aws:iam::100000000002:user/operator has no access entry in cluster ${clusterName}`,
    });
  });

  test("when two accounts have a cluster of that name and the path does not say which", async () => {
    for (const each of [accountId, "100000000002"])
      await cloud.store.account(each).put({ type: "aws:eks/cluster:Cluster", id: "twin", props: { name: "twin" } });
    const token = await mint(operatorKeys(1), { clusterName: "twin" });
    expect((await review(token, "twin")).authenticated).toBe(false);
    expect((await review(token, `${accountId}/twin`)).authenticated).toBe(true);
    expect((await review(token, "100000000002/twin")).authenticated).toBe(false);
  });

  test("when there is no such cluster; and what is no review is a bad request", async () => {
    expect((await review(await mint(operatorKeys(1), { clusterName: "none" }), "none")).authenticated).toBe(false);
    const response = await fetch(`${cloud.endpoint}/token-review/${clusterName}`, { method: "POST", body: "{}" });
    expect(response.status).toBe(400);
  });
});

describe("a role", () => {
  test("gets the groups of its access entry, and cluster-admin by its policy association", async () => {
    const { keys, roleArn } = await asRole("sre");
    const account = cloud.store.account(accountId);
    expect((await review(await mint(keys))).authenticated).toBe(false);
    const entry = { clusterName, principalArn: roleArn, kubernetesGroups: ["readers"] };
    await account.put({ type: "aws:eks/accessEntry:AccessEntry", id: `${clusterName}:${roleArn}`, props: entry });
    expect((await review(await mint(keys))).user).toMatchObject({
      username: `arn:aws:sts::${accountId}:assumed-role/sre/on-call`,
      groups: ["readers"],
    });
    const userName = `arn:aws:sts::${accountId}:assumed-role/sre/{{SessionName}}`;
    await account.put({
      type: "aws:eks/accessEntry:AccessEntry",
      id: `${clusterName}:${roleArn}`,
      props: { ...entry, userName },
    });
    await account.put({
      type: "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
      id: "association",
      props: {
        clusterName,
        principalArn: roleArn,
        policyArn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        accessScope: { type: "cluster" },
      },
    });
    expect((await review(await mint(keys))).user).toMatchObject({
      username: `arn:aws:sts::${accountId}:assumed-role/sre/on-call`,
      groups: ["readers", "system:masters"],
    });
  });
});
