import { keyTypes } from "./key-policy.ts";
import { allows, isEverybody, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

/** Property that holds the policy, by type; bucket policies have a rule of their own. */
const policies: Record<string, string> = {
  ...Object.fromEntries(keyTypes.map((type) => [type, "policy"])),
  "aws:iam/role:Role": "assumeRolePolicy",
  "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
  "aws:ec2/vpcEndpoint:VpcEndpoint": "policy",
  "aws:sns/topicPolicy:TopicPolicy": "policy",
  "aws:sqs/queuePolicy:QueuePolicy": "policy",
};

export const noWildcardPrincipals: ResourceRule = {
  id: "no-wildcard-principals",
  severity: "mandatory",
  guarantees: "No policy but the public vault's lets everybody do anything.",
  why: "`*` is every AWS account on earth, not every principal of this one.",
  source:
    "terraform-mpc-modules modules/mpc-party/main.tf: PublicRead and ZamaList are the only statements for everybody",
  fix: "quorate:partyKey.administratorArns in the stack file; the component that makes the resource",
  types: Object.keys(policies),
  check({ type, props }, tell) {
    const field = policies[type] ?? "policy";
    for (const statement of statementsOf(props[field]))
      if (
        allows(statement) &&
        statement.principals.some((principal) => isEverybody(principal) || isAccounts(principal))
      )
        tell({
          field: `${field}.${statement.path}.Principal`,
          found: statement.principals.map(({ kind, value }) => `${kind} ${value}`).join(", "),
          expected: "principals by their exact ARN",
        });
  },
};

/** A pattern in place of a name: AWS takes it in no principal, and IAM takes it for nobody or everybody. */
const isAccounts = ({ value }: { value: string }) => value.includes("*");
