import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DescribeClusterCommand, EKSClient } from "@aws-sdk/client-eks";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { OperatorError } from "../contract/operator-error.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { exitCodes } from "../contract/verdict.ts";
import { clientOptions, type Profile } from "../stacks/aws-profile.ts";
import { awsFailure } from "./aws-failure.ts";
import { createEksToken, type EksToken } from "./eks-token.ts";

/** A token for one cluster, made with the profile's own credentials. */
export async function tokenFor(access: Profile & { clusterName: string }): Promise<EksToken> {
  const { profile, region, clusterName } = access;
  const credentials = await fromNodeProviderChain({ profile })().catch((cause: unknown) => {
    throw awsFailure({ profile, region, action: "sts:GetCallerIdentity", of: `cluster ${clusterName}` }, cause);
  });
  return await createEksToken({
    clusterName,
    region,
    credentials,
    stsEndpoint: process.env.AWS_ENDPOINT_URL_STS ?? (await clientOptions(access)).endpoint,
  });
}

/** Who AWS says that a profile is. */
export interface Caller {
  account: string;
  arn: string;
}

/** Asks AWS as whom the party's profile acts. */
export async function callerOf({ partyId, accountId, awsProfile: profile, cluster }: PartyOutputs): Promise<Caller> {
  const { region } = cluster;
  try {
    const client = new STSClient(await clientOptions({ profile, region }));
    const { Account: account = "no account", Arn: arn = "nobody" } = await client.send(
      new GetCallerIdentityCommand({}),
    );
    return { account, arn };
  } catch (cause) {
    const question = { partyId, accountId, profile, region };
    throw awsFailure({ ...question, action: "sts:GetCallerIdentity", of: `account ${accountId}` }, cause);
  }
}

/** Checks that the profile leads to the party's account, and that the cluster is there. */
export async function findCluster(
  outputs: PartyOutputs,
  asked: Promise<Caller> = callerOf(outputs),
): Promise<{ endpoint: string; certificateAuthority: string }> {
  const { partyId, accountId, awsProfile: profile } = outputs;
  const { name, region } = outputs.cluster;
  // Both at once; but of a caller that is not known, or a stranger, no other answer says anything.
  const [identity, cluster] = await Promise.allSettled([
    asked,
    clientOptions({ profile, region }).then((access) =>
      new EKSClient(access).send(new DescribeClusterCommand({ name })),
    ),
  ]);
  const question = { partyId, accountId, profile, region };
  if (identity.status === "rejected") throw identity.reason;
  const { account, arn: caller } = identity.value;
  if (account !== accountId)
    throw new OperatorError({
      code: "ACCOUNT_MISMATCH",
      what: `party ${partyId}: profile ${profile} leads to another account`,
      found: `${account}, as ${caller}`,
      expected: accountId,
      next: `check [profile ${profile}] in your AWS configuration: aws sts get-caller-identity --profile ${profile}`,
      exitCode: exitCodes.refused,
    });
  if (cluster.status === "rejected")
    throw awsFailure({ ...question, caller, action: "eks:DescribeCluster", of: `cluster ${name}` }, cluster.reason);
  const endpoint = cluster.value.cluster?.endpoint;
  const certificateAuthority = cluster.value.cluster?.certificateAuthority?.data;
  if (endpoint === undefined || certificateAuthority === undefined)
    throw new OperatorError({
      code: "CLUSTER_NOT_READY",
      what: `party ${partyId}: cluster ${name} has no endpoint yet`,
      found: `status ${cluster.value.cluster?.status ?? "unknown"}`,
      expected: "ACTIVE",
      next: `npx quorate up --party ${partyId}`,
    });
  return { endpoint, certificateAuthority };
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
  asked?: Promise<Caller>,
): Promise<AsyncDisposable & { path: string }> {
  // Signing asks nobody; whether the keys are good for anything is told by what AWS says to the other.
  const cluster = await findCluster(outputs, asked);
  const { awsProfile: profile, cluster: of } = outputs;
  const { token } = await tokenFor({ profile, region: of.region, clusterName: of.name });
  const path = join(folder, `kubeconfig-${outputs.partyId}`);
  await writeFile(path, renderKubeconfig(outputs, cluster, { token }), { mode: 0o600 });
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { force: true }) };
}
