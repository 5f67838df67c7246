import * as pulumi from "@pulumi/pulumi";
import { registrySecret } from "../../contract/core-guards.ts";
import { portsForPeers } from "../../contract/network-manifest.ts";
import { subnetCidrs } from "../aws/subnet-cidrs.ts";
import { AlertRules } from "../kubernetes/alert-rules.ts";
import { DisruptionBudget } from "../kubernetes/disruption-budget.ts";
import { ExternalSecrets } from "../kubernetes/external-secrets.ts";
import { GrafanaDashboard } from "../kubernetes/grafana-dashboard.ts";
import { CoreNetworkPolicy } from "../kubernetes/network-policy.ts";
import type { PartyNamespace } from "../kubernetes/party-namespace.ts";
import { peerGateName } from "../kubernetes/peer-gate.ts";
import { proberName } from "../kubernetes/prober.ts";
import { ServiceMonitor } from "../kubernetes/service-monitor.ts";
import { coreAlerts } from "./core-alerts.ts";
import { coreDashboard } from "./core-dashboard.ts";
import { coreSelector } from "./core-values.ts";
import type { PartyArgs } from "./party-args.ts";
import { peerBlocks } from "./party-kubeip.ts";

/** Labels of pods that the charts of core and connector make; the same in every version that we know. */
const pods = {
  core: coreSelector,
  keyJob: { app: "kms-core-gen-cert-and-keys" },
  prober: { app: proberName },
  clients: [{ app: "kms-connector-kms-worker" }, { app: "kms-core-client" }],
} as const;

/** Whether the core may be evicted. Made before the nodes: what changes them evicts it. */
export function createCoreBudget(
  parent: pulumi.Resource,
  name: string,
  { config }: PartyArgs,
  place: PartyNamespace,
): DisruptionBudget {
  return new DisruptionBudget(
    `${name}-eviction`,
    {
      namespace: place.namespace,
      budgetName: `quorate-${coreSelector.app}`,
      selector: coreSelector,
      evictable: config.coreEviction === "allowed",
    },
    { parent },
  );
}

/** What stands around a party's core. Gives back what has to be there before the core. */
export function createCoreGuards(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  place: PartyNamespace,
): pulumi.Resource[] {
  watch(parent, name, args, place);
  return [...createNetworkPolicy(parent, name, args, place), ...createSecrets(parent, name, args, place)];
}

function createNetworkPolicy(parent: pulumi.Resource, name: string, args: PartyArgs, place: PartyNamespace) {
  const { config, manifest, cluster } = args;
  if (!config.networkPolicy.enabled) {
    void pulumi.log.warn("no network policy: quorate:networkPolicy.enabled is false in the stack file", parent);
    return [];
  }
  const policy = new CoreNetworkPolicy(
    `${name}-traffic`,
    {
      namespace: place.namespace,
      ports: manifest.ports,
      ...(manifest.transport === "kubeip"
        ? { pods: { ...pods, gate: { app: peerGateName } }, peerCidrs: peerBlocks(args), peersMayBeUnknown: true }
        : // Peers come through the load balancer and leave through endpoints, and both lie in the cluster's subnets.
          { pods, peerCidrs: subnetCidrs(cluster.privateSubnetIds, { parent }) }),
      peerPorts: Object.values(portsForPeers(manifest)),
      monitoringNamespace: config.monitoring?.namespace ?? "monitoring",
      awsCidrs: config.networkPolicy.awsCidrs,
    },
    { parent },
  );
  return [policy];
}

/** Secrets that the charts read. Without the operator that fetches them, people have to: that is said. */
function createSecrets(parent: pulumi.Resource, name: string, { config }: PartyArgs, place: PartyNamespace) {
  const { secrets } = config;
  if (secrets !== undefined && "externalSecrets" in secrets) {
    const { storeKind: kind, storeName, from } = secrets.externalSecrets;
    const args = { namespace: place.namespace, store: { kind, name: storeName }, secrets: from };
    return [new ExternalSecrets(`${name}-secrets`, args, { parent })];
  }
  if (secrets === undefined)
    void pulumi.log.warn(
      `nobody is named who fills Secret ${registrySecret}, with which the core's images are pulled: set quorate:secrets in the stack file`,
      parent,
    );
  return [];
}

function watch(parent: pulumi.Resource, name: string, args: PartyArgs, place: PartyNamespace) {
  const { config, manifest, party, monitoringKinds = [] } = args;
  const { monitoring } = config;
  if (monitoring?.prometheusOperator !== "present") {
    // Whoever wrote `absent` into the stack file has decided; whoever wrote nothing is asked.
    if (monitoring === undefined)
      void pulumi.log.warn(
        "no monitor, no alerts, no dashboard: say in quorate:monitoring whether the Prometheus operator is there",
        parent,
      );
    return;
  }
  const { namespace } = place;
  const { rateLimiterBucketSize } = manifest.protocol;
  const monitorName = `quorate-${coreSelector.app}`;
  const { labels } = monitoring;
  new ServiceMonitor(
    `${name}-metrics`,
    { namespace, monitorName, selector: coreSelector, jobLabel: "app", labels },
    { parent, dependsOn: [...monitoringKinds] },
  );
  const of = { partyId: party.id, network: manifest.network, namespace: manifest.namespace, rateLimiterBucketSize };
  new AlertRules(
    `${name}-alerts`,
    {
      namespace,
      ruleName: monitorName,
      alerts: coreAlerts(of),
      labels,
      alertLabels: { network: manifest.network, party: String(party.id) },
    },
    { parent, dependsOn: [...monitoringKinds] },
  );
  new GrafanaDashboard(
    `${name}-grafana`,
    {
      namespace,
      dashboardName: monitorName,
      title: `KMS core of party ${party.id} (${manifest.network})`,
      panels: coreDashboard(manifest.namespace, rateLimiterBucketSize),
    },
    { parent },
  );
}
