import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ConnectorAgreement } from "../../contract/optional-releases.ts";
import { checkArgs } from "../check-args.ts";
import { hooksOf } from "../hooks.ts";
import { type ChartToInstall, unpinned } from "../pinned-chart.ts";
import { connectorChartProblems } from "./connector-charts.ts";
import { ConnectorMigration } from "./connector-migration.ts";
import { type ConnectorSettings, connectorName, connectorValues } from "./connector-values.ts";

export interface ConnectorReleaseArgs extends ConnectorSettings {
  namespace: pulumi.Input<string>;
  agreed: ConnectorAgreement;
  chart: ChartToInstall;
  /** Runs before anything of it is made or changed, and stops that by throwing. @default nothing */
  before?: pulumi.ResourceHookFunction | undefined;
}

/**
 * The connector of one party, which brings the gateway's requests to the core. Creates: Job that brings the database
 * to the services' schema, Helm release of the kms-connector chart.
 */
export class ConnectorRelease extends pulumi.ComponentResource {
  readonly releaseName: pulumi.Output<string>;
  readonly chartVersion: string;

  constructor(name: string, args: ConnectorReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    check(name, args);
    super("quorate:zama-kms:ConnectorRelease", name, {}, opts);
    const { namespace, agreed, database, nodeKey, before } = args;
    const migration = new ConnectorMigration(
      `${name}-migration`,
      { namespace, image: agreed.images.dbMigration, database, nodeKey, before },
      { parent: this },
    );
    const release = createRelease(this, name, args, migration);
    this.releaseName = release.name;
    this.chartVersion = args.chart.version;
    this.registerOutputs({ releaseName: this.releaseName, chartVersion: this.chartVersion });
  }
}

function check(name: string, { agreed, chart, coreEndpoint }: ConnectorReleaseArgs) {
  checkArgs(`connector release ${name}`, [
    unpinned(chart),
    chart.version !== agreed.chart.version && {
      propertyPath: "chart.version",
      reason: `the values are for ${agreed.chart.version}, which the parties agreed on, found ${chart.version}`,
    },
    !/^http:\/\/[a-z0-9-]+:\d+$/.test(coreEndpoint) && {
      propertyPath: "coreEndpoint",
      reason: `has to be a Service of the party's own namespace, found ${coreEndpoint}`,
    },
    ...connectorChartProblems(agreed).map(({ field, found, expected }) => ({
      propertyPath: `manifest.${field}`,
      reason: `found ${found}, expected ${expected}`,
    })),
  ]);
}

function createRelease(
  parent: ConnectorRelease,
  name: string,
  args: ConnectorReleaseArgs,
  migration: ConnectorMigration,
): kubernetes.helm.v3.Release {
  return new kubernetes.helm.v3.Release(
    `${name}-release`,
    {
      name: connectorName,
      namespace: args.namespace,
      createNamespace: false,
      chart: args.chart.ref,
      version: args.chart.version,
      values: { ...connectorValues(args.agreed, args) },
      // The worker is ready only while its core is, and that waits for the peers' certificates.
      skipAwait: true,
      maxHistory: 10,
    },
    { parent, dependsOn: [migration], hooks: hooksOf(args.before) },
  );
}
