import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { z } from "zod";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import { bootEnclave, type Enclave } from "../attestation.ts";
import { readIfThere, writeWhole } from "../files.ts";
import { certificatePem, createCaCertificate, createSigningKey, uncompressedPoint } from "./certificates.ts";
import type { NodeConfig } from "./config.ts";
import { openForRecipient } from "./recipient-envelope.ts";
import { awsClientOptions, ownPrefix, type Vaults } from "./vault.ts";

/** A core that must not start, with the reason for its log; `refusal` is AWS's, where that is why. */
export class RefusesToStart extends Error {
  readonly refusal: AwsRefusal | null;

  constructor(message: string, options: ErrorOptions & { refusal?: AwsRefusal } = {}) {
    super(message, options);
    this.refusal = options.refusal ?? null;
  }
}

/** What AWS said no to. */
export interface AwsRefusal {
  code: string;
  message: string;
  requestId: string;
}

const Sealed = z.strictObject({
  keyId: z.string(),
  dataKey: z.base64(),
  iv: z.base64(),
  tag: z.base64(),
  ciphertext: z.base64(),
});

/**
 * The party's signing key: unsealed from the private vault, or made and sealed there at the very first start. AWS KMS releases the
 * data key only to an enclave whose PCR0 the key policy names; when it refuses, so does the core.
 */
export async function settleSigningKey(config: NodeConfig, vaults: Vaults, enclave: Enclave): Promise<KeyObject> {
  const object = `${ownPrefix(config, "private")}/SigningKey/${signingKeyHandle}`;
  const stored = await vaults.read("private", object);
  const seal = config.aws === null ? undefined : await createSeal(config, config.aws, enclave);
  if (stored !== null) return createPrivateKey(seal ? await seal.open(stored) : stored);
  const key = createSigningKey();
  const pem = key.export({ type: "pkcs8", format: "pem" }).toString();
  await vaults.write("private", object, seal ? await seal.close(pem) : pem);
  return key;
}

/**
 * Publishes what others check this party by, and says under which name. What is published already has to belong to this key: else
 * the core does not start. A CA certificate of another name, which a fault has put there, gives way to the one before it.
 */
export async function publishIdentity(config: NodeConfig, vaults: Vaults, key: KeyObject, mpcIdentity: string) {
  const objectOf = (type: string) => `${ownPrefix(config, "public")}/${type}/${signingKeyHandle}`;
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const published = await vaults.read("public", objectOf("CACert"));
  if (
    published !== null &&
    !new X509Certificate(published).publicKey.export({ type: "spki", format: "der" }).equals(spki)
  )
    throw new RefusesToStart(`${objectOf("CACert")} in the public vault belongs to another signing key`);
  const kept = join(config.stateDir, "ca-certificate.pem");
  const subject = config.fault.tlsSubject ?? mpcIdentity;
  const isOurs = published !== null && new X509Certificate(published).subject === `CN=${subject}`;
  // Before anything takes its place: peers have copies of this one, byte for byte.
  if (published !== null && !isOurs && config.fault.tlsSubject !== undefined) writeWhole(kept, published);
  const before = isOurs ? published : config.fault.tlsSubject === undefined ? readIfThere(kept) : null;
  const texts: Record<string, string> = {
    CACert: before ?? certificatePem(createCaCertificate(key, subject)),
    VerfKey: createPublicKey(key).export({ type: "spki", format: "pem" }).toString(),
    VerfAddress: ethereumAddress(key),
  };
  for (const [type, text] of Object.entries(texts))
    if ((await vaults.read("public", objectOf(type))) !== text) await vaults.write("public", objectOf(type), text);
  return subject;
}

/** The last 20 bytes of the public key's Keccak-256, which is older than node:crypto's SHA-3 and pads otherwise. */
export function ethereumAddress(key: KeyObject): string {
  const digest = keccak_256(uncompressedPoint(key).subarray(1));
  return `0x${Buffer.from(digest.subarray(12)).toString("hex")}`;
}

interface Seal {
  close(text: string): Promise<string>;
  open(sealed: string): Promise<string>;
}

async function createSeal(config: NodeConfig, aws: NonNullable<NodeConfig["aws"]>, enclave: Enclave): Promise<Seal> {
  const { DecryptCommand, GenerateDataKeyCommand, KMSClient } = await import("@aws-sdk/client-kms");
  const client = new KMSClient(awsClientOptions(aws));
  const keyId = config.env.KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID;
  if (!keyId) throw new RefusesToStart("ConfigMap mpc-party names no root key of the private vault");
  // KMS answers to the enclave alone: the data key comes encrypted for a key that the attestation document vouches for.
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const document = enclave.attest(publicKey.export({ type: "spki", format: "der" }));
  const recipient = { KeyEncryptionAlgorithm: "RSAES_OAEP_SHA_256", AttestationDocument: document } as const;
  const keyFrom = (answer: { CiphertextForRecipient?: Uint8Array | undefined }) => {
    if (!answer.CiphertextForRecipient) throw new RefusesToStart("AWS KMS answered without a key for the enclave");
    return openForRecipient(privateKey, Buffer.from(answer.CiphertextForRecipient));
  };
  return {
    async close(text) {
      const answer = await asked("GenerateDataKey", () =>
        client.send(new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: "AES_256", Recipient: recipient })),
      );
      const iv = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", keyFrom(answer), iv);
      const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return JSON.stringify({
        keyId,
        dataKey: Buffer.from(answer.CiphertextBlob ?? []).toString("base64"),
        iv: iv.toString("base64"),
        tag: cipher.getAuthTag().toString("base64"),
        ciphertext: ciphertext.toString("base64"),
      });
    },
    async open(text) {
      const sealed = Sealed.parse(JSON.parse(text));
      const CiphertextBlob = Buffer.from(sealed.dataKey, "base64");
      const answer = await asked("Decrypt", () =>
        client.send(new DecryptCommand({ KeyId: sealed.keyId, CiphertextBlob, Recipient: recipient })),
      );
      const decipher = createDecipheriv("aes-256-gcm", keyFrom(answer), Buffer.from(sealed.iv, "base64"));
      decipher.setAuthTag(Buffer.from(sealed.tag, "base64"));
      return `${decipher.update(Buffer.from(sealed.ciphertext, "base64"), undefined, "utf8")}${decipher.final("utf8")}`;
    },
  };
}

/** A refusal of KMS is final; that it does not answer is not. */
async function asked<T>(operation: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status !== undefined && status < 500)
      throw new RefusesToStart(`AWS KMS refuses ${operation} to this enclave: ${String(error)}`, {
        cause: error,
        refusal: refusalOf(error as Error),
      });
    throw error;
  }
}

export function refusalOf(error: Error): AwsRefusal {
  const { requestId = "" } = (error as { $metadata?: { requestId?: string } }).$metadata ?? {};
  return { code: error.name, message: error.message, requestId };
}

/** The enclave that runs this node, with the measurements of its release or of the fault that is played. */
export function enclaveOf(config: NodeConfig, root: { keyPem: string; certPem: string }): Enclave {
  return bootEnclave(root, config.fault.pcrs ?? config.release);
}
