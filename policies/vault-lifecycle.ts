import { besideEveryBucket } from "./bucket-companions.ts";
import { type StackRule, typeChain } from "./rule.ts";

/** A share that was overwritten may be missed only at the next epoch. */
const fewestDays = 90;

interface LifecycleRule {
  status?: string;
  expiration?: { days?: number; date?: string };
  noncurrentVersionExpiration?: { noncurrentDays?: number; newerNoncurrentVersions?: number };
  abortIncompleteMultipartUpload?: { daysAfterInitiation?: number };
}

export const vaultLifecycle: StackRule = {
  id: "vault-lifecycle",
  severity: "mandatory",
  guarantees:
    "Every bucket cleans away unfinished uploads; no vault lets a current object expire, nor the last versions before it.",
  why: "Unfinished uploads cost money unseen; a vault that forgets by date forgets key shares.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: no lifecycle rule",
  fix: "components/aws/vault.ts: incompleteUploadDays, supersededVersionDays",
  checkStack: besideEveryBucket(
    [
      "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
      "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
    ],
    { field: "lifecycle", found: "none", expected: "a rule that ends unfinished uploads" },
    (configuration) => {
      const rules = ((configuration.props.rules ?? []) as LifecycleRule[]).filter(({ status }) => status === "Enabled");
      if (!rules.some((rule) => (rule.abortIncompleteMultipartUpload?.daysAfterInitiation ?? 0) > 0))
        return {
          field: "rules",
          found: `${rules.length} rules, none of which ends unfinished uploads`,
          expected: "abortIncompleteMultipartUpload.daysAfterInitiation",
        };
      if (typeChain(configuration).includes("quorate:aws:LogBucket")) return;
      const current = rules.findIndex((rule) => rule.expiration?.days || rule.expiration?.date);
      if (current >= 0)
        return { field: `rules[${current}].expiration`, found: "current objects expire", expected: "none, in a vault" };
      const old = rules.findIndex(({ noncurrentVersionExpiration: expiration }) =>
        expiration
          ? (expiration.noncurrentDays ?? 0) < fewestDays || (expiration.newerNoncurrentVersions ?? 0) < 1
          : false,
      );
      if (old < 0) return;
      return {
        field: `rules[${old}].noncurrentVersionExpiration`,
        found: JSON.stringify(rules[old]?.noncurrentVersionExpiration),
        expected: `at least ${fewestDays} noncurrentDays, and at least 1 newerNoncurrentVersions`,
      };
    },
  ),
};
