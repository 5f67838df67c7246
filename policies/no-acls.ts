import type { ResourceRule, Tell } from "./rule.ts";

/** What an object or a bucket has without an ACL. */
const ordinary = [undefined, null, "", "private", "bucket-owner-full-control"];

interface Grant {
  uri?: string;
  id?: string;
  email?: string;
  grantee?: { uri?: string; id?: string; emailAddress?: string };
}

export const noAcls: ResourceRule = {
  id: "no-acls",
  severity: "mandatory",
  guarantees: "No ACL lets anybody in but the owner: neither a bucket's nor an object's.",
  why: "AllUsers is the internet, AuthenticatedUsers every AWS account on earth; no bucket's policy tells of either.",
  source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html; missing upstream",
  fix: "components/aws/vault.ts: everybodyReads, for what everybody may read; leave acl and grants out",
  types: [
    "aws:s3/bucketAcl:BucketAcl",
    "aws:s3/bucketAclV2:BucketAclV2",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketV2:BucketV2",
    "aws:s3/bucketObject:BucketObject",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/objectCopy:ObjectCopy",
  ],
  check({ props }, tell) {
    if (!ordinary.includes(props.acl))
      tell({ field: "acl", found: String(props.acl), expected: "none: policies alone say who comes in" });
    const policy = props.accessControlPolicy;
    judge("accessControlPolicy.grants", policy?.grants, policy?.owner?.id, tell);
    judge("grants", props.grants, undefined, tell);
  },
};

function judge(field: string, grants: Grant[] | undefined, owner: string | undefined, tell: Tell) {
  (grants ?? []).forEach(({ grantee, ...grant }, index) => {
    const { uri, id, email } = grantee ? { ...grantee, email: grantee.emailAddress } : grant;
    if (!uri && !email && id !== undefined && id === owner) return;
    tell({ field: `${field}[${index}]`, found: uri ?? email ?? id ?? "nobody named", expected: "the owner alone" });
  });
}
