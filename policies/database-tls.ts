import type { ResourceRule } from "./rule.ts";

export const databaseTls: ResourceRule = {
  id: "database-tls",
  severity: "advisory",
  guarantees: "The database takes no connection in the clear.",
  why: "Advisory, because connectors before they could verify RDS's certificates come without TLS, inside the VPC.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: rds.force_ssl = 0",
  fix: "quorate:database in the stack file: force TLS as soon as the connector's release can",
  types: ["aws:rds/parameterGroup:ParameterGroup", "aws:rds/clusterParameterGroup:ClusterParameterGroup"],
  check({ props }, tell) {
    const parameters = (props.parameters ?? []) as { name: string; value: string }[];
    const found = parameters.find(({ name }) => name === "rds.force_ssl")?.value;
    // PostgreSQL 15 and newer force it unless told otherwise.
    if (found !== undefined && found !== "1") tell({ field: "parameters: rds.force_ssl", found, expected: "1" });
  },
};
