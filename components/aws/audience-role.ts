import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { cloudReads } from "../../contract/cloud-sights.ts";
import { checkArgs } from "../check-args.ts";
import type { Statement } from "./key-policy.ts";

/** Who may take a role: people, by roles or users of their own; or a pipeline, by where it runs. */
export type Trust =
  | { principalArns: readonly string[]; withMfa: boolean }
  | { oidcProviderArn: string; repository: string; environment: string };

export interface AudienceRoleArgs {
  /** Physical name: people write it into their AWS configuration. */
  roleName: string;
  trust: Trust;
  clusterName: pulumi.Input<string>;
  /** Groups in which the cluster knows whoever has the role; RBAC says what they may. */
  kubernetesGroups: readonly string[];
  /** What the role may in AWS. */
  statements: readonly Statement[];
  /** Hours until whoever took the role has to take it again. @default 1 */
  sessionHours?: number;
}

/** One audience's way into a party: an IAM role, its policy, and its entry in the cluster. Creates: all three. */
export class AudienceRole extends pulumi.ComponentResource {
  readonly roleArn: pulumi.Output<string>;

  constructor(name: string, args: AudienceRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    check(name, args);
    super("quorate:aws:AudienceRole", name, {}, opts);
    const role = new aws.iam.Role(
      `${name}-role`,
      {
        name: args.roleName,
        assumeRolePolicy: JSON.stringify({ Version: "2012-10-17", Statement: [trustStatement(args.trust)] }),
        maxSessionDuration: (args.sessionHours ?? 1) * 3600,
      },
      { parent: this },
    );
    const policy = JSON.stringify({ Version: "2012-10-17", Statement: args.statements });
    new aws.iam.RolePolicy(`${name}-policy`, { role: role.name, policy }, { parent: this });
    new aws.eks.AccessEntry(
      `${name}-entry`,
      {
        clusterName: args.clusterName,
        principalArn: role.arn,
        type: "STANDARD",
        kubernetesGroups: [...args.kubernetesGroups],
      },
      { parent: this },
    );
    this.roleArn = role.arn;
    this.registerOutputs({ roleArn: this.roleArn });
  }
}

function check(name: string, { trust, roleName, kubernetesGroups }: AudienceRoleArgs) {
  const people = "principalArns" in trust ? trust.principalArns : [];
  checkArgs(`audience role ${name}`, [
    "principalArns" in trust &&
      people.length === 0 && { propertyPath: "trust.principalArns", reason: "is empty: nobody could take the role" },
    people.some((arn) => /[*?]|:root$/.test(arn)) && {
      propertyPath: "trust.principalArns",
      reason: "names exact roles or users: no wildcard, and no account as a whole",
    },
    "repository" in trust &&
      !/^[\w.-]+\/[\w.-]+$/.test(trust.repository) && {
        propertyPath: "trust.repository",
        reason: `has to be one exact owner/name, found ${trust.repository}`,
      },
    "environment" in trust &&
      !/^[\w.-]+$/.test(trust.environment) && {
        propertyPath: "trust.environment",
        reason: `has to be one exact environment, found ${trust.environment}`,
      },
    kubernetesGroups.some((group) => /^(system|eks|aws|amazon|iam):/.test(group)) && {
      propertyPath: "kubernetesGroups",
      reason: "EKS keeps groups that begin with system:, eks:, aws:, amazon: or iam: to itself",
    },
    roleName.length > 64 && {
      propertyPath: "roleName",
      reason: `IAM allows 64 characters, found ${roleName.length}: ${roleName}`,
    },
  ]);
}

function trustStatement(trust: Trust) {
  if ("principalArns" in trust)
    return {
      Effect: "Allow",
      Principal: { AWS: [...trust.principalArns].sort() },
      Action: "sts:AssumeRole",
      ...(trust.withMfa ? { Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } } } : {}),
    };
  const issuer = trust.oidcProviderArn.split(":oidc-provider/").at(-1);
  return {
    Effect: "Allow",
    Principal: { Federated: trust.oidcProviderArn },
    Action: "sts:AssumeRoleWithWebIdentity",
    // Exact, both: a fork, a branch or another environment of the repository is somebody else.
    Condition: {
      StringEquals: {
        [`${issuer}:aud`]: "sts.amazonaws.com",
        [`${issuer}:sub`]: `repo:${trust.repository}:environment:${trust.environment}`,
      },
    },
  };
}

/** What everybody needs who wants to reach the cluster. */
export function findsCluster(clusterArn: string): Statement {
  return { Sid: "FindCluster", Effect: "Allow", Action: "eks:DescribeCluster", Resource: clusterArn };
}

/** What a diagnosis reads of a party's way to its peers, its key and its core's role: never what is in a vault. */
export function looksAtCloud(of: { keyArns: string; roleArn: string; vaultArns: string[] }): Statement[] {
  return [
    // EC2 knows no resources for what describes.
    { Sid: "SeeLinks", Effect: "Allow", Action: [...cloudReads.ec2], Resource: "*" },
    { Sid: "SeeKeyPolicy", Effect: "Allow", Action: [...cloudReads.key], Resource: of.keyArns },
    { Sid: "SeeRole", Effect: "Allow", Action: [...cloudReads.role], Resource: of.roleArn },
    { Sid: "SeeVaultPolicies", Effect: "Allow", Action: [...cloudReads.vaults], Resource: of.vaultArns },
  ];
}

/** What a preview reads of what a party's stack has made: settings, never an object of a vault and never a secret. */
export function readsSettings(): Statement {
  return { Sid: "ReadSettings", Effect: "Allow", Action: settingsActions, Resource: "*" };
}

const settingsActions = [
  ...["DescribeTrails", "GetEventSelectors", "GetTrail", "GetTrailStatus", "ListTags"].map(
    (name) => `cloudtrail:${name}`,
  ),
  ...[
    "DescribeAddresses",
    "DescribeAvailabilityZones",
    "DescribeInstanceTypes",
    "DescribeLaunchTemplateVersions",
    "DescribeLaunchTemplates",
    "DescribeNetworkInterfaces",
    "DescribePrefixLists",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcEndpointServiceConfigurations",
    "DescribeVpcEndpointServicePermissions",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
  ].map((name) => `ec2:${name}`),
  ...["DescribeAccessEntry", "DescribeAddon", "DescribeNodegroup", "ListAssociatedAccessPolicies"].map(
    (name) => `eks:${name}`,
  ),
  ...["GetOpenIDConnectProvider", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies"].map(
    (name) => `iam:${name}`,
  ),
  ...["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListAliases", "ListResourceTags"].map(
    (name) => `kms:${name}`,
  ),
  ...[
    "GetAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetLifecycleConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
  ].map((name) => `s3:${name}`),
];
