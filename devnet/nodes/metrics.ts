import { readdirSync } from "node:fs";
import os from "node:os";

/** Label `error` of the counters of errors, by gRPC code. */
export type OperationError = "resource_exhausted" | "not_found" | "internal_error" | "unavailable" | "other";

const durationBucketsMs = [1, 5, 10, 25, 50, 100, 250, 500, 1e3, 2500, 5e3, 1e4, 3e4, 6e4, 12e4, 3e5];

type Labels = Record<string, string>;

/**
 * Under the names and labels of the real core; counted are the calls and bytes that there were. Families without a sample, as of
 * backups and payloads, are not printed by the real one either.
 */
export class CoreMetrics {
  readonly #partyId: number;
  readonly #bucketSize: number;
  readonly #startedAtMs = Date.now();
  readonly #operations = new Map<string, number>([["system_startup", 1]]);
  readonly #errors = new Map<string, { operation: string; error: string; count: number }>();
  readonly #durations = new Map<string, number[]>();
  #rx = 0;
  #tx = 0;
  #sessions = 0;
  #isExhausted = false;

  constructor(partyId: number, bucketSize: number) {
    this.#partyId = partyId;
    this.#bucketSize = bucketSize;
  }

  /** A call came in. */
  asked(operation: string): void {
    this.#operations.set(operation, (this.#operations.get(operation) ?? 0) + 1);
  }

  took(operation: string, ms: number): void {
    this.#durations.set(operation, [...(this.#durations.get(operation) ?? []), Math.floor(ms)].slice(-mostObserved));
  }

  failed(operation: string, error: OperationError): void {
    const key = `${operation} ${error}`;
    const known = this.#errors.get(key);
    this.#errors.set(key, { operation, error, count: (known?.count ?? 0) + 1 });
  }

  /** Bytes between this core and its peers. */
  moved(received: number, sent: number): void {
    this.#rx += received;
    this.#tx += sent;
  }

  session(change: 1 | -1): void {
    this.#sessions += change;
  }

  /** Whether others have taken all tokens of the rate limiter. */
  exhaust(isExhausted: boolean): void {
    this.#isExhausted = isExhausted;
  }

  get bucketSize(): number {
    return this.#bucketSize;
  }

  render(now: Date): string {
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    const seconds = Math.max(1, (Date.now() - this.#startedAtMs) / 1000);
    const cpus = os.cpus().length;
    const gauges: [string, string, number][] = [
      ["kms_version", "KMS version information", 1],
      ["kms_cpu_load", "CPU load for KMS (averaged over all CPUs)", (os.loadavg()[0] ?? 0) / cpus],
      ["kms_process_cpu_usage", "CPU usage for the current process", ((cpu.user + cpu.system) / 1e4 / seconds) | 0],
      ["kms_total_cpus", "Amount of CPU cores available to the system", cpus],
      ["kms_memory_usage", "Memory used for KMS", os.totalmem() - os.freemem()],
      ["kms_total_memory", "Amount of available memory in the system", os.totalmem()],
      ["kms_process_memory_usage", "Memory usage for the current process", memory.rss],
      ["kms_file_descriptors", "File descriptor usage for the KMS", openFiles()],
      ["kms_tasks", "Number of tasks started by the KMS", 1],
      ["kms_socat_file_descriptors", "Number of socat file descriptors", 0],
      ["kms_socat_tasks", "Number of socat tasks", 0],
      ["kms_rate_limiter_usage", "Rate limiter usage for the KMS", this.#isExhausted ? this.#bucketSize : 0],
      ["kms_fhe_key_cache_size", "Number of FHE key entries currently held in the in-memory crypto-material cache", 0],
      ["kms_active_sessions", "Number of active sessions in the KMS", this.#sessions],
      ["kms_inactive_sessions", "Number of inactive sessions in the KMS", 0],
      ["kms_meta_storage_user_decryptions", "Number of ONGOING user decryptions in meta storage", 0],
      ["kms_meta_storage_pub_decryptions", "Number of ONGOING public decryptions in meta storage", 0],
      ["kms_meta_storage_user_decryptions_in_store", "Total number of user decryptions in meta storage", 0],
      ["kms_meta_storage_pub_decryptions_in_store", "Total number of public decryptions in meta storage", 0],
      ["process_resident_memory_bytes", "Resident memory size in bytes.", memory.rss],
      ["process_open_fds", "Number of open file descriptors.", openFiles()],
      // By the core's own clock, as everything that it says.
      [
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        Math.floor(now.getTime() / 1000 - seconds),
      ],
    ];
    return [
      ...this.#counters(),
      ...gauges.map(([name, help, value]) => family(name, "gauge", help, [[{}, value]])),
      ...histogram(
        "kms_operation_duration_ms",
        "Duration of KMS operations",
        durationBucketsMs,
        [...this.#durations].map(([operation, values]) => [this.#durationLabels(operation), values]),
      ),
    ].join("");
  }

  #durationLabels(operation: string): Labels {
    const none = { tfhe_type: "", public_decryption_mode: "", user_decryption_mode: "" };
    return { operation_type: operation, party_id: String(this.#partyId), ...none };
  }

  #counters(): string[] {
    const operations = [...this.#operations].map(([operation, count]): [Labels, number] => [{ operation }, count]);
    const errors = [...this.#errors.values()].map(({ count, ...labels }): [Labels, number] => [labels, count]);
    return [
      family("kms_operations_total", "counter", "Total number of operations processed", operations),
      family("kms_operation_errors_total", "counter", "Total number of operation errors", errors),
      family("kms_network_rx_bytes_total", "counter", "Total number of bytes received over the network", [
        [{}, this.#rx],
      ]),
      family("kms_network_tx_bytes_total", "counter", "Total number of bytes sent over the network", [[{}, this.#tx]]),
    ];
  }
}

/** Enough for a devnet's life; a core is not kept from forgetting by a loop of health checks. */
const mostObserved = 10_000;

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

function family(name: string, type: string, help: string, samples: readonly [Labels, number][]): string {
  if (samples.length === 0) return "";
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function histogram(name: string, help: string, buckets: number[], series: [Labels, number[]][]): string[] {
  if (series.length === 0) return [];
  const lines = series.flatMap(([labels, values]) => [
    ...[...buckets, Number.POSITIVE_INFINITY].map((bound) => {
      const le = bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound);
      return `${name}_bucket${labelText({ ...labels, le })} ${values.filter((value) => value <= bound).length}\n`;
    }),
    `${name}_sum${labelText(labels)} ${values.reduce((sum, value) => sum + value, 0)}\n`,
    `${name}_count${labelText(labels)} ${values.length}\n`,
  ]);
  return [`# HELP ${name} ${help}\n# TYPE ${name} histogram\n${lines.join("")}`];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
