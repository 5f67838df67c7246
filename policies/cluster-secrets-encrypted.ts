import type { ResourceRule } from "./rule.ts";

export const clusterSecretsEncrypted: ResourceRule = {
  id: "cluster-secrets-encrypted",
  severity: "mandatory",
  guarantees: "A cluster encrypts its Secrets with a KMS key of the party's.",
  why: "Database and registry credentials lie in etcd, and in its backups. From 1.28 on EKS encrypts all of the API's data by itself, under a key whose use nobody can audit and nobody can end.",
  source: "https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html; missing upstream",
  fix: "components/aws/party-cluster.ts: encryptionConfigKeyArn",
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
