import type { Alert } from "../kubernetes/alert-rules.ts";

/** Value of the metrics' `job`: the chart's label `app` of the core's Services. */
const job = "kms-core";

/**
 * Limits of the alerts, from KMS Core's operations pages.
 *
 * @see https://github.com/zama-ai/kms/tree/main/docs/operations
 */
export const alertLimits = {
  /** Load of one minute per CPU: a ratio, although the pages say 80 %. */
  cpuLoad: 0.8,
  /** Share of the enclave's memory. */
  memoryShare: 0.85,
  /** Share of the node's root volume: images and logs. */
  storageShare: 0.85,
  /** Share of the memory limit of the pod around the enclave. */
  podMemoryShare: 0.8,
  /** A core starts once after a change; more often it does not stay up. */
  startsPerHour: 2,
} as const;

/** How long something has to last. A core needs minutes to boot: its enclave starts, and its keys are checked. */
const minutes = { down: 5, notReady: 10, high: 10, flat: 30, afterEpoch: 60 } as const;

export interface CoreAlertsArgs {
  partyId: number;
  network: string;
  namespace: string;
  rateLimiterBucketSize: number;
}

/**
 * What people on call are told about a party's core.
 *
 * Without an alert, because KMS Core has no metric of it: refused callers, and a certificate that could not be renewed
 * (a log line only); the links of the network are for `quorate validate`.
 */
export function coreAlerts({ partyId, network, namespace, rateLimiterBucketSize }: CoreAlertsArgs): Alert[] {
  const here = `namespace="${namespace}"`;
  const own = `job="${job}",${here}`;
  const pods = `${here},pod=~"${job}-[0-9]+"`;
  const quorate = (words: string) => `npx quorate ${words} --network ${network}`;
  const validate = quorate("validate");
  const kubectl = (words: string) =>
    `KUBECONFIG="$(${quorate(`kubeconfig --party ${partyId}`)})" kubectl --namespace ${namespace} ${words}`;
  const logs = kubectl(`logs statefulset/${job} --container kms-core-enclave-logger --tail 200`);
  return [
    {
      name: "KmsCoreDown",
      expr: `absent(up{${own}} == 1)`,
      forMinutes: minutes.down,
      severity: "critical",
      summary: `Prometheus can not reach the core of party ${partyId}.`,
      command: validate,
    },
    {
      name: "KmsCoreNotReady",
      expr: `kube_statefulset_status_replicas_ready{${here},statefulset="${job}"} < 1`,
      forMinutes: minutes.notReady,
      severity: "critical",
      summary: `The core of party ${partyId} runs and is not ready: it serves nobody.`,
      command: logs,
    },
    {
      name: "KmsCoreRestarts",
      expr: `sum(increase(kms_operations_total{${own},operation="system_startup"}[1h])) > ${alertLimits.startsPerHour} or increase(kube_pod_container_status_restarts_total{${pods}}[1h]) > ${alertLimits.startsPerHour}`,
      forMinutes: 0,
      severity: "critical",
      summary: `The core of party ${partyId} starts again and again.`,
      command: logs,
    },
    {
      name: "KmsCpuLoadHigh",
      expr: `kms_cpu_load{${own}} > ${alertLimits.cpuLoad}`,
      forMinutes: minutes.high,
      severity: "warning",
      summary: "The enclave's CPUs are busy: requests will queue.",
      command: kubectl("top pod --containers"),
    },
    {
      name: "KmsMemoryHigh",
      expr: `kms_memory_usage{${own}} / kms_total_memory{${own}} > ${alertLimits.memoryShare}`,
      forMinutes: minutes.high,
      severity: "warning",
      summary: "The enclave's memory fills up; its size is agreed on in the network's manifest.",
      command: logs,
    },
    {
      name: "KmsPodMemoryHigh",
      expr: `max by (pod, container) (container_memory_working_set_bytes{${pods},container!=""}) / max by (pod, container) (kube_pod_container_resource_limits{${pods},resource="memory"}) > ${alertLimits.podMemoryShare}`,
      forMinutes: minutes.high,
      severity: "warning",
      summary: "A container around the enclave fills up its memory: it will be killed, and the enclave with it.",
      command: kubectl("top pod --containers"),
    },
    {
      name: "KmsNodeStorageHigh",
      expr: `1 - node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"} > ${alertLimits.storageShare}`,
      forMinutes: minutes.high,
      severity: "warning",
      summary: "The root volume of node {{ $labels.instance }} fills up: its pods will be evicted.",
      command: kubectl("get pods --output wide"),
    },
    {
      name: "KmsBackupErrors",
      expr: anyIncrease(`kms_backup_errors_total{${own}}`),
      forMinutes: 0,
      severity: "critical",
      summary: "A backup failed. A core whose backup fails does not boot.",
      command: logs,
    },
    {
      name: "KmsOperationErrors",
      expr: anyIncrease(`kms_operation_errors_total{${own}}`),
      forMinutes: 0,
      severity: "warning",
      summary: "The core refused or failed {{ $labels.operation }}: {{ $labels.error }}.",
      command: logs,
    },
    {
      name: "KmsRateLimiterSaturated",
      expr: `kms_rate_limiter_usage{${own}} >= ${rateLimiterBucketSize}`,
      forMinutes: minutes.down,
      severity: "warning",
      summary: "The rate limiter's bucket is full: the core refuses requests.",
      command: logs,
    },
    {
      name: "KmsNoOperations",
      expr: `sum(rate(kms_operations_total{${own}}[${minutes.flat}m])) == 0`,
      forMinutes: minutes.flat,
      severity: "info",
      summary: "Nobody asks the core for anything. Is traffic expected? Then look at the connector.",
      command: kubectl("get pods"),
    },
    {
      name: "KmsNoPeerTraffic",
      expr: `sum(rate(kms_network_rx_bytes_total{${own}}[${minutes.flat}m])) == 0 or sum(rate(kms_network_tx_bytes_total{${own}}[${minutes.flat}m])) == 0`,
      forMinutes: minutes.flat,
      severity: "info",
      summary: "No bytes between the core and its peers. Is traffic expected? Then prove the links.",
      command: validate,
    },
    {
      name: "KmsKeyCacheKeptEpoch",
      expr: `sum(increase(kms_operations_total{${own},operation="destroy_mpc_epoch"}[${minutes.afterEpoch}m])) > 0 and on () sum(delta(kms_fhe_key_cache_size{${own}}[${minutes.afterEpoch}m])) >= 0`,
      forMinutes: minutes.down,
      severity: "warning",
      summary: "An epoch was destroyed, and the core's key cache did not become smaller.",
      command: logs,
    },
    {
      name: "KmsInsecureOperation",
      expr: anyIncrease(`kms_operations_total{${own},operation=~"insecure_.*"}`),
      forMinutes: 0,
      severity: "critical",
      summary: "{{ $labels.operation }}: keys made like this are known to one machine. Never in production.",
      command: logs,
    },
    {
      name: "KmsMembershipOrRecovery",
      expr: anyIncrease(
        `kms_operations_total{${own},operation=~"new_mpc_context|new_mpc_epoch|destroy_mpc_.*|restore_from_backup|.*custodian_.*"}`,
      ),
      forMinutes: 0,
      severity: "warning",
      summary: "{{ $labels.operation }}: contexts, epochs or backups change only by agreement. Was it agreed?",
      command: logs,
    },
  ];
}

/** A counter that is new begins at 1, which `increase` does not count. */
function anyIncrease(counter: string): string {
  return `increase(${counter}[10m]) > 0 or (${counter} > 0 unless ${counter} offset 10m)`;
}
