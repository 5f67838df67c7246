import { describe, expect, test } from "vitest";
import { rules } from "../../policies/rules.ts";
import { asked, type Made } from "./asking.ts";

const account = "arn:aws:iam::111122223333";
const core = `${account}:role/core`;
const pcr0 = "ab".repeat(48);
const attested = { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": pcr0 } };

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const grants = (Action: string | string[], Resource: string | string[], Condition?: object): Made => ({
  type: "aws:iam/rolePolicy:RolePolicy",
  props: { policy: document({ Effect: "Allow", Action, Resource, ...(Condition && { Condition }) }) },
});
const attaches = (policyArn: string): Made => ({
  type: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  props: { policyArn },
});
const key = (...statements: object[]): Made => ({
  type: "aws:kms/key:Key",
  props: { policy: document(...statements.map((one) => ({ Effect: "Allow", Resource: "*", ...one }))) },
});
const bucket = (more: object = {}): Made => ({
  type: "aws:s3/bucket:Bucket",
  name: "bucket",
  props: { bucket: "v", ...more },
});
const beside = (type: string, props: object): Made => ({
  type: `aws:s3/${type[0]?.toLowerCase()}${type.slice(1)}:${type}`,
  props: { bucket: "v", ...props },
});
const trusts = (statement: object): Made => ({
  type: "aws:iam/role:Role",
  props: { assumeRolePolicy: document({ Effect: "Allow", Action: "sts:AssumeRole", ...statement }) },
});
const bucketPolicy = (...statements: object[]): Made => beside("BucketPolicy", { policy: document(...statements) });
const inTheClear = {
  ...{ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: ["arn:aws:s3:::v", "arn:aws:s3:::v/*"] },
  Condition: { Bool: { "aws:SecureTransport": "false" } },
};
const workload = (kind: string, spec: object): Made => ({
  type: `kubernetes:apps/v1:${kind}`,
  props: { spec: { template: { spec } } },
});
const released = (props: object): Made => ({
  type: "kubernetes:helm.sh/v3:Release",
  name: "core",
  props: { chart: "/charts/kms-core-1.9.1.tgz", version: "1.9.1", ...props },
});
const trail = (more: object): Made => ({
  type: "aws:cloudtrail/trail:Trail",
  props: { enableLogFileValidation: true, ...more },
});
const fields = (of: Record<string, object>) => ({
  fieldSelectors: Object.entries(of).map(([field, how]) => ({ field, ...how })),
});
const management = fields({ eventCategory: { equals: ["Management"] } });
const objects = fields({ eventCategory: { equals: ["Data"] }, "resources.type": { equals: ["AWS::S3::Object"] } });
const vaultObjects = { dataResources: [{ type: "AWS::S3::Object", values: ["arn:aws:s3:::v/"] }] };
const tokenOf = (conditions: object) =>
  trusts({
    Principal: { Federated: `${account}:oidc-provider/oidc.example/id/A` },
    Action: "sts:AssumeRoleWithWebIdentity",
    Condition: conditions,
  });
const instance = (more: object): Made => ({
  type: "aws:ec2/instance:Instance",
  props: { metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 2 }, ...more },
});
const template = (more: object): Made => ({ type: "aws:ec2/launchTemplate:LaunchTemplate", props: more });

const ownership = (objectOwnership: string) => beside("BucketOwnershipControls", { rule: { objectOwnership } });
const allUsers = "http://acs.amazonaws.com/groups/global/AllUsers";

interface Evasions {
  /** What the rule has to refuse, by what is tried. */
  refused: Record<string, Made[]>;
  /** What is near it and in order. */
  passes: Record<string, Made[]>;
}

