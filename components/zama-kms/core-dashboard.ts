import type { Panel } from "../kubernetes/grafana-dashboard.ts";
import { alertLimits } from "./core-alerts.ts";

/** What one wants to see of a core first; the alerts' limits stand in the titles. */
export function coreDashboard(namespace: string, rateLimiterBucketSize: number): Panel[] {
  const own = `job="kms-core",namespace="${namespace}"`;
  const rate = (metric: string) => `rate(${metric}{${own}}[5m])`;
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  return [
    { title: "Core reachable", unit: "none", queries: [{ expr: `up{${own}}`, legend: "{{pod}}" }] },
    {
      title: "Operations",
      unit: "ops",
      queries: [{ expr: `sum by (operation) (${rate("kms_operations_total")})`, legend: "{{operation}}" }],
    },
    {
      title: "Failed operations",
      unit: "ops",
      queries: [
        {
          expr: `sum by (operation, error) (${rate("kms_operation_errors_total")})`,
          legend: "{{operation}} {{error}}",
        },
        { expr: `sum by (operation) (${rate("kms_backup_errors_total")})`, legend: "backup {{operation}}" },
      ],
    },
    {
      title: "Duration of operations, 95 of 100",
      unit: "ms",
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (le, operation_type) (${rate("kms_operation_duration_ms_bucket")}))`,
          legend: "{{operation_type}}",
        },
      ],
    },
    {
      title: `CPU load per CPU (alert above ${percent(alertLimits.cpuLoad)})`,
      unit: "percentunit",
      queries: [{ expr: `kms_cpu_load{${own}}`, legend: "{{pod}}" }],
    },
    {
      title: `Memory of the enclave (alert above ${percent(alertLimits.memoryShare)})`,
      unit: "percentunit",
      queries: [{ expr: `kms_memory_usage{${own}} / kms_total_memory{${own}}`, legend: "{{pod}}" }],
    },
    {
      title: "Traffic with peers",
      unit: "Bps",
      queries: [
        { expr: rate("kms_network_rx_bytes_total"), legend: "received" },
        { expr: rate("kms_network_tx_bytes_total"), legend: "sent" },
      ],
    },
    {
      title: "Sessions",
      unit: "none",
      queries: [
        { expr: `kms_active_sessions{${own}}`, legend: "active" },
        { expr: `kms_inactive_sessions{${own}}`, legend: "inactive" },
      ],
    },
    {
      title: `Rate limiter (full at ${rateLimiterBucketSize})`,
      unit: "none",
      queries: [{ expr: `kms_rate_limiter_usage{${own}}`, legend: "in use" }],
    },
    {
      title: "Key cache and decryptions in store",
      unit: "none",
      queries: [
        { expr: `kms_fhe_key_cache_size{${own}}`, legend: "keys" },
        { expr: `kms_meta_storage_pub_decryptions_in_store{${own}}`, legend: "public decryptions" },
        { expr: `kms_meta_storage_user_decryptions_in_store{${own}}`, legend: "user decryptions" },
      ],
    },
  ];
}
