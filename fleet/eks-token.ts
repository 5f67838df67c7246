import { Sha256 } from "@aws-crypto/sha256-js";
import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { SignatureV4 } from "@smithy/signature-v4";

/** How long a token is good for, in seconds: EKS accepts 15 minutes from signing, one of them is for clocks that differ. */
export const tokenSeconds = 14 * 60;

export interface EksToken {
  token: string;
  expiresAt: Date;
}

/**
 * The bearer token that an EKS API server accepts: a presigned STS GetCallerIdentity URL, as `aws eks get-token` makes it.
 * @see https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
 */
export async function createEksToken(args: {
  clusterName: string;
  region: string;
  credentials: AwsCredentialIdentity;
  /** STS of another place than AWS: `http://host:port`. */
  stsEndpoint?: string | undefined;
  now?: Date;
}): Promise<EksToken> {
  const now = args.now ?? new Date();
  const endpoint = new URL(args.stsEndpoint ?? `https://sts.${args.region}.amazonaws.com`);
  const signer = new SignatureV4({
    service: "sts",
    region: args.region,
    credentials: args.credentials,
    sha256: Sha256,
  });
  const signed = await signer.presign(
    {
      method: "GET",
      protocol: endpoint.protocol,
      hostname: endpoint.hostname,
      ...(endpoint.port ? { port: Number(endpoint.port) } : {}),
      path: "/",
      query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
      headers: { host: endpoint.host, "x-k8s-aws-id": args.clusterName },
    },
    { expiresIn: 60, signingDate: now, unsignableHeaders: new Set() },
  );
  const query = new URLSearchParams(
    Object.entries(signed.query ?? {}).map(([key, value]): [string, string] => [key, String(value)]),
  );
  const url = `${endpoint.protocol}//${endpoint.host}/?${query}`;
  return {
    token: `k8s-aws-v1.${Buffer.from(url).toString("base64url")}`,
    expiresAt: new Date(now.getTime() + tokenSeconds * 1000),
  };
}
