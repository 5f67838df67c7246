import { z } from "zod";
import { reportHead, reportTime } from "./report-head.ts";
import { Verdict } from "./verdict.ts";

/** What one CA certificate says, as far as peers go by it. */
export const CertificateFacts = z.strictObject({
  sha256: z.string(),
  commonName: z.string(),
  dnsNames: z.array(z.string()),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  /** It may sign other certificates, and signed itself. */
  authority: z.boolean(),
  /** Of its key. */
  curve: z.string(),
  /** Ethereum address of its key, by which the network knows the party's signing key; null where the key has none. */
  address: z.string().nullable(),
});
export type CertificateFacts = z.infer<typeof CertificateFacts>;

/** One published object, as anybody finds it. */
export const Found = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion("status", [
    z.strictObject({ status: z.literal("found"), value }),
    z.strictObject({ status: z.literal("unreadable"), detail: z.string() }),
    z.strictObject({ status: z.literal("absent") }),
    z.strictObject({ status: z.literal("unknown"), reason: z.string() }),
  ]);

export const FoundCertificate = Found(CertificateFacts);
export type FoundCertificate = z.infer<typeof FoundCertificate>;
export const FoundAddress = Found(z.string());
export type FoundAddress = z.infer<typeof FoundAddress>;

/** Everything that the comparison of certificates rests on; the evidence of a run. */
export const CertificateSights = z.strictObject({
  network: z.string(),
  environment: z.string(),
  manifestDigest: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  /** All parties of the manifest. */
  parties: z.array(
    z.strictObject({
      partyId: z.int(),
      name: z.string(),
      /** CN and SAN that its certificate has to carry. */
      host: z.string(),
      own: FoundCertificate,
      /** Address of the party's signing key, as its core published it. */
      address: FoundAddress,
      /** What lies in its vault as the certificates of the others. */
      copies: z.array(z.strictObject({ of: z.int(), copy: FoundCertificate })),
    }),
  ),
});
export type CertificateSights = z.infer<typeof CertificateSights>;

/** Every party's own CA certificate against every copy of it. */
export const CertificatesReport = z.strictObject({
  schema: z.literal("quorate/certificates/v1"),
  ...reportHead,
  ...reportTime,
  copiesEqual: z.int(),
  copiesTotal: z.int(),
  parties: z.array(
    z.strictObject({
      partyId: z.int(),
      name: z.string(),
      /** Of its own certificate. */
      verdict: Verdict,
      certificate: CertificateFacts.nullable(),
    }),
  ),
  /** What party `holder` has as the certificate of party `of`. */
  copies: z.array(z.strictObject({ holder: z.int(), of: z.int(), verdict: Verdict, sha256: z.string().nullable() })),
});
export type CertificatesReport = z.infer<typeof CertificatesReport>;
