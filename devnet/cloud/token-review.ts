import { z } from "zod";
import type { AwsAnswer, CloudContext } from "./aws-call.ts";
import { AwsError } from "./aws-error.ts";
import { operatorArn, type SigningPrincipal } from "./credentials.ts";
import { findCluster } from "./services/eks.ts";
import { verifySignature } from "./signature.ts";
import type { AccountStore } from "./store.ts";

const prefix = "k8s-aws-v1.";
/** STS honours a presigned GetCallerIdentity for this long, whatever X-Amz-Expires says. */
const tokenLifetimeMs = 15 * 60_000;

const TokenReview = z.object({
  apiVersion: z.enum(["authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"]),
  kind: z.literal("TokenReview"),
  spec: z.object({ token: z.string(), audiences: z.array(z.string()).optional() }),
});

/** Who a token stands for in one cluster. */
export interface ClusterUser {
  username: string;
  uid: string;
  groups: string[];
  extra: Record<string, string[]>;
}

/**
 * Webhook for the API server of one cluster: `/token-review/<cluster>`, or `/token-review/<account id>/<cluster>` where two accounts have
 * clusters of the same name. Does what EKS's authenticator does.
 * @see https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
 */
export async function reviewToken(path: string, body: Buffer, cloud: CloudContext): Promise<AwsAnswer> {
  let review: z.infer<typeof TokenReview>;
  try {
    review = TokenReview.parse(JSON.parse(body.toString("utf8")));
  } catch (error) {
    return {
      status: 400,
      headers: { "content-type": "text/plain" },
      body: `not a TokenReview: ${(error as Error).message}\n`,
    };
  }
  const { apiVersion, kind, spec } = review;
  let status: object;
  try {
    const parts = path.split("/").slice(2).filter(Boolean).map(decodeURIComponent);
    status = { authenticated: true, user: authenticate(spec.token, parts, cloud), audiences: spec.audiences };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    status = { authenticated: false, error: error.message };
  }
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ apiVersion, kind, status }),
  };
}

function authenticate(token: string, path: string[], cloud: CloudContext): ClusterUser {
  const clusterName = path.at(-1) ?? "";
  const accountId = path.length > 1 ? path[0] : undefined;
  const caller = verifyToken(token, clusterName, cloud);
  const holders = cloud.store
    .accounts()
    .filter(
      (account) => (accountId === undefined || account.accountId === accountId) && findCluster(account, clusterName),
    );
  const [account, another] = holders;
  if (!account) throw refused(`there is no cluster ${clusterName}`);
  // Else whoever names a cluster like somebody else's would be let into that one.
  if (another) throw refused(`more than one account has a cluster ${clusterName}`);
  return mapToUser(caller, account, clusterName);
}

/** Token → who signed it. Everything that a token may not be is refused before its signature is looked at. */
function verifyToken(token: string, clusterName: string, cloud: CloudContext): SigningPrincipal {
  if (!token.startsWith(prefix)) throw refused(`a token begins with ${prefix}`);
  let url: URL;
  try {
    url = new URL(Buffer.from(token.slice(prefix.length), "base64url").toString("utf8"));
  } catch {
    throw refused("the token holds no URL");
  }
  const host = url.hostname;
  const isSts = /^sts(\.[a-z0-9-]+)?\.amazonaws\.com$/.test(host) || host === cloud.config.httpHost;
  if (!isSts || url.pathname !== "/") throw refused(`the token's URL is not one of STS: ${url.host}${url.pathname}`);
  const actions = url.searchParams.getAll("Action");
  if (actions.length !== 1 || actions[0] !== "GetCallerIdentity") throw refused("the token asks for another action");
  const expires = Number(url.searchParams.get("X-Amz-Expires") ?? "60");
  if (!(expires >= 0 && expires * 1000 <= tokenLifetimeMs)) throw refused("X-Amz-Expires is more than 15 minutes");
  const verified = verifySignature(
    {
      method: "GET",
      target: `/${url.search}`,
      // The cluster's name is what this API server is called, not what the token says: signed for another, it does not fit.
      headers: { host: url.host, "x-k8s-aws-id": clusterName },
      body: Buffer.alloc(0),
    },
    (accessKeyId, sessionToken) => cloud.credentials.holderOf(accessKeyId, sessionToken),
    cloud.now(),
    { lifetimeMs: tokenLifetimeMs },
  );
  if (verified?.service !== "sts") throw refused("the token's URL is not signed for STS");
  if (!verified.signedHeaders.includes("x-k8s-aws-id")) throw refused("the token's signature does not name a cluster");
  return verified.principal;
}

/** Access entries decide; who created the cluster is its administrator unless the cluster was told otherwise. */
function mapToUser(caller: SigningPrincipal, account: AccountStore, clusterName: string): ClusterUser {
  const iamArn = caller.roleArn ?? caller.arn;
  const ofCaller = (type: string) =>
    account
      .list(type)
      .filter((each) => each.props.clusterName === clusterName && each.props.principalArn === iamArn)
      .map((each) => each.props);
  const [entry] = ofCaller("aws:eks/accessEntry:AccessEntry");
  const access = findCluster(account, clusterName)?.props.accessConfig as
    | { bootstrapClusterCreatorAdminPermissions?: boolean }
    | undefined;
  const isCreator =
    caller.arn === operatorArn(account.accountId) && access?.bootstrapClusterCreatorAdminPermissions !== false;
  if (!entry && !isCreator) throw refused(`${iamArn} has no access entry in cluster ${clusterName}`);

  const isAdministrator = ofCaller("aws:eks/accessPolicyAssociation:AccessPolicyAssociation").some(
    (association) =>
      String(association.policyArn).endsWith("/AmazonEKSClusterAdminPolicy") &&
      (association.accessScope as { type?: string } | undefined)?.type === "cluster",
  );
  const groups = new Set(((entry?.kubernetesGroups ?? []) as unknown[]).map(String));
  if (isCreator || isAdministrator) groups.add("system:masters");
  const session = caller.arn.split("/").at(-1) ?? "";
  const template = typeof entry?.userName === "string" && entry.userName !== "" ? entry.userName : caller.arn;
  return {
    username: template.replaceAll("{{SessionName}}", session),
    uid: `aws-iam-authenticator:${caller.accountId}:${iamArn}`,
    groups: [...groups],
    extra: { arn: [caller.arn], canonicalArn: [iamArn], sessionName: [caller.roleArn ? session : ""] },
  };
}

function refused(message: string): AwsError {
  return new AwsError("AccessDenied", message, 401);
}
