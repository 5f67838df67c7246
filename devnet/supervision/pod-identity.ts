import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { KubeClient, KubeObject } from "../clusters/kube-client.ts";

const roleAnnotation = "eks.amazonaws.com/role-arn";

export interface RoleCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

/**
 * What EKS does for a pod whose service account names a role: a token of that account, exchanged at STS for the role's
 * credentials. Null where the account names none.
 */
export async function assumePodRole(
  client: KubeClient,
  namespace: string,
  serviceAccount: string,
  cloud: { endpoint: string; region: string },
): Promise<RoleCredentials | null> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}`;
  const account = await client.get<KubeObject>(path);
  const roleArn = account.metadata.annotations?.[roleAnnotation];
  if (roleArn === undefined) return null;
  const { status } = await client.post<{ status: { token: string } }>(`${path}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences: ["sts.amazonaws.com"], expirationSeconds: 3600 },
  });
  const sts = new STSClient({ ...cloud, credentials: { accessKeyId: "", secretAccessKey: "" } });
  try {
    const { Credentials: credentials } = await sts.send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: roleArn,
        RoleSessionName: serviceAccount,
        WebIdentityToken: status.token,
      }),
    );
    if (!credentials?.AccessKeyId || !credentials.SecretAccessKey || !credentials.SessionToken)
      throw new Error(`STS answered without credentials for ${roleArn}`);
    return {
      accessKeyId: credentials.AccessKeyId,
      secretAccessKey: credentials.SecretAccessKey,
      sessionToken: credentials.SessionToken,
    };
  } finally {
    sts.destroy();
  }
}
