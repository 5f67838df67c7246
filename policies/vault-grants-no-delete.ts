import { allows, covered, isEverybody, printed, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

const losing = [
  "s3:DeleteObject",
  "s3:DeleteObjectVersion",
  "s3:DeleteBucket",
  "s3:PutBucketPolicy",
  "s3:DeleteBucketPolicy",
  "s3:PutBucketAcl",
  "s3:PutBucketOwnershipControls",
  "s3:PutBucketPublicAccessBlock",
  "s3:PutLifecycleConfiguration",
  "s3:PutBucketVersioning",
  "s3:PutBucketObjectLockConfiguration",
  "s3:BypassGovernanceRetention",
  "s3:ReplicateDelete",
];

export const vaultGrantsNoDelete: ResourceRule = {
  id: "vault-grants-no-delete",
  severity: "mandatory",
  guarantees: "No bucket's policy lets anybody delete, or change what keeps objects.",
  why: "The backup vault lies in another account so that a party that was taken over can not take its backups along.",
  source: "terraform-mpc-modules modules/mpc-backup-vault/main.tf: AllowCrossAccountBackup, without DeleteObject",
  fix: "components/aws/bucket.ts: statements",
  types: ["aws:s3/bucketPolicy:BucketPolicy"],
  check({ props }, tell) {
    for (const statement of statementsOf(props.policy)) {
      // What everybody may do is a rule of its own.
      const principals = statement.principals.filter((principal) => !isEverybody(principal));
      const actions = covered(statement, losing);
      if (!allows(statement) || principals.length === 0 || actions.length === 0) continue;
      tell({
        field: `policy.${statement.path}`,
        found: `${principals.map(printed).join(", ")} may ${actions.join(", ")}`,
        expected: "reading and writing only; the older version of what is overwritten stays",
      });
    }
  },
};
