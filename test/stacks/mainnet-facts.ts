import { expect } from "vitest";

/**
 * What the Terraform modules make and with which arguments (v0.1.27), beside what a party of ours makes in its place. Where ours
 * differs on purpose, the comment says so and the facts are ours.
 */
export interface Fact {
  /** Upstream's address of it: `<module> <resource>`. */
  upstream: string;
  /** Our resource's name. */
  ours: string;
  /** Its inputs, as far as upstream says anything of them; policies parsed, user data decoded. */
  inputs: object;
}

const fact = (upstream: string, ours: string, inputs: object): Fact => ({ upstream, ours, inputs });

export const party = "100000000001";
const coreRole = `arn:aws:iam::${party}:role/mpc-kms-party-1`;
const connectorRole = `${coreRole}-connector`;
const root = `arn:aws:iam::${party}:root`;
/** PCR0 of 0.13.10. */
export const pcr0 = "4b2211c37a2809be8e9e984ebd0a7d50e932f43b17e66f329cf312e69927c517c77e4561781115888f4148befac2af55";
const ofImage = { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [pcr0] } };

/** A policy with these statements among its own. Nothing more is said of an order. */
export const policy = (...statements: object[]) => ({
  Statement: expect.arrayContaining(statements.map((statement) => expect.objectContaining(statement))),
});
const can = (role: string, actions: string[], more: object = {}) => ({
  Effect: "Allow",
  Principal: { AWS: role },
  Action: actions,
  ...more,
});
/** Managing without using: no Encrypt, Decrypt, GenerateDataKey. */
const administers = (account: string, ...actions: string[]) => ({
  Effect: "Allow",
  Principal: { AWS: [account] },
  Action: expect.arrayContaining(["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", ...actions]),
});
export const signs = ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"];
export const keeps = { objectOwnership: "BucketOwnerEnforced" };
export const closed = {
  blockPublicAcls: true,
  blockPublicPolicy: true,
  ignorePublicAcls: true,
  restrictPublicBuckets: true,
};
const trust = (serviceAccount: string, namespace = "kms-decentralized") => ({
  Statement: [
    {
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: {
        // Upstream sets no condition on the audience.
        StringEquals: {
          "oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub": `system:serviceaccount:${namespace}:${serviceAccount}`,
          "oidc.eks.eu-west-1.amazonaws.com/id/ABC:aud": "sts.amazonaws.com",
        },
      },
    },
  ],
});
const account = (name: string, role: string, namespace = "kms-decentralized") => ({
  metadata: { name, namespace, annotations: { "eks.amazonaws.com/role-arn": role } },
});
export const pauserTrust = trust("zama-protocol-pause", "zama-protocol");
export const pauserRole = `arn:aws:iam::${party}:role/zama-protocol-pause-kms`;
export const pauserAccount = account("zama-protocol-pause", pauserRole, "zama-protocol");
export const pauserSigns = policy(can(pauserRole, signs), administers(root, "kms:ImportKeyMaterial"));
export const backupAdministers = (id: string) => administers(`arn:aws:iam::${id}:root`, "kms:ReplicateKey");

const vaultFacts = (kind: "public" | "private", upstream: string): Fact[] => {
  const of = (resource: string) => `mpc-party ${resource}.${upstream}`;
  const name = `party-1-${kind}-vault`;
  return [
    // Upstream: force_destroy = true.
    fact(of("aws_s3_bucket"), `${name}-bucket`, {
      bucket: expect.stringMatching(new RegExp(`^mpc-vault-${kind}-[0-9a-f]{8}$`)),
      forceDestroy: false,
    }),
    fact(of("aws_s3_bucket_ownership_controls"), `${name}-ownership`, { rule: keeps }),
    fact(of("aws_s3_bucket_versioning"), `${name}-versioning`, { versioningConfiguration: { status: "Enabled" } }),
    // Upstream: all four off where public. ACLs have no part in it.
    fact(
      of("aws_s3_bucket_public_access_block"),
      `${name}-access-block`,
      kind === "private" ? closed : { blockPublicPolicy: false, restrictPublicBuckets: false },
    ),
  ];
};

