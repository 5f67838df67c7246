import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { partitionOf } from "./arn.ts";
import { administrators, keyPolicyText, type Statement } from "./key-policy.ts";

export interface LogGroupArgs {
  groupName: string;
  region: string;
  accountId: string;
  retentionDays: number;
  /** Who may change the key's policy and schedule its deletion. */
  administratorArns: readonly string[];
}

/**
 * Where logs are kept. Creates: KMS key with its policy, log group.
 *
 * About $1 a month for the key, and $0.57 for each GB that comes in (list price Ireland, 2026-11).
 */
export class LogGroup extends pulumi.ComponentResource {
  readonly groupName: pulumi.Output<string>;
  /** Known beforehand: key and role name it before it exists. */
  readonly groupArn: string;

  constructor(name: string, args: LogGroupArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`log group ${name}`, [
      !/^[\w./#-]{1,512}$/.test(args.groupName) && {
        propertyPath: "groupName",
        reason: `CloudWatch takes letters, digits and ./#_- only, found ${args.groupName}`,
      },
      args.administratorArns.length === 0 && {
        propertyPath: "administratorArns",
        reason: "is empty: nobody could ever change the key",
      },
    ]);
    super("quorate:aws:LogGroup", name, {}, opts);
    this.groupArn = logGroupArn(args);
    const key = createKey(this, name, args, this.groupArn);
    const group = new aws.cloudwatch.LogGroup(
      `${name}-group`,
      { name: args.groupName, retentionInDays: args.retentionDays, kmsKeyId: key.arn, skipDestroy: true },
      { parent: this },
    );
    this.groupName = group.name;
    this.registerOutputs({ groupName: this.groupName, groupArn: this.groupArn });
  }
}

function logGroupArn({ region, accountId, groupName }: LogGroupArgs): string {
  return `arn:${partitionOf(region)}:logs:${region}:${accountId}:log-group:${groupName}`;
}

function createKey(parent: LogGroup, name: string, args: LogGroupArgs, groupArn: string) {
  // The service, for this group alone.
  const service: Statement = {
    Sid: "CloudWatchLogs",
    Effect: "Allow",
    Principal: { Service: `logs.${args.region}.amazonaws.com` },
    Action: [
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
    ],
    Resource: "*",
    Condition: { ArnEquals: { "kms:EncryptionContext:aws:logs:arn": groupArn } },
  };
  return new aws.kms.Key(
    `${name}-key`,
    {
      description: `Encrypts log group ${args.groupName}`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: keyPolicyText([service, administrators(args.administratorArns)]),
    },
    // Without it no log that was written can be read.
    { parent, protect: true },
  );
}

/** What writes to one log group, and to nothing else. */
export function writesLogs(groupArn: string): Statement {
  return {
    Sid: "WriteLogs",
    Effect: "Allow",
    Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
    Resource: [groupArn, `${groupArn}:log-stream:*`],
  };
}
