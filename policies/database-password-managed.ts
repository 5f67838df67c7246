import type { ResourceRule } from "./rule.ts";

export const databasePasswordManaged: ResourceRule = {
  id: "database-password-managed",
  severity: "mandatory",
  guarantees: "AWS makes the database's password and keeps it in Secrets Manager.",
  why: "A password that a stack knows lies in its state, and in every backup of it.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: rds_db_password, else manage_master_user_password",
  fix: "quorate:database in the stack file",
  types: ["aws:rds/instance:Instance", "aws:rds/cluster:Cluster"],
  check({ props }, tell) {
    const [managed, password] = [props.manageMasterUserPassword, props.password ?? props.masterPassword];
    if (password !== undefined)
      tell({ field: "password", found: "a password of the stack's", expected: "manageMasterUserPassword: true" });
    else if (managed !== true)
      tell({ field: "manageMasterUserPassword", found: String(managed ?? false), expected: "true" });
  },
};
