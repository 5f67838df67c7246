import { constants, createCipheriv, createHash, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { der, derInteger, derOid, tags } from "./der.ts";

const oids = {
  envelopedData: "1.2.840.113549.1.7.3",
  data: "1.2.840.113549.1.7.1",
  rsaesOaep: "1.2.840.113549.1.1.7",
  mgf1: "1.2.840.113549.1.1.8",
  sha256: "2.16.840.1.101.3.4.2.1",
  aes256Cbc: "2.16.840.1.101.3.4.1.42",
};

/**
 * `CiphertextForRecipient`: CMS EnvelopedData (RFC 5652) that only the enclave can open, with the key of its attestation document.
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/services-nitro-enclaves.html
 */
export function sealForRecipient(plaintext: Uint8Array, publicKeyDer: Uint8Array): Buffer {
  const publicKey = createPublicKey({ key: Buffer.from(publicKeyDer), format: "der", type: "spki" });
  const contentKey = randomBytes(32);
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", contentKey, iv);
  const content = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const encryptedKey = publicEncrypt({ key: publicKey, padding, oaepHash: "sha256" }, contentKey);

  const sha256 = der(tags.sequence, derOid(oids.sha256));
  const oaep = der(
    tags.sequence,
    derOid(oids.rsaesOaep),
    der(tags.sequence, der(0xa0, sha256), der(0xa1, der(tags.sequence, derOid(oids.mgf1), sha256))),
  );
  const keyIdentifier = der(0x80, createHash("sha256").update(publicKeyDer).digest());
  const recipient = der(tags.sequence, derInteger(2n), keyIdentifier, oaep, der(tags.octetString, encryptedKey));
  const algorithm = der(tags.sequence, derOid(oids.aes256Cbc), der(tags.octetString, iv));
  const encrypted = der(tags.sequence, derOid(oids.data), algorithm, der(0x80, content));
  const enveloped = der(tags.sequence, derInteger(2n), der(tags.set, recipient), encrypted);
  return der(tags.sequence, derOid(oids.envelopedData), der(0xa0, enveloped));
}
