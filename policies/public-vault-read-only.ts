import { allows, conditionsOn, isEverybody, type Statement, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

/** What holds a policy of a bucket's. */
export const bucketPolicyTypes = [
  "aws:s3/bucketPolicy:BucketPolicy",
  "aws:s3/bucket:Bucket",
  "aws:s3/bucketV2:BucketV2",
  "aws:s3/accessPoint:AccessPoint",
  "aws:s3control/accessPointPolicy:AccessPointPolicy",
] as const;

export const publicVaultReadOnly: ResourceRule = {
  id: "public-vault-read-only",
  severity: "mandatory",
  guarantees:
    "Everybody may get a public vault's objects and list them, and nothing else of any bucket; a service of AWS's comes on behalf of accounts that are named.",
  why: "Cores find their peers' certificates unsigned, which takes exactly these two. One more action, and a stranger could replace a CA certificate. A service acts for whoever asks it, unless the policy says for whom.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: statements PublicRead and ZamaList",
  fix: "components/aws/vault.ts: everybodyReads",
  types: bucketPolicyTypes,
  check({ props }, tell) {
    for (const statement of statementsOf(props.policy).filter(allows)) {
      const service = statement.principals.find(({ kind, value }) => kind === "Service" && value !== "*");
      if (service && !isForNamedSource(statement))
        tell({
          field: `policy.${statement.path}`,
          found: `${service.value} may ${statement.actions.join(", ")} on anybody's behalf`,
          expected: "a condition on aws:SourceAccount or aws:SourceArn",
        });
      if (!statement.principals.some(isEverybody)) continue;
      if (isDocumented(statement)) continue;
      tell({
        field: `policy.${statement.path}`,
        found: `everybody may ${statement.actions.join(", ")} on ${statement.resources.join(", ")}`,
        expected: "s3:GetObject on the bucket's objects, or s3:ListBucket on the bucket",
      });
    }
  },
};

function isForNamedSource(statement: Statement): boolean {
  return conditionsOn(statement, /^aws:Source(Account|Arn)$/i).some(
    ({ operator, values }) =>
      /^(StringEquals|ArnEquals|ArnLike|StringLike)$/.test(operator) &&
      values.length > 0 &&
      values.every((value) => /(^|:)\d{12}($|:)|^arn:[^:]*:s3:::[^*?]+$/.test(value) && !value.includes("$")),
  );
}

function isDocumented({ actions, resources }: Statement): boolean {
  const [action, resource] = [actions[0] ?? "", resources[0] ?? ""];
  if (actions.length !== 1 || resources.length !== 1) return false;
  return (
    (action === "s3:GetObject" && /^arn:aws[a-z-]*:s3:::[^/*]+\/\*$/.test(resource)) ||
    (action === "s3:ListBucket" && /^arn:aws[a-z-]*:s3:::[^/*]+$/.test(resource))
  );
}
