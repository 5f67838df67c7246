import { allows, isEverybody, type Statement, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

export const publicVaultReadOnly: ResourceRule = {
  id: "public-vault-read-only",
  severity: "mandatory",
  guarantees: "Everybody may get a public vault's objects and list them, and nothing else of any bucket.",
  why: "Cores find their peers' certificates unsigned, which takes exactly these two. One more action, and a stranger could replace a CA certificate.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: statements PublicRead and ZamaList",
  fix: "components/aws/vault.ts: everybodyReads",
  types: ["aws:s3/bucketPolicy:BucketPolicy"],
  check({ props }, tell) {
    for (const statement of statementsOf(props.policy)) {
      if (!allows(statement) || !statement.principals.some(isEverybody)) continue;
      if (isDocumented(statement)) continue;
      tell({
        field: `policy.${statement.path}`,
        found: `everybody may ${statement.actions.join(", ")} on ${statement.resources.join(", ")}`,
        expected: "s3:GetObject on the bucket's objects, or s3:ListBucket on the bucket",
      });
    }
  },
};

function isDocumented({ actions, resources }: Statement): boolean {
  const [action, resource] = [actions[0] ?? "", resources[0] ?? ""];
  if (actions.length !== 1 || resources.length !== 1) return false;
  return (
    (action === "s3:GetObject" && /^arn:aws[a-z-]*:s3:::[^/*]+\/\*$/.test(resource)) ||
    (action === "s3:ListBucket" && /^arn:aws[a-z-]*:s3:::[^/*]+$/.test(resource))
  );
}
