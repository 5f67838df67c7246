import type { Made } from "./asking.ts";

/** One program that a rule refuses, with what it says, and one that passes. */
export interface Case {
  refused: Made[];
  /** Field, found and expected, as they are printed: `it: forceDestroy | true | false…`. */
  says: string[];
  passes: Made[];
  environment?: string;
}

const pcr0 = "ab".repeat(48);
const otherPcr0 = "cd".repeat(48);
const account = "arn:aws:iam::111122223333";
const core = `${account}:role/core`;

const policy = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const allow = (Action: string | string[], more: object = {}) => ({
  Effect: "Allow",
  Principal: { AWS: core },
  Action,
  Resource: "*",
  ...more,
});
const attested = (...values: string[]) => ({
  Condition: { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": values } },
});

const key = (document: string, more: object = {}): Made => ({
  type: "aws:kms/key:Key",
  props: { policy: document, ...more },
});
const sealing = key(policy(allow(["kms:Decrypt", "kms:GenerateDataKey"], attested(pcr0))));

const bucketType = "aws:s3/bucket:Bucket";
const bucket = (name = "p1-private-vault-bucket", more: object = {}): Made => ({
  type: bucketType,
  name,
  props: { bucket: name, ...more },
  within: "quorate:aws:Vault",
});
const beside = (type: string, props: object, of = "p1-private-vault-bucket"): Made => ({
  type: `aws:s3/${type[0]?.toLowerCase()}${type.slice(1)}:${type}`,
  name: "beside",
  props: { bucket: of, ...props },
  within: "quorate:aws:Vault",
});
const bucketPolicy = (...statements: object[]): Made => ({
  ...beside("BucketPolicy", { policy: policy(...statements) }),
  name: "it",
});
const block = (open: boolean, of?: string): Made =>
  beside(
    "BucketPublicAccessBlock",
    { blockPublicAcls: true, ignorePublicAcls: true, blockPublicPolicy: !open, restrictPublicBuckets: !open },
    of,
  );
const tlsOnly = (more: object = {}) => ({
  Effect: "Deny",
  Principal: "*",
  Action: "s3:*",
  Resource: ["arn:aws:s3:::v", "arn:aws:s3:::v/*"],
  Condition: { Bool: { "aws:SecureTransport": "false" } },
  ...more,
});
const everybody = (Action: string, Resource: string) => ({ Effect: "Allow", Principal: "*", Action, Resource });

const template = (more: object = {}): Made => ({
  type: "aws:ec2/launchTemplate:LaunchTemplate",
  name: "template",
  props: {
    enclaveOptions: { enabled: true },
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 2 },
    blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volumeSize: 100, encrypted: "true" } }],
    userData: Buffer.from("memory_mib: 98304\ncpu_count: 48\n").toString("base64"),
    ...more,
  },
});
const enclaveKey = "node.kubernetes.io/enclave-enabled";
const nodeGroup = (more: object = {}): Made => ({
  type: "aws:eks/nodeGroup:NodeGroup",
  name: "nodes",
  props: {
    labels: { [enclaveKey]: "true" },
    taints: [{ key: enclaveKey, value: "true", effect: "NO_SCHEDULE" }],
    capacityType: "ON_DEMAND",
    releaseVersion: "1.33.8-20260304",
    ...more,
  },
  madeFrom: { launchTemplate: "template" },
});

const service = (spec: object, annotations: object = {}): Made => ({
  type: "kubernetes:core/v1:Service",
  props: { metadata: { annotations }, spec },
});
const internal = { "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal" };
const ingress = (port: number, cidrIpv4: string | undefined, toPort = port): Made => ({
  type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  props: {
    ipProtocol: "tcp",
    fromPort: port,
    toPort,
    ...(cidrIpv4 === undefined ? { referencedSecurityGroupId: "sg-1" } : { cidrIpv4 }),
  },
});

/** A gate on the nodes, as transport kubeip has it. */
const onNodes = (hostPort: number): Made => ({
  type: "kubernetes:apps/v1:DaemonSet",
  props: { spec: { template: { spec: { containers: [{ ports: [{ containerPort: hostPort, hostPort }] }] } } } },
});

