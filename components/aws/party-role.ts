import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

export interface PartyRoleArgs {
  /** The one service account whose pods may take the role. */
  serviceAccount: { namespace: string; name: string };
  /** The cluster's OIDC provider in IAM, and its issuer without `https://`. */
  oidc: { providerArn: pulumi.Input<string>; issuer: pulumi.Input<string> };
  /**
   * Buckets whose objects the role reads, writes and deletes. Access to the key is granted by the key's policy.
   * @default none
   */
  bucketArns?: readonly pulumi.Input<string>[];
}

/** An IAM role for one service account (IRSA). Creates: role, and its policy where there are buckets. */
export class PartyRole extends pulumi.ComponentResource {
  readonly roleArn: pulumi.Output<string>;

  constructor(name: string, args: PartyRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    const { namespace, name: account } = args.serviceAccount;
    checkArgs(`party role ${name}`, [
      wildcard(namespace) && { propertyPath: "serviceAccount.namespace", reason: "has to be one exact namespace" },
      wildcard(account) && { propertyPath: "serviceAccount.name", reason: "has to be one exact service account" },
    ]);
    super("quorate:aws:PartyRole", name, {}, opts);
    const role = createRole(this, name, args);
    const bucketArns = args.bucketArns ?? [];
    if (bucketArns.length > 0) createBucketPolicy(this, name, role, bucketArns);
    this.roleArn = role.arn;
    this.registerOutputs({ roleArn: this.roleArn });
  }
}

function wildcard(text: string): boolean {
  return text === "" || /[*?]/.test(text);
}

function createRole(parent: PartyRole, name: string, { oidc, serviceAccount }: PartyRoleArgs) {
  const subject = `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`;
  const trust = pulumi.all([oidc.providerArn, oidc.issuer]).apply(([providerArn, issuer]) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: providerArn },
          Action: "sts:AssumeRoleWithWebIdentity",
          // Subject alone would accept a token that the same account holds for another audience.
          Condition: { StringEquals: { [`${issuer}:sub`]: subject, [`${issuer}:aud`]: "sts.amazonaws.com" } },
        },
      ],
    }),
  );
  return new aws.iam.Role(`${name}-role`, { assumeRolePolicy: trust }, { parent });
}

function createBucketPolicy(
  parent: PartyRole,
  name: string,
  role: aws.iam.Role,
  bucketArns: readonly pulumi.Input<string>[],
) {
  const policy = pulumi.all([...bucketArns]).apply((arns) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "AllowObjectActions",
          Effect: "Allow",
          Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
          Resource: arns.map((arn) => `${arn}/*`),
        },
        { Sid: "AllowListBucket", Effect: "Allow", Action: "s3:ListBucket", Resource: arns },
      ],
    }),
  );
  new aws.iam.RolePolicy(`${name}-bucket-policy`, { role: role.name, policy }, { parent });
}
