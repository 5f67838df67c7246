import { besideEveryBucket } from "./bucket-companions.ts";
import type { StackRule } from "./rule.ts";

const enforced = "BucketOwnerEnforced";

export const vaultOneOwner: StackRule = {
  id: "vault-one-owner",
  severity: "mandatory",
  guarantees: "Every object of a bucket belongs to the bucket's owner, and its ACLs count for nothing.",
  why: "An ACL lets in other accounts, or everybody, object by object and unseen by the bucket's policy.",
  source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html; missing upstream",
  fix: "components/aws/bucket.ts",
  checkStack: besideEveryBucket(
    ["aws:s3/bucketOwnershipControls:BucketOwnershipControls"],
    { field: "ownership", found: "none", expected: `a BucketOwnershipControls with ${enforced}` },
    ({ props }) => {
      const found = props.rule?.objectOwnership;
      if (found === enforced) return;
      return { field: "rule.objectOwnership", found: String(found), expected: enforced };
    },
  ),
};