const release = (tls: object, more: object = {}): Made => ({
  type: "kubernetes:helm.sh/v3:Release",
  name: "core",
  props: {
    chart: `oci://registry.example/kms-core@sha256:${"a".repeat(64)}`,
    version: "1.9.1",
    values: {
      kmsCore: {
        thresholdMode: { tls: { enabled: true, trustedReleases: [{ pcr0, pcr1: pcr0, pcr2: pcr0 }], ...tls } },
        nitroEnclave: { enabled: true, cpuCount: 48, memoryGiB: 96 },
        image: { name: "example/core", tag: `v1@sha256:${"b".repeat(64)}` },
      },
    },
    ...more,
  },
});
const deployment = (image: string): Made => ({
  type: "kubernetes:apps/v1:Deployment",
  props: { spec: { template: { spec: { containers: [{ image }] } } } },
});
const plugin = (env: object[]): Made => ({
  type: "kubernetes:apps/v1:DaemonSet",
  props: {
    spec: { template: { spec: { containers: [{ image: "x/aws-nitro-enclaves-k8s-device-plugin:v0.3", env }] } } },
  },
});
const role = (Condition: object): Made => ({
  type: "aws:iam/role:Role",
  props: {
    assumeRolePolicy: policy({
      Effect: "Allow",
      Principal: { Federated: `${account}:oidc-provider/oidc.example` },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition,
    }),
  },
});
const rolePolicy = (statement: object): Made => ({
  type: "aws:iam/rolePolicy:RolePolicy",
  props: { policy: policy({ Effect: "Allow", ...statement }) },
});
const provider = (props: object): Made => ({ type: "pulumi:providers:aws", props });
const tags = (environment: string) => ({ tags: { network: "n", party: "1", environment, "managed-by": "quorate" } });
const tagged = (parts: string[]) => parts.map((resourceType) => ({ resourceType, ...tags("mainnet") }));
const cluster = (props: object): Made => ({ type: "aws:eks/cluster:Cluster", props });
const vpcCni = (settings: object): Made => ({
  type: "aws:eks/addon:Addon",
  name: "cni",
  props: { clusterName: "kms", addonName: "vpc-cni", configurationValues: JSON.stringify(settings) },
});
const database = (more: object = {}): Made => ({
  type: "aws:rds/instance:Instance",
  props: {
    storageEncrypted: true,
    deletionProtection: true,
    publiclyAccessible: false,
    backupRetentionPeriod: 7,
    manageMasterUserPassword: true,
    ...more,
  },
});

