import { allows, covered, isEverybody, printed, statementsOf } from "./policy-document.ts";
import { bucketPolicyTypes } from "./public-vault-read-only.ts";
import type { ResourceRule } from "./rule.ts";

/** What even a role of the party's own never needs: with it, what was deleted or overwritten stays gone. */
const forGood = [
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
  "s3:PutObjectRetention",
  "s3:PutObjectLegalHold",
  "s3:BypassGovernanceRetention",
  "s3:PutReplicationConfiguration",
  "s3:PutEncryptionConfiguration",
  "s3:PutBucketLogging",
];

const losing = ["s3:DeleteObject", ...forGood, "s3:ReplicateDelete", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"];

const identityTypes: readonly string[] = [
  "aws:iam/rolePolicy:RolePolicy",
  "aws:iam/policy:Policy",
  "aws:iam/userPolicy:UserPolicy",
  "aws:iam/groupPolicy:GroupPolicy",
];

export const vaultGrantsNoDelete: ResourceRule = {
  id: "vault-grants-no-delete",
  severity: "mandatory",
  guarantees: "No bucket's policy lets anybody delete, or change what keeps objects; no role may do so for good.",
  why: "The backup vault lies in another account so that a party that was taken over can not take its backups along.",
  source: "terraform-mpc-modules modules/mpc-backup-vault/main.tf: AllowCrossAccountBackup, without DeleteObject",
  fix: "components/aws/bucket.ts: statements",
  types: [...bucketPolicyTypes, ...identityTypes],
  check({ type, props }, tell) {
    for (const statement of statementsOf(props.policy)) {
      if (identityTypes.includes(type)) {
        const actions = allows(statement) ? covered(statement, forGood) : [];
        if (actions.length > 0)
          tell({
            field: `policy.${statement.path}`,
            found: actions.join(", "),
            expected: "s3:DeleteObject at most, which leaves the versions",
          });
        continue;
      }
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
