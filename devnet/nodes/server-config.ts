import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";

const Port = z.int().min(1).max(65_535);
const hex96 = z
  .string()
  .regex(/^[0-9a-f]{96}$/i)
  .toLowerCase();

const ServerToml = z.looseObject({
  service: z.looseObject({ listen_port: Port }),
  threshold: z.looseObject({
    listen_port: Port,
    my_id: z.coerce.number().int().min(1),
    threshold: z.int().min(1),
    tls: z.looseObject({
      auto: z.looseObject({
        trusted_releases: z.array(z.strictObject({ pcr0: hex96, pcr1: hex96, pcr2: hex96 })).default([]),
        renew_fail_retry_timeout: z.int().min(1).default(60),
      }),
    }),
    peers: z.array(
      z.looseObject({
        party_id: z.int().min(1),
        address: z.string(),
        port: Port,
        mpc_identity: z.string().optional(),
        tls_cert: z.looseObject({ pem: z.string() }).optional(),
      }),
    ),
  }),
  rate_limiter_conf: z.looseObject({ bucket_size: z.int().min(1) }).optional(),
  internal_config: z.looseObject({ num_tokio_threads: z.int(), num_rayon_threads: z.int() }).optional(),
  telemetry: z.looseObject({ metrics_bind_address: z.string().regex(/:\d+$/) }).optional(),
});

export interface Peer {
  partyId: number;
  address: string;
  port: number;
  mpcIdentity: string;
  caCertificatePem: string | null;
}

/** The part of kms-server.toml that the stand-in acts on. */
export interface ServerConfig {
  myId: number;
  threshold: number;
  ports: { grpc: number; peer: number; metrics: number };
  trustedReleases: { pcr0: string; pcr1: string; pcr2: string }[];
  /** Seconds between two tries to renew the certificate. */
  renewRetrySeconds: number;
  /** Prices of the rate limiter's operations, and its `bucket_size`. */
  rateLimiter: Record<string, unknown> & { bucket_size: number };
  threads: { tokio: number; rayon: number };
  /** Own entry included. */
  peers: Peer[];
  /** With all places filled, as the init container writes it. */
  text: string;
  toml: Record<string, unknown>;
}

/**
 * Reads the ConfigMap's kms-server.toml after filling its `${NAME}` places, as the chart's init container does with envsubst. CA
 * certificates that are not there yet leave an empty text; the real core would fail on them, this one waits.
 */
export function readServerConfig(configDir: string, places: Readonly<Record<string, string>>): ServerConfig {
  const template = readFileSync(join(configDir, "kms-server.toml"), "utf8");
  const text = template.replace(/\$\{(\w+)\}/g, (_place, name: string) => {
    const value = places[name] ?? "";
    return name.startsWith("KMS_CA_PEM_") ? `"""${value}"""` : value;
  });
  const toml = parseToml(text);
  const { service, threshold, telemetry, rate_limiter_conf, internal_config } = ServerToml.parse(toml);
  const peers = threshold.peers.map((peer) => ({
    partyId: peer.party_id,
    address: peer.address,
    port: peer.port,
    mpcIdentity: peer.mpc_identity ?? peer.address,
    caCertificatePem: peer.tls_cert?.pem.trim() || null,
  }));
  if (peers.length !== 3 * threshold.threshold + 1)
    throw new Error(`kms-server.toml lists ${peers.length} peers; threshold ${threshold.threshold} needs 3t + 1`);
  return {
    myId: threshold.my_id,
    threshold: threshold.threshold,
    ports: {
      grpc: service.listen_port,
      peer: threshold.listen_port,
      metrics: Number(telemetry?.metrics_bind_address.split(":").at(-1) ?? 9464),
    },
    trustedReleases: threshold.tls.auto.trusted_releases,
    renewRetrySeconds: threshold.tls.auto.renew_fail_retry_timeout,
    rateLimiter: rate_limiter_conf ?? { bucket_size: 50_000 },
    threads: { tokio: internal_config?.num_tokio_threads ?? 10, rayon: internal_config?.num_rayon_threads ?? 40 },
    peers,
    text,
    toml,
  };
}
