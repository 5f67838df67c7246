import { besideEveryBucket } from "./bucket-companions.ts";
import { covered, isEverybody, type Statement, statementsOf } from "./policy-document.ts";
import type { StackRule } from "./rule.ts";

export const vaultTlsOnly: StackRule = {
  id: "vault-tls-only",
  severity: "mandatory",
  guarantees: "Every bucket refuses whoever comes without TLS.",
  why: "A CA certificate that was read in the clear is one that somebody on the way could have replaced.",
  source:
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html#transit; missing upstream",
  fix: "components/aws/bucket.ts: tlsOnly",
  checkStack: besideEveryBucket(
    ["aws:s3/bucketPolicy:BucketPolicy"],
    { field: "policy", found: "none", expected: "a policy that denies s3:* where aws:SecureTransport is false" },
    ({ props }) => {
      const statements = statementsOf(props.policy);
      if (statements.some(deniesPlainHttp)) return;
      return {
        field: "policy",
        found: `${statements.length} statements, none of which denies access without TLS`,
        expected: "Deny s3:* for everybody on the bucket and its objects where aws:SecureTransport is false",
      };
    },
  ),
};

function deniesPlainHttp(statement: Statement): boolean {
  const [condition] = statement.conditions;
  return (
    statement.effect === "Deny" &&
    statement.principals.some((principal) => principal.kind === "AWS" && isEverybody(principal)) &&
    covered(statement, ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObject"]).length === 4 &&
    statement.resources.some((bucket) => !bucket.includes("/") && statement.resources.includes(`${bucket}/*`)) &&
    statement.conditions.length === 1 &&
    condition?.operator === "Bool" &&
    condition.key.toLowerCase() === "aws:securetransport" &&
    condition.values.join() === "false"
  );
}
