import { expect } from "vitest";
import {
  backupAdministers,
  closed,
  type Fact,
  keeps,
  party,
  pauserAccount,
  pauserSigns,
  pauserTrust,
  pcr0,
  policy,
} from "./mainnet-facts.ts";

const fact = (upstream: string, ours: string, inputs: object): Fact => ({ upstream, ours, inputs });
const annotation = "service.beta.kubernetes.io/aws-load-balancer-";
const peers = Array.from({ length: 12 }, (_, index) => index + 2);
const service = (id: number) => `com.amazonaws.vpce.eu-central-1.vpce-svc-${String(id).padStart(17, "0")}`;

/** Module vpc-endpoint-provider. */
export const providerFacts: Fact[] = [
  fact("vpc-endpoint-provider kubernetes_namespace.mpc_namespace", "party-1-place-namespace", {
    metadata: { name: "kms-decentralized" },
  }),
  fact("vpc-endpoint-provider kubernetes_service.mpc_nlb", "party-1-balancer-service", {
    // Upstream: mpc-node-<id>, which is the party's own host with us.
    metadata: {
      name: "mpc-node-1-peers",
      annotations: {
        [`${annotation}type`]: "external",
        [`${annotation}scheme`]: "internal",
        [`${annotation}cross-zone-load-balancing-enabled`]: "true",
        [`${annotation}backend-protocol`]: "tcp",
        [`${annotation}internal`]: "true",
        [`${annotation}nlb-target-type`]: "ip",
        [`${annotation}additional-resource-tags`]: expect.stringContaining("mpc-node=node-1,environment=mainnet"),
      },
    },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "service.k8s.aws/nlb",
      selector: { app: "kms-core" },
      // Upstream: 9646 too. 50100 by a switch that we do not have.
      ports: [{ name: "peer", port: 50_001, targetPort: 50_001, protocol: "TCP" }],
    },
  }),
  // Upstream: nobody and nowhere, to be filled in by hand.
  fact("vpc-endpoint-provider aws_vpc_endpoint_service.mpc_nlb_service", "party-1-endpoint-service", {
    acceptanceRequired: false,
    allowedPrincipals: peers.map((id) => `arn:aws:iam::1000000000${String(id).padStart(2, "0")}:root`),
    supportedRegions: ["eu-central-1"],
  }),
];

/** Module vpc-endpoint-consumer. What copies certificates has tests of its own: it needs cards. */
export const consumerFacts: Fact[] = [
  fact("vpc-endpoint-consumer aws_security_group.vpc_endpoint", "party-1-peers-group", { vpcId: "vpc-01" }),
  // Upstream: from everywhere unless a group is named; 9646 too.
  fact("vpc-endpoint-consumer aws_vpc_security_group_ingress_rule.vpc_endpoint", "party-1-peers-port-50001", {
    fromPort: 50_001,
    toPort: 50_001,
    ipProtocol: "tcp",
    referencedSecurityGroupId: "sg-0123456789abcdef0",
  }),
  ...peers.flatMap((id) => [
    fact("vpc-endpoint-consumer aws_vpc_endpoint.party_interface_endpoints", `party-1-peers-party-${id}`, {
      vpcEndpointType: "Interface",
      serviceName: service(id),
      serviceRegion: "eu-central-1",
      privateDnsEnabled: false,
      subnetIds: ["subnet-0a", "subnet-0b"],
      vpcId: "vpc-01",
    }),
    fact("vpc-endpoint-consumer kubernetes_service.party_services", `party-1-hosts-party-${id}`, {
      metadata: {
        name: `mpc-node-${id}`,
        namespace: "kms-decentralized",
        labels: {
          "app.kubernetes.io/name": `kms-${id}-core`,
          "app.kubernetes.io/instance": `kms-${id}-core`,
          "app.kubernetes.io/component": "mpc-partner-interface",
        },
      },
      spec: {
        type: "ExternalName",
        externalName: `vpce-party-1-peers-party-${id}.vpce.amazonaws.com`,
        ports: [
          { name: "peer", port: 50_001 },
          { name: "metrics", port: 9_646 },
        ],
      },
    }),
    fact("vpc-endpoint-consumer aws_route53_record.partner_dns", `party-1-peers-record-${id}`, {
      name: `mpc-node-${id}.mpc-partners.local`,
      type: "A",
      aliases: [{ name: `vpce-party-1-peers-party-${id}.vpce.amazonaws.com` }],
    }),
  ]),
  fact("vpc-endpoint-consumer kubernetes_namespace.partner_namespace", "party-1-place-namespace", {
    metadata: { name: "kms-decentralized" },
  }),
];

