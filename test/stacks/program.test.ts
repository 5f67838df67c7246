import { runtime } from "@pulumi/pulumi";
import { afterEach, expect, test, vi } from "vitest";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import { settled } from "../support/mocks.ts";
import { rawStackConfig, StacksDir } from "../support/network.ts";
import { runProgramIn } from "../support/run-program.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  runtime.setAllConfig({});
});

async function runProgram(stacks: StacksDir, config = rawStackConfig()) {
  return await runProgramIn(stacks.dir, config);
}

async function values(outputs: Record<string, unknown>): Promise<Record<string, unknown>> {
  const fields = Object.entries(outputs).map(async ([field, value]) => [field, await settled(value as never)]);
  return Object.fromEntries(await Promise.all(fields));
}

test("the program exports the party outputs, exactly", async () => {
  await using stacks = await StacksDir.create();
  const stack = await runProgram(stacks);
  const outputs = PartyOutputs.parse(await values(stack.result));
  expect(outputs).toMatchInlineSnapshot(`
    {
      "absent": {
        "backupVault": "nothing is backed up: quorate:backup in the stack file",
        "database": "the connector has no database of this stack: quorate:connectorDatabase in the stack file",
        "elasticIp": "peers connect by privatelink, which needs no public address",
        "kubeip": "peers connect by privatelink, which needs no public address",
        "txSenderKeyArn": "the connector has no key to sign with: quorate:txSenderKey in the stack file",
      },
      "accountId": "100000000001",
      "allocator": {
        "cpuCount": 48,
        "memoryMib": 98304,
      },
      "auditLogBucket": "mpc-vault-logs-0a1b2c3d",
      "availabilityZoneIds": [
        "euw1-az1",
      ],
      "awsProfile": "devnet-party-1",
      "backupVault": null,
      "caCertificate": {
        "bucketName": "mpc-vault-public-0a1b2c3d",
        "key": "PUB-p1/CACert/60b7070add74be3827160aa635fb255eeeeb88586c4debf7ab1134ddceb4beee",
        "url": "https://mpc-vault-public-0a1b2c3d.s3.eu-west-1.amazonaws.com/PUB-p1/CACert/60b7070add74be3827160aa635fb255eeeeb88586c4debf7ab1134ddceb4beee",
      },
      "cluster": {
        "name": "kms-party-1",
        "region": "eu-west-1",
      },
      "configMapName": "mpc-party",
      "contract": "party/v1",
      "database": null,
      "elasticIp": null,
      "enclaveNodegroup": "party-1-enclaves-nodegroup",
      "endpointServiceName": "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000001",
      "kubeip": null,
      "manifestDigest": "sha256:7efce29f3b27223975d4cf31c659a9efb1f0495ea12fdb65e6e327baccdd5fc9",
      "namespace": "kms-decentralized",
      "network": "devnet",
      "partyId": 1,
      "partyKeyArn": "arn:aws:kms:eu-west-1:100000000001:key/11111111-2222-3333-4444-555555555555",
      "partyName": "party-1",
      "peerHosts": {
        "2": "mpc-node-2.kms-decentralized.svc.cluster.local",
        "3": "mpc-node-3.kms-decentralized.svc.cluster.local",
        "4": "mpc-node-4.kms-decentralized.svc.cluster.local",
      },
      "ports": {
        "grpc": 50100,
        "metrics": 9646,
        "peer": 50001,
      },
      "privateVault": {
        "bucketArn": "arn:aws:s3:::mpc-vault-private-0a1b2c3d",
        "bucketName": "mpc-vault-private-0a1b2c3d",
        "prefix": "PRV-p1",
      },
      "publicVault": {
        "bucketArn": "arn:aws:s3:::mpc-vault-public-0a1b2c3d",
        "bucketName": "mpc-vault-public-0a1b2c3d",
        "prefix": "PUB-p1",
        "url": "https://mpc-vault-public-0a1b2c3d.s3.eu-west-1.amazonaws.com",
      },
      "region": "eu-west-1",
      "release": {
        "chartVersion": "1.9.1",
        "imageDigest": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
        "name": "kms-core",
        "version": "0.13.20",
      },
      "roles": {
        "connector": "arn:aws:iam::100000000001:role/mpc-kms-party-1-party-1-connector",
        "core": "arn:aws:iam::100000000001:role/mpc-kms-party-1-party-1",
      },
      "securityGroupIds": [
        "sg-0123456789abcdef0",
        "party-1-peers-group-id",
      ],
      "serviceAccounts": {
        "connector": "mpc-party-connector",
        "core": "mpc-party",
      },
      "services": {
        "core": "kms-core-1",
        "headless": "kms-core",
      },
      "signingKeyArn": "arn:aws:kms:eu-west-1:100000000001:key/11111111-2222-3333-4444-555555555555",
      "system": "zama-kms",
      "transport": "privatelink",
      "trustedReleases": [
        {
          "image": {
            "digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
            "repository": "example/core-service-enclave",
            "tag": "v0.13.10",
          },
          "pcr0": "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
          "pcr1": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          "pcr2": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
          "version": "0.13.10",
        },
        {
          "image": {
            "digest": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
            "repository": "example/core-service-enclave",
            "tag": "v0.13.20",
          },
          "pcr0": "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222",
          "pcr1": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          "pcr2": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
          "version": "0.13.20",
        },
      ],
      "txSenderKeyArn": null,
      "workload": {
        "pod": "kms-core-1",
        "prober": "quorate-prober",
        "statefulSet": "kms-core",
      },
    }
  `);
});

