import { besideEveryBucket } from "./bucket-companions.ts";
import type { StackRule } from "./rule.ts";

const algorithms = ["AES256", "aws:kms", "aws:kms:dsse"];

export const vaultEncrypted: StackRule = {
  id: "vault-encrypted",
  severity: "mandatory",
  guarantees: "Every bucket says how S3 encrypts what lies in it.",
  why: "The upstream vaults leave it to the account's default, which a stack can not prove.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: no encryption block",
  fix: "components/aws/bucket.ts",
  checkStack: besideEveryBucket(
    [
      "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
      "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
    ],
    { field: "encryption", found: "none", expected: "a BucketServerSideEncryptionConfiguration" },
    ({ props }) => {
      const found = props.rules?.[0]?.applyServerSideEncryptionByDefault?.sseAlgorithm;
      if (algorithms.includes(found)) return;
      return {
        field: "rules[0].applyServerSideEncryptionByDefault.sseAlgorithm",
        found: String(found),
        expected: algorithms.join(" or "),
      };
    },
  ),
};
