import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, text } from "./aws-resource.ts";
import { allowsService } from "./s3.ts";

const trailType = "aws:cloudtrail/trail:Trail";

const trail: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    const region = text(inputs.region ?? caller.region);
    const arn = `arn:aws:cloudtrail:${region}:${caller.account.accountId}:trail/${name}`;
    if (caller.store.get(trailType, arn))
      throw awsError("CloudTrail", "CreateTrail", 400, "TrailAlreadyExistsException", `Trail ${name} already exists`);
    refuseTrail(caller, "CreateTrail", inputs);
    return { id: arn, computed: { arn, homeRegion: region, snsTopicArn: "" } };
  },
  update(caller, _id, inputs) {
    refuseTrail(caller, "UpdateTrail", inputs);
    return {};
  },
};

function refuseTrail(caller: AwsCaller, operation: string, inputs: Properties): void {
  const bucket = text(inputs.s3BucketName);
  const refused = (code: string, message: string) => awsError("CloudTrail", operation, 400, code, message);
  if (!caller.store.get("aws:s3/bucket:Bucket", bucket))
    throw refused("S3BucketDoesNotExistException", `S3 bucket ${bucket} does not exist!`);
  if (!allowsService(caller, bucket, "cloudtrail.amazonaws.com"))
    throw refused(
      "InsufficientS3BucketPolicyException",
      `Incorrect S3 bucket policy is detected for bucket: ${bucket}`,
    );
  if (inputs.eventSelectors !== undefined && inputs.advancedEventSelectors !== undefined)
    throw refused(
      "InvalidEventSelectorsException",
      "A trail has event selectors or advanced event selectors, not both",
    );
}

export const cloudtrailResources: { readonly [type: string]: AwsResource } = { [trailType]: trail };
