import * as pulumi from "@pulumi/pulumi";
import { subnetCidrs } from "../aws/subnet-cidrs.ts";
import {
  type EgressRule,
  type IngressRule,
  inNamespace,
  type Labels,
  pod,
  tcp,
  toAws,
  toDns,
} from "../kubernetes/network-rules.ts";
import { PodTraffic } from "../kubernetes/pod-traffic.ts";
import { migrationPods } from "./connector-migration.ts";
import { connectorPods } from "./connector-values.ts";
import { coreClientPods } from "./core-client-release.ts";
import { coreSelector } from "./core-values.ts";
import { gatewayNodePods, gatewayNodePort } from "./gateway-node-values.ts";
import type { PartyArgs } from "./party-args.ts";

const databasePort = 5432;
const monitoringPort = 9100;
const nitroMetricsPort = 6070;

/**
 * Whom the connector's pods may talk to: of the core its gRPC port and nothing else, and that the worker alone. The
 * chains' endpoints are somebody else's, anywhere: 443 leads to all of them.
 */
export function createConnectorTraffic(
  parent: pulumi.Resource,
  name: string,
  { config, manifest, cluster }: PartyArgs,
  namespace: pulumi.Input<string>,
): PodTraffic[] {
  if (!config.networkPolicy.enabled) return [];
  const brought = config.connector?.database?.cidrs;
  const databaseCidrs: pulumi.Input<string[]> =
    config.connectorDatabase === undefined && brought !== undefined
      ? brought
      : subnetCidrs(cluster.privateSubnetIds, { parent });
  const toDatabase = { to: blocksOf(databaseCidrs), ports: [tcp(databasePort)] };
  const toCore = { to: [pod(coreSelector)], ports: [tcp(manifest.ports.grpc)] };
  const toChains: EgressRule[] = [
    ...(config.gatewayNode ? [{ to: [pod(gatewayNodePods)], ports: [tcp(gatewayNodePort)] }] : []),
    toAws(["0.0.0.0/0"]),
  ];
  const monitored = fromMonitoring(config, monitoringPort);
  const traffic = (kind: string, pods: Labels, to: EgressRule[], served = true) =>
    new PodTraffic(
      `${name}-${kind}-traffic`,
      { namespace, policyName: `quorate-${kind}`, pods, from: served ? [monitored] : [], to: [toDns, ...to] },
      { parent },
    );
  return [
    traffic("gw-listener", connectorPods.gwListener, [toDatabase, ...toChains]),
    traffic("kms-worker", connectorPods.kmsWorker, [toDatabase, toCore, ...toChains]),
    traffic("tx-sender", connectorPods.txSender, [toDatabase, ...toChains]),
    traffic("db-migration", migrationPods, [toDatabase], false),
  ];
}

/** The core-client asks its own core and reads public keys; nobody asks it but through the API server. */
export function createCoreClientTraffic(
  parent: pulumi.Resource,
  name: string,
  { config, manifest }: PartyArgs,
  namespace: pulumi.Input<string>,
): PodTraffic[] {
  if (!config.networkPolicy.enabled) return [];
  const toCore = { to: [pod(coreSelector)], ports: [tcp(manifest.ports.grpc)] };
  const to = [toDns, toCore, toAws(config.networkPolicy.awsCidrs)];
  return [
    new PodTraffic(
      `${name}-core-client-traffic`,
      { namespace, policyName: "quorate-core-client", pods: coreClientPods, from: [], to },
      { parent },
    ),
  ];
}

/** The gateway node answers the connector, and reads from the two chains wherever they are offered. */
export function createGatewayNodeTraffic(
  parent: pulumi.Resource,
  name: string,
  { config }: PartyArgs,
  namespace: pulumi.Input<string>,
): PodTraffic[] {
  if (!config.networkPolicy.enabled) return [];
  const fromConnector = { from: Object.values(connectorPods).map(pod), ports: [tcp(gatewayNodePort)] };
  return [
    new PodTraffic(
      `${name}-gateway-node-traffic`,
      {
        namespace,
        policyName: "quorate-gateway-node",
        pods: gatewayNodePods,
        from: [fromConnector, fromMonitoring(config, nitroMetricsPort)],
        to: [toDns, toAws(["0.0.0.0/0"])],
      },
      { parent },
    ),
  ];
}

function fromMonitoring({ monitoring }: PartyArgs["config"], port: number): IngressRule {
  return {
    from: [{ namespaceSelector: inNamespace(monitoring?.namespace ?? "monitoring") }],
    ports: [tcp(port)],
  };
}

function blocksOf(cidrs: pulumi.Input<string[]>) {
  return pulumi.output(cidrs).apply((all) => all.map((cidr) => ({ ipBlock: { cidr } })));
}
