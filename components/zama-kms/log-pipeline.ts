import type { LogShipping } from "../../contract/log-shipping.ts";
import { secretPatterns } from "./log-secrets.ts";

/**
 * Containers whose logs are shipped. All others are not, and above all not `kms-core-init-load-env`: it prints its
 * environment and both configuration files.
 */
export const shippedContainers: readonly string[] = [
  "kms-core-enclave",
  "kms-core-enclave-logger",
  "kms-connector-gw-listener",
  "kms-connector-kms-worker",
  "kms-connector-tx-sender",
];

export type Destination = Exclude<LogShipping, { shipping: "none" }>;

export interface PipelineSettings {
  namespace: string;
  /** How the log streams' names begin. */
  streamPrefix: string;
  region: string;
  logGroupName: string;
}

/** Fluent Bit's configuration: reads what some containers said, drops lines with secrets, ships the rest. */
export function logPipeline(destination: Destination, settings: PipelineSettings): string {
  const paths = shippedContainers.map((container) => `/var/log/containers/*_${settings.namespace}_${container}-*.log`);
  return [
    section("SERVICE", { Flush: "5", Log_Level: "warn" }),
    section("INPUT", {
      Name: "tail",
      Path: paths.join(","),
      "multiline.parser": "docker, cri",
      Tag: "core.*",
      DB: "/var/fluent-bit/state/tail.db",
      Mem_Buf_Limit: "32MB",
      Skip_Long_Lines: "On",
      Read_from_Head: "On",
    }),
    ...Object.values(secretPatterns).map((pattern) =>
      section("FILTER", { Name: "grep", Match: "*", Exclude: `log ${pattern}` }),
    ),
    section("OUTPUT", output(destination, settings)),
  ].join("\n");
}

function output(destination: Destination, settings: PipelineSettings): Record<string, string> {
  if (destination.shipping === "cloudwatch")
    return {
      Name: "cloudwatch_logs",
      Match: "*",
      region: settings.region,
      log_group_name: settings.logGroupName,
      log_stream_prefix: settings.streamPrefix,
      // The group is the stack's: with its key, and its end.
      auto_create_group: "Off",
      retry_limit: "10",
    };
  return {
    Name: "http",
    Match: "*",
    Host: destination.host,
    Port: String(destination.port),
    URI: destination.path,
    Format: "json_lines",
    tls: "On",
    "tls.verify": "On",
    retry_limit: "10",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Fluent Bit puts the value there, the ConfigMap has the name
    ...(destination.secret && { Header: "Authorization ${SINK_AUTHORIZATION}" }),
  };
}

function section(kind: string, fields: Record<string, string>): string {
  return `[${kind}]\n${Object.entries(fields)
    .map(([field, value]) => `    ${field} ${value}\n`)
    .join("")}`;
}