export const cases: Record<string, Case> = {
  "vault-never-public": {
    refused: [bucket(), block(true), bucket("p1-b-private-vault-bucket")],
    says: [
      "beside: blockPublicPolicy | false | true",
      "beside: restrictPublicBuckets | false | true",
      "p1-b-private-vault-bucket: public access block | none | a BucketPublicAccessBlock with blockPublicAcls, ignorePublicAcls, blockPublicPolicy, restrictPublicBuckets",
    ],
    passes: [bucket(), block(false), bucket("p1-public-vault-bucket"), block(true, "p1-public-vault-bucket")],
  },
  "public-vault-read-only": {
    refused: [
      bucketPolicy(everybody("s3:GetObject", "arn:aws:s3:::v/*"), everybody("s3:PutObject", "arn:aws:s3:::v/*")),
    ],
    says: [
      "it: policy.Statement[1] | everybody may s3:PutObject on arn:aws:s3:::v/* | s3:GetObject on the bucket's objects, or s3:ListBucket on the bucket",
    ],
    passes: [
      bucketPolicy(
        everybody("s3:GetObject", "arn:aws:s3:::v/*"),
        everybody("s3:ListBucket", "arn:aws:s3:::v"),
        tlsOnly(),
      ),
    ],
  },
  "vault-one-owner": {
    refused: [bucket(), beside("BucketOwnershipControls", { rule: { objectOwnership: "ObjectWriter" } })],
    says: ["beside: rule.objectOwnership | ObjectWriter | BucketOwnerEnforced"],
    passes: [bucket(), beside("BucketOwnershipControls", { rule: { objectOwnership: "BucketOwnerEnforced" } })],
  },
  "no-acls": {
    refused: [
      beside("BucketAcl", { acl: "public-read" }),
      beside("BucketObjectv2", { key: "k", acl: "authenticated-read" }),
    ],
    says: [
      "beside: acl | public-read | none: policies alone say who comes in",
      "beside: acl | authenticated-read | none: policies alone say who comes in",
    ],
    passes: [bucket(), beside("BucketObjectv2", { key: "k" })],
  },
  "vault-keeps-versions": {
    refused: [bucket(), beside("BucketVersioning", { versioningConfiguration: { status: "Suspended" } })],
    says: ["beside: versioningConfiguration.status | Suspended | Enabled"],
    passes: [bucket(), beside("BucketVersioning", { versioningConfiguration: { status: "Enabled" } })],
  },
  "vault-encrypted": {
    refused: [bucket()],
    says: ["p1-private-vault-bucket: encryption | none | a BucketServerSideEncryptionConfiguration"],
    passes: [
      bucket(),
      beside("BucketServerSideEncryptionConfiguration", {
        rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
      }),
    ],
  },
  "vault-tls-only": {
    refused: [bucket(), bucketPolicy(tlsOnly({ Resource: "arn:aws:s3:::v/*" }))],
    says: [
      "it: policy | 1 statements, none of which denies access without TLS | Deny s3:* for everybody on the bucket and its objects where aws:SecureTransport is false",
    ],
    passes: [bucket(), bucketPolicy(tlsOnly())],
  },
  "vault-never-emptied": {
    refused: [bucket("b", { forceDestroy: true })],
    says: ["b: forceDestroy | true | false: a bucket with objects can not be destroyed"],
    passes: [bucket("b", { forceDestroy: false })],
  },
  "vault-lifecycle": {
    refused: [
      bucket(),
      beside("BucketLifecycleConfiguration", {
        rules: [
          { status: "Enabled", abortIncompleteMultipartUpload: { daysAfterInitiation: 7 } },
          { status: "Enabled", expiration: { days: 365 } },
        ],
      }),
    ],
    says: ["beside: rules[1].expiration | current objects expire | none, in a vault"],
    passes: [
      bucket(),
      beside("BucketLifecycleConfiguration", {
        rules: [
          { status: "Enabled", abortIncompleteMultipartUpload: { daysAfterInitiation: 7 } },
          { status: "Enabled", noncurrentVersionExpiration: { noncurrentDays: 365, newerNoncurrentVersions: 10 } },
        ],
      }),
    ],
  },
  "vault-grants-no-delete": {
    refused: [bucketPolicy(allow(["s3:GetObject", "s3:*Object"], { Resource: "arn:aws:s3:::backup/*" }))],
    says: [
      `it: policy.Statement[0] | ${core} may s3:DeleteObject | reading and writing only; the older version of what is overwritten stays`,
    ],
    passes: [bucketPolicy(allow(["s3:GetObject", "s3:PutObject"], { Resource: "arn:aws:s3:::backup/*" }), tlsOnly())],
  },
  "vault-access-audited": {
    refused: [bucket()],
    says: ["p1-private-vault-bucket: access log | none | a BucketLogging"],
    passes: [bucket(), beside("BucketLogging", { targetBucket: "logs" })],
  },
  "key-needs-attestation": {
    refused: [key(policy(allow("kms:Decrypt", attested(pcr0)), allow("kms:*")))],
    says: [
      `it: policy.Statement[1].Condition | ${core} may kms:Decrypt, kms:GenerateDataKey, kms:GenerateDataKeyPair, kms:ReEncryptFrom, kms:DeriveSharedSecret, kms:CreateGrant without a condition | StringEqualsIgnoreCase on kms:RecipientAttestation:ImageSha384, each value a PCR0 that is not all zeros`,
    ],
    passes: [sealing, key(policy(allow("kms:Sign")), { keyUsage: "SIGN_VERIFY" })],
  },
  "key-root-never-decrypts": {
    refused: [key(policy({ ...allow("kms:Decrypt", attested(pcr0)), Principal: { AWS: `${account}:root` } }))],
    says: [
      `it: policy.Statement[0] | ${account}:root may kms:Decrypt | no decrypting action for an account's root; for a role that is yet to come, its ARN in aws:PrincipalArn`,
    ],
    passes: [sealing],
  },
  "key-administrators-said": {
    refused: [key(policy({ ...allow("kms:Put*"), Principal: { AWS: `${account}:root` } }))],
    says: [
      `it: policy.Statement[0] | ${account}:root may kms:PutKeyPolicy: whoever the account's IAM policies let | as few as possible, each of them known to the network's other parties`,
    ],
    passes: [sealing],
  },
  "key-never-lost": {
    refused: [key(policy(), { deletionWindowInDays: 7 })],
    says: ["it: deletionWindowInDays | 7 | at least 30"],
    passes: [key(policy(), { deletionWindowInDays: 30 })],
  },
  "key-follows-releases": {
    refused: [release({}), key(policy(allow("kms:Decrypt", attested(pcr0, otherPcr0))))],
    says: [
      `it: policy.Statement[0].Condition | PCR0 ${otherPcr0}, which is of no trusted release | one of abababababab…`,
    ],
    passes: [release({}), sealing],
  },
  "no-wildcard-principals": {
    refused: [key(policy({ ...allow("kms:DescribeKey"), Principal: "*" }))],
    says: ["it: policy.Statement[0].Principal | AWS * | principals by their exact ARN"],
    passes: [sealing],
  },
  "no-wildcard-actions": {
    refused: [rolePolicy({ Action: ["s3:*Object", "ec2:Describe*"], Resource: "arn:aws:s3:::v/*" })],
    says: [
      "it: policy.Statement[0].Action | s3:*Object | actions by name; a wildcard only for what reads descriptions, such as ec2:Describe*",
    ],
    passes: [
      rolePolicy({ Action: ["s3:GetObject", "s3:PutObject"], Resource: "arn:aws:s3:::v/*" }),
      rolePolicy({ Action: "ec2:Describe*", Resource: "*" }),
    ],
  },
  "irsa-subject-exact": {
    refused: [
      role({
        StringLike: { "oidc.example:sub": "system:serviceaccount:kms:*" },
        StringEquals: { "oidc.example:aud": "sts.amazonaws.com" },
      }),
    ],
    says: [
      "it: assumeRolePolicy.Statement[0].Condition | StringLike oidc.example:sub system:serviceaccount:kms:* | StringEquals on <issuer>:sub, without a wildcard",
    ],
    passes: [
      role({
        StringEquals: {
          "oidc.example:sub": "system:serviceaccount:kms:mpc-party",
          "oidc.example:aud": "sts.amazonaws.com",
        },
      }),
    ],
  },
  "imds-needs-token": {
    refused: [template({ metadataOptions: { httpTokens: "optional", httpPutResponseHopLimit: 3 } })],
    says: [
      "template: metadataOptions.httpTokens | optional | required",
      "template: metadataOptions.httpPutResponseHopLimit | 3 | at most 2",
    ],
    passes: [template()],
  },
  "enclave-nodes-enclosed": {
    refused: [template({ enclaveOptions: undefined }), nodeGroup({ taints: [] })],
    says: [`nodes: taints | none | ${enclaveKey} NO_SCHEDULE`, "template: enclaveOptions.enabled | false | true"],
    passes: [template(), nodeGroup()],
  },
  "enclave-fits-its-node": {
    refused: [
      release({}),
      template({ userData: Buffer.from("memory_mib: 32768\ncpu_count: 48\n").toString("base64") }),
      nodeGroup(),
    ],
    says: ["template: userData: memory_mib | 32768 | whole GiB, at least 98304"],
    passes: [release({}), template(), nodeGroup()],
  },
  "enclave-cpus-advertised": {
    refused: [plugin([])],
    says: [
      "it: spec.template.spec.containers[0].env | ENCLAVE_CPU_ADVERTISEMENT not set | ENCLAVE_CPU_ADVERTISEMENT TRUE",
    ],
    passes: [plugin([{ name: "ENCLAVE_CPU_ADVERTISEMENT", value: "TRUE" }])],
  },
  "root-volume-roomy": {
    refused: [
      template({ blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volumeSize: 20, encrypted: "false" } }] }),
    ],
    says: [
      "template: blockDeviceMappings[0].ebs.encrypted | false | true",
      "template: blockDeviceMappings[0].ebs.volumeSize | 20 | at least 100",
    ],
    passes: [template()],
  },
  "no-spot-on-mainnet": {
    refused: [nodeGroup({ capacityType: "SPOT" })],
    says: ["nodes: capacityType | SPOT | ON_DEMAND"],
    passes: [nodeGroup()],
  },
  "node-image-decided": {
    refused: [nodeGroup({ releaseVersion: undefined })],
    says: ["nodes: releaseVersion | none: the newest on the day | a release such as 1.33.8-20260304"],
    passes: [
      template({ imageId: "ami-0123456789abcdef0" }),
      nodeGroup({ releaseVersion: undefined }),
      { ...nodeGroup(), name: "others", madeFrom: {} },
      { ...nodeGroup({ amiType: "CUSTOM", releaseVersion: "ami-0123456789abcdef0" }), name: "made", madeFrom: {} },
    ],
  },
  "node-has-no-back-door": {
    refused: [
      {
        type: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        props: { policyArn: "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore" },
      },
    ],
    says: ["it: policyArn | arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore | no policy for Session Manager"],
    passes: [nodeGroup()],
  },
  "grpc-port-never-exposed": {
    refused: [
      ingress(50_000, "10.0.0.0/8", 50_200),
      service({ type: "LoadBalancer", ports: [{ port: 50_100 }] }, internal),
      { type: "aws:lb/listener:Listener", props: { port: 50_100 } },
      onNodes(50_100),
    ],
    says: [
      "it: rule | 50100 from 10.0.0.0/8 | no way in to 50100 but from security groups of this VPC",
      "it: spec.ports | 50100 by a LoadBalancer | a ClusterIP",
      "it: port | 50100 | no way in to 50100 but from security groups of this VPC",
      "it: spec.template.spec.containers[0].ports[0].hostPort | 50100 of the node | no hostPort",
    ],
    passes: [
      ingress(50_001, "203.0.113.7/32"),
      ingress(50_100, undefined),
      onNodes(50_001),
      service({ type: "ClusterIP", ports: [{ port: 50_100 }] }),
      service({ type: "LoadBalancer", ports: [{ port: 50_001, targetPort: 50_001 }] }, internal),
    ],
  },
  "metrics-port-never-public": {
    refused: [ingress(9_646, "203.0.113.0/24"), service({ type: "LoadBalancer", ports: [{ port: 9_646 }] })],
    says: [
      "it: rule | 9646 from 203.0.113.0/24 | a security group, a private range, or a peer's /32",
      "it: metadata.annotations | 9646 by a LoadBalancer that is not internal | an internal load balancer, or a ClusterIP",
    ],
    passes: [ingress(9_646, "10.1.0.0/16"), ingress(9_646, "203.0.113.7/32"), ingress(9_646, undefined)],
  },
  "no-ingress-from-everywhere": {
    refused: [
      {
        type: "aws:ec2/securityGroup:SecurityGroup",
        props: { ingress: [{ protocol: "tcp", fromPort: 50_001, toPort: 50_001, cidrBlocks: ["0.0.0.0/0"] }] },
      },
      ingress(50_001, "203.0.113.0/24"),
    ],
    says: [
      "it: ingress[0] | ports 50001 to 50001 from 0.0.0.0/0 | a security group, or the peers' addresses",
      "it: rule | ports 50001 to 50001 from 203.0.113.0/24 | a security group, or the peers' addresses",
    ],
    passes: [{ type: "aws:ec2/securityGroup:SecurityGroup", props: {} }, ingress(50_001, "203.0.113.7/32")],
  },
  "load-balancers-internal": {
    refused: [
      service({ type: "LoadBalancer", ports: [{ port: 50_001 }] }),
      { type: "aws:lb/loadBalancer:LoadBalancer", props: { internal: false } },
    ],
    says: [
      "it: metadata.annotations | no scheme, or another than internal | service.beta.kubernetes.io/aws-load-balancer-scheme: internal",
      "it: internal | false | true",
    ],
    passes: [service({ type: "LoadBalancer" }, internal), service({ type: "ExternalName" })],
  },
  "endpoint-service-closed": {
    refused: [{ type: "aws:ec2/vpcEndpointService:VpcEndpointService", props: { allowedPrincipals: ["*"] } }],
    says: ["it: allowedPrincipals | * | the peers' account ARNs"],
    passes: [
      { type: "aws:ec2/vpcEndpointService:VpcEndpointService", props: { allowedPrincipals: [`${account}:root`] } },
    ],
  },
  "api-server-closed": {
    refused: [cluster({ vpcConfig: { endpointPublicAccess: true } })],
    says: [
      "it: vpcConfig.publicAccessCidrs | 0.0.0.0/0 | ranges that are no more than one /8 together, or one /32 of IPv6",
    ],
    passes: [
      cluster({ vpcConfig: { endpointPublicAccess: false } }),
      cluster({ vpcConfig: { endpointPublicAccess: true, publicAccessCidrs: ["203.0.113.0/24"] } }),
    ],
  },
  "network-policy-enforced": {
    refused: [{ ...cluster({ name: "kms" }), name: "bare" }],
    says: ["bare: vpc-cni | no such add-on beside it | the add-on, with enableNetworkPolicy"],
    passes: [cluster({ name: "kms" }), vpcCni({ enableNetworkPolicy: "true" })],
  },
  "region-fits-network": {
    refused: [provider({ region: "eu-west-1", defaultTags: tags("mainnet") })],
    says: ["it: region | eu-west-1 | eu-central-1, as all of the mainnet"],
    passes: [
      provider({ region: "eu-central-1", defaultTags: tags("mainnet") }),
      provider({ region: "eu-west-3", defaultTags: tags("devnet") }),
    ],
  },
  "trusted-releases-real": {
    refused: [
      release({ trustedReleases: [{ pcr0, pcr1: "0".repeat(96), pcr2: pcr0 }] }),
      release({ trustedReleases: [] }),
    ],
    says: [
      `core: values.kmsCore.thresholdMode.tls.trustedReleases[0].pcr1 | ${"0".repeat(96)} | 96 hexadecimal digits, not all of them zero`,
      "core: values.kmsCore.thresholdMode.tls.trustedReleases | an empty list | at least one release's pcr0, pcr1 and pcr2",
    ],
    passes: [release({})],
  },
  "tls-never-off": {
    refused: [release({ enabled: false })],
    says: [
      "core: values.kmsCore.thresholdMode.tls.enabled | false, no exception | true; or an exception: development on a devnet, or custodian-recovery with a reason and an end within 72 hours",
    ],
    passes: [release({})],
  },
  "images-pinned": {
    refused: [deployment("example/core:latest"), deployment("registry:5000/example/core")],
    says: [
      "it: spec.template.spec.containers[0].image | example/core:latest | a tag other than latest, better a digest: name:tag@sha256:…",
      "it: spec.template.spec.containers[0].image | registry:5000/example/core | a tag other than latest, better a digest: name:tag@sha256:…",
    ],
    passes: [deployment("example/core:v1"), release({})],
  },
  "images-by-digest": {
    refused: [deployment("example/core:v1")],
    says: ["it: spec.template.spec.containers[0].image | example/core:v1 | name:tag@sha256:…"],
    passes: [deployment(`example/core@sha256:${"c".repeat(64)}`), release({})],
  },
  "charts-pinned": {
    refused: [
      release({}, { version: "^1.9", chart: "oci://registry.example/kms-core" }),
      release({}, { chart: "kms-core", repositoryOpts: { repo: "https://charts.example" } }),
    ],
    says: [
      "core: version | ^1.9 | one exact version, such as 1.9.1",
      "core: chart | oci://registry.example/kms-core | oci://…@sha256:…",
      "core: chart | kms-core from https://charts.example: Helm compares no digest | oci://…@sha256:…, or a file whose digest was compared",
    ],
    passes: [release({}), release({}, { chart: "/charts/kms-core-1.9.1.tgz" })],
  },
  "cluster-audit-log": {
    refused: [cluster({ enabledClusterLogTypes: ["api"] })],
    says: ["it: enabledClusterLogTypes | api | api, audit, authenticator"],
    passes: [cluster({ enabledClusterLogTypes: ["api", "audit", "authenticator"] })],
  },
  "trail-complete": {
    refused: [{ type: "aws:cloudtrail/trail:Trail", props: { enableLogFileValidation: true } }],
    says: ["it: eventSelectors | no data events of S3 objects | AWS::S3::Object, for the party's vaults"],
    passes: [
      {
        type: "aws:cloudtrail/trail:Trail",
        props: {
          enableLogFileValidation: true,
          eventSelectors: [{ dataResources: [{ type: "AWS::S3::Object", values: ["arn:aws:s3:::v/"] }] }],
        },
      },
    ],
  },
  "cluster-secrets-encrypted": {
    refused: [cluster({})],
    says: ["it: encryptionConfig.resources | none | secrets"],
    passes: [cluster({ encryptionConfig: { resources: ["secrets"] } })],
  },
  "volumes-encrypted": {
    refused: [
      { type: "aws:ebs/volume:Volume", props: {} },
      { type: "kubernetes:storage.k8s.io/v1:StorageClass", props: { provisioner: "ebs.csi.aws.com", parameters: {} } },
    ],
    says: ["it: encrypted | false | true", 'it: parameters.encrypted | none | "true"'],
    passes: [{ type: "aws:ebs/volume:Volume", props: { encrypted: true } }],
  },
  "database-protected": {
    refused: [database({ deletionProtection: false, publiclyAccessible: true })],
    says: ["it: publiclyAccessible | true | false", "it: deletionProtection | false | true"],
    passes: [database()],
  },
  "database-password-managed": {
    refused: [database({ manageMasterUserPassword: undefined, password: "hunter2" })],
    says: ["it: password | a password of the stack's | manageMasterUserPassword: true"],
    passes: [database()],
  },
  "database-tls": {
    refused: [
      { type: "aws:rds/parameterGroup:ParameterGroup", props: { parameters: [{ name: "rds.force_ssl", value: "0" }] } },
    ],
    says: ["it: parameters: rds.force_ssl | 0 | 1"],
    passes: [{ type: "aws:rds/parameterGroup:ParameterGroup", props: { parameters: [] } }],
  },
  "required-tags": {
    refused: [
      provider({ defaultTags: { tags: { network: "n" } } }),
      template({ tagSpecifications: tagged(["instance", "network-interface"]) }),
    ],
    says: [
      "it: defaultTags | network | network, party, environment, managed-by",
      "template: tagSpecifications: volume | none | network, party, environment, managed-by",
    ],
    passes: [
      provider({ defaultTags: JSON.stringify(tags("mainnet")) }),
      template({ tagSpecifications: tagged(["instance", "volume", "network-interface"]) }),
    ],
  },
  "irreplaceable-protected": {
    refused: [bucket(), { ...sealing, name: "key" }, { ...cluster({}), name: "cluster" }],
    says: [
      "p1-private-vault-bucket: protect | false | true",
      "key: protect | false | true",
      "cluster: protect | false | true",
    ],
    passes: [
      { ...bucket(), protect: true },
      { ...bucket("logs"), within: "quorate:aws:LogBucket" },
      { ...sealing, name: "key", protect: true },
    ],
  },
  "no-secret-in-state": {
    refused: [{ type: "kubernetes:core/v1:Secret", props: { stringData: { password: "hunter2" } } }],
    says: ["it: stringData | a value (not shown) | none: another hand fills it"],
    passes: [{ type: "kubernetes:core/v1:Secret", props: {} }],
  },
};
