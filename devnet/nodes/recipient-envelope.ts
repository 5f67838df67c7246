import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { derElements } from "./der-reader.ts";
import { element, integer, objectIdentifier, octetString, sequence, set } from "./der-writer.ts";

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
const envelopedData = "1.2.840.113549.1.7.3";
const aes256Cbc = "2.16.840.1.101.3.4.1.42";

/**
 * AWS KMS's `CiphertextForRecipient`: a CMS EnvelopedData for the RSA key in an attestation document, AES-256-CBC inside.
 * @see https://docs.aws.amazon.com/kms/latest/APIReference/API_RecipientInfo.html
 */
export function sealForRecipient(publicKeyDer: Buffer, plaintext: Buffer): Buffer {
  const key = randomBytes(32);
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const encrypted = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const recipient = createPublicKey({ key: publicKeyDer, format: "der", type: "spki" });
  const recipientInfo = sequence(
    integer(Buffer.from([2])),
    element(0x80, randomBytes(20)),
    sequence(objectIdentifier("1.2.840.113549.1.1.7")),
    octetString(publicEncrypt({ key: recipient, ...oaep }, key)),
  );
  const content = sequence(
    objectIdentifier("1.2.840.113549.1.7.1"),
    sequence(objectIdentifier(aes256Cbc), octetString(iv)),
    element(0x80, encrypted),
  );
  const enveloped = sequence(integer(Buffer.from([2])), set(recipientInfo), content);
  return sequence(objectIdentifier(envelopedData), element(0xa0, enveloped));
}

/** What was sealed for the holder of this private key. */
export function openForRecipient(privateKey: KeyObject, envelope: Buffer): Buffer {
  const inside = (bytes: Buffer | undefined, index: number) => derElements(bytes ?? Buffer.alloc(0))[index]?.content;
  const enveloped = inside(inside(inside(envelope, 0), 1), 0);
  const recipientInfo = inside(inside(enveloped, 1), 0);
  const content = inside(enveloped, 2);
  const iv = inside(inside(content, 1), 1);
  const wrapped = inside(recipientInfo, 3);
  const encrypted = inside(content, 2);
  if (!iv || !wrapped || !encrypted) throw new Error("the answer for the recipient is not a CMS EnvelopedData");
  const key = privateDecrypt({ key: privateKey, ...oaep }, wrapped);
  const decipher = createDecipheriv("aes-256-cbc", key, iv);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}
