import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** How often the core's documentation wants its metrics to be read. */
const scrapeIntervalSeconds = 30;

export interface ServiceMonitorArgs {
  namespace: pulumi.Input<string>;
  monitorName: string;
  /** Labels of the Services. */
  selector: Readonly<Record<string, string>>;
  /** Label of the Services whose value becomes the metrics' `job`. */
  jobLabel: string;
  /** Labels by which a Prometheus chooses the monitors that it reads. */
  labels: Readonly<Record<string, string>>;
}

/** Has Prometheus read the core's metrics. Creates: ServiceMonitor, of the Prometheus operator. */
export class ServiceMonitor extends pulumi.ComponentResource {
  constructor(name: string, args: ServiceMonitorArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`service monitor ${name}`, [
      Object.keys(args.selector).length === 0 && {
        propertyPath: "selector",
        reason: "is empty: it would read every Service of the namespace",
      },
      !(args.jobLabel in args.selector) && {
        propertyPath: "jobLabel",
        reason: `${args.jobLabel} is no label of the selector, so the alerts would not know the job`,
      },
    ]);
    super("quorate:kubernetes:ServiceMonitor", name, {}, opts);
    new kubernetes.apiextensions.CustomResource(
      `${name}-monitor`,
      {
        apiVersion: "monitoring.coreos.com/v1",
        kind: "ServiceMonitor",
        metadata: { name: args.monitorName, namespace: args.namespace, labels: args.labels },
        spec: {
          jobLabel: args.jobLabel,
          selector: { matchLabels: args.selector },
          endpoints: [{ port: "metrics", path: "/metrics", interval: `${scrapeIntervalSeconds}s` }],
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
