import { z } from "zod";
import { PartyId, Port } from "./names.ts";
import { Measurements } from "./trusted-release.ts";

/** What the prober of one party is asked on standard input. Times are milliseconds. */
export const ProbeRequest = z.strictObject({
  contract: z.literal("probe/v1"),
  partyId: PartyId,
  /** `link`: DNS, TCP, TLS and attestation against cores. `network`: DNS and TCP against the peers' listening probers. */
  stage: z.enum(["link", "network"]),
  /** Deadline of one link for DNS, TCP and TLS together. */
  timeoutMs: z.int().min(50).max(60_000),
  peers: z.array(
    z.strictObject({
      partyId: PartyId,
      host: z.string(),
      port: Port,
      /** CN and SAN that the peer's leaf certificate has to carry. */
      mpcIdentity: z.string(),
      /** The CA certificate that this party's own core trusts for the peer; null while its vault holds none. */
      caCertificatePem: z.string().nullable(),
    }),
  ),
  trustedReleases: z.array(Measurements),
  attestationRootSha256: z.string(),
  /** The party's own core, asked for its view of the peers; null at stage `network`. */
  core: z.strictObject({ host: z.string(), port: Port }).nullable(),
});
export type ProbeRequest = z.infer<typeof ProbeRequest>;

export const pathCodes = [
  "OK",
  "NAME_NOT_FOUND",
  "REFUSED",
  "TIMED_OUT",
  "RESET",
  "UNREACHABLE",
  "NOT_TLS",
  "WRONG_CERTIFICATE",
  "EXPIRED_CERTIFICATE",
  "CERTIFICATE_NOT_YET_VALID",
  "UNTRUSTED_RELEASE",
  "NO_CA_CERTIFICATE",
  "WRONG_ANSWER",
] as const;
export const PathCode = z.enum(pathCodes);
export type PathCode = z.infer<typeof PathCode>;

/** How long something took: a clock that ran backwards, or for more than a day, measured nothing. */
const Milliseconds = z.number().min(0).max(86_400_000);

/** One directed link as the prober saw it. A stage that was not reached is null. */
export const PathProbe = z.strictObject({
  peerId: PartyId,
  code: PathCode,
  /** The last stage that was entered. */
  stage: z.enum(["dns", "tcp", "tls", "certificate", "attestation", "answer"]),
  detail: z.string(),
  address: z.string().nullable(),
  dnsMs: Milliseconds.nullable(),
  tcpMs: Milliseconds.nullable(),
  tlsMs: Milliseconds.nullable(),
  /** Measurements of the peer's enclave, from its attestation document. */
  release: Measurements.nullable(),
  certificate: z
    .strictObject({ commonName: z.string(), notBefore: z.iso.datetime(), notAfter: z.iso.datetime() })
    .nullable(),
  /** Stage `network`: our address as the peer saw it. */
  sourceSeenByPeer: z.string().nullable(),
});
export type PathProbe = z.infer<typeof PathProbe>;

/** What the party's own core says of its peers (kms.v1 HealthStatusResponse), or why it said nothing. */
export const CoreView = z.discriminatedUnion("status", [
  z.strictObject({
    status: z.literal("answered"),
    contextStatus: z.enum(["unspecified", "optimal", "healthy", "degraded", "unhealthy"]),
    myPartyId: z.int(),
    thresholdRequired: z.int().min(0),
    nodesReachable: z.int().min(0),
    latencyMs: Milliseconds,
    peers: z.array(
      z.strictObject({
        peerId: z.int(),
        endpoint: z.string(),
        reachable: z.boolean(),
        latencyMs: z.int().min(0),
        error: z.string(),
      }),
    ),
  }),
  z.strictObject({
    status: z.literal("silent"),
    code: z.enum(["NAME_NOT_FOUND", "REFUSED", "TIMED_OUT", "WRONG_ANSWER", "NOT_ASKED"]),
    detail: z.string(),
  }),
]);
export type CoreView = z.infer<typeof CoreView>;

/** The prober's one JSON on standard output. */
export const ProbeReply = z.strictObject({
  contract: z.literal("probe/v1"),
  partyId: PartyId,
  startedAt: z.iso.datetime(),
  durationMs: Milliseconds,
  links: z.array(PathProbe),
  view: CoreView,
});
export type ProbeReply = z.infer<typeof ProbeReply>;
