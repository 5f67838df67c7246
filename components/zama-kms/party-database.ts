import * as pulumi from "@pulumi/pulumi";
import type { Arn } from "../../contract/names.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { ConnectorDatabase } from "../aws/connector-database.ts";
import { ExternalHost } from "../kubernetes/external-host.ts";
import type { PartyArgs } from "./party-args.ts";

/** Name by which the connector's configuration finds its database. */
const databaseHost = "kms-connector-db-external";

/** The connector's database and its name in the cluster, where the party wants one. */
export function createDatabase(
  parent: pulumi.Resource,
  name: string,
  { config, manifest, cluster }: PartyArgs,
  namespace: pulumi.Input<string>,
): pulumi.Output<PartyOutputs["database"]> | undefined {
  if (config.connectorDatabase === undefined) return undefined;
  const database = new ConnectorDatabase(
    `${name}-database`,
    {
      settings: config.connectorDatabase,
      environment: manifest.environment,
      vpcId: cluster.vpcId,
      subnetIds: cluster.privateSubnetIds,
      clientSecurityGroupId: cluster.securityGroupId,
    },
    { parent },
  );
  const host = new ExternalHost(
    `${name}-database-host`,
    {
      namespace,
      host: databaseHost,
      externalName: database.host,
      port: { name: "postgresql", number: 5432 },
    },
    { parent },
  );
  return pulumi.output({
    endpoint: database.endpoint,
    name: database.name,
    username: database.username,
    host: host.dnsName,
    // AWS makes the ARN; whoever reads the outputs parses it with the contract.
    passwordSecretArn: database.passwordSecretArn as pulumi.Output<Arn>,
    deletionProtection: database.deletionProtection,
    tls: database.tls,
  });
}
