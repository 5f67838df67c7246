import { readPolicy, requireAccess } from "../access.ts";
import type { AwsCall, CloudContext } from "../aws-call.ts";
import { AwsError } from "../aws-error.ts";
import type { Principal } from "../policy.ts";
import type { StoredResource } from "../store.ts";
import { verifyServiceAccountToken } from "../web-identity.ts";
import type { Xml } from "../xml.ts";
import { type QueryParameters, queryService } from "./query-protocol.ts";

/** Security Token Service, query protocol. */
export const sts = queryService("sts", "https://sts.amazonaws.com/doc/2011-06-15/", {
  GetCallerIdentity: (_parameters, { principal }) => callerIdentity(principal),
  AssumeRole: assumeRole,
  AssumeRoleWithWebIdentity: assumeRoleWithWebIdentity,
});

/** What `GetCallerIdentity` says; needs no permission. */
export function callerIdentity(principal: Principal): { Arn: string; UserId: string; Account: string } {
  if (principal.kind === "anonymous" || principal.kind === "federated")
    throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  return { Arn: principal.arn, UserId: userId(principal.arn), Account: principal.accountId };
}

function assumeRole(parameters: QueryParameters, call: AwsCall, cloud: CloudContext): Xml {
  const roleArn = parameters.require("RoleArn");
  const role = findRole(roleArn, cloud);
  const externalId = parameters.get("ExternalId");
  requireAccess(
    cloud.store,
    {
      principal: call.principal,
      action: "sts:AssumeRole",
      resource: roleArn,
      resourceAccountId: accountOf(roleArn),
      context: externalId === undefined ? {} : { "sts:externalid": externalId },
    },
    // A role that isn't there is refused like one that isn't trusted: nobody learns which roles exist.
    {
      resource: role ? readPolicy(role.props.assumeRolePolicy, "trust") : undefined,
      delegation: "resource-only",
    },
  );
  return sessionOf(role, roleArn, parameters, cloud);
}

async function assumeRoleWithWebIdentity(
  parameters: QueryParameters,
  _call: AwsCall,
  cloud: CloudContext,
): Promise<Xml> {
  const roleArn = parameters.require("RoleArn");
  const accountId = accountOf(roleArn);
  const role = findRole(roleArn, cloud);
  const identity = await verifyServiceAccountToken(parameters.require("WebIdentityToken"), accountId, cloud);
  try {
    requireAccess(
      cloud.store,
      {
        principal: { kind: "federated", accountId, arn: identity.subject, provider: identity.providerArn },
        action: "sts:AssumeRoleWithWebIdentity",
        resource: roleArn,
        resourceAccountId: accountId,
        context: {
          [`${identity.issuerHostPath}:sub`.toLowerCase()]: identity.subject,
          [`${identity.issuerHostPath}:aud`.toLowerCase()]: identity.audience,
        },
      },
      { resource: role ? readPolicy(role.props.assumeRolePolicy, "trust") : undefined, delegation: "resource-only" },
    );
  } catch (error) {
    // AWS does not tell this caller, who may be anybody, what it looked at.
    if (!(error instanceof AwsError) || error.code !== "AccessDenied") throw error;
    throw new AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403);
  }
  return {
    ...sessionOf(role, roleArn, parameters, cloud),
    SubjectFromWebIdentityToken: identity.subject,
    Audience: identity.audience,
    Provider: identity.providerArn,
  };
}

function sessionOf(
  role: StoredResource | undefined,
  roleArn: string,
  parameters: QueryParameters,
  cloud: CloudContext,
): { Credentials: Xml; AssumedRoleUser: Xml } {
  const sessionName = parameters.require("RoleSessionName");
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName))
    throw new AwsError("ValidationError", "RoleSessionName must be 2 to 64 characters of [\\w+=,.@-]");
  const longest = Number(role?.props.maxSessionDuration ?? 3600);
  const duration = Number(parameters.get("DurationSeconds") ?? 3600);
  if (!(duration >= 900 && duration <= longest))
    throw new AwsError(
      "ValidationError",
      `The requested DurationSeconds must be from 900 to ${longest}, the role's maximum`,
    );
  const session = cloud.credentials.issue(roleArn, sessionName, duration);
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: session.expiration.toISOString(),
    },
    AssumedRoleUser: { Arn: session.arn, AssumedRoleId: userId(session.arn) },
  };
}

function findRole(roleArn: string, cloud: CloudContext): StoredResource | undefined {
  const accountId = accountOf(roleArn);
  if (!cloud.config.accounts.some((account) => account.accountId === accountId)) return undefined;
  const role = cloud.store.account(accountId).get("aws:iam/role:Role", roleArn.split("/").at(-1) ?? "");
  return role?.props.arn === roleArn ? role : undefined;
}

function accountOf(roleArn: string): string {
  const [, accountId] = /^arn:aws:iam::(\d{12}):role\/\S+$/.exec(roleArn) ?? [];
  if (!accountId) throw new AwsError("ValidationError", `${roleArn} is invalid`);
  return accountId;
}

/** AWS's opaque unique id; here it only has to be stable. */
function userId(arn: string): string {
  const [, role, session] = /assumed-role\/([^/]+)\/(.+)$/.exec(arn) ?? [];
  const stable = (text: string) => Buffer.from(text).toString("hex").toUpperCase().padEnd(17, "0").slice(-17);
  return role ? `AROA${stable(role)}:${session}` : `AIDA${stable(arn)}`;
}
