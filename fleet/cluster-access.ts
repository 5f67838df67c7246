import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DescribeClusterCommand, EKSClient } from "@aws-sdk/client-eks";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { OperatorError } from "../contract/operator-error.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { clientOptions, type Profile } from "./aws-profile.ts";
import { createEksToken, type EksToken } from "./eks-token.ts";

/** A token for one cluster, made with the profile's own credentials. */
export async function tokenFor(access: Profile & { clusterName: string }): Promise<EksToken> {
  const credentials = await fromNodeProviderChain({ profile: access.profile })();
  return await createEksToken({
    clusterName: access.clusterName,
    region: access.region,
    credentials,
    stsEndpoint: process.env.AWS_ENDPOINT_URL_STS ?? (await clientOptions(access)).endpoint,
  });
}

/** Checks that the profile leads to the party's account, and that the cluster is there. */
export async function findCluster(outputs: PartyOutputs): Promise<{ endpoint: string; certificateAuthority: string }> {
  const access = await clientOptions({ profile: outputs.awsProfile, region: outputs.cluster.region });
  const [identity, cluster] = await Promise.all([
    ask(outputs, "who am I", () => new STSClient(access).send(new GetCallerIdentityCommand({}))),
    ask(outputs, "describe the cluster", () =>
      new EKSClient(access).send(new DescribeClusterCommand({ name: outputs.cluster.name })),
    ),
  ]);
  if (identity.Account !== outputs.accountId)
    throw new OperatorError({
      code: "ACCOUNT_MISMATCH",
      what: `party ${outputs.partyId}: profile ${outputs.awsProfile} leads to another account`,
      found: identity.Account ?? "no account",
      expected: outputs.accountId,
      next: `check [profile ${outputs.awsProfile}] in your AWS configuration`,
      exitCode: 3,
    });
  const endpoint = cluster.cluster?.endpoint;
  const certificateAuthority = cluster.cluster?.certificateAuthority?.data;
  if (endpoint === undefined || certificateAuthority === undefined)
    throw new OperatorError({
      code: "CLUSTER_NOT_READY",
      what: `party ${outputs.partyId}: cluster ${outputs.cluster.name} has no endpoint yet`,
      found: `status ${cluster.cluster?.status ?? "unknown"}`,
      expected: "ACTIVE",
      next: `npx quorate up --party ${outputs.partyId}`,
    });
  return { endpoint, certificateAuthority };
}

async function ask<T>(outputs: PartyOutputs, question: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (cause) {
    throw new OperatorError(
      {
        code: "AWS_UNREACHABLE",
        what: `party ${outputs.partyId}: could not ${question} with profile ${outputs.awsProfile}`,
        found: cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause),
        expected: `an answer from account ${outputs.accountId} in ${outputs.cluster.region}`,
        next: `check the credentials: aws sts get-caller-identity --profile ${outputs.awsProfile}`,
        exitCode: 5,
      },
      { cause },
    );
  }
}

/** Text of a kubeconfig whose only user holds `auth`. JSON, which every YAML reader takes. */
export function renderKubeconfig(
  outputs: PartyOutputs,
  cluster: { endpoint: string; certificateAuthority: string },
  auth: { token: string } | { exec: { apiVersion: string; command: string; args: string[]; interactiveMode: string } },
): string {
  const name = `${outputs.network}-party-${outputs.partyId}`;
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name, cluster: { server: cluster.endpoint, "certificate-authority-data": cluster.certificateAuthority } },
    ],
    users: [{ name, user: auth }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: outputs.namespace } }],
    "current-context": name,
  });
}

/** A short-lived kubeconfig of one party in a 0600 file; `await using` removes it. */
export async function writeKubeconfig(
  folder: string,
  outputs: PartyOutputs,
): Promise<AsyncDisposable & { path: string }> {
  const [cluster, { token }] = await Promise.all([
    findCluster(outputs),
    tokenFor({ profile: outputs.awsProfile, region: outputs.cluster.region, clusterName: outputs.cluster.name }),
  ]);
  const path = join(folder, `kubeconfig-${outputs.partyId}`);
  await writeFile(path, renderKubeconfig(outputs, cluster, { token }), { mode: 0o600 });
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { force: true }) };
}
