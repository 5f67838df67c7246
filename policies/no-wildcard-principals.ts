import { isForNamedRoles, keyTypes } from "./key-policy.ts";
import { allows, isEverybody, statementsOf } from "./policy-document.ts";
import type { ResourceRule, Subject, Tell } from "./rule.ts";

const bucketPolicyType = "aws:s3/bucketPolicy:BucketPolicy";
const roleType = "aws:iam/role:Role";
const bindingTypes = [
  "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
  "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
];
/** Names under which Kubernetes takes whoever comes, and every pod. */
const crowds = ["system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts"];

/** Property that holds the policy, by type. */
const policies: Record<string, string> = {
  ...Object.fromEntries(keyTypes.map((type) => [type, "policy"])),
  [bucketPolicyType]: "policy",
  [roleType]: "assumeRolePolicy",
  "aws:secretsmanager/secret:Secret": "policy",
  "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
  "aws:ec2/vpcEndpoint:VpcEndpoint": "policy",
  "aws:sns/topicPolicy:TopicPolicy": "policy",
  "aws:sns/topic:Topic": "policy",
  "aws:sqs/queuePolicy:QueuePolicy": "policy",
  "aws:sqs/queue:Queue": "policy",
  "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy": "policy",
  "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
  "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
  "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
};

export const noWildcardPrincipals: ResourceRule = {
  id: "no-wildcard-principals",
  severity: "mandatory",
  guarantees:
    "No policy but the public vault's lets everybody do anything; no bucket and no role lets in a whole account; no binding of the cluster's a crowd.",
  why: "`*` is every AWS account on earth, not every principal of this one; an account is whoever its IAM lets, today and later.",
  source:
    "terraform-mpc-modules modules/mpc-party/main.tf: PublicRead and ZamaList are the only statements for everybody",
  fix: "quorate:partyKey.administratorArns in the stack file; the component that makes the resource",
  types: [...Object.keys(policies), ...bindingTypes],
  check(subject, tell) {
    if (bindingTypes.includes(subject.type)) judgeBinding(subject, tell);
    else judgePolicy(subject, tell);
  },
};

function judgePolicy({ type, props }: Subject, tell: Tell) {
  const field = policies[type] ?? "policy";
  for (const statement of statementsOf(props[field]).filter(allows)) {
    const wide = statement.principals.filter((principal) => {
      // What everybody may do with a bucket is a rule of its own.
      if (isEverybody(principal)) return type !== bucketPolicyType;
      return isAccounts(principal) || (closed.includes(type) && isAccount(principal) && !isForNamedRoles(statement));
    });
    if (wide.length > 0)
      tell({
        field: `${field}.${statement.path}.Principal`,
        found: wide.map(({ kind, value }) => `${kind} ${value}`).join(", "),
        expected: "principals by their exact ARN",
      });
  }
}

function judgeBinding({ props }: Subject, tell: Tell) {
  ((props.subjects ?? []) as { name?: string }[]).forEach(({ name = "" }, index) => {
    if (crowds.includes(name))
      tell({ field: `subjects[${index}].name`, found: name, expected: "one service account, user or group by name" });
  });
}

/** Of other policies IAM's own have to allow the same, or a rule of their own says what an account may. */
const closed = [bucketPolicyType, roleType];

const isAccount = ({ kind, value }: { kind: string; value: string }) =>
  kind === "AWS" && (/:root$/.test(value) || /^\d{12}$/.test(value));

/** A pattern in place of a name: AWS takes it in no principal, and IAM takes it for nobody or everybody. */
const isAccounts = ({ value }: { value: string }) => value.includes("*");
