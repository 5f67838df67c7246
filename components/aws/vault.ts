import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { domainOf } from "./arn.ts";
import { createBucket, incompleteUploads } from "./bucket.ts";

/** Versions of one object that stay for ever once they are no longer current: a delete can always be undone. */
const keptVersions = 10;

export interface VaultArgs {
  /** `public` is world-readable by design: clients and peers fetch keys and certificates there. `private` never is. */
  role: "public" | "private";
  /** Name of the bucket. Set, because peers, clients and the core's configuration know it. */
  bucketName: pulumi.Input<string>;
  region: string;
  /** Bucket in which S3 writes down every access. @default none */
  logBucketName?: pulumi.Input<string>;
  /** Days until an incomplete upload is cleaned away. @default 7 */
  incompleteUploadDays?: number;
  /**
   * Days until a version that is no longer current may go. The current version never does, nor do the ten newest
   * before it.
   * @default 365
   */
  supersededVersionDays?: number;
}

/**
 * One S3 store of one party. Creates: bucket, ownership, versioning, access block, encryption, lifecycle rules,
 * bucket policy, CORS where public, and access logging where there is a bucket for it.
 *
 * Losing it means losing key material, so the bucket is protected and never emptied by a destroy.
 */
export class Vault extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  readonly bucketArn: pulumi.Output<string>;
  /** Base URL of the objects, without a slash at the end. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: VaultArgs, opts?: pulumi.ComponentResourceOptions) {
    const incompleteUploadDays = args.incompleteUploadDays ?? 7;
    const supersededVersionDays = args.supersededVersionDays ?? 365;
    checkArgs(`vault ${name}`, [
      incompleteUploadDays < 1 && {
        propertyPath: "incompleteUploadDays",
        reason: `has to be at least 1, found ${incompleteUploadDays}`,
      },
      supersededVersionDays < 90 && {
        propertyPath: "supersededVersionDays",
        reason: `an overwritten key share may be missed only at the next epoch: at least 90, found ${supersededVersionDays}`,
      },
    ]);
    super("quorate:aws:Vault", name, {}, opts);
    const open = args.role === "public";
    const { bucket } = createBucket(this, name, {
      bucketName: args.bucketName,
      open,
      protect: true,
      statements: open ? everybodyReads : () => [],
      lifecycle: [incompleteUploads(incompleteUploadDays), supersededVersions(supersededVersionDays)],
    });
    if (open) createCors(this, name, bucket);
    if (args.logBucketName !== undefined) createLogging(this, name, bucket, args.role, args.logBucketName);
    this.bucketName = bucket.bucket;
    this.bucketArn = bucket.arn;
    this.url = pulumi.interpolate`https://${bucket.bucket}.s3.${args.region}.${domainOf(args.region)}`;
    this.registerOutputs({ bucketName: this.bucketName, bucketArn: this.bucketArn, url: this.url });
  }
}

/** Lifecycle rule: of each object's versions that are no longer current, all but the newest go in time. */
export function supersededVersions(days: number) {
  return {
    id: "superseded-versions",
    status: "Enabled",
    filter: { prefix: "" },
    noncurrentVersionExpiration: { noncurrentDays: days, newerNoncurrentVersions: keptVersions },
  };
}

/** Listing included, because a starting core looks for its peers' certificates unsigned. */
function everybodyReads(arn: string) {
  return [
    { Sid: "PublicRead", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `${arn}/*` },
    { Sid: "PublicList", Effect: "Allow", Principal: "*", Action: "s3:ListBucket", Resource: arn },
  ];
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

function createLogging(
  parent: Vault,
  name: string,
  bucket: aws.s3.Bucket,
  role: VaultArgs["role"],
  targetBucket: pulumi.Input<string>,
) {
  new aws.s3.BucketLogging(
    `${name}-logging`,
    {
      bucket: bucket.bucket,
      targetBucket,
      targetPrefix: `access/${role}-vault/`,
      targetObjectKeyFormat: { partitionedPrefix: { partitionDateSource: "EventTime" } },
    },
    { parent },
  );
}
