import { ofType, type StackRule, type Subject, typeChain } from "./rule.ts";

const irreplaceable = [
  "aws:kms/key:Key",
  "aws:kms/externalKey:ExternalKey",
  "aws:kms/replicaKey:ReplicaKey",
  "aws:kms/replicaExternalKey:ReplicaExternalKey",
  "aws:rds/instance:Instance",
  "aws:rds/cluster:Cluster",
  "aws:eks/cluster:Cluster",
];

export const irreplaceableProtected: StackRule = {
  id: "irreplaceable-protected",
  severity: "mandatory",
  guarantees: "Pulumi refuses to delete a vault, a key, a database or a cluster.",
  why: "A renamed component is a deletion and a creation; only `protect` stops the first half.",
  source: "terraform-mpc-modules modules/mpc-backup-vault/main.tf: prevent_destroy, on the backup alone",
  fix: "option `protect` where the component makes the resource",
  checkStack(subjects, tell) {
    const vaults = ofType(subjects, "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2").filter(isVault);
    for (const subject of [...vaults, ...ofType(subjects, ...irreplaceable)])
      if (!subject.isProtected) tell(subject, { field: "protect", found: "false", expected: "true" });
  },
};

const isVault = (bucket: Subject) => !typeChain(bucket).includes("quorate:aws:LogBucket");
