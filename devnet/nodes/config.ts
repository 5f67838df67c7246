import { z } from "zod";
import { PartyId } from "../../contract/names.ts";
import { Measurements } from "../../contract/trusted-release.ts";

const hex96 = z.string().regex(/^[0-9a-f]{96}$/);

/** What a node process is started with, and reads again on SIGHUP (then only `fault` counts). */
export const NodeConfig = z.strictObject({
  partyId: PartyId,
  /** Number of the devnet. */
  k: z.int().min(1).max(254),
  listenHost: z.ipv4(),
  /** DNS server of the party's cluster, host:port. */
  resolver: z.string().min(1),
  /** What a name without dots is looked up under, as the search list of a pod does. */
  searchDomain: z.string().default("kms-decentralized.svc.cluster.local"),
  /** Folder with the files of ConfigMap `<core>-config`. */
  configDir: z.string().min(1),
  stateDir: z.string().min(1),
  /** ConfigMap `mpc-party`. */
  env: z.record(z.string(), z.string()),
  attestation: z.strictObject({ rootKeyPem: z.string().min(1), rootCertPem: z.string().min(1) }),
  release: Measurements,
  /** Version of the software, as the manifest names it. */
  version: z.string().default("0.0.0"),
  /** Null: the vaults are folders below stateDir and nothing is sealed, for networks of bare nodes. */
  aws: z
    .strictObject({
      endpoint: z.url(),
      region: z.string(),
      accessKeyId: z.string(),
      secretAccessKey: z.string(),
      sessionToken: z.string().optional(),
    })
    .nullable(),
  fault: z
    .strictObject({
      /** Serves a certificate that expired an hour ago: each try to renew it fails. */
      expireCert: z.boolean().optional(),
      /** CN and SAN of the CA certificate and of the TLS certificate, in place of the identity in the peer list. */
      tlsSubject: z.string().min(1).optional(),
      /** Others hold all tokens of the rate limiter. */
      rateLimited: z.boolean().optional(),
      /** No epoch was ever made. */
      noPrss: z.boolean().optional(),
      /** How far the clock of the enclave is ahead; behind, below 0. */
      skewSeconds: z.int().optional(),
      /** Attests these measurements instead of the release's. All zeros play an enclave in debug mode. */
      pcrs: z.strictObject({ pcr0: hex96, pcr1: hex96, pcr2: hex96 }).optional(),
    })
    .default({}),
  /** Ends when standard input closes, so that no node outlives who started it. */
  exitWithParent: z.boolean().default(false),
});
export type NodeConfig = z.infer<typeof NodeConfig>;
