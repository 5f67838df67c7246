import { operatorArn } from "../../credentials.ts";
import { isPublic } from "../../policy.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, list, record, text } from "./aws-resource.ts";
import { missingRole, resourcePolicy } from "./policy-document.ts";

const bucketType = "aws:s3/bucket:Bucket";
const accessBlockType = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock";
const policyType = "aws:s3/bucketPolicy:BucketPolicy";

/** Hosted zone of S3's website endpoints, by region. @see https://docs.aws.amazon.com/general/latest/gr/s3.html */
const hostedZones: { readonly [region: string]: string } = {
  "eu-west-1": "Z1BKCTXD74EZPE",
  "eu-central-1": "Z21DNDUVLTQW6Q",
  "us-east-1": "Z3AQBSTGFYJSTF",
};

const bucket: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.bucket);
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
      throw awsError("S3", "CreateBucket", 400, "InvalidBucketName", "The specified bucket is not valid.");
    const owner = caller.cloud.bucketOwner(name);
    if (owner === caller.store)
      throw awsError(
        "S3",
        "CreateBucket",
        409,
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.",
      );
    if (owner)
      throw awsError(
        "S3",
        "CreateBucket",
        409,
        "BucketAlreadyExists",
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
      );
    return {
      id: name,
      computed: {
        arn: `arn:aws:s3:::${name}`,
        bucketDomainName: `${name}.s3.amazonaws.com`,
        bucketRegion: caller.region,
        bucketRegionalDomainName: `${name}.s3.${caller.region}.amazonaws.com`,
        hostedZoneId: hostedZones[caller.region] ?? "Z1BKCTXD74EZPE",
      },
    };
  },
  // S3 blocks public access to every new bucket, until someone says otherwise.
  // @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
  async settle(caller, id, _props, before) {
    if (!before)
      await caller.store.put({
        type: accessBlockType,
        id,
        props: {
          bucket: id,
          blockPublicAcls: true,
          blockPublicPolicy: true,
          ignorePublicAcls: true,
          restrictPublicBuckets: true,
        },
      });
    return {};
  },
  async remove(caller, id, props) {
    if (!caller.store.objects.isEmpty(id)) {
      if (props.forceDestroy !== true)
        throw awsError(
          "S3",
          "DeleteBucket",
          409,
          "BucketNotEmpty",
          "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
        );
      for (const { version } of caller.store.objects.versions(id))
        await caller.store.objects.delete(id, version.key, version.versionId);
    }
    for (const type of caller.store.types())
      if (type.startsWith("aws:s3/bucket") && type !== bucketType) await caller.store.delete(type, id);
  },
};

/** A setting of one bucket: its id is the bucket's name. */
const bucketSetting = (refuse?: (caller: AwsCaller, inputs: Properties) => void): AwsResource => {
  const check = (caller: AwsCaller, inputs: Properties) => {
    if (!caller.store.get(bucketType, text(inputs.bucket)))
      throw awsError("S3", "PutBucketSetting", 404, "NoSuchBucket", "The specified bucket does not exist");
    refuse?.(caller, inputs);
  };
  return {
    create(caller, inputs) {
      check(caller, inputs);
      return { id: text(inputs.bucket), computed: {} };
    },
    update(caller, _id, inputs) {
      check(caller, inputs);
      return {};
    },
  };
};

function refusePolicy(caller: AwsCaller, inputs: Properties): void {
  const name = text(inputs.bucket);
  const malformed = (message: string) => awsError("S3", "PutBucketPolicy", 400, "MalformedPolicy", message);
  const policy = resourcePolicy(inputs.policy, malformed);
  if (missingRole(caller, policy)) throw malformed("Invalid principal in policy");
  const block = caller.store.get(accessBlockType, name)?.props;
  if (block?.blockPublicPolicy === true && isPublic(policy))
    throw awsError(
      "S3",
      "PutBucketPolicy",
      403,
      "AccessDenied",
      `User: ${operatorArn(caller.account.accountId)} is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::${name}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`,
    );
}

