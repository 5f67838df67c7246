import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { enclaveTolerations } from "../aws/cluster-addons.ts";
import { checkArgs } from "../check-args.ts";
import type { ChartToInstall } from "../pinned-chart.ts";

export interface PrometheusOperatorArgs {
  /** Made with the release. */
  namespace: string;
  /** `oci://…@sha256:…` of kube-prometheus-stack. */
  chart: ChartToInstall;
}

/**
 * The Prometheus operator with one Prometheus that reads every monitor and every rule of the cluster. Creates: Helm
 * release of kube-prometheus-stack, without Grafana.
 */
export class PrometheusOperator extends pulumi.ComponentResource {
  constructor(name: string, args: PrometheusOperatorArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`prometheus operator ${name}`, [
      !/^oci:\/\/.+@sha256:[0-9a-f]{64}$/.test(args.chart.ref) && {
        propertyPath: "chart.ref",
        reason: `has to be pinned by digest, found ${args.chart.ref}`,
      },
    ]);
    super("quorate:kubernetes:PrometheusOperator", name, {}, opts);
    new kubernetes.helm.v3.Release(
      `${name}-release`,
      {
        name: "prometheus",
        namespace: args.namespace,
        createNamespace: true,
        chart: args.chart.ref,
        version: args.chart.version,
        values,
        // Its kinds are there at once; its pods wait for nodes, which may come later than what needs the kinds.
        skipAwait: true,
        maxHistory: 10,
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

const onEnclaveNodes = { tolerations: enclaveTolerations };

const values = {
  prometheusOperator: {
    ...onEnclaveNodes,
    // Their certificates come from a job that runs before everything else, and would wait for a node.
    admissionWebhooks: { enabled: false },
    tls: { enabled: false },
  },
  prometheus: {
    prometheusSpec: {
      ...onEnclaveNodes,
      // Otherwise it reads only what bears the name of this release.
      serviceMonitorSelectorNilUsesHelmValues: false,
      podMonitorSelectorNilUsesHelmValues: false,
      ruleSelectorNilUsesHelmValues: false,
      probeSelectorNilUsesHelmValues: false,
    },
  },
  alertmanager: { alertmanagerSpec: onEnclaveNodes },
  "kube-state-metrics": onEnclaveNodes,
  // It comes with a password that everybody knows.
  grafana: { enabled: false },
  // EKS lets nobody read them.
  kubeControllerManager: { enabled: false },
  kubeScheduler: { enabled: false },
  kubeEtcd: { enabled: false },
};
