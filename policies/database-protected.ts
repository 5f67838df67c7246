import { isOn, type ResourceRule } from "./rule.ts";

const fewestDays = 7;
const memberType = "aws:rds/clusterInstance:ClusterInstance";

export const databaseProtected: ResourceRule = {
  id: "database-protected",
  severity: "mandatory",
  guarantees: "The connector's database is encrypted, private, backed up, and not deleted by accident.",
  why: "It holds what the connector has seen of the chain and not yet answered. Upstream has deletion protection off.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: module rds, deletion_protection = false",
  fix: "quorate:database in the stack file",
  types: ["aws:rds/instance:Instance", "aws:rds/cluster:Cluster", memberType],
  check({ type, props }, tell) {
    if (isOn(props.publiclyAccessible)) tell({ field: "publiclyAccessible", found: "true", expected: "false" });
    // Its cluster says the rest.
    if (type === memberType) return;
    const wanted = { storageEncrypted: true, deletionProtection: true } as const;
    for (const field of Object.keys(wanted) as (keyof typeof wanted)[])
      if (props[field] !== true) tell({ field, found: String(props[field] ?? false), expected: "true" });
    if (isOn(props.skipFinalSnapshot)) tell({ field: "skipFinalSnapshot", found: "true", expected: "false" });
    if (!(props.backupRetentionPeriod >= fewestDays))
      tell({
        field: "backupRetentionPeriod",
        found: String(props.backupRetentionPeriod ?? 0),
        expected: `at least ${fewestDays} days`,
      });
  },
};
