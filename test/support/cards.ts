import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { Arn, Digest } from "../../contract/names.ts";
import { CardHeader, certificateSha256, PartyCard } from "../../contract/party-card.ts";
import type { CardContent } from "../../fleet/card-signature.ts";
import type { DocumentSigner } from "../../fleet/document-signature.ts";
import { keyFingerprint } from "../../stacks/signed-document.ts";
import { hex } from "./network.ts";

export const digestOf = (digit: string): Digest => Digest.parse(`sha256:${hex(64, digit)}`);

/** A party's signing key as it lies in KMS, on this machine. */
export class LocalKey implements DocumentSigner {
  readonly id = Arn.parse("arn:aws:kms:eu-west-1:100000000002:key/11111111-2222-3333-4444-555555555555");
  readonly #privateKey: KeyObject;
  readonly jwk: CardHeader["jwk"];
  readonly fingerprint: Digest;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    this.#privateKey = privateKey;
    this.jwk = CardHeader.shape.jwk.parse(publicKey.export({ format: "jwk" }));
    this.fingerprint = keyFingerprint(this.jwk);
  }

  publicJwk = async () => this.jwk;
  sign = async (message: Uint8Array): Promise<Uint8Array> => sign("sha256", message, this.#privateKey);

  /** Signs whatever header and payload, as somebody who has the key could. */
  forge(header: object, payload: string | Uint8Array): string {
    const signed = [JSON.stringify(header), payload].map((part) => Buffer.from(part).toString("base64url")).join(".");
    const key = { key: this.#privateKey, dsaEncoding: "ieee-p1363" } as const;
    return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
  }

  get header(): CardHeader {
    return { alg: "ES256", typ: "quorate-card+jws", kid: this.fingerprint, jwk: this.jwk };
  }
}

export const minuteMs = 60_000;
export const dayMs = 86_400_000;

/** What party 2 of the test network would say of itself. */
export function cardContent(change: Partial<PartyCard> = {}, now = new Date()): CardContent {
  const { signingKey: _theSigners, ...content } = PartyCard.parse({
    contract: "card/v1",
    network: "devnet",
    partyId: 2,
    manifestDigest: digestOf("a"),
    sequence: 7,
    issuedAt: now.toISOString(),
    expiresAt: new Date(now.getTime() + 90 * dayMs).toISOString(),
    accountId: "100000000002",
    region: "eu-west-1",
    endpoint: {
      transport: "privatelink",
      serviceName: "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002",
      availabilityZoneIds: ["euw1-az1", "euw1-az2"],
    },
    publicVault: { url: "https://mpc-vault-public-2.s3.eu-west-1.amazonaws.com", prefix: "PUB-p2" },
    caCertificate: null,
    release: { version: "0.13.20", imageDigest: digestOf("2") },
    signingKey: { id: "arn:aws:kms:eu-west-1:100000000002:key/1", fingerprint: digestOf("f") },
    ...change,
  });
  return content;
}

/** A CA certificate as a core would make it, but for the curve. */
export async function caCertificate(commonName = "mpc-node-2") {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  const made = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${commonName}`,
      keys,
      signingAlgorithm: algorithm,
      extensions: [new x509.BasicConstraintsExtension(true)],
    },
    crypto as never,
  );
  const pem = `${made.toString("pem").trim()}\n`;
  return { pem, sha256: certificateSha256(pem) ?? digestOf("0") };
}
