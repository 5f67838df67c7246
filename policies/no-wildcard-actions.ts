import { allows, matches, statementsOf } from "./policy-document.ts";
import type { ResourceRule, Tell } from "./rule.ts";

const policyTypes = [
  "aws:iam/rolePolicy:RolePolicy",
  "aws:iam/policy:Policy",
  "aws:iam/userPolicy:UserPolicy",
  "aws:iam/groupPolicy:GroupPolicy",
];
const attachmentTypes = [
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  "aws:iam/policyAttachment:PolicyAttachment",
  "aws:iam/userPolicyAttachment:UserPolicyAttachment",
  "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
];
const roleType = "aws:iam/role:Role";

/** Data and rights: never for every resource that there is. */
const guarded =
  /^(s3:(Get|Put|Delete|List)(Object|Bucket)|kms:(Decrypt|Encrypt|GenerateDataKey|ReEncrypt|Sign|CreateGrant|PutKeyPolicy)|secretsmanager:GetSecretValue|sts:AssumeRole|iam:(PassRole|Put|Attach|Create|Update|Delete))/i;
const reading = /^[a-z0-9-]+:(Get|List|Describe|BatchGet)[A-Za-z]*\*?$/i;
/** Reading that gives away what others may not know: data, not descriptions. */
const secrets = [
  "s3:GetObject",
  "s3:GetObjectVersion",
  "secretsmanager:GetSecretValue",
  "secretsmanager:BatchGetSecretValue",
  "ssm:GetParameter",
  "ssm:GetParameters",
  "ssm:GetParametersByPath",
];
const describes = (action: string) => reading.test(action) && !secrets.some((secret) => matches(action, secret));
/** Everything, everything of one kind, or every bucket. */
const everything = /^(\*|arn:[^:]*:s3:::\*.*|arn:[^:]*:(?!s3:)[^:]*:[^:]*:[^:]*:([a-z-]+[:/])?\*+)$/;

export const noWildcardActions: ResourceRule = {
  id: "no-wildcard-actions",
  severity: "mandatory",
  guarantees: "A role is given actions by name, and data of resources by name.",
  why: "Upstream's s3:*Object grows with each action that AWS invents, bypassing retention and restoring among them.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: AllowObjectActions s3:*Object",
  fix: "components/aws/party-role.ts, or the component that makes the role",
  types: [...policyTypes, ...attachmentTypes, roleType],
  check({ type, props }, tell) {
    if (type === roleType) {
      for (const [index, arn] of ((props.managedPolicyArns ?? []) as string[]).entries())
        judgeManaged(`managedPolicyArns[${index}]`, arn, tell);
      for (const [index, { policy }] of ((props.inlinePolicies ?? []) as { policy?: unknown }[]).entries())
        judge(`inlinePolicies[${index}].policy`, policy, tell);
    } else if (attachmentTypes.includes(type)) judgeManaged("policyArn", String(props.policyArn), tell);
    else judge("policy", props.policy, tell);
  },
};

function judgeManaged(field: string, arn: string, tell: Tell) {
  if (/:aws:policy\/.*(AdministratorAccess|PowerUserAccess|FullAccess)/.test(arn))
    tell({ field, found: arn, expected: "a policy that names what the role needs" });
}

function judge(field: string, policy: unknown, tell: Tell) {
  for (const statement of statementsOf(policy).filter(allows)) {
    const wild = statement.actions.filter((action) => /[*?]/.test(action) && !describes(action));
    if (wild.length > 0)
      tell({
        field: `${field}.${statement.path}.Action`,
        found: wild.join(", "),
        expected: "actions by name; a wildcard only for what reads descriptions, such as ec2:Describe*",
      });
    const everywhere = statement.resources.filter((resource) => everything.test(resource));
    const data = statement.actions.filter((action) => isGuarded(action));
    if (everywhere.length > 0 && data.length > 0 && statement.conditions.length === 0)
      tell({
        field: `${field}.${statement.path}.Resource`,
        found: `${data.join(", ")} on ${everywhere.join(", ")}`,
        expected: "the ARNs of the resources",
      });
  }
}

const isGuarded = (action: string) => !describes(action) && (guarded.test(action) || reading.test(action));
