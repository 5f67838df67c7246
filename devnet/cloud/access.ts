import { AwsError } from "./aws-error.ts";
import { operatorArn } from "./credentials.ts";
import {
  type AccessRequest,
  administratorAccess,
  authorize,
  MalformedPolicy,
  type PolicyDocument,
  type Principal,
  parsePolicy,
} from "./policy.ts";
import type { CloudStore } from "./store.ts";

/** Policies that AWS manages, as far as they are simulated. Others give nothing: nobody gets more here than in AWS. */
const managedPolicies: Record<string, PolicyDocument> = {
  "arn:aws:iam::aws:policy/AdministratorAccess": administratorAccess,
};

/** The policies attached to a user or to the role behind a session. */
export function identityPolicies(store: CloudStore, principal: Principal): PolicyDocument[] {
  if (principal.kind === "user") return principal.arn === operatorArn(principal.accountId) ? [administratorAccess] : [];
  if (principal.kind !== "assumed-role") return [];
  const account = store.account(principal.accountId);
  const name = principal.roleArn?.split("/").at(-1) ?? "";
  const role = account.get("aws:iam/role:Role", name);
  if (!role) return [];
  if (role.props.permissionsBoundary)
    throw new AwsError("InvalidAction", `Permissions boundary of role ${name}: not simulated`, 501);
  const ofRole = (type: string) => account.list(type).filter((each) => each.props.role === name);
  const inline = [
    ...ofRole("aws:iam/rolePolicy:RolePolicy").map((each) => each.props.policy),
    ...((role.props.inlinePolicies as { policy?: string }[] | undefined) ?? []).map((each) => each.policy),
  ];
  const arns = new Set([
    ...ofRole("aws:iam/rolePolicyAttachment:RolePolicyAttachment").map((each) => String(each.props.policyArn)),
    ...((role.props.managedPolicyArns as string[] | undefined) ?? []),
  ]);
  const attached = [...arns].flatMap((arn) => {
    const known = managedPolicies[arn];
    if (known) return [known];
    const policy = account.list("aws:iam/policy:Policy").find((each) => each.id === arn || each.props.arn === arn);
    return policy ? [readPolicy(policy.props.policy, "identity")] : [];
  });
  return [...inline.filter((text) => text !== undefined).map((text) => readPolicy(text, "identity")), ...attached];
}

/** A stored policy. One that can't be evaluated is an error for the caller, never a policy that allows nothing or all. */
export function readPolicy(text: unknown, kind: "identity" | "resource" | "trust"): PolicyDocument {
  try {
    return parsePolicy(typeof text === "string" ? text : JSON.stringify(text), kind);
  } catch (error) {
    if (error instanceof MalformedPolicy) throw new AwsError("MalformedPolicy", error.message);
    throw error;
  }
}

/** Throws AWS's AccessDenied unless the caller may. */
export function requireAccess(
  store: CloudStore,
  request: AccessRequest,
  options: { resource?: PolicyDocument | undefined; delegation?: "identity-or-resource" | "resource-only" } = {},
): void {
  const identity = identityPolicies(store, request.principal);
  const owner = { "aws:resourceaccount": request.resourceAccountId };
  const complete = { ...request, context: { ...principalContext(request.principal), ...owner, ...request.context } };
  const decision = authorize(complete, { identity, resource: options.resource }, options.delegation);
  if (!decision.allowed) throw new AwsError("AccessDenied", decision.reason, 403);
}

/** Condition keys that every call has. */
function principalContext(principal: Principal): Record<string, string> {
  // The loopback listener stands for AWS's HTTPS endpoint: what is denied without TLS in AWS can't even be asked here.
  const always = { "aws:securetransport": "true" };
  if (principal.kind === "anonymous" || principal.kind === "federated") return always;
  const principalArn = principal.roleArn ?? principal.arn;
  return { ...always, "aws:principalarn": principalArn, "aws:principalaccount": principal.accountId };
}
