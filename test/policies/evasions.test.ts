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
