import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { integer, octetString, sequence } from "../nodes/der-writer.ts";
import { AwsError } from "./aws-error.ts";
import { type CurveName, signDigest, toBigInt, verifyDigest } from "./ecdsa-digest.ts";
import type { AccountStore } from "./store.ts";
import { syncDirectory } from "./write-ahead-log.ts";

export type KeyMaterial = { spec: string } & ({ secret: Buffer } | { privateKey: KeyObject });

const curveNames: Record<string, { jwk: CurveName; openssl: string; algorithm: string }> = {
  ECC_NIST_P256: { jwk: "P-256", openssl: "prime256v1", algorithm: "ECDSA_SHA_256" },
  ECC_NIST_P384: { jwk: "P-384", openssl: "secp384r1", algorithm: "ECDSA_SHA_384" },
  ECC_SECG_P256K1: { jwk: "secp256k1", openssl: "secp256k1", algorithm: "ECDSA_SHA_256" },
};
const rsaAlgorithms = ["PKCS1_V1_5", "PSS"].flatMap((padding) =>
  [256, 384, 512].map((bits) => `RSASSA_${padding}_SHA_${bits}`),
);

/** What a key of this spec can sign with; empty for symmetric keys. */
export function signingAlgorithms(spec: string): string[] {
  return spec.startsWith("RSA_") ? rsaAlgorithms : [curveNames[spec]?.algorithm ?? []].flat();
}

export function isKnownSpec(spec: string): boolean {
  return spec === "SYMMETRIC_DEFAULT" || /^RSA_(2048|3072|4096)$/.test(spec) || Object.hasOwn(curveNames, spec);
}

const loading = new WeakMap<AccountStore, Map<string, Promise<KeyMaterial>>>();

/**
 * The material of a key, made at first use: a key may have been created through either front end. It is in a file of its own (0600), so
 * that neither the log nor a listing ever holds it.
 */
export function keyMaterial(account: AccountStore, keyId: string, spec: string): Promise<KeyMaterial> {
  const ofAccount = loading.get(account) ?? new Map<string, Promise<KeyMaterial>>();
  loading.set(account, ofAccount);
  const known = ofAccount.get(keyId);
  if (known) return known;
  const material = readOrGenerate(account.keysDir, keyId, spec);
  ofAccount.set(keyId, material);
  material.catch(() => ofAccount.delete(keyId));
  return material;
}

/** Gone for good: nothing encrypted under the key can be read again. */
export async function destroyKeyMaterial(account: AccountStore, keyId: string): Promise<void> {
  loading.get(account)?.delete(keyId);
  await rm(join(account.keysDir, keyId), { force: true });
  await syncDirectory(account.keysDir);
}

async function readOrGenerate(dir: string, keyId: string, spec: string): Promise<KeyMaterial> {
  if (!/^[A-Za-z0-9-]+$/.test(keyId)) throw new AwsError("NotFoundException", `Invalid keyId ${keyId}`);
  const path = join(dir, keyId);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    text = spec === "SYMMETRIC_DEFAULT" ? randomBytes(32).toString("hex") : generatePem(spec);
    const file = await open(`${path}.new`, "w", 0o600);
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await rename(`${path}.new`, path);
    await syncDirectory(dir);
  }
  return text.startsWith("-----")
    ? { spec, privateKey: createPrivateKey(text) }
    : { spec, secret: Buffer.from(text, "hex") };
}

function generatePem(spec: string): string {
  const curve = curveNames[spec];
  const { privateKey } = curve
    ? generateKeyPairSync("ec", { namedCurve: curve.openssl })
    : generateKeyPairSync("rsa", { modulusLength: Number(spec.split("_")[1]) });
  return privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}

/** AES-256-GCM; the blob begins with the key's ARN, so that Decrypt needs no key id. */
export function seal(
  material: KeyMaterial,
  keyArn: string,
  plaintext: Uint8Array,
  context: Record<string, string>,
): Buffer {
  const arn = Buffer.from(keyArn);
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", secretOf(material), iv).setAAD(canonicalContext(context));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.from([1, arn.length]), arn, iv, cipher.getAuthTag(), ciphertext]);
}

export function keyArnOf(blob: Buffer): string {
  if (blob[0] !== 1 || blob.length < 2 + (blob[1] ?? 0) + 28) throw new AwsError("InvalidCiphertextException", "");
  return blob.subarray(2, 2 + (blob[1] ?? 0)).toString("utf8");
}

