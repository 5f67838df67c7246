import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** One graph of a dashboard. */
export interface Panel {
  title: string;
  /** Grafana's name of the unit. */
  unit: "none" | "percentunit" | "ops" | "Bps" | "ms" | "bytes";
  queries: readonly { expr: string; legend: string }[];
}

export interface GrafanaDashboardArgs {
  namespace: pulumi.Input<string>;
  /** Name of the ConfigMap, and what Grafana knows the dashboard by. */
  dashboardName: string;
  title: string;
  panels: readonly Panel[];
}

/** Label by which Grafana's sidecar finds dashboards, in its chart's own settings. */
const sidecarLabel = { grafana_dashboard: "1" };

/** A dashboard that Grafana's sidecar loads. Creates: ConfigMap with the dashboard. */
export class GrafanaDashboard extends pulumi.ComponentResource {
  constructor(name: string, args: GrafanaDashboardArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`dashboard ${name}`, [
      args.panels.length === 0 && { propertyPath: "panels", reason: "is empty" },
      args.dashboardName.length > 40 && {
        propertyPath: "dashboardName",
        reason: "Grafana takes at most 40 characters for a dashboard's uid",
      },
    ]);
    super("quorate:kubernetes:GrafanaDashboard", name, {}, opts);
    const { namespace, dashboardName } = args;
    new kubernetes.core.v1.ConfigMap(
      `${name}-dashboard`,
      {
        metadata: { name: dashboardName, namespace, labels: sidecarLabel },
        data: { [`${dashboardName}.json`]: JSON.stringify(dashboard(args), null, 2) },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

const columns = 2;
const size = { w: 24 / columns, h: 8 };

/** @see https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
function dashboard({ dashboardName, title, panels }: GrafanaDashboardArgs) {
  return {
    uid: dashboardName,
    title,
    schemaVersion: 39,
    editable: false,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    templating: {
      list: [{ name: "datasource", type: "datasource", query: "prometheus", label: "Data source" }],
    },
    panels: panels.map((panel, index) => ({
      id: index + 1,
      type: "timeseries",
      title: panel.title,
      datasource: { type: "prometheus", uid: "$datasource" },
      gridPos: { ...size, x: (index % columns) * size.w, y: Math.floor(index / columns) * size.h },
      fieldConfig: { defaults: { unit: panel.unit }, overrides: [] },
      targets: panel.queries.map(({ expr, legend }, number) => ({
        refId: String.fromCharCode(65 + number),
        expr,
        legendFormat: legend,
      })),
    })),
  };
}
