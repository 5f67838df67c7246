import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** One alert, as a person on call meets it. */
export interface Alert {
  name: string;
  /** PromQL; the alert is on while it has a result. */
  expr: string;
  /** How long it has to be on before anybody is told. */
  forMinutes: number;
  /** `critical` wakes someone, `warning` waits for the morning, `info` is for the record. */
  severity: "critical" | "warning" | "info";
  summary: string;
  /** What to type first. */
  command: string;
}

export interface AlertRulesArgs {
  namespace: pulumi.Input<string>;
  ruleName: string;
  alerts: readonly Alert[];
  /** Labels by which a Prometheus chooses the rules that it reads. */
  labels: Readonly<Record<string, string>>;
  /** Labels of every alert: of whom it is. */
  alertLabels: Readonly<Record<string, string>>;
}

/** Tells the people on call. Creates: PrometheusRule, of the Prometheus operator. */
export class AlertRules extends pulumi.ComponentResource {
  constructor(name: string, args: AlertRulesArgs, opts?: pulumi.ComponentResourceOptions) {
    const names = args.alerts.map((alert) => alert.name);
    checkArgs(`alert rules ${name}`, [
      names.length === 0 && { propertyPath: "alerts", reason: "is empty" },
      new Set(names).size !== names.length && { propertyPath: "alerts", reason: "two have the same name" },
      ...args.alerts.flatMap((alert, index) =>
        (["expr", "summary", "command"] as const).map(
          (field) => alert[field].trim() === "" && { propertyPath: `alerts[${index}].${field}`, reason: "is empty" },
        ),
      ),
    ]);
    super("quorate:kubernetes:AlertRules", name, {}, opts);
    new kubernetes.apiextensions.CustomResource(
      `${name}-rules`,
      {
        apiVersion: "monitoring.coreos.com/v1",
        kind: "PrometheusRule",
        metadata: { name: args.ruleName, namespace: args.namespace, labels: args.labels },
        spec: { groups: [{ name: args.ruleName, rules: args.alerts.map((alert) => rule(alert, args.alertLabels)) }] },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

function rule({ name, expr, forMinutes, severity, summary, command }: Alert, labels: AlertRulesArgs["alertLabels"]) {
  return {
    alert: name,
    expr,
    ...(forMinutes > 0 ? { for: `${forMinutes}m` } : {}),
    labels: { severity, ...labels },
    annotations: { summary, runbook_command: command },
  };
}