export function unseal(material: KeyMaterial, blob: Buffer, context: Record<string, string>): Buffer {
  const start = 2 + (blob[1] ?? 0);
  const [iv, tag, ciphertext] = [
    blob.subarray(start, start + 12),
    blob.subarray(start + 12, start + 28),
    blob.subarray(start + 28),
  ];
  try {
    const decipher = createDecipheriv("aes-256-gcm", secretOf(material), iv, { authTagLength: 16 });
    decipher.setAAD(canonicalContext(context)).setAuthTag(tag);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    // AWS says no more than this: wrong context and changed bytes look the same.
    throw new AwsError("InvalidCiphertextException", "");
  }
}

export function publicKeyDer(material: KeyMaterial): Buffer {
  return createPublicKey(privateKeyOf(material)).export({ format: "der", type: "spki" });
}

export function signMessage(material: KeyMaterial, algorithm: string, message: Buffer, isDigest: boolean): Buffer {
  const key = privateKeyOf(material);
  const { hash, padding } = readAlgorithm(material, algorithm);
  if (!isDigest) return sign(hash, message, { key, ...padding });
  checkDigest(hash, message);
  const curve = curveNames[material.spec];
  if (curve) {
    const { r, s } = signDigest(curve.jwk, message, fromJwk(key.export({ format: "jwk" }).d));
    return sequence(integer(toBytes(r)), integer(toBytes(s)));
  }
  if (padding.padding === constants.RSA_PKCS1_PSS_PADDING) throw noPssDigest();
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo(hash, message));
}

export function verifyMessage(
  material: KeyMaterial,
  algorithm: string,
  message: Buffer,
  signature: Buffer,
  isDigest: boolean,
): boolean {
  const key = createPublicKey(privateKeyOf(material));
  const { hash, padding } = readAlgorithm(material, algorithm);
  if (!isDigest) return verify(hash, message, { key, ...padding }, signature);
  checkDigest(hash, message);
  const curve = curveNames[material.spec];
  if (curve) {
    const parsed = readSignature(signature);
    const { x, y } = key.export({ format: "jwk" });
    return parsed !== undefined && verifyDigest(curve.jwk, message, parsed, [fromJwk(x), fromJwk(y)]);
  }
  if (padding.padding === constants.RSA_PKCS1_PSS_PADDING) throw noPssDigest();
  try {
    const decrypted = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
    return decrypted.equals(digestInfo(hash, message));
  } catch {
    return false;
  }
}

function readAlgorithm(material: KeyMaterial, algorithm: string) {
  if (!signingAlgorithms(material.spec).includes(algorithm))
    throw new AwsError("ValidationException", `Algorithm ${algorithm} is incompatible with key spec ${material.spec}.`);
  const hash = `sha${algorithm.split("_").at(-1)}`;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const padding: { padding?: number; saltLength?: number } = algorithm.includes("PSS") ? pss : {};
  return { hash, padding };
}

function checkDigest(hash: string, digest: Buffer): void {
  if (digest.length !== createHash(hash).digest().length)
    throw new AwsError("ValidationException", "Digest is invalid length for algorithm.");
}

function digestInfo(hash: string, digest: Buffer): Buffer {
  const oid = Buffer.from([
    0x06,
    9,
    0x60,
    0x86,
    0x48,
    1,
    0x65,
    3,
    4,
    2,
    { sha256: 1, sha384: 2, sha512: 3 }[hash] ?? 0,
  ]);
  return sequence(sequence(oid, Buffer.from([5, 0])), octetString(digest));
}

function readSignature(bytes: Buffer): { r: bigint; s: bigint } | undefined {
  const rLength = bytes[3] ?? 0;
  const sAt = 4 + rLength;
  if (bytes[0] !== 0x30 || bytes[2] !== 0x02 || bytes[sAt] !== 0x02) return undefined;
  return { r: toBigInt(bytes.subarray(4, sAt)), s: toBigInt(bytes.subarray(sAt + 2, sAt + 2 + (bytes[sAt + 1] ?? 0))) };
}

function secretOf(material: KeyMaterial): Buffer {
  if ("secret" in material) return material.secret;
  throw new AwsError("InvalidKeyUsageException", `A key of spec ${material.spec} does not encrypt here`);
}

function privateKeyOf(material: KeyMaterial): KeyObject {
  if ("privateKey" in material) return material.privateKey;
  throw new AwsError("InvalidKeyUsageException", "A symmetric key has no public key and does not sign");
}

function canonicalContext(context: Record<string, string>): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function toBytes(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function fromJwk(field: string | undefined): bigint {
  return toBigInt(Buffer.from(field ?? "", "base64url"));
}

function noPssDigest(): AwsError {
  return new AwsError("InvalidAction", "The simulated cloud does not implement kms RSASSA_PSS over a digest", 501);
}