const evasions: Record<string, Evasions> = {
  "no-wildcard-actions": {
    refused: {
      "a condition that every request of the region meets": [
        grants("s3:GetObject", "*", { StringEquals: { "aws:RequestedRegion": "eu-west-1" } }),
      ],
      "a condition that is met by TLS": [grants("kms:Decrypt", "*", { Bool: { "aws:SecureTransport": "true" } })],
      "a tag that no resource may have": [
        grants("secretsmanager:GetSecretValue", "*", { StringNotEquals: { "aws:ResourceTag/team": "x" } }),
      ],
      "a tag, where there is one": [
        grants("secretsmanager:GetSecretValue", "*", { StringEqualsIfExists: { "aws:ResourceTag/team": "x" } }),
      ],
      "a tag of any value": [grants("kms:Decrypt", "*", { StringLike: { "aws:ResourceTag/team": "*" } })],
      "a tag for all of no values": [
        grants("kms:Decrypt", "*", { "ForAllValues:StringEquals": { "aws:ResourceTag/team": "x" } }),
      ],
      "a role by its tag, which passing one does not heed": [
        grants("iam:PassRole", "*", { StringEquals: { "aws:ResourceTag/team": "x" } }),
      ],
      "any role for one service": [
        grants("iam:PassRole", "*", { StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" } }),
      ],
      "another's condition: a VPC for a key": [grants("kms:Decrypt", "*", { StringEquals: { "ec2:Vpc": "vpc-1" } })],
      "any enclave at all": [
        grants("kms:Decrypt", "*", {
          StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": "0".repeat(96) },
        }),
      ],
      "every bucket, spelled with a question mark": [grants("s3:GetObject", "arn:aws:s3:::?*/*")],
      "every key, by the first letter of its kind": [grants("kms:Decrypt", "arn:aws:kms:*:*:k*")],
      "every role but one of no letters": [grants("sts:AssumeRole", `${account}:role/?*`)],
      "everything of AWS's": [grants("kms:Decrypt", "arn:aws:*")],
      "the history of every parameter": [grants("ssm:GetParameterHistory", "*")],
      "a shell on every node": [grants("ssm:StartSession", "*")],
      "the way into every cluster": [grants("eks:CreateAccessEntry", "*")],
      "joining any group": [grants("iam:AddUserToGroup", "*")],
      "copying any key": [grants("kms:ReplicateKey", "*")],
      "the trail's end": [grants("cloudtrail:StopLogging", "*")],
      "all but one resource": [
        {
          type: "aws:iam/policy:Policy",
          props: { policy: document({ Effect: "Allow", Action: "s3:GetObject", NotResource: "arn:aws:s3:::x/*" }) },
        },
      ],
      "reading everything, by AWS's own policy": [attaches("arn:aws:iam::aws:policy/ReadOnlyAccess")],
      "reading every bucket, by AWS's own policy": [attaches("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")],
      "every secret, by AWS's own policy": [attaches("arn:aws:iam::aws:policy/SecretsManagerReadWrite")],
      "every key, by AWS's own policy": [attaches("arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser")],
      "a job's rights, by AWS's own policy": [attaches("arn:aws:iam::aws:policy/job-function/SystemAdministrator")],
      "policies in a list": [
        {
          type: "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
          props: { policyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"] },
        },
      ],
    },
    passes: {
      "secrets of one tag": [
        grants("secretsmanager:GetSecretValue", "*", { StringEquals: { "aws:ResourceTag/team": "x" } }),
      ],
      "whatever key, for one enclave": [grants("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/*", attested)],
      "one bucket's objects": [grants("s3:GetObject", "arn:aws:s3:::v/*")],
      "the role of one service": [
        grants("iam:CreateServiceLinkedRole", `${account}:role/aws-service-role/*`, {
          StringEquals: { "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com" },
        }),
      ],
      "what has no resource": [grants(["ecr:GetAuthorizationToken", "sts:GetCallerIdentity"], "*")],
      "AWS's own policies of nodes": [
        attaches("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"),
        attaches("arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"),
        attaches("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
        attaches("arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"),
      ],
    },
  },
  "key-administrators-said": {
    refused: {
      "a copy with another policy": [key({ Principal: { AWS: core }, Action: "kms:ReplicateKey" })],
      "a copy, in other letters": [key({ Principal: { AWS: core }, Action: "KMS:replicatekey" })],
      "the policy, by what is between": [key({ Principal: { AWS: core }, Action: "kms:*Key*" })],
      "a grant": [key({ Principal: { AWS: core }, Action: "kms:CreateGrant" })],
      "material of one's own": [key({ Principal: { AWS: core }, Action: "kms:ImportKeyMaterial" })],
      "the end of the material": [key({ Principal: { AWS: core }, Action: "kms:DeleteImportedKeyMaterial" })],
      "the end of the key": [key({ Principal: { AWS: core }, Action: "kms:ScheduleKeyDeletion" })],
      "a key that does not answer": [key({ Principal: { AWS: core }, Action: "kms:Disable*" })],
      "which copy leads": [key({ Principal: { AWS: core }, Action: "kms:UpdatePrimaryRegion" })],
      "everything but one action": [key({ Principal: { AWS: core }, NotAction: "kms:PutKeyPolicy" })],
      "tags that a condition goes by": [
        key(
          { Principal: { AWS: core }, Action: "kms:TagResource" },
          {
            Principal: { AWS: core },
            Action: "kms:Decrypt",
            Condition: { ...attested, StringEquals: { "aws:ResourceTag/open": "yes" } },
          },
        ),
      ],
      "an alias that a condition goes by": [
        key(
          { Principal: { AWS: core }, Action: "kms:UpdateAlias" },
          {
            Principal: { AWS: core },
            Action: "kms:Decrypt",
            Condition: { ...attested, "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/x" } },
          },
        ),
      ],
    },
    passes: {
      "what changes nothing that counts": [
        key({
          Principal: { AWS: core },
          Action: ["kms:DescribeKey", "kms:TagResource", "kms:UpdateAlias", "kms:RevokeGrant", "kms:EnableKey"],
        }),
      ],
    },
  },
  "vault-one-owner": {
    refused: {
      "no word of it": [bucket()],
      "objects of whoever wrote them": [bucket(), ownership("ObjectWriter")],
      "ACLs that count": [bucket(), ownership("BucketOwnerPreferred")],
    },
    passes: { "one owner": [bucket(), ownership("BucketOwnerEnforced")] },
  },
  "no-acls": {
    refused: {
      "a bucket's canned ACL": [beside("BucketAcl", { acl: "public-read" })],
      "a bucket's canned ACL, of the older type": [beside("BucketAclV2", { acl: "authenticated-read" })],
      "a group": [
        beside("BucketAcl", {
          accessControlPolicy: { grants: [{ grantee: { type: "Group", uri: allUsers }, permission: "READ" }] },
        }),
      ],
      "another account": [
        beside("BucketAcl", {
          accessControlPolicy: {
            owner: { id: "a" },
            grants: [{ grantee: { type: "CanonicalUser", id: "b" }, permission: "READ" }],
          },
        }),
      ],
      "the bucket's own field": [bucket({ acl: "public-read" })],
      "the bucket's own grants": [bucket({ grants: [{ type: "Group", uri: allUsers, permissions: ["READ"] }] })],
      "an object": [beside("BucketObject", { acl: "public-read" })],
      "an object, of the newer type": [beside("BucketObjectv2", { acl: "aws-exec-read" })],
      "an object's copy": [beside("ObjectCopy", { grants: [{ type: "Group", uri: allUsers, permissions: ["READ"] }] })],
    },
    passes: {
      none: [bucket(), beside("BucketObjectv2", { key: "k" })],
      "what says the same as none": [
        beside("BucketAcl", { acl: "private" }),
        beside("BucketObjectv2", { acl: "bucket-owner-full-control" }),
        beside("BucketAcl", {
          accessControlPolicy: {
            owner: { id: "a" },
            grants: [{ grantee: { type: "CanonicalUser", id: "a" }, permission: "FULL_CONTROL" }],
          },
        }),
      ],
    },
  },
  "vault-tls-only": {
    refused: {
      "denying all but one": [
        bucket(),
        bucketPolicy({ ...inTheClear, Principal: undefined, NotPrincipal: { AWS: core } }),
      ],
      "denying all actions but reading": [
        bucket(),
        bucketPolicy({ ...inTheClear, Action: undefined, NotAction: "s3:GetObject" }),
      ],
      "denying all but the vault": [
        bucket(),
        bucketPolicy({ ...inTheClear, Resource: undefined, NotResource: ["arn:aws:s3:::v", "arn:aws:s3:::v/*"] }),
      ],
      "denying a folder and an object": [
        bucket(),
        bucketPolicy({ ...inTheClear, Resource: ["arn:aws:s3:::v/one", "arn:aws:s3:::v/folder/*"] }),
      ],
      "denying one kind of principal": [bucket(), bucketPolicy({ ...inTheClear, Principal: { Service: "*" } })],
    },
    passes: {
      "everything, by everybody's other name": [bucket(), bucketPolicy({ ...inTheClear, Principal: { AWS: "*" } })],
    },
  },
  "public-vault-read-only": {
    refused: {
      "a service on anybody's behalf": [
        bucketPolicy({
          Effect: "Allow",
          Principal: { Service: "cloudfront.amazonaws.com" },
          Action: "s3:GetObject",
          Resource: "arn:aws:s3:::v/*",
        }),
      ],
      "the bucket's own field": [
        bucket({
          policy: document({ Effect: "Allow", Principal: "*", Action: "s3:PutObject", Resource: "arn:aws:s3:::v/*" }),
        }),
      ],
      "an access point": [
        {
          type: "aws:s3control/accessPointPolicy:AccessPointPolicy",
          props: { policy: document({ Effect: "Allow", Principal: "*", Action: "s3:PutObject", Resource: "x" }) },
        },
      ],
    },
    passes: {
      "a service on this account's behalf": [
        bucketPolicy({
          Effect: "Allow",
          Principal: { Service: "logging.s3.amazonaws.com" },
          Action: "s3:PutObject",
          Resource: "arn:aws:s3:::v/access/*",
          Condition: { StringEquals: { "aws:SourceAccount": "111122223333" } },
        }),
      ],
    },
  },
  "vault-grants-no-delete": {
    refused: {
      "copying everything elsewhere": [
        bucketPolicy({
          Effect: "Allow",
          Principal: { AWS: core },
          Action: "s3:PutReplicationConfiguration",
          Resource: "arn:aws:s3:::v",
        }),
      ],
      "the bucket's own field": [
        bucket({
          policy: document({
            Effect: "Allow",
            Principal: { AWS: core },
            Action: "s3:DeleteObject",
            Resource: "arn:aws:s3:::v/*",
          }),
        }),
      ],
      "a role that ends the versions": [grants("s3:DeleteObjectVersion", "arn:aws:s3:::v/*")],
      "a role that lets objects expire": [grants("s3:PutLifecycleConfiguration", "arn:aws:s3:::v")],
      "a role that rewrites who comes in": [grants("s3:PutBucketPolicy", "arn:aws:s3:::v")],
    },
    passes: { "a role that deletes, where versions stay": [grants("s3:DeleteObject", "arn:aws:s3:::v/*")] },
  },
  "vault-lifecycle": {
    refused: {
      "a bucket that is in no component": [
        bucket(),
        beside("BucketLifecycleConfiguration", {
          rules: [
            { status: "Enabled", abortIncompleteMultipartUpload: { daysAfterInitiation: 7 } },
            { status: "Enabled", expiration: { days: 1 } },
          ],
        }),
      ],
    },
    passes: {},
  },
  "vault-never-emptied": { refused: { "a word for it": [bucket({ forceDestroy: "true" })] }, passes: {} },
  "key-needs-attestation": {
    refused: {
      "a statement for nobody": [key({ Principal: {}, Action: "kms:Decrypt" })],
    },
    passes: {},
  },
  "key-root-never-decrypts": {
    refused: {
      "a role by whatever name it has": [
        key({
          Principal: { AWS: `${account}:root` },
          Action: "kms:Decrypt",
          Condition: {
            ...attested,
            // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of IAM's
            StringEquals: { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/${aws:PrincipalTag/role}" },
          },
        }),
      ],
      "whoever decrypts, and rewrites the condition": [
        key(
          { Principal: { AWS: core }, Action: "kms:Decrypt", Condition: attested },
          { Principal: { AWS: core }, Action: "kms:PutKeyPolicy" },
        ),
      ],
    },
    passes: {
      "two roles for two duties": [
        key(
          { Principal: { AWS: core }, Action: "kms:Decrypt", Condition: attested },
          { Principal: { AWS: `${account}:role/administrator` }, Action: "kms:PutKeyPolicy" },
        ),
      ],
    },
  },
  "key-never-lost": {
    refused: {
      "words for it": [
        { type: "aws:kms/key:Key", props: { bypassPolicyLockoutSafetyCheck: "true" } },
        { type: "aws:kms/key:Key", props: { isEnabled: "false" } },
      ],
      "a number in words": [{ type: "aws:kms/key:Key", props: { deletionWindowInDays: "7" } }],
    },
    passes: { "30 days, in words": [{ type: "aws:kms/key:Key", props: { deletionWindowInDays: "30" } }] },
  },
  "no-wildcard-principals": {
    refused: {
      "a whole account in a bucket's policy": [
        bucketPolicy({
          Effect: "Allow",
          Principal: { AWS: "arn:aws:iam::999988887777:root" },
          Action: "s3:GetObject",
          Resource: "arn:aws:s3:::v/*",
        }),
      ],
      "a whole account, by its number": [trusts({ Principal: { AWS: "999988887777" } })],
      "a secret's own field": [
        {
          type: "aws:secretsmanager/secret:Secret",
          props: { policy: document({ Effect: "Allow", Principal: "*", Action: "secretsmanager:GetSecretValue" }) },
        },
      ],
      "a resource policy of its logs": [
        {
          type: "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
          props: { policyDocument: document({ Effect: "Allow", Principal: "*", Action: "logs:*" }) },
        },
      ],
      "the cluster's strangers": [
        {
          type: "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
          props: { subjects: [{ kind: "Group", name: "system:unauthenticated" }], roleRef: { name: "view" } },
        },
      ],
      "every pod": [
        {
          type: "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
          props: { subjects: [{ kind: "Group", name: "system:serviceaccounts" }], roleRef: { name: "view" } },
        },
      ],
    },
    passes: {
      "an account for one role that is yet to come": [
        bucketPolicy({
          Effect: "Allow",
          Principal: { AWS: `${account}:root` },
          Action: "s3:GetObject",
          Resource: "arn:aws:s3:::v/*",
          Condition: { ArnEquals: { "aws:PrincipalArn": core } },
        }),
      ],
      "everybody's reading, of which another rule judges": [
        bucketPolicy({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::v/*" }),
      ],
      "one role, one service": [
        trusts({ Principal: { AWS: core } }),
        trusts({ Principal: { Service: "ec2.amazonaws.com" } }),
      ],
    },
  },
  "irsa-subject-exact": {
    refused: {
      "the token's own subject": [
        tokenOf({
          StringEquals: {
            // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of IAM's
            "oidc.example/id/A:sub": "${oidc.example/id/A:sub}",
            "oidc.example/id/A:aud": "sts.amazonaws.com",
          },
        }),
      ],
      "what the caller says of itself": [
        tokenOf({ StringEquals: { "aws:RequestTag/x:sub": "a", "oidc.example/id/A:aud": "sts.amazonaws.com" } }),
      ],
    },
    passes: {
      "one subject": [
        tokenOf({
          StringEquals: {
            "oidc.example/id/A:sub": "system:serviceaccount:kms:core",
            "oidc.example/id/A:aud": "sts.amazonaws.com",
          },
        }),
      ],
    },
  },
  "trail-complete": {
    refused: {
      "writing alone": [trail({ eventSelectors: [{ ...vaultObjects, readWriteType: "WriteOnly" }] })],
      "no use of keys": [
        trail({ eventSelectors: [{ ...vaultObjects, excludeManagementEventSources: ["kms.amazonaws.com"] }] }),
      ],
      "objects alone": [trail({ eventSelectors: [{ ...vaultObjects, includeManagementEvents: false }] })],
      "objects alone, by advanced selectors": [trail({ advancedEventSelectors: [objects] })],
      "all but keys, by advanced selectors": [
        trail({
          advancedEventSelectors: [
            objects,
            fields({ eventCategory: { equals: ["Management"] }, eventSource: { notEquals: ["kms.amazonaws.com"] } }),
          ],
        }),
      ],
      "writing alone, by advanced selectors": [
        trail({
          advancedEventSelectors: [
            management,
            { fieldSelectors: [...objects.fieldSelectors, { field: "readOnly", equals: ["false"] }] },
          ],
        }),
      ],
      "a trail that is off": [trail({ enableLogging: "false", advancedEventSelectors: [management, objects] })],
      "objects of nothing": [trail({ eventSelectors: [{ dataResources: [{ type: "AWS::S3::Object", values: [] }] }] })],
    },
    passes: {
      everything: [
        trail({ advancedEventSelectors: [management, objects] }),
        trail({ eventSelectors: [{ ...vaultObjects, readWriteType: "All" }] }),
      ],
    },
  },
  "api-server-closed": {
    refused: {
      "no range, which is every range": [
        { type: "aws:eks/cluster:Cluster", props: { vpcConfig: { publicAccessCidrs: [] } } },
      ],
      "the internet in pieces": [
        {
          type: "aws:eks/cluster:Cluster",
          props: { vpcConfig: { publicAccessCidrs: Array.from({ length: 40 }, (_, index) => `${index + 1}.0.0.0/8`) } },
        },
      ],
      "a registry's whole range of IPv6": [
        { type: "aws:eks/cluster:Cluster", props: { vpcConfig: { publicAccessCidrs: ["2600::/12"] } } },
      ],
    },
    passes: {
      "one organisation's range of IPv6": [
        { type: "aws:eks/cluster:Cluster", props: { vpcConfig: { publicAccessCidrs: ["2001:db8::/32"] } } },
      ],
    },
  },
  "network-policy-enforced": {
    refused: {
      "settings that are no JSON": [
        { type: "aws:eks/cluster:Cluster", name: "cluster", props: { name: "kms" } },
        {
          type: "aws:eks/addon:Addon",
          props: { clusterName: "kms", addonName: "vpc-cni", configurationValues: "enableNetworkPolicy: false" },
        },
      ],
    },
    passes: {},
  },
  "trusted-releases-real": {
    refused: {
      "the chart's own defaults": [released({})],
      "values in a file": [released({ values: {}, valueYamlFiles: [{}] })],
    },
    passes: {
      "another chart": [{ type: "kubernetes:helm.sh/v3:Release", props: { chart: "/charts/kms-connector-1.0.0.tgz" } }],
      "a core that is switched off": [released({ values: { kmsCore: { enabled: false } } })],
    },
  },
  "tls-never-off": { refused: { "the chart's own defaults": [released({ values: {} })] }, passes: {} },
  "charts-pinned": {
    refused: {
      "values that no rule reads": [released({ valueYamlFiles: [{}] })],
      "a program that rewrites what the chart makes": [released({ postrender: "/bin/patch" })],
      "a repository that only one machine knows": [released({ chart: "upstream/kms-core" })],
    },
    passes: { "a file": [released({})] },
  },
  "images-pinned": {
    refused: {
      "a container in a list": [released({ values: { extraContainers: [{ image: "x:latest" }] } })],
      "an image by another key": [released({ values: { initImage: "x:latest" } })],
      "a digest that is none": [workload("Deployment", { containers: [{ image: "x@latest" }] })],
      "a set of replicas": [workload("ReplicaSet", { containers: [{ image: "x:latest" }] })],
    },
    passes: {
      "settings that only sound like one": [released({ values: { imagePullPolicy: "Always", useImage: true } })],
    },
  },
  "node-has-no-back-door": {
    refused: {
      "a role's own field": [
        {
          type: "aws:iam/role:Role",
          props: { managedPolicyArns: ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"] },
        },
      ],
      "the older policy": [attaches("arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM")],
      "a policy of one's own": [grants(["ssmmessages:CreateDataChannel", "ssmmessages:OpenDataChannel"], "*")],
      "an attachment for several roles": [
        {
          type: "aws:iam/policyAttachment:PolicyAttachment",
          props: { policyArn: "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore" },
        },
      ],
      "the template's key": [template({ keyName: "laptop" })],
      "a machine's key": [instance({ keyName: "laptop" })],
    },
    passes: { "no key": [template({}), instance({})] },
  },
  "no-spot-on-mainnet": {
    refused: {
      "a request of its own": [{ type: "aws:ec2/spotInstanceRequest:SpotInstanceRequest", props: {} }],
      "a group's mixture": [
        {
          type: "aws:autoscaling/group:Group",
          props: { mixedInstancesPolicy: { instancesDistribution: { onDemandPercentageAboveBaseCapacity: 0 } } },
        },
      ],
      "small letters": [{ type: "aws:eks/nodeGroup:NodeGroup", props: { capacityType: "spot" } }],
    },
    passes: {
      "a group that mixes nothing": [{ type: "aws:autoscaling/group:Group", props: { minSize: 1 } }],
    },
  },
  "imds-needs-token": {
    refused: {
      "the older template": [{ type: "aws:ec2/launchConfiguration:LaunchConfiguration", props: {} }],
    },
    passes: {},
  },
  "root-volume-roomy": {
    refused: {
      "another volume than the root": [
        template({ blockDeviceMappings: [{ deviceName: "/dev/xvdb", ebs: { volumeSize: 500, encrypted: "true" } }] }),
      ],
    },
    passes: {
      "an image whose root has another name": [
        template({ blockDeviceMappings: [{ deviceName: "/dev/sda1", ebs: { volumeSize: 100, encrypted: "true" } }] }),
      ],
    },
  },
  "grpc-port-never-exposed": {
    refused: {
      "the node's network": [
        workload("Deployment", { hostNetwork: true, containers: [{ ports: [{ containerPort: 50_100 }] }] }),
      ],
      "a port of a container that starts first": [
        workload("DaemonSet", { containers: [], initContainers: [{ ports: [{ hostPort: 50_100 }] }] }),
      ],
      "a pod by itself": [
        { type: "kubernetes:core/v1:Pod", props: { spec: { containers: [{ ports: [{ hostPort: 50_100 }] }] } } },
      ],
      "a number in words": [{ type: "aws:lb/targetGroup:TargetGroup", props: { port: "50100" } }],
      "the listener's older name": [{ type: "aws:alb/targetGroup:TargetGroup", props: { port: 50_100 } }],
      "the classic load balancer": [
        {
          type: "aws:elb/loadBalancer:LoadBalancer",
          props: { internal: true, listeners: [{ lbPort: 443, instancePort: 50_100 }] },
        },
      ],
      "a patch of a Service": [
        {
          type: "kubernetes:core/v1:ServicePatch",
          props: { spec: { type: "LoadBalancer", ports: [{ port: 50_100 }] } },
        },
      ],
    },
    passes: {
      "a pod's own network": [workload("Deployment", { containers: [{ ports: [{ containerPort: 50_100 }] }] })],
    },
  },
  "load-balancers-internal": {
    refused: {
      "the classic one": [{ type: "aws:elb/loadBalancer:LoadBalancer", props: {} }],
      "an Ingress": [
        {
          type: "kubernetes:networking.k8s.io/v1:Ingress",
          props: { metadata: { annotations: { "alb.ingress.kubernetes.io/scheme": "internet-facing" } } },
        },
      ],
      "a class of Ingresses": [
        { type: "kubernetes:elbv2.k8s.aws/v1beta1:IngressClassParams", props: { spec: { scheme: "internet-facing" } } },
      ],
      "a patch of a Service": [{ type: "kubernetes:core/v1:ServicePatch", props: { spec: { type: "LoadBalancer" } } }],
    },
    passes: {
      "an Ingress for the inside": [{ type: "kubernetes:networking.k8s.io/v1:Ingress", props: { metadata: {} } }],
    },
  },
  "database-protected": {
    refused: {
      "one machine of a cluster": [
        { type: "aws:rds/clusterInstance:ClusterInstance", props: { publiclyAccessible: true } },
      ],
    },
    passes: { "a machine that is private": [{ type: "aws:rds/clusterInstance:ClusterInstance", props: {} }] },
  },
  "database-tls": {
    refused: {
      "a cluster's parameters": [
        {
          type: "aws:rds/clusterParameterGroup:ClusterParameterGroup",
          props: { parameters: [{ name: "rds.force_ssl", value: "0" }] },
        },
      ],
    },
    passes: {},
  },
  "volumes-encrypted": {
    refused: {
      "a machine's own disk": [instance({ rootBlockDevice: { volumeSize: 100 } })],
      "a further disk": [
        instance({ rootBlockDevice: { encrypted: true }, ebsBlockDevices: [{ deviceName: "/dev/sdb" }] }),
      ],
      "the account's default": [{ type: "aws:ebs/encryptionByDefault:EncryptionByDefault", props: { enabled: false } }],
      "the older provisioner": [
        { type: "kubernetes:storage.k8s.io/v1:StorageClass", props: { provisioner: "kubernetes.io/aws-ebs" } },
      ],
    },
    passes: {
      "all of them": [
        instance({ rootBlockDevice: { encrypted: true } }),
        { type: "aws:ebs/encryptionByDefault:EncryptionByDefault", props: {} },
      ],
    },
  },
  "no-secret-in-state": {
    refused: {
      "a key for AWS": [{ type: "aws:iam/accessKey:AccessKey", props: { user: "u" } }],
      "a password by chance": [{ type: "random:index/randomPassword:RandomPassword", props: { length: 20 } }],
      "a private key": [{ type: "tls:index/privateKey:PrivateKey", props: { algorithm: "RSA" } }],
      "a text that KMS seals": [{ type: "aws:kms/ciphertext:Ciphertext", props: { plaintext: "hunter2" } }],
      "a patch of a Secret": [{ type: "kubernetes:core/v1:SecretPatch", props: { stringData: { a: "b" } } }],
    },
    passes: { "a name by chance": [{ type: "random:index/randomId:RandomId", props: { byteLength: 4 } }] },
  },
};

for (const [id, { refused, passes }] of Object.entries(evasions)) {
  const rule = rules.find((one) => one.id === id);
  describe(id, () => {
    for (const [what, made] of Object.entries(refused))
      test(`is not evaded by ${what}`, () => {
        expect(rule && asked(rule, made)).not.toEqual([]);
        expect(rule).toBeDefined();
      });
    for (const [what, made] of Object.entries(passes))
      test(`lets through ${what}`, () => {
        expect(rule && asked(rule, made)).toEqual([]);
      });
  });
}

test("a network of an unknown kind is taken for a mainnet, as is one in capitals", () => {
  const rule = rules.find(({ id }) => id === "no-spot-on-mainnet");
  const spot: Made = { type: "aws:eks/nodeGroup:NodeGroup", props: { capacityType: "SPOT" } };
  for (const environment of ["production", "Mainnet", ""])
    expect(rule && asked(rule, [spot], environment), environment).toHaveLength(1);
});

test("what is at stake for a release is told by the tags of what else the stack makes", () => {
  const rule = rules.find(({ id }) => id === "tls-never-off");
  const release = {
    ...released({ values: { kmsCore: { thresholdMode: { tls: { enabled: false } } } } }),
    untagged: true,
  };
  const exception: Made = {
    type: "quorate:policies:PolicyException",
    name: "exception",
    props: { rule: "tls-never-off", kind: "development", reason: "a laptop" },
    untagged: true,
  };
  const told = (environment: string, ...others: Made[]) =>
    rule && asked(rule, [release, exception, ...others], environment);
  expect(told("devnet", bucket())).toEqual([]);
  expect(told("testnet", bucket())).toHaveLength(1);
  expect(told("devnet")).toHaveLength(1);
});
