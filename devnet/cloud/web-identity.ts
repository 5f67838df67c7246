import { readFile } from "node:fs/promises";
import { createLocalJWKSet, decodeJwt, importSPKI, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { CloudContext } from "./aws-call.ts";
import { AwsError } from "./aws-error.ts";
import type { CloudAccount } from "./config.ts";
import { KubeClient } from "./providers/kubernetes/kube-client.ts";
import { readKubeconfig } from "./providers/kubernetes/kubeconfig.ts";

export interface WebIdentity {
  subject: string;
  audience: string;
  /** Issuer without `https://`: the prefix of the condition keys in a trust policy. */
  issuerHostPath: string;
  providerArn: string;
}

/** A service account's token: its issuer is an OIDC provider of the account, its signature the cluster's, its audience one that the provider lists. */
export async function verifyServiceAccountToken(
  token: string,
  accountId: string,
  cloud: CloudContext,
): Promise<WebIdentity> {
  const issuer = readIssuer(token);
  const issuerHostPath = issuer.replace(/^https:\/\//, "");
  const account = cloud.config.accounts.find((each) => each.accountId === accountId);
  const provider = cloud.store
    .account(accountId)
    .list("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    .find((each) => String(each.props.url).replace(/^https:\/\//, "") === issuerHostPath);
  if (!account || !provider) throw invalid(`No OpenIDConnect provider found in your account for ${issuer}`);
  let payload: JWTPayload;
  try {
    const options = { issuer, currentDate: cloud.now() };
    const pem = account.cluster.serviceAccountPublicKeyPem;
    if (pem) ({ payload } = await jwtVerify(token, await importSPKI(pem, algorithmOf(token)), options));
    else ({ payload } = await jwtVerify(token, createLocalJWKSet(await fetchKeySet(account)), options));
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_JWT_EXPIRED")
      throw new AwsError("ExpiredTokenException", "Token expired", 400);
    throw invalid(`Couldn't verify the token: ${(error as Error).message}`);
  }
  const listed = provider.props.clientIdLists as string[];
  const audience = [payload.aud ?? []].flat().find((each) => listed.includes(each));
  if (!audience) throw invalid("Incorrect token audience");
  if (!payload.sub) throw invalid("Token has no subject");
  return { subject: payload.sub, audience, issuerHostPath, providerArn: String(provider.props.arn) };
}

function readIssuer(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    if (iss) return iss;
  } catch {
    // Not a JWT: the same answer as for one without issuer.
  }
  throw invalid("The ID Token provided is not a valid JWT.");
}

function algorithmOf(token: string): string {
  return JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString("utf8")).alg;
}

function invalid(message: string): AwsError {
  return new AwsError("InvalidIdentityToken", message, 400);
}

/** The key set of the API server. Not kept: a control plane that was built anew has other keys. */
async function fetchKeySet(account: CloudAccount): Promise<JSONWebKeySet> {
  const kubeconfig = readKubeconfig(await readFile(account.cluster.adminKubeconfig, "utf8"));
  return (await new KubeClient(kubeconfig).request("GET", "/openid/v1/jwks")) as JSONWebKeySet;
}
