import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { createBucket, incompleteUploads } from "./bucket.ts";

export interface LogBucketArgs {
  bucketName: pulumi.Input<string>;
  accountId: string;
  /** Trail that writes here too. @default none */
  trailArn?: string | undefined;
  /** Days until a log goes. @default 400 */
  retentionDays?: number | undefined;
}

/**
 * Where a party's audit logs go: who asked the vaults for what, and who used the keys. Creates: bucket, ownership,
 * versioning, access block, encryption, lifecycle rules, bucket policy.
 *
 * Only S3's log delivery and the one trail may write, both for this account alone; nobody may overwrite what is
 * there without leaving the older version behind.
 */
export class LogBucket extends pulumi.ComponentResource {
  /** Known once logs can be delivered: with the policy, not with the bucket. */
  readonly bucketName: pulumi.Output<string>;

  constructor(name: string, args: LogBucketArgs, opts?: pulumi.ComponentResourceOptions) {
    const retentionDays = args.retentionDays ?? 400;
    checkArgs(`log bucket ${name}`, [
      retentionDays < 90 && {
        propertyPath: "retentionDays",
        reason: `an intrusion is often found only after months: at least 90, found ${retentionDays}`,
      },
    ]);
    super("quorate:aws:LogBucket", name, {}, opts);
    const { policy } = createBucket(this, name, {
      bucketName: args.bucketName,
      statements: (arn) => [accessLogs(arn, args.accountId), ...trailLogs(arn, args)],
      lifecycle: [incompleteUploads(7), oldLogs(retentionDays)],
    });
    this.bucketName = policy.bucket;
    this.registerOutputs({ bucketName: this.bucketName });
  }
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html */
function accessLogs(arn: string, accountId: string) {
  return {
    Sid: "AccessLogs",
    Effect: "Allow",
    Principal: { Service: "logging.s3.amazonaws.com" },
    Action: "s3:PutObject",
    Resource: `${arn}/access/*`,
    Condition: { StringEquals: { "aws:SourceAccount": accountId } },
  };
}

/** @see https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html */
function trailLogs(arn: string, { accountId, trailArn }: LogBucketArgs) {
  if (trailArn === undefined) return [];
  const service = { Effect: "Allow", Principal: { Service: "cloudtrail.amazonaws.com" } };
  return [
    {
      Sid: "TrailChecks",
      ...service,
      Action: "s3:GetBucketAcl",
      Resource: arn,
      Condition: { StringEquals: { "aws:SourceArn": trailArn } },
    },
    {
      Sid: "TrailWrites",
      ...service,
      Action: "s3:PutObject",
      Resource: `${arn}/${trailPrefix}/AWSLogs/${accountId}/*`,
      Condition: { StringEquals: { "aws:SourceArn": trailArn, "s3:x-amz-acl": "bucket-owner-full-control" } },
    },
  ];
}

/** Where in the bucket the trail's files lie. */
export const trailPrefix = "trail";

function oldLogs(days: number) {
  return {
    id: "old-logs",
    status: "Enabled",
    filter: { prefix: "" },
    expiration: { days },
    noncurrentVersionExpiration: { noncurrentDays: 90 },
  };
}
