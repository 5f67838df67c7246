import * as pulumi from "@pulumi/pulumi";
import { subnetCidrs } from "../aws/subnet-cidrs.ts";
import { type EgressRule, inNamespace, type Labels, pod, tcp, toAws, toDns } from "../kubernetes/network-rules.ts";
import { PodTraffic } from "../kubernetes/pod-traffic.ts";
import { migrationPods } from "./connector-migration.ts";
import { connectorPods } from "./connector-values.ts";
import { coreSelector } from "./core-values.ts";
import { gatewayNodePods, gatewayNodePort } from "./gateway-node-values.ts";
import type { PartyArgs } from "./party-args.ts";

const databasePort = 5432;
const monitoringPort = 9100;

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
  const fromMonitoring = {
    from: [{ namespaceSelector: inNamespace(config.monitoring?.namespace ?? "monitoring") }],
    ports: [tcp(monitoringPort)],
  };
  const traffic = (kind: string, pods: Labels, to: EgressRule[], served = true) =>
    new PodTraffic(
      `${name}-${kind}-traffic`,
      { namespace, policyName: `quorate-${kind}`, pods, from: served ? [fromMonitoring] : [], to: [toDns, ...to] },
      { parent },
    );
  return [
    traffic("gw-listener", connectorPods.gwListener, [toDatabase, ...toChains]),
    traffic("kms-worker", connectorPods.kmsWorker, [toDatabase, toCore, ...toChains]),
    traffic("tx-sender", connectorPods.txSender, [toDatabase, ...toChains]),
    traffic("db-migration", migrationPods, [toDatabase], false),
  ];
}

function blocksOf(cidrs: pulumi.Input<string[]>) {
  return pulumi.output(cidrs).apply((all) => all.map((cidr) => ({ ipBlock: { cidr } })));
}
