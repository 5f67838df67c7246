import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { AccountId, Arn, Digest, NetworkName, PartyId, Region } from "./names.ts";
import { holdsPlainTexts } from "./printable.ts";

/** No card is good for longer: whoever stops publishing is forgotten, not trusted for ever. */
export const longestCardLifeDays = 400;

const dayMs = 86_400_000;

/** Characters of any text in a card but the certificate. */
const longestText = 500;

/** How peers reach a party; which of the two is the network's transport. */
export const CardEndpoint = z.discriminatedUnion("transport", [
  z.strictObject({
    transport: z.literal("privatelink").describe("By an AWS PrivateLink endpoint service."),
    serviceName: z
      .string()
      .regex(
        /^com\.amazonaws\.vpce\.[a-z0-9-]+\.vpce-svc-[0-9a-f]{8,17}$/,
        "an endpoint service name looks like com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0",
      )
      .describe("Name of the endpoint service."),
    availabilityZoneIds: z
      .array(z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*-az\d+$/, "a zone id looks like euw1-az1"))
      .max(16)
      .describe("Zones in which it answers. Ids: a zone's name means another zone in every account."),
  }),
  z.strictObject({
    transport: z.literal("kubeip").describe("By a public address that KubeIP keeps on the node."),
    elasticIp: z.ipv4().describe("The address."),
    furtherIps: z
      .array(z.ipv4())
      .min(1)
      .max(15)
      .optional()
      .describe("Further addresses of the party's nodes, from which its connections may come too."),
  }),
]);
export type CardEndpoint = z.infer<typeof CardEndpoint>;

/** One certificate, as the core publishes it, and what it is known by. */
export const CardCertificate = z
  .strictObject({
    pem: z
      .string()
      .max(8_192)
      .regex(
        /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,76}\n)+-----END CERTIFICATE-----\n$/,
        "exactly one PEM certificate",
      )
      .describe("The certificate, in PEM."),
    sha256: Digest.describe("SHA-256 of its DER."),
  })
  .superRefine(({ pem, sha256 }, context) => {
    const found = certificateSha256(pem);
    if (found === undefined)
      context.addIssue({ code: "custom", path: ["pem"], message: "is not a certificate that can be read" });
    else if (found !== sha256)
      context.addIssue({ code: "custom", path: ["sha256"], message: `the certificate's is ${found}` });
  });
export type CardCertificate = z.infer<typeof CardCertificate>;

/** Where anybody may read a party's public objects. */
export const PublicUrl = z
  .url({ protocol: /^https$/ })
  .max(500)
  .refine(isPlainUrl, {
    message: "an https address without user, query, fragment or slash at the end",
  });

/** The key that signed a document, as the document itself names it. */
export const SigningKey = z.strictObject({
  id: Arn.describe("The KMS key that signed it."),
  fingerprint: Digest.describe("SHA-256 of its public JWK (RFC 7638), by which peers pin it."),
});

/** What the other parties need to know of one party, signed by its key. Nothing in it is secret. */
export const PartyCard = z
  .strictObject({
    contract: z.literal("card/v1").describe("Version of this contract."),
    network: NetworkName.describe("The network that the card is for."),
    partyId: PartyId.describe("Number of the party whose card it is."),
    manifestDigest: Digest.describe("Digest of the manifest from which the party was built."),
    sequence: z.int().min(1).describe("Grows with each card that the party publishes; peers accept no lower one."),
    issuedAt: z.iso.datetime().describe("When it was signed, in UTC."),
    expiresAt: z.iso.datetime().describe("From when on peers refuse it, in UTC."),
    accountId: AccountId.describe("The party's AWS account: the principal that peers allow to connect."),
    region: Region.describe("The party's AWS region."),
    endpoint: CardEndpoint.nullable().describe("How peers reach the party; null while there is no way yet."),
    publicVault: z
      .strictObject({
        url: PublicUrl.describe("Its address, without a slash at the end."),
        prefix: z
          .string()
          .regex(/^[A-Za-z0-9_-]+$/, "a vault prefix has no slash")
          .max(100)
          .describe("How the names of all its objects begin."),
      })
      .describe("The vault that the world may read."),
    caCertificate: CardCertificate.nullable().describe(
      "CA certificate of the party's core; null until the core has made it. One: a core reads exactly one for each peer.",
    ),
    release: z
      .strictObject({
        version: z.string().min(1).max(60).describe("Release of the core."),
        imageDigest: Digest.describe("Digest of its image."),
      })
      .nullable()
      .describe("What the party runs; null while the core is withheld, or held back for its peers' certificates."),
    signingKey: SigningKey.describe("The key that signed the card."),
  })
  .superRefine((card, context) => {
    for (const [field, value] of Object.entries({ ...card, caCertificate: card.caCertificate?.sha256 }))
      if (!holdsPlainTexts(value, longestText))
        context.addIssue({
          code: "custom",
          path: [field],
          message: `holds a text of more than one line or ${longestText} characters, or one that steers a terminal`,
        });
    const lifeMs = Date.parse(card.expiresAt) - Date.parse(card.issuedAt);
    if (lifeMs <= 0 || lifeMs > longestCardLifeDays * dayMs)
      context.addIssue({
        code: "custom",
        path: ["expiresAt"],
        message: `has to be after issuedAt, by at most ${longestCardLifeDays} days`,
      });
  });
export type PartyCard = z.infer<typeof PartyCard>;

/** The public half of a party's signing key. */
export const PublicJwk = z.strictObject({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  y: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});
export type PublicJwk = z.infer<typeof PublicJwk>;

/**
 * Header of what a party signs; `typ` tells one kind of document from the others. Nothing else may be in it: a reader that ignored a word
 * would read another document.
 */
export const signedHeader = <T extends string>(typ: T) =>
  z.strictObject({ alg: z.literal("ES256"), typ: z.literal(typ), kid: Digest, jwk: PublicJwk });

export const CardHeader = signedHeader("quorate-card+jws");
export type CardHeader = z.infer<typeof CardHeader>;

/** Name of a party's card in its public vault, below the vault's prefix. */
export const cardObjectName = "PartyCard/card-v1.jws";

/** SHA-256 of a certificate's DER; undefined where the text is no certificate. */
export function certificateSha256(pem: string): Digest | undefined {
  try {
    const hex = new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
    return Digest.parse(`sha256:${hex}`);
  } catch {
    return undefined;
  }
}

function isPlainUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && url.username === "" && url.password === "" && !/[?#]|\/$/.test(text);
}