/** Module mpc-party. */
export const partyFacts: Fact[] = [
  fact("mpc-party random_id.mpc_party_suffix", "party-1-vault-suffix", { byteLength: 4 }),
  fact("mpc-party kubernetes_namespace.mpc_party_namespace", "party-1-place-namespace", {
    metadata: {
      name: "kms-decentralized",
      labels: {
        "app.kubernetes.io/name": "mpc-party",
        "app.kubernetes.io/component": "storage",
        "app.kubernetes.io/part-of": "mpc-cluster",
        "mpc.io/party-name": "party-1",
      },
    },
  }),
  ...vaultFacts("public", "vault_public_bucket"),
  ...vaultFacts("private", "vault_private_bucket"),
  fact("mpc-party aws_s3_bucket_cors_configuration.vault_public_bucket_cors", "party-1-public-vault-cors", {
    corsRules: [
      {
        allowedMethods: ["GET", "HEAD"],
        allowedOrigins: ["*"],
        allowedHeaders: ["Authorization"],
        exposeHeaders: ["Access-Control-Allow-Origin"],
      },
    ],
  }),
  fact("mpc-party aws_s3_bucket_policy.vault_public_bucket_policy", "party-1-public-vault-policy", {
    policy: policy(
      { Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::mpc-vault-public-0a1b2c3d/*" },
      { Principal: "*", Action: "s3:ListBucket", Resource: "arn:aws:s3:::mpc-vault-public-0a1b2c3d" },
    ),
  }),
  // Upstream: s3:*Object on both buckets, whole.
  fact("mpc-party aws_iam_policy.mpc_aws", "party-1-core-vault-policy", {
    role: "mpc-kms-party-1",
    policy: policy(
      { Action: "s3:GetObject", Resource: expect.arrayContaining([expect.stringMatching(/private.*\/PRV-p1\/\*$/)]) },
      {
        Action: ["s3:DeleteObject", "s3:PutObject"],
        Resource: expect.arrayContaining([expect.stringMatching(/\/PUB-p1\/\*$/)]),
      },
      { Action: "s3:ListBucket", Resource: expect.arrayContaining([expect.stringMatching(/vault-public-[0-9a-f]+$/)]) },
    ),
  }),
  fact("mpc-party module.iam_assumable_role_mpc_party", "party-1-core-role", {
    name: "mpc-kms-party-1",
    assumeRolePolicy: trust("mpc-party"),
  }),
  fact(
    "mpc-party kubernetes_service_account.mpc_party_service_account",
    "party-1-place-core-account",
    account("mpc-party", coreRole),
  ),
  fact("mpc-party module.iam_assumable_role_kms_connector", "party-1-connector-role", {
    name: "mpc-kms-party-1-connector",
    assumeRolePolicy: trust("mpc-party-connector"),
  }),
  fact(
    "mpc-party kubernetes_service_account.mpc_kms_connector_service_account",
    "party-1-place-connector-account",
    account("mpc-party-connector", connectorRole),
  ),
  fact("mpc-party aws_kms_key.mpc_party", "party-1-vault-key", {
    customerMasterKeySpec: "SYMMETRIC_DEFAULT",
    keyUsage: "ENCRYPT_DECRYPT",
    deletionWindowInDays: 30,
    policy: policy(
      can(coreRole, ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetPublicKey"]),
      can(coreRole, ["kms:Decrypt", "kms:GenerateDataKey"], { Condition: ofImage }),
      administers(root),
    ),
  }),
  // Upstream: alias/mpc-<party_name>.
  fact("mpc-party aws_kms_alias.mpc_party", "party-1-vault-alias", { name: "alias/quorate-zama-mainnet-party-1" }),
  fact("mpc-party aws_kms_external_key.mpc_connector_tx_sender", "party-1-tx-sender-key", {
    keySpec: "ECC_SECG_P256K1",
    keyUsage: "SIGN_VERIFY",
    deletionWindowInDays: 30,
    policy: policy(
      can(connectorRole, signs),
      administers(root, "kms:ImportKeyMaterial", "kms:DeleteImportedKeyMaterial"),
    ),
  }),
  fact("mpc-party aws_kms_alias.mpc_connector_tx_sender", "party-1-tx-sender-alias", {
    name: "alias/quorate-zama-mainnet-party-1-connector-txsender",
  }),
  fact("mpc-party kubernetes_config_map.mpc_party_config", "party-1-place-config", {
    metadata: { name: "mpc-party", namespace: "kms-decentralized" },
    data: {
      CORE_CLIENT__S3_ENDPOINT: "https://mpc-vault-public-0a1b2c3d.s3.eu-central-1.amazonaws.com",
      KMS_CORE__THRESHOLD__MY_ID: "1",
      KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET: "mpc-vault-private-0a1b2c3d",
      KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET: "mpc-vault-public-0a1b2c3d",
      // Upstream: both empty, and the values override them.
      KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX: "PRV-p1",
      KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX: "PUB-p1",
      KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID: "11111111-2222-3333-4444-555555555555",
      KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC: "symm",
      KMS_CONNECTOR__TX_SENDER_AWS_KMS_KEY_ID: "party-1-tx-sender-key-id",
      KMS_CORE__BACKUP_VAULT__STORAGE__S3__BUCKET: "mpc-backup-zama-mainnet-p1-200000000001",
      KMS_CORE__BACKUP_VAULT__STORAGE__S3__PREFIX: "backup",
      KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID:
        "arn:aws:kms:eu-central-1:200000000001:alias/quorate-zama-mainnet-party-1-backup",
      KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC: "asymm",
    },
  }),
  fact("mpc-party module.eks_managed_node_group", "party-1-enclaves-nodegroup", {
    clusterName: "kms",
    subnetIds: ["subnet-0a", "subnet-0b"],
    scalingConfig: { minSize: 1, maxSize: 1, desiredSize: 1 },
    instanceTypes: ["c7a.16xlarge"],
    capacityType: "ON_DEMAND",
    amiType: "AL2023_x86_64_STANDARD",
    releaseVersion: "1.33.8-20260304",
    updateConfig: { maxUnavailable: 1 },
    labels: { "node.kubernetes.io/enclave-enabled": "true" },
    taints: [{ key: "node.kubernetes.io/enclave-enabled", value: "true", effect: "NO_SCHEDULE" }],
  }),
  fact("mpc-party module.eks_managed_node_group", "party-1-enclaves-template", {
    enclaveOptions: { enabled: true },
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 2 },
    // Upstream: 20 GiB, dropped with a launch template.
    blockDeviceMappings: [{ ebs: { volumeSize: 100, volumeType: "gp3", encrypted: "true" } }],
    userData: expect.stringMatching(
      /aws-nitro-enclaves-cli[\s\S]*memory_mib: 98304\ncpu_count: 48[\s\S]*restart nitro-enclaves-allocator/,
    ),
  }),
  ...[
    "worker:AmazonEKSWorkerNodePolicy",
    "network:AmazonEKS_CNI_Policy",
    "registry:AmazonEC2ContainerRegistryReadOnly",
    "volumes:service-role/AmazonEBSCSIDriverPolicy",
  ].map((pair) => {
    const [name, arn] = pair.split(":");
    return fact("mpc-party module.eks_managed_node_group", `party-1-enclaves-${name}-policy`, {
      policyArn: `arn:aws:iam::aws:policy/${arn}`,
    });
  }),
  fact("mpc-party kubernetes_daemon_set_v1.aws_nitro_enclaves_device_plugin", "party-1-device-plugin-daemonset", {
    metadata: { name: "aws-nitro-enclaves-k8s-device-plugin", namespace: "kube-system" },
    spec: {
      selector: { matchLabels: { name: "aws-nitro-enclaves" } },
      template: {
        spec: {
          priorityClassName: "system-node-critical",
          terminationGracePeriodSeconds: 30,
          tolerations: [{ key: "node.kubernetes.io/enclave-enabled", value: "true", effect: "NoSchedule" }],
          containers: [
            {
              image: "public.ecr.aws/aws-nitro-enclaves/aws-nitro-enclaves-k8s-device-plugin:v0.3",
              env: [{ name: "ENCLAVE_CPU_ADVERTISEMENT", value: "TRUE" }],
              resources: { limits: { cpu: "100m", memory: "30Mi" }, requests: { cpu: "10m", memory: "15Mi" } },
              securityContext: { capabilities: { drop: ["ALL"] }, readOnlyRootFilesystem: true },
              volumeMounts: [
                { mountPath: "/var/lib/kubelet/device-plugins" },
                { mountPath: "/dev" },
                { mountPath: "/sys" },
              ],
            },
          ],
        },
      },
    },
  }),
  // Upstream: no deletion protection, nothing encrypted of its own, passwords for 1000 days.
  fact("mpc-party module.rds_instance", "party-1-database-instance", {
    identifier: "zama-mainnet-kmsconnector",
    engine: "postgres",
    engineVersion: "17.2",
    instanceClass: "db.t4g.medium",
    allocatedStorage: 50,
    maxAllocatedStorage: 100,
    multiAz: false,
    port: 5432,
    dbName: "kmsconnector",
    username: "zws",
    manageMasterUserPassword: true,
    iamDatabaseAuthenticationEnabled: false,
    backupRetentionPeriod: 7,
    deletionProtection: true,
  }),
  fact("mpc-party module.rds_instance", "party-1-database-parameters", {
    family: "postgres17",
    parameters: expect.arrayContaining([expect.objectContaining({ name: "rds.force_ssl", value: "0" })]),
  }),
  fact("mpc-party module.rds_instance", "party-1-database-subnets", { subnetIds: ["subnet-0a", "subnet-0b"] }),
  // Upstream: from all private subnets.
  fact("mpc-party module.rds_security_group", "party-1-database-from-cluster", {
    fromPort: 5432,
    toPort: 5432,
    ipProtocol: "tcp",
    referencedSecurityGroupId: "sg-0123456789abcdef0",
  }),
  fact("mpc-party module.rds_security_group", "party-1-database-group", { vpcId: "vpc-01" }),
  // Upstream: in the namespace default, and off.
  fact("mpc-party kubernetes_service.externalname", "party-1-database-host-service", {
    metadata: { name: "kms-connector-db-external" },
    spec: { type: "ExternalName", externalName: "zama-mainnet-kmsconnector.rds.amazonaws.com" },
  }),
];
