import { constants, createDecipheriv, type KeyObject, privateDecrypt } from "node:crypto";
import { derElements } from "./der-reader.ts";

/**
 * Opens AWS KMS's `CiphertextForRecipient`: CMS EnvelopedData for the RSA key that the attestation document vouched for.
 * @see https://docs.aws.amazon.com/kms/latest/APIReference/API_RecipientInfo.html
 */
export function openForRecipient(privateKey: KeyObject, envelope: Buffer): Buffer {
  const inside = (bytes: Buffer | undefined, index: number) => derElements(bytes ?? Buffer.alloc(0))[index]?.content;
  const enveloped = inside(inside(inside(envelope, 0), 1), 0);
  const recipientInfo = inside(inside(enveloped, 1), 0);
  const content = inside(enveloped, 2);
  const iv = inside(inside(content, 1), 1);
  const wrapped = inside(recipientInfo, 3);
  const encrypted = inside(content, 2);
  if (!iv || !wrapped || !encrypted) throw new Error("the answer for the recipient is not a CMS EnvelopedData");
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const key = privateDecrypt({ key: privateKey, padding, oaepHash: "sha256" }, wrapped);
  const decipher = createDecipheriv("aes-256-cbc", key, iv);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}