/** Module zama-protocol-pauser-wallet. */
export const pauserFacts: Fact[] = [
  fact("zama-protocol-pauser-wallet kubernetes_namespace.zama_protocol_namespace", "party-1-pauser-namespace", {
    metadata: { name: "zama-protocol" },
  }),
  fact("zama-protocol-pauser-wallet aws_kms_external_key.tx_sender", "party-1-pauser-wallet-key", {
    keySpec: "ECC_SECG_P256K1",
    keyUsage: "SIGN_VERIFY",
    deletionWindowInDays: 30,
    policy: pauserSigns,
  }),
  fact("zama-protocol-pauser-wallet aws_kms_alias.tx_sender", "party-1-pauser-wallet-alias", {
    name: "alias/zama-protocol-pause-kms",
  }),
  fact("zama-protocol-pauser-wallet module.iam_assumable_role_tx_sender", "party-1-pauser-signer-role", {
    name: "zama-protocol-pause-kms",
    assumeRolePolicy: pauserTrust,
  }),
  fact(
    "zama-protocol-pauser-wallet kubernetes_service_account.tx_sender_irsa",
    "party-1-pauser-account",
    pauserAccount,
  ),
  fact("zama-protocol-pauser-wallet kubernetes_config_map.mpc_party_config", "party-1-pauser-config", {
    metadata: { name: "zama-protocol-pause", namespace: "zama-protocol" },
    data: { AWS_KMS_KEY_ID: "party-1-pauser-wallet-key-id" },
  }),
];

const coreOnly = { ArnEquals: { "aws:PrincipalArn": `arn:aws:iam::${party}:role/mpc-kms-party-1` } };
const sealing = policy(
  { Action: ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetPublicKey"], Condition: coreOnly },
  // Upstream: GenerateDataKey too, which KMS has not for an RSA key.
  {
    Action: ["kms:Decrypt"],
    Condition: { ...coreOnly, StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [pcr0] } },
  },
  backupAdministers("200000000001"),
);
const bucket = "mpc-backup-zama-mainnet-p1-200000000001";
const vault = (resource: string, upstream: string) => `mpc-backup-vault ${resource}.${upstream}`;

/** Modules mpc-backup-key and mpc-backup-vault: a stack of another account. */
export const backupFacts: Fact[] = [
  fact("mpc-backup-key aws_kms_key.this_backup", "party-1-backup-seal-key", {
    customerMasterKeySpec: "RSA_4096",
    keyUsage: "ENCRYPT_DECRYPT",
    multiRegion: true,
    deletionWindowInDays: 30,
    policy: sealing,
  }),
  fact("mpc-backup-key aws_kms_alias.this_backup", "party-1-backup-seal-alias", {
    name: "alias/quorate-zama-mainnet-party-1-backup",
  }),
  fact("mpc-backup-key aws_kms_replica_key.this_backup", "party-1-backup-seal-replica", {
    region: "eu-west-1",
    policy: sealing,
  }),
  fact("mpc-backup-key aws_kms_alias.this_backup_replica", "party-1-backup-seal-replica-alias", {
    region: "eu-west-1",
    name: "alias/quorate-zama-mainnet-party-1-backup",
  }),
  ...[
    { upstream: "backup_bucket", ours: "party-1-backup-vault", name: bucket },
    { upstream: "replica_bucket", ours: "party-1-backup-vault-replica", name: `${bucket}-r` },
  ].flatMap(({ upstream, ours, name }) => [
    fact(vault("aws_s3_bucket", upstream), `${ours}-bucket`, { bucket: name, forceDestroy: false }),
    fact(vault("aws_s3_bucket_ownership_controls", upstream), `${ours}-ownership`, { rule: keeps }),
    fact(vault("aws_s3_bucket_versioning", upstream), `${ours}-versioning`, {
      versioningConfiguration: { status: "Enabled" },
    }),
    fact(vault("aws_s3_bucket_public_access_block", upstream), `${ours}-access-block`, closed),
  ]),
  fact(vault("aws_s3_bucket_policy", "backup_bucket"), "party-1-backup-vault-policy", {
    policy: policy(
      { Action: ["s3:GetObject", "s3:PutObject"], Resource: `arn:aws:s3:::${bucket}/*`, Condition: coreOnly },
      { Action: "s3:ListBucket", Resource: `arn:aws:s3:::${bucket}`, Condition: coreOnly },
    ),
  }),
  fact(vault("data.aws_iam_policy_document", "replication_assume_role"), "party-1-backup-vault-replication-role", {
    assumeRolePolicy: policy({ Principal: { Service: "s3.amazonaws.com" }, Action: "sts:AssumeRole" }),
  }),
  fact(vault("aws_iam_role", "replication_role"), "party-1-backup-vault-replication-role", {}),
  fact(vault("aws_iam_role_policy_attachment", "replication_attach"), "party-1-backup-vault-replication-policy", {
    role: "party-1-backup-vault-replication-role",
  }),
  // Upstream: s3:ReplicateDelete too.
  fact(vault("aws_iam_policy", "replication_policy"), "party-1-backup-vault-replication-policy", {
    policy: policy(
      { Action: ["s3:GetReplicationConfiguration", "s3:ListBucket"] },
      { Action: ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"] },
      { Action: ["s3:ReplicateObject", "s3:ReplicateTags"], Resource: `arn:aws:s3:::${bucket}-r/*` },
    ),
  }),
  fact(vault("aws_s3_bucket_replication_configuration", "backup_bucket"), "party-1-backup-vault-replication", {
    rules: [{ id: "replicate-all", status: "Enabled", destination: { storageClass: "STANDARD" } }],
  }),
];
