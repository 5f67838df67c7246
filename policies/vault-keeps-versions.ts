import { besideEveryBucket } from "./bucket-companions.ts";
import type { StackRule } from "./rule.ts";

export const vaultKeepsVersions: StackRule = {
  id: "vault-keeps-versions",
  severity: "mandatory",
  guarantees: "Every bucket keeps the versions of its objects.",
  why: "A resharing that went wrong has deleted public key material before; with versions it can be brought back.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: aws_s3_bucket_versioning",
  fix: "components/aws/bucket.ts",
  checkStack: besideEveryBucket(
    ["aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2"],
    { field: "versioning", found: "none", expected: "a BucketVersioning with status Enabled" },
    ({ props }) => {
      const status = props.versioningConfiguration?.status;
      if (status === "Enabled") return;
      return { field: "versioningConfiguration.status", found: String(status), expected: "Enabled" };
    },
  ),
};
