import { dirname, join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import type { PartyCluster } from "../components/aws/party-cluster.ts";
import { LoadBalancerController } from "../components/kubernetes/load-balancer-controller.ts";
import { PrometheusOperator } from "../components/kubernetes/prometheus-operator.ts";
import { VolumeClass } from "../components/kubernetes/volume-class.ts";
import type { ChartToInstall } from "../components/pinned-chart.ts";
import { loadBalancerControllerChart } from "../contract/cluster-tools.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import { chartArchive } from "./chart-archive.ts";
import { stacksDir } from "./project.ts";

/** What this stack puts into a cluster of its own, beside its add-ons. */
export interface ClusterTools {
  loadBalancerController: ChartToInstall | undefined;
  prometheusOperator: ChartToInstall | undefined;
}

/** Decides which tools the party's stack needs, and finds their charts. */
export async function settleClusterTools(config: StackConfig, source: string): Promise<ClusterTools> {
  if (!("create" in config.cluster)) return { loadBalancerController: undefined, prometheusOperator: undefined };
  checkTools(config, source);
  const { prometheusOperator: operator } = config.cluster.create;
  return {
    loadBalancerController: wantsController(config) ? await controllerChart() : undefined,
    prometheusOperator: operator && { ref: `${operator.ref}@${operator.digest}`, version: operator.version },
  };
}

const switchOf = ({ cluster }: StackConfig) =>
  "create" in cluster ? cluster.create.loadBalancerController : undefined;

function wantsController(config: StackConfig): boolean {
  return (switchOf(config) ?? (config.endpointService === "created" ? "created" : "absent")) === "created";
}

async function controllerChart(): Promise<ChartToInstall> {
  const { version } = loadBalancerControllerChart;
  // Beside the stacks' folder, where each machine keeps what is its own.
  const dir = join(dirname(stacksDir()), ".quorate", "charts");
  return { ref: await chartArchive(loadBalancerControllerChart, dir), version };
}

/** Half of what is needed would wait for the other half until a time limit. */
function checkTools(config: StackConfig, source: string): void {
  const who = `party ${config.party} (${config.network})`;
  if (config.endpointService === "created" && switchOf(config) === "absent")
    throw new OperatorError({
      code: "CLUSTER_LACKS",
      what: `${who}: nobody would make the load balancer of its endpoint service`,
      found: `quorate:cluster.create.loadBalancerController: absent in ${source}`,
      expected: "created, as quorate:endpointService is; or byHand, where somebody else installs it",
      next: `remove quorate:cluster.create.loadBalancerController from ${source}`,
    });
  const isMade = "create" in config.cluster && config.cluster.create.prometheusOperator !== undefined;
  if (isMade && config.monitoring?.prometheusOperator !== "present")
    throw new OperatorError({
      code: "CLUSTER_LACKS",
      what: `${who}: the Prometheus operator of its cluster would have nothing to watch`,
      found: `quorate:monitoring.prometheusOperator: ${config.monitoring?.prometheusOperator ?? "left out"} in ${source}`,
      expected: "present, as quorate:cluster.create.prometheusOperator makes one",
      next: `set quorate:monitoring.prometheusOperator to present in ${source}`,
    });
}

/** Creates the tools. Gives back what has to be there before the party. */
export function createClusterTools(
  name: string,
  config: StackConfig,
  cluster: PartyCluster,
  tools: ClusterTools,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Resource[] {
  if (!("create" in config.cluster)) return [];
  const { name: clusterName, vpcId } = config.cluster.create;
  if (tools.loadBalancerController)
    new LoadBalancerController(
      `${name}-balancers`,
      {
        ...{ region: config.region, accountId: config.accountId, clusterName, vpcId },
        oidc: { providerArn: cluster.oidcProviderArn, issuer: cluster.oidcIssuer },
        chart: tools.loadBalancerController,
      },
      opts,
    );
  const { gatewayNode } = config;
  if (gatewayNode) new VolumeClass(`${name}-volumes`, { className: gatewayNode.storageClass }, opts);
  if (!tools.prometheusOperator) return [];
  const namespace = config.monitoring?.namespace ?? "monitoring";
  return [new PrometheusOperator(`${name}-prometheus`, { namespace, chart: tools.prometheusOperator }, opts)];
}
