import { constants, createCipheriv, createHash, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { element, integer, objectIdentifier, octetString, sequence, set } from "../nodes/der-writer.ts";

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
export function sealForRecipient(publicKeyDer: Buffer, plaintext: Buffer): Buffer {
  const publicKey = createPublicKey({ key: publicKeyDer, format: "der", type: "spki" });
  const contentKey = randomBytes(32);
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", contentKey, iv);
  const content = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const encryptedKey = publicEncrypt({ key: publicKey, padding, oaepHash: "sha256" }, contentKey);

  const version2 = integer(Buffer.from([2]));
  const sha256 = sequence(objectIdentifier(oids.sha256));
  const mgf1 = sequence(objectIdentifier(oids.mgf1), sha256);
  const oaep = sequence(objectIdentifier(oids.rsaesOaep), sequence(element(0xa0, sha256), element(0xa1, mgf1)));
  const keyIdentifier = element(0x80, createHash("sha256").update(publicKeyDer).digest());
  const recipient = sequence(version2, keyIdentifier, oaep, octetString(encryptedKey));
  const algorithm = sequence(objectIdentifier(oids.aes256Cbc), octetString(iv));
  const encrypted = sequence(objectIdentifier(oids.data), algorithm, element(0x80, content));
  const enveloped = sequence(version2, set(recipient), encrypted);
  return sequence(objectIdentifier(oids.envelopedData), element(0xa0, enveloped));
}
