import { isNarrowed } from "./narrowing-conditions.ts";
import { allows, matches, type Statement, statementsOf } from "./policy-document.ts";
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
  "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
  "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
  "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive",
];
const roleType = "aws:iam/role:Role";

/** Services that keep data, hand out rights, open shells, or write down who did what. */
const guarded =
  /^(s3|s3express|kms|secretsmanager|ssm|ssmmessages|sts|iam|eks|cloudtrail|organizations|rolesanywhere|ec2-instance-connect|rds|dynamodb|lambda|sso|sso-admin):/i;
/** Of these services, what can name no resource, and gives nothing away. */
const withoutResource =
  /^(kms:(CreateKey|GenerateRandom)|sts:DecodeAuthorizationMessage|ssm:UpdateInstanceInformation)$/i;
const reading = /^[a-z0-9-]+:(Get|List|Describe|BatchGet)[A-Za-z]*\*?$/i;
/** Reading that gives away what others may not know: data, not descriptions. */
const secrets = [
  ...["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTorrent", "s3:GetObjectVersionTorrent"],
  ...["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"],
  ...["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory"],
  ...["sts:GetFederationToken", "sts:GetSessionToken", "ec2:GetPasswordData", "lambda:GetFunction"],
  ...["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:GetRecords", "logs:GetLogEvents"],
];
const describes = (action: string) => reading.test(action) && !secrets.some((secret) => matches(action, secret));
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
    } else if (attachmentTypes.includes(type)) {
      if (props.policyArn !== undefined) judgeManaged("policyArn", String(props.policyArn), tell);
      for (const [index, arn] of ((props.policyArns ?? []) as string[]).entries())
        judgeManaged(`policyArns[${index}]`, arn, tell);
    } else judge("policy", props.policy, tell);
  },
};

/** AWS's own policies that name no resource: whoever has one has all of it. */
const widePolicy = /:aws:policy\/.*(Administrator|PowerUser|FullAccess|ReadWrite|ReadOnlyAccess$|EC2RoleforSSM$)/i;

function judgeManaged(field: string, arn: string, tell: Tell) {
  if (widePolicy.test(arn)) tell({ field, found: arn, expected: "a policy that names what the role needs" });
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
    const everywhere = statement.resources.filter(isEverything);
    const data = statement.actions.filter((action) => isGuarded(action) && !isNarrowed(statement, action));
    if (everywhere.length > 0 && data.length > 0)
      tell({
        field: `${field}.${statement.path}.Resource`,
        found: `${data.join(", ")} on ${everywhere.join(", ")}${conditioned(statement)}`,
        expected: "the ARNs of the resources, or a condition on what they are: a tag, a VPC, an enclave's PCR0",
      });
  }
}

function conditioned({ conditions }: Statement): string {
  if (conditions.length === 0) return "";
  return `, where ${conditions.map(({ operator, key, values }) => `${operator} ${key} ${values.join(", ")}`).join("; ")}`;
}

const isGuarded = (action: string) =>
  !describes(action) && !withoutResource.test(action) && (guarded.test(action) || reading.test(action));

/** Whether the pattern is for everything, everything of one kind, or every bucket: it names next to nothing. */
function isEverything(resource: string): boolean {
  if (!/[*?]/.test(resource)) return false;
  const [, , service = "*", , , ...rest] = resource.split(":");
  const place = rest.join(":");
  if (/[*?]/.test(service) || place === "") return true;
  // What S3, SQS and SNS name has no kind before it.
  if (/^(s3|sqs|sns)$/i.test(service)) return namesNothing(place.split("/")[0] ?? "");
  const [, kind = "", name = ""] = /^([^:/]*)[:/](.*)$/.exec(place) ?? [];
  return kind === "" || /[*?]/.test(kind) || namesNothing(name);
}

const fewestLetters = 3;
const namesNothing = (pattern: string) =>
  /[*?]/.test(pattern) && pattern.replaceAll(/[^A-Za-z0-9]/g, "").length < fewestLetters;