/** The bucket that logs go to has to be there, and to let S3's log delivery in. */
function refuseLogging(caller: AwsCaller, inputs: Properties): void {
  const name = text(inputs.targetBucket);
  const refused = (message: string) =>
    awsError("S3", "PutBucketLogging", 400, "InvalidTargetBucketForLogging", message);
  const target = caller.store.get(bucketType, name);
  if (!target) throw refused("The target bucket for logging does not exist");
  if (!allowsService(caller, name, "logging.s3.amazonaws.com"))
    throw refused(
      "You must either provide the necessary permissions to the logging service using a bucket policy or ACLs",
    );
}

/** Whether a bucket's policy lets an AWS service put objects into it; conditions are left to AWS. */
export function allowsService(caller: AwsCaller, name: string, service: string): boolean {
  const policy = caller.store.get(policyType, name)?.props.policy;
  if (policy === undefined) return false;
  return resourcePolicy(policy, (message) => new Error(message)).Statement.some(
    ({ Effect, Principal, Action }) =>
      Effect === "Allow" && Principal?.Service.includes(service) && Action?.includes("s3:PutObject"),
  );
}

function refuseReplication(caller: AwsCaller, inputs: Properties): void {
  const refused = (message: string) => awsError("S3", "PutBucketReplication", 400, "InvalidRequest", message);
  const isVersioned = (name: string) =>
    record(caller.store.get("aws:s3/bucketVersioning:BucketVersioning", name)?.props.versioningConfiguration).status ===
    "Enabled";
  const destinations = list<Properties>(inputs.rules).map(({ destination }) => text(record(destination).bucket));
  for (const name of [text(inputs.bucket), ...destinations.map((arn) => arn.split(":").at(-1) ?? "")])
    if (!isVersioned(name))
      throw refused(`Versioning must be 'Enabled' on the bucket ${name} to apply a replication configuration`);
}

/** An object whose content the program gives; its bytes are where S3's own calls find them. */
const bucketObject: AwsResource = {
  create(caller, inputs) {
    const [bucketName, key] = [text(inputs.bucket), text(inputs.key)];
    if (!caller.store.get(bucketType, bucketName))
      throw awsError("S3", "PutObject", 404, "NoSuchBucket", "The specified bucket does not exist");
    if (inputs.content === undefined)
      throw new Error("the simulated cloud has objects with `content` only, no files or archives");
    return { id: `${bucketName}/${key}`, computed: { arn: `arn:aws:s3:::${bucketName}/${key}` } };
  },
  update: () => ({}),
  async settle(caller, _id, props) {
    const about = { contentType: props.contentType === undefined ? undefined : text(props.contentType) };
    const bytes = Buffer.from(text(props.content));
    const version = await caller.store.objects.put(text(props.bucket), text(props.key), bytes, about);
    return { etag: version.etag.replaceAll('"', ""), versionId: version.versionId };
  },
  async remove(caller, _id, props) {
    const [bucketName, key] = [text(props.bucket), text(props.key)];
    for (const { version } of caller.store.objects.versions(bucketName, key))
      if (version.key === key) await caller.store.objects.delete(bucketName, key, version.versionId);
  },
};

export const s3Resources: { readonly [type: string]: AwsResource } = {
  [bucketType]: bucket,
  "aws:s3/bucketObjectv2:BucketObjectv2": bucketObject,
  [accessBlockType]: bucketSetting(),
  [policyType]: bucketSetting(refusePolicy),
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": bucketSetting(),
  "aws:s3/bucketVersioning:BucketVersioning": bucketSetting(),
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": bucketSetting(),
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": bucketSetting(),
  "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": bucketSetting(),
  "aws:s3/bucketLogging:BucketLogging": bucketSetting(refuseLogging),
  "aws:s3/bucketReplicationConfig:BucketReplicationConfig": bucketSetting(refuseReplication),
};
