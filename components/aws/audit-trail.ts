import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { partitionOf } from "./arn.ts";
import { trailPrefix } from "./log-bucket.ts";

export interface AuditTrailArgs {
  /** Name of the trail. Set, because the log bucket's policy names it before it exists. */
  trailName: string;
  /** Bucket whose policy lets this trail write. */
  logBucketName: pulumi.Input<string>;
  /** Buckets whose every object that is read, written or deleted is written down. */
  bucketArns: readonly pulumi.Input<string>[];
}

/**
 * What CloudTrail writes down: every call to KMS and all that is managed, in every region, and every access to an
 * object of the vaults. Creates: trail.
 *
 * The first trail of an account is free but for objects: about $0.10 for 100 000 of them (list price, 2026-11).
 */
export class AuditTrail extends pulumi.ComponentResource {
  readonly trailArn: pulumi.Output<string>;

  constructor(name: string, args: AuditTrailArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`audit trail ${name}`, [
      !/^[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]$/.test(args.trailName) && {
        propertyPath: "trailName",
        reason: `CloudTrail allows 3 to 128 of A-Z, a-z, 0-9, ., _ and -, found ${args.trailName}`,
      },
      args.bucketArns.length === 0 && { propertyPath: "bucketArns", reason: "is empty: no vault would be watched" },
    ]);
    super("quorate:aws:AuditTrail", name, {}, opts);
    const trail = createTrail(this, name, args);
    this.trailArn = trail.arn;
    this.registerOutputs({ trailArn: this.trailArn });
  }
}

function createTrail(parent: AuditTrail, name: string, args: AuditTrailArgs) {
  const objects = pulumi.all([...args.bucketArns]).apply((arns) => arns.map((arn) => `${arn}/`));
  return new aws.cloudtrail.Trail(
    `${name}-trail`,
    {
      name: args.trailName,
      s3BucketName: args.logBucketName,
      s3KeyPrefix: trailPrefix,
      enableLogging: true,
      // A file that was changed or is missing shows.
      enableLogFileValidation: true,
      isMultiRegionTrail: true,
      includeGlobalServiceEvents: true,
      advancedEventSelectors: [
        // Decrypt and GenerateDataKey are management events; none may be left out.
        { name: "management", fieldSelectors: [{ field: "eventCategory", equals: ["Management"] }] },
        {
          name: "vaults",
          fieldSelectors: [
            { field: "eventCategory", equals: ["Data"] },
            { field: "resources.type", equals: ["AWS::S3::Object"] },
            { field: "resources.ARN", startsWiths: objects },
          ],
        },
      ],
    },
    { parent },
  );
}

/** ARN of a trail by its name, whether it exists yet or not. */
export function trailArnOf(region: string, accountId: string, trailName: string): string {
  return `arn:${partitionOf(region)}:cloudtrail:${region}:${accountId}:trail/${trailName}`;
}
