import { ofType, refersTo, type StackRule, typeChain } from "./rule.ts";

const flags = ["blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy", "restrictPublicBuckets"] as const;
/** Without these two a bucket policy may let everybody in; only one vault of a party needs that. */
const policyFlags: readonly string[] = ["blockPublicPolicy", "restrictPublicBuckets"];

export const vaultNeverPublic: StackRule = {
  id: "vault-never-public",
  severity: "mandatory",
  guarantees: "Every bucket blocks public access, but for one vault whose policy may let everybody read.",
  why: "The private vault holds the party's key shares. The upstream public vault drops all four blocks, ACLs included, which nobody needs.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: aws_s3_bucket_public_access_block",
  fix: "components/aws/vault.ts: role; no field of the stack file opens a bucket",
  checkStack(subjects, tell, each) {
    const blocks = ofType(subjects, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock");
    let open: string | undefined;
    each(ofType(subjects, "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"), (bucket) => {
      const found = blocks.filter((each) => refersTo(each, "bucket", bucket));
      if (found.length === 0)
        return tell(bucket, {
          field: "public access block",
          found: "none",
          expected: `a BucketPublicAccessBlock with ${flags.join(", ")}`,
        });
      // Of several the last one that is made counts, and nobody knows which that is.
      const off = flags.filter((flag) => found.some((block) => block.props[flag] !== true));
      const mayBeOpen = open === undefined && typeChain(bucket).includes("quorate:aws:Vault") && !isClosed(bucket.name);
      if (off.length > 0 && off.every((flag) => policyFlags.includes(flag)) && mayBeOpen) {
        open = bucket.name;
        return;
      }
      for (const block of found)
        for (const flag of off.filter((flag) => block.props[flag] !== true))
          tell(block, {
            field: flag,
            found: "false",
            expected: open === undefined ? "true" : `true: the one public vault is ${open}`,
          });
    });
  },
};

const isClosed = (name: string) => /private|backup|log/.test(name);
