import { ofType, refersTo, type StackRule, typeChain } from "./rule.ts";

export const vaultAccessAudited: StackRule = {
  id: "vault-access-audited",
  severity: "mandatory",
  guarantees: "Who reads or writes a vault is written down, in another bucket.",
  why: "After an incident the first question is which key shares were read, and by whom.",
  source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/logging-with-S3.html; missing upstream",
  fix: "quorate:audit in the stack file; components/aws/vault.ts: logBucketName",
  checkStack(subjects, tell, each) {
    const logging = ofType(subjects, "aws:s3/bucketLogging:BucketLogging", "aws:s3/bucketLoggingV2:BucketLoggingV2");
    const vaults = ofType(subjects, "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2").filter((bucket) =>
      typeChain(bucket).some((type) => /Vault$/.test(type)),
    );
    each(vaults, (vault) => {
      const log = logging.find((one) => refersTo(one, "bucket", vault));
      if (!log) return tell(vault, { field: "access log", found: "none", expected: "a BucketLogging" });
      if (refersTo(log, "targetBucket", vault, "bucket"))
        tell(log, { field: "targetBucket", found: "the vault itself", expected: "a bucket for logs" });
    });
  },
};
