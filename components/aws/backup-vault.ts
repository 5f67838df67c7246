import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { type Bucket, createBucket, incompleteUploads } from "./bucket.ts";
import { roleToCome, type Statement } from "./key-policy.ts";
import { supersededVersions } from "./vault.ts";

export interface BackupVaultArgs {
  /** Name of the bucket. Set, because the party names it before it exists. */
  bucketName: string;
  /** Role of the party's core, in the party's account. It need not exist yet. */
  coreRoleArn: string;
  /** Bucket to which everything is copied, in another region. @default none */
  replica?: { bucketName: string; region: string } | undefined;
}

/**
 * Where a party's backups lie: an S3 store in an account of its own. Creates: bucket with its settings, and where it is
 * replicated a second one, replication role and rule.
 *
 * The party writes and reads, and deletes nothing: whoever takes the party's account over can not take the backups
 * with it. Deletes are not replicated either.
 */
export class BackupVault extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  readonly bucketArn: pulumi.Output<string>;
  readonly replicaBucketName: pulumi.Output<string> | undefined;

  constructor(name: string, args: BackupVaultArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`backup vault ${name}`, [
      bucketNameProblem("bucketName", args.bucketName),
      args.replica !== undefined && bucketNameProblem("replica.bucketName", args.replica.bucketName),
      !/^arn:[^:]+:iam::\d{12}:role\/[^*?]+$/.test(args.coreRoleArn) && {
        propertyPath: "coreRoleArn",
        reason: `has to be one exact role, found ${args.coreRoleArn}`,
      },
    ]);
    super("quorate:aws:BackupVault", name, {}, opts);
    const vault = createBucket(this, name, {
      bucketName: args.bucketName,
      protect: true,
      statements: (arn) => partyWrites(arn, args.coreRoleArn),
      lifecycle: [incompleteUploads(7), supersededVersions(365)],
    });
    const replica = args.replica && createReplica(this, name, vault, args.replica);
    this.bucketName = vault.bucket.bucket;
    this.bucketArn = vault.bucket.arn;
    this.replicaBucketName = replica?.bucket.bucket;
    this.registerOutputs({
      bucketName: this.bucketName,
      bucketArn: this.bucketArn,
      replicaBucketName: this.replicaBucketName,
    });
  }
}

function bucketNameProblem(propertyPath: string, name: string) {
  return (
    !/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name) && {
      propertyPath,
      reason: `S3 allows 3 to 63 of a-z, 0-9 and -, found ${name}`,
    }
  );
}

function partyWrites(arn: string, coreRoleArn: string) {
  const party = { Effect: "Allow", ...roleToCome(coreRoleArn) };
  return [
    { Sid: "PartyWrites", ...party, Action: ["s3:GetObject", "s3:PutObject"], Resource: `${arn}/*` },
    { Sid: "PartyLists", ...party, Action: "s3:ListBucket", Resource: arn },
  ];
}

/** What the party's own account has to allow its core besides, for the vault's policy to count. */
export function backupVaultRights(bucketArn: string, accountId: string): Statement[] {
  // The bucket's name is known to all: it counts only where it lies in the backup account.
  const inBackupAccount = { Condition: { StringEquals: { "aws:ResourceAccount": accountId } } };
  return [
    {
      Sid: "WriteBackups",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject"],
      Resource: `${bucketArn}/*`,
      ...inBackupAccount,
    },
    { Sid: "ListBackups", Effect: "Allow", Action: "s3:ListBucket", Resource: bucketArn, ...inBackupAccount },
  ];
}

function createReplica(
  parent: BackupVault,
  name: string,
  source: Bucket,
  args: NonNullable<BackupVaultArgs["replica"]>,
): Bucket {
  const replica = createBucket(parent, `${name}-replica`, {
    bucketName: args.bucketName,
    region: args.region,
    protect: true,
    lifecycle: [incompleteUploads(7), supersededVersions(365)],
  });
  const role = createReplicationRole(parent, name, source, replica);
  new aws.s3.BucketReplicationConfig(
    `${name}-replication`,
    {
      bucket: source.bucket.bucket,
      role: role.arn,
      rules: [
        {
          id: "replicate-all",
          priority: 0,
          status: "Enabled",
          filter: { prefix: "" },
          deleteMarkerReplication: { status: "Disabled" },
          destination: { bucket: replica.bucket.arn, storageClass: "STANDARD" },
        },
      ],
    },
    // S3 refuses a rule between buckets of which one has no versions yet.
    { parent, dependsOn: [source.versioning, replica.versioning] },
  );
  return replica;
}

function createReplicationRole(parent: BackupVault, name: string, source: Bucket, replica: Bucket) {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "s3.amazonaws.com" }, Action: "sts:AssumeRole" }],
  };
  const role = new aws.iam.Role(`${name}-replication-role`, { assumeRolePolicy: JSON.stringify(trust) }, { parent });
  const policy = pulumi.all([source.bucket.arn, replica.bucket.arn]).apply(([from, to]) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "ReadRule",
          Effect: "Allow",
          Action: ["s3:GetReplicationConfiguration", "s3:ListBucket"],
          Resource: from,
        },
        {
          Sid: "ReadVersions",
          Effect: "Allow",
          Action: ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"],
          Resource: `${from}/*`,
        },
        // Without ReplicateDelete: what is deleted here stays there.
        { Sid: "Copy", Effect: "Allow", Action: ["s3:ReplicateObject", "s3:ReplicateTags"], Resource: `${to}/*` },
      ],
    }),
  );
  new aws.iam.RolePolicy(`${name}-replication-policy`, { role: role.name, policy }, { parent });
  return role;
}
