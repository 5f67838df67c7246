import type { ResourceRule } from "./rule.ts";

export const clusterSecretsEncrypted: ResourceRule = {
  id: "cluster-secrets-encrypted",
  severity: "mandatory",
  guarantees: "A cluster encrypts its Secrets with a KMS key of the party's.",
  why: "Database and registry credentials lie in etcd, and in its backups.",
  source: "https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html; missing upstream",
  fix: "components/aws/party-cluster.ts: encryptionConfig",
  types: ["aws:eks/cluster:Cluster"],
  check({ props }, tell) {
    const { encryptionConfig } = props;
    if (!((encryptionConfig?.resources ?? []) as string[]).includes("secrets"))
      tell({
        field: "encryptionConfig.resources",
        found: (encryptionConfig?.resources ?? []).join(", ") || "none",
        expected: "secrets",
      });
  },
};
