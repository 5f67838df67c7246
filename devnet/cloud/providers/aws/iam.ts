import { type AwsCaller, type AwsResource, awsError, iamId, text } from "./aws-resource.ts";

const roleType = "aws:iam/role:Role";
const policyType = "aws:iam/policy:Policy";
const attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";
const inlineType = "aws:iam/rolePolicy:RolePolicy";
const providerType = "aws:iam/openIdConnectProvider:OpenIdConnectProvider";

/** The newest policies that AWS itself owns are not in the store; any name under `aws` counts. */
const isManagedByAws = (arn: string) => arn.startsWith("arn:aws:iam::aws:policy/");

const exists = (operation: string, message: string) => awsError("IAM", operation, 409, "EntityAlreadyExists", message);

function requireRole(caller: AwsCaller, operation: string, name: string): void {
  if (!caller.store.get(roleType, name))
    throw awsError("IAM", operation, 404, "NoSuchEntity", `The role with name ${name} cannot be found.`);
}

const role: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    if (name.length > 64)
      throw awsError("IAM", "CreateRole", 400, "ValidationError", `roleName ${name} has more than 64 characters`);
    if (caller.store.get(roleType, name)) throw exists("CreateRole", `Role with name ${name} already exists.`);
    return {
      id: name,
      computed: {
        arn: `arn:aws:iam::${caller.account.accountId}:role${text(inputs.path ?? "/")}${name}`,
        createDate: new Date().toISOString(),
        uniqueId: iamId("AROA"),
        managedPolicyArns: inputs.managedPolicyArns ?? [],
        inlinePolicies: inputs.inlinePolicies ?? [],
      },
    };
  },
  remove(caller, id, props) {
    const attached = [...caller.store.list(attachmentType), ...caller.store.list(inlineType)].filter(
      (policy) => policy.props.role === id,
    );
    if (attached.length > 0 && props.forceDetachPolicies !== true)
      throw awsError(
        "IAM",
        "DeleteRole",
        409,
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
      );
  },
};

const policy: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    const arn = `arn:aws:iam::${caller.account.accountId}:policy${text(inputs.path ?? "/")}${name}`;
    if (caller.store.list(policyType).some(({ props }) => props.name === name))
      throw exists("CreatePolicy", `A policy called ${name} already exists. Duplicate names are not allowed.`);
    return { id: arn, computed: { arn, policyId: iamId("ANPA"), attachmentCount: 0 } };
  },
  remove(caller, id) {
    if (caller.store.list(attachmentType).some(({ props }) => props.policyArn === id))
      throw awsError("IAM", "DeletePolicy", 409, "DeleteConflict", "Cannot delete a policy attached to entities.");
  },
};

const attachment: AwsResource = {
  create(caller, inputs) {
    const arn = text(inputs.policyArn);
    requireRole(caller, "AttachRolePolicy", text(inputs.role));
    if (!isManagedByAws(arn) && !caller.store.get(policyType, arn))
      throw awsError(
        "IAM",
        "AttachRolePolicy",
        404,
        "NoSuchEntity",
        `Policy ${arn} does not exist or is not attachable.`,
      );
    return { id: `${text(inputs.role)}/${arn}`, computed: {} };
  },
};

const rolePolicy: AwsResource = {
  create(caller, inputs) {
    requireRole(caller, "PutRolePolicy", text(inputs.role));
    return { id: `${text(inputs.role)}:${text(inputs.name)}`, computed: {} };
  },
};

const openIdConnectProvider: AwsResource = {
  create(caller, inputs) {
    const url = text(inputs.url);
    if (!url.startsWith("https://"))
      throw awsError("IAM", "CreateOpenIDConnectProvider", 400, "InvalidInput", "Invalid Open ID Connect Provider URL");
    const arn = `arn:aws:iam::${caller.account.accountId}:oidc-provider/${url.slice("https://".length)}`;
    if (caller.store.get(providerType, arn))
      throw exists("CreateOpenIDConnectProvider", `Provider with url ${url} already exists.`);
    return { id: arn, computed: { arn, thumbprintLists: inputs.thumbprintLists ?? [] } };
  },
};

export const iamResources: { readonly [type: string]: AwsResource } = {
  [roleType]: role,
  [policyType]: policy,
  [attachmentType]: attachment,
  [inlineType]: rolePolicy,
  [providerType]: openIdConnectProvider,
};