test("the program builds this graph", async () => {
  await using stacks = await StacksDir.create();
  const stack = await runProgram(stacks);
  expect(stack.tree().join("\n")).toMatchInlineSnapshot(`
    "aws (pulumi:providers:aws)
    kubernetes (pulumi:providers:kubernetes)
    party-1 (quorate:zama-kms:Party)
      party-1-audit (quorate:aws:AuditTrail)
        party-1-audit-trail (aws:cloudtrail/trail:Trail)
      party-1-certificates (quorate:aws:PeerCertificates)
      party-1-connector (quorate:aws:PartyRole)
        party-1-connector-role (aws:iam/role:Role)
      party-1-core (quorate:aws:PartyRole)
        party-1-core-role (aws:iam/role:Role)
        party-1-core-vault-policy (aws:iam/rolePolicy:RolePolicy)
      party-1-device-plugin (quorate:kubernetes:EnclaveDevicePlugin)
        party-1-device-plugin-daemonset (kubernetes:apps/v1:DaemonSet)
      party-1-enclaves (quorate:aws:EnclaveNodegroup)
        party-1-enclaves-network-policy (aws:iam/rolePolicyAttachment:RolePolicyAttachment)
        party-1-enclaves-nodegroup (aws:eks/nodeGroup:NodeGroup)
        party-1-enclaves-registry-policy (aws:iam/rolePolicyAttachment:RolePolicyAttachment)
        party-1-enclaves-role (aws:iam/role:Role)
        party-1-enclaves-template (aws:ec2/launchTemplate:LaunchTemplate)
        party-1-enclaves-volumes-policy (aws:iam/rolePolicyAttachment:RolePolicyAttachment)
        party-1-enclaves-worker-policy (aws:iam/rolePolicyAttachment:RolePolicyAttachment)
      party-1-eviction (quorate:kubernetes:DisruptionBudget)
        party-1-eviction-budget (kubernetes:policy/v1:PodDisruptionBudget)
      party-1-hosts (quorate:kubernetes:PeerServices)
        party-1-hosts-own (kubernetes:core/v1:Service)
        party-1-hosts-party-2 (kubernetes:core/v1:Service)
        party-1-hosts-party-3 (kubernetes:core/v1:Service)
        party-1-hosts-party-4 (kubernetes:core/v1:Service)
      party-1-kms (quorate:zama-kms:CoreRelease)
        party-1-kms-release (kubernetes:helm.sh/v3:Release)
      party-1-logs (quorate:aws:LogBucket)
        party-1-logs-access-block (aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock)
        party-1-logs-bucket (aws:s3/bucket:Bucket)
        party-1-logs-encryption (aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration)
        party-1-logs-lifecycle (aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration)
        party-1-logs-ownership (aws:s3/bucketOwnershipControls:BucketOwnershipControls)
        party-1-logs-policy (aws:s3/bucketPolicy:BucketPolicy)
        party-1-logs-versioning (aws:s3/bucketVersioning:BucketVersioning)
      party-1-peers (quorate:aws:PeerEndpoints)
        party-1-peers-group (aws:ec2/securityGroup:SecurityGroup)
        party-1-peers-party-2 (aws:ec2/vpcEndpoint:VpcEndpoint)
        party-1-peers-party-3 (aws:ec2/vpcEndpoint:VpcEndpoint)
        party-1-peers-party-4 (aws:ec2/vpcEndpoint:VpcEndpoint)
        party-1-peers-port-50001 (aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule)
      party-1-place (quorate:kubernetes:PartyNamespace)
        party-1-place-config (kubernetes:core/v1:ConfigMap)
        party-1-place-connector-account (kubernetes:core/v1:ServiceAccount)
        party-1-place-core-account (kubernetes:core/v1:ServiceAccount)
        party-1-place-namespace (kubernetes:core/v1:Namespace)
      party-1-private-vault (quorate:aws:Vault)
        party-1-private-vault-access-block (aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock)
        party-1-private-vault-bucket (aws:s3/bucket:Bucket) protected
        party-1-private-vault-encryption (aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration)
        party-1-private-vault-lifecycle (aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration)
        party-1-private-vault-logging (aws:s3/bucketLogging:BucketLogging)
        party-1-private-vault-ownership (aws:s3/bucketOwnershipControls:BucketOwnershipControls)
        party-1-private-vault-policy (aws:s3/bucketPolicy:BucketPolicy)
        party-1-private-vault-versioning (aws:s3/bucketVersioning:BucketVersioning)
      party-1-prober (quorate:kubernetes:Prober)
        party-1-prober-deployment (kubernetes:apps/v1:Deployment)
        party-1-prober-script (kubernetes:core/v1:ConfigMap)
      party-1-public-vault (quorate:aws:Vault)
        party-1-public-vault-access-block (aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock)
        party-1-public-vault-bucket (aws:s3/bucket:Bucket) protected
        party-1-public-vault-cors (aws:s3/bucketCorsConfiguration:BucketCorsConfiguration)
        party-1-public-vault-encryption (aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration)
        party-1-public-vault-lifecycle (aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration)
        party-1-public-vault-logging (aws:s3/bucketLogging:BucketLogging)
        party-1-public-vault-ownership (aws:s3/bucketOwnershipControls:BucketOwnershipControls)
        party-1-public-vault-policy (aws:s3/bucketPolicy:BucketPolicy)
        party-1-public-vault-versioning (aws:s3/bucketVersioning:BucketVersioning)
      party-1-signing (quorate:aws:SigningKey)
        party-1-signing-alias (aws:kms/alias:Alias)
        party-1-signing-key (aws:kms/key:Key) protected
      party-1-traffic (quorate:kubernetes:CoreNetworkPolicy)
        party-1-traffic-core (kubernetes:networking.k8s.io/v1:NetworkPolicy)
        party-1-traffic-key-job (kubernetes:networking.k8s.io/v1:NetworkPolicy)
        party-1-traffic-prober (kubernetes:networking.k8s.io/v1:NetworkPolicy)
      party-1-vault (quorate:aws:AttestedKey)
        party-1-vault-alias (aws:kms/alias:Alias)
        party-1-vault-key (aws:kms/key:Key) protected
      party-1-vault-suffix (random:index/randomId:RandomId)
    party-1-eks (quorate:aws:PartyCluster)
      party-1-eks-aws-ebs-csi-driver (aws:eks/addon:Addon)
      party-1-eks-cluster (eks:index:Cluster) protected
      party-1-eks-coredns (aws:eks/addon:Addon)
      party-1-eks-kube-proxy (aws:eks/addon:Addon)
      party-1-eks-oidc (aws:iam/openIdConnectProvider:OpenIdConnectProvider)
      party-1-eks-secrets (quorate:aws:ClusterSecretsKey)
        party-1-eks-secrets-alias (aws:kms/alias:Alias)
        party-1-eks-secrets-key (aws:kms/key:Key) protected
      party-1-eks-volumes (quorate:aws:PartyRole)
        party-1-eks-volumes-policy (aws:iam/rolePolicyAttachment:RolePolicyAttachment)
        party-1-eks-volumes-role (aws:iam/role:Role)
      party-1-eks-vpc-cni (aws:eks/addon:Addon)"
  `);
});
