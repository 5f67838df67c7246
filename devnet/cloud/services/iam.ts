import { requireAccess } from "../access.ts";
import { type AwsCall, type CloudContext, callerAccount } from "../aws-call.ts";
import { AwsError } from "../aws-error.ts";
import type { AccountStore, StoredResource } from "../store.ts";
import type { Xml } from "../xml.ts";
import { type QueryAction, queryService } from "./query-protocol.ts";

const actions: Record<string, QueryAction> = {
  GetRole(parameters, call, cloud) {
    const name = parameters.require("RoleName");
    const role = requireRole(allow("GetRole", `role/${name}`, call, cloud), name);
    return {
      Role: {
        Path: text(role.props.path, "/"),
        RoleName: name,
        RoleId: text(role.props.uniqueId, "AROA"),
        Arn: text(role.props.arn),
        CreateDate: text(role.props.createDate, "2026-01-01T00:00:00Z"),
        AssumeRolePolicyDocument: encodeURIComponent(text(role.props.assumeRolePolicy)),
        MaxSessionDuration: Number(role.props.maxSessionDuration ?? 3600),
        Tags: { member: tags(role) },
      },
    };
  },
  ListAttachedRolePolicies(parameters, call, cloud) {
    const name = parameters.require("RoleName");
    const account = allow("ListAttachedRolePolicies", `role/${name}`, call, cloud);
    requireRole(account, name);
    const attached = account
      .list("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
      .filter((each) => each.props.role === name)
      .map((each) => ({
        PolicyName: text(each.props.policyArn).split("/").at(-1),
        PolicyArn: text(each.props.policyArn),
      }));
    return { AttachedPolicies: { member: attached }, IsTruncated: false };
  },
  GetPolicy(parameters, call, cloud) {
    const policy = requirePolicy(parameters.require("PolicyArn"), "GetPolicy", call, cloud);
    return {
      Policy: {
        PolicyName: text(policy.props.name),
        PolicyId: text(policy.props.policyId, "ANPA"),
        Arn: text(policy.props.arn),
        Path: text(policy.props.path, "/"),
        DefaultVersionId: "v1",
        IsAttachable: true,
        Tags: { member: tags(policy) },
      },
    };
  },
  GetPolicyVersion(parameters, call, cloud) {
    const policy = requirePolicy(parameters.require("PolicyArn"), "GetPolicyVersion", call, cloud);
    const version = parameters.require("VersionId");
    if (version !== "v1") throw noSuchEntity(`Policy version ${version} does not exist`);
    const Document = encodeURIComponent(text(policy.props.policy));
    return { PolicyVersion: { Document, VersionId: version, IsDefaultVersion: true } };
  },
};

/** Identity and Access Management, query protocol: the reading calls. */
export const iam = queryService("iam", "https://iam.amazonaws.com/doc/2010-05-08/", actions);

function requireRole(account: AccountStore, name: string): StoredResource {
  const role = account.get("aws:iam/role:Role", name);
  if (!role) throw noSuchEntity(`The role with name ${name} cannot be found.`);
  return role;
}

function requirePolicy(arn: string, action: string, call: AwsCall, cloud: CloudContext): StoredResource {
  const account = allow(action, arn.split(":").slice(5).join(":"), call, cloud);
  const policy = account.list("aws:iam/policy:Policy").find((each) => each.id === arn || each.props.arn === arn);
  if (!policy) throw noSuchEntity(`Policy ${arn} was not found.`);
  return policy;
}

function allow(action: string, resource: string, call: AwsCall, cloud: CloudContext): AccountStore {
  const owner = callerAccount(call, cloud);
  if (!owner) throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  const { accountId } = owner;
  requireAccess(cloud.store, {
    principal: call.principal,
    action: `iam:${action}`,
    resource: `arn:aws:iam::${accountId}:${resource}`,
    resourceAccountId: accountId,
  });
  return cloud.store.account(accountId);
}

function noSuchEntity(message: string): AwsError {
  return new AwsError("NoSuchEntity", message, 404);
}

function tags(resource: StoredResource): Xml[] {
  return Object.entries((resource.props.tagsAll ?? {}) as Record<string, string>).map(([Key, Value]) => ({
    Key,
    Value,
  }));
}

function text(value: unknown, otherwise = ""): string {
  return value === undefined || value === null ? otherwise : String(value);
}
