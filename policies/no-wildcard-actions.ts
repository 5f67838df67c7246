import { allows, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

const policyTypes = ["aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy", "aws:iam/userPolicy:UserPolicy"];
const attachmentTypes = [
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  "aws:iam/policyAttachment:PolicyAttachment",
  "aws:iam/userPolicyAttachment:UserPolicyAttachment",
];

/** Data and rights: never for every resource that there is. */
const guarded =
  /^(s3:(Get|Put|Delete|List)(Object|Bucket)|kms:(Decrypt|Encrypt|GenerateDataKey|ReEncrypt|Sign|CreateGrant|PutKeyPolicy)|secretsmanager:GetSecretValue|sts:AssumeRole|iam:(PassRole|Put|Attach|Create|Update|Delete))/i;
const reading = /^[a-z0-9-]+:(Get|List|Describe|BatchGet)[A-Za-z]*\*?$/;

export const noWildcardActions: ResourceRule = {
  id: "no-wildcard-actions",
  severity: "mandatory",
  guarantees: "A role is given actions by name, and data of resources by name.",
  why: "Upstream's s3:*Object grows with each action that AWS invents, bypassing retention and restoring among them.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: AllowObjectActions s3:*Object",
  fix: "components/aws/party-role.ts, or the component that makes the role",
  types: [...policyTypes, ...attachmentTypes],
  check({ type, props }, tell) {
    if (attachmentTypes.includes(type)) {
      const arn = String(props.policyArn);
      if (/:aws:policy\/.*(AdministratorAccess|PowerUserAccess|FullAccess)/.test(arn))
        tell({ field: "policyArn", found: arn, expected: "a policy that names what the role needs" });
      return;
    }
    for (const statement of statementsOf(props.policy).filter(allows)) {
      const wild = statement.actions.filter((action) => /[*?]/.test(action) && !reading.test(action));
      if (wild.length > 0)
        tell({
          field: `policy.${statement.path}.Action`,
          found: wild.join(", "),
          expected: "actions by name; a wildcard only for what reads descriptions, such as ec2:Describe*",
        });
      const everywhere = statement.resources.filter((resource) => /^(\*|arn:aws[a-z-]*:s3:::\*.*)$/.test(resource));
      const data = statement.actions.filter((action) => guarded.test(action) && !reading.test(action));
      if (everywhere.length > 0 && data.length > 0 && statement.conditions.length === 0)
        tell({
          field: `policy.${statement.path}.Resource`,
          found: `${data.join(", ")} on ${everywhere.join(", ")}`,
          expected: "the ARNs of the resources",
        });
    }
  },
};
