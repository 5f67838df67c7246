import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { domainOf } from "./arn.ts";

export interface VaultArgs {
  /** `public` is world-readable by design: clients and peers fetch keys and certificates there. `private` never is. */
  role: "public" | "private";
  /** Name of the bucket. Set, because peers, clients and the core's configuration know it. */
  bucketName: pulumi.Input<string>;
  region: string;
  /** Days until an incomplete upload is cleaned away. Versions of key material never expire. @default 7 */
  incompleteUploadDays?: number;
}

/**
 * One S3 store of one party. Creates: bucket, ownership, versioning, access block, encryption, lifecycle rule,
 * bucket policy, and CORS where public.
 *
 * Losing it means losing key material, so the bucket is protected and never emptied by a destroy.
 */
export class Vault extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  readonly bucketArn: pulumi.Output<string>;
  /** Base URL of the objects, without a slash at the end. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: VaultArgs, opts?: pulumi.ComponentResourceOptions) {
    const days = args.incompleteUploadDays ?? 7;
    checkArgs(`vault ${name}`, [
      days < 1 && { propertyPath: "incompleteUploadDays", reason: `has to be at least 1, found ${days}` },
    ]);
    super("quorate:aws:Vault", name, {}, opts);
    const bucket = createBucket(this, name, args.bucketName);
    createSettings(this, name, bucket);
    createLifecycle(this, name, bucket, days);
    limitReaders(this, name, bucket, args.role);
    if (args.role === "public") createCors(this, name, bucket);
    this.bucketName = bucket.bucket;
    this.bucketArn = bucket.arn;
    this.url = pulumi.interpolate`https://${bucket.bucket}.s3.${args.region}.${domainOf(args.region)}`;
    this.registerOutputs({ bucketName: this.bucketName, bucketArn: this.bucketArn, url: this.url });
  }
}

function createBucket(parent: Vault, name: string, bucketName: pulumi.Input<string>) {
  return new aws.s3.Bucket(`${name}-bucket`, { bucket: bucketName, forceDestroy: false }, { parent, protect: true });
}

function createSettings(parent: Vault, name: string, bucket: aws.s3.Bucket) {
  new aws.s3.BucketOwnershipControls(
    `${name}-ownership`,
    { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" } },
    { parent },
  );
  new aws.s3.BucketVersioning(
    `${name}-versioning`,
    { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
    { parent },
  );
  // Key material is sealed by the core before it is stored; this is the layer for lost disks. SSE-S3 also lets
  // anyone read the public vault.
  new aws.s3.BucketServerSideEncryptionConfiguration(
    `${name}-encryption`,
    { bucket: bucket.bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
    { parent },
  );
}

function createLifecycle(parent: Vault, name: string, bucket: aws.s3.Bucket, days: number) {
  new aws.s3.BucketLifecycleConfiguration(
    `${name}-lifecycle`,
    {
      bucket: bucket.bucket,
      rules: [
        {
          id: "incomplete-uploads",
          status: "Enabled",
          filter: { prefix: "" },
          abortIncompleteMultipartUpload: { daysAfterInitiation: days },
        },
      ],
    },
    { parent },
  );
}

function limitReaders(parent: Vault, name: string, bucket: aws.s3.Bucket, role: VaultArgs["role"]) {
  const open = role === "public";
  const block = new aws.s3.BucketPublicAccessBlock(
    `${name}-access-block`,
    {
      bucket: bucket.bucket,
      blockPublicAcls: true,
      ignorePublicAcls: true,
      blockPublicPolicy: !open,
      restrictPublicBuckets: !open,
    },
    { parent },
  );
  const policy = bucket.arn.apply((arn) => JSON.stringify(vaultPolicy(arn, role)));
  // S3 refuses a public policy while the block is on, as it is on every new bucket.
  new aws.s3.BucketPolicy(`${name}-policy`, { bucket: bucket.bucket, policy }, { parent, dependsOn: [block] });
}

/**
 * Who may read a vault: for the public one everybody, listing included, because a starting core looks for its
 * peers' certificates unsigned.
 */
function vaultPolicy(arn: string, role: VaultArgs["role"]) {
  const readers = [
    { Sid: "PublicRead", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `${arn}/*` },
    { Sid: "PublicList", Effect: "Allow", Principal: "*", Action: "s3:ListBucket", Resource: arn },
  ];
  const tlsOnly = {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
  return { Version: "2012-10-17", Statement: role === "public" ? [...readers, tlsOnly] : [tlsOnly] };
}

function createCors(parent: Vault, name: string, bucket: aws.s3.Bucket) {
  new aws.s3.BucketCorsConfiguration(
    `${name}-cors`,
    {
      bucket: bucket.bucket,
      corsRules: [
        {
          allowedMethods: ["GET", "HEAD"],
          allowedOrigins: ["*"],
          allowedHeaders: ["Authorization"],
          exposeHeaders: ["Access-Control-Allow-Origin"],
        },
      ],
    },
    { parent },
  );
}
