import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

export interface BucketArgs {
  bucketName: pulumi.Input<string>;
  /** A region other than the provider's. @default the provider's */
  region?: string | undefined;
  /** Whether a policy may let everybody in. @default false */
  open?: boolean;
  /** Whether Pulumi refuses to delete it. @default false */
  protect?: boolean;
  /** What the bucket's policy says besides that nobody comes in the clear. @default nothing */
  statements?: (bucketArn: string) => object[];
  /** What becomes of objects in time. */
  lifecycle: aws.types.input.s3.BucketLifecycleConfigurationRule[];
}

/** A bucket, and the two of its settings that others wait for. */
export interface Bucket {
  bucket: aws.s3.Bucket;
  policy: aws.s3.BucketPolicy;
  versioning: aws.s3.BucketVersioning;
}

/**
 * A bucket as every one of a party's is: one owner, versions, encrypted at rest, TLS only, closed unless `open`, and
 * never emptied by a destroy.
 */
export function createBucket(parent: pulumi.Resource, name: string, args: BucketArgs): Bucket {
  const elsewhere = args.region === undefined ? {} : { region: args.region };
  const bucket = new aws.s3.Bucket(
    `${name}-bucket`,
    { bucket: args.bucketName, forceDestroy: false, ...elsewhere },
    { parent, protect: args.protect ?? false },
  );
  const of = { bucket: bucket.bucket, ...elsewhere };
  new aws.s3.BucketOwnershipControls(
    `${name}-ownership`,
    { ...of, rule: { objectOwnership: "BucketOwnerEnforced" } },
    { parent },
  );
  // Key material is sealed by the core before it is stored; this is the layer for lost disks. SSE-S3 also lets
  // anyone read the public vault, and S3 deliver its logs.
  new aws.s3.BucketServerSideEncryptionConfiguration(
    `${name}-encryption`,
    { ...of, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
    { parent },
  );
  const versioning = new aws.s3.BucketVersioning(
    `${name}-versioning`,
    { ...of, versioningConfiguration: { status: "Enabled" } },
    { parent },
  );
  // Rules for versions that are no longer current need versions.
  new aws.s3.BucketLifecycleConfiguration(
    `${name}-lifecycle`,
    { ...of, rules: args.lifecycle },
    { parent, dependsOn: [versioning] },
  );
  return { bucket, policy: limitReaders(parent, name, bucket, args), versioning };
}

function limitReaders(parent: pulumi.Resource, name: string, bucket: aws.s3.Bucket, args: BucketArgs) {
  const of = { bucket: bucket.bucket, ...(args.region === undefined ? {} : { region: args.region }) };
  const block = new aws.s3.BucketPublicAccessBlock(
    `${name}-access-block`,
    {
      ...of,
      blockPublicAcls: true,
      ignorePublicAcls: true,
      blockPublicPolicy: args.open !== true,
      restrictPublicBuckets: args.open !== true,
    },
    { parent },
  );
  const policy = bucket.arn.apply((arn) =>
    JSON.stringify({ Version: "2012-10-17", Statement: [...(args.statements?.(arn) ?? []), tlsOnly(arn)] }),
  );
  // S3 refuses a public policy while the block is on, as it is on every new bucket.
  return new aws.s3.BucketPolicy(`${name}-policy`, { ...of, policy }, { parent, dependsOn: [block] });
}

function tlsOnly(arn: string) {
  return {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}

/** Lifecycle rule: what was begun and never finished is cleaned away. */
export function incompleteUploads(days: number) {
  return {
    id: "incomplete-uploads",
    status: "Enabled",
    filter: { prefix: "" },
    abortIncompleteMultipartUpload: { daysAfterInitiation: days },
  };
}
