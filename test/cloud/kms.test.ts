import { createHash, createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  CancelKeyDeletionCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  GetKeyPolicyCommand,
  GetPublicKeyCommand,
  ListAliasesCommand,
  ListKeysCommand,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  type SigningAlgorithmSpec,
  VerifyCommand,
} from "@aws-sdk/client-kms";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootEnclave, certificateSha256 } from "../../devnet/attestation.ts";
import { expireKeys } from "../../devnet/cloud/services/kms.ts";
import { createCertificate, issuerExtensions } from "../../devnet/nodes/certificates.ts";
import { openForRecipient } from "../../devnet/nodes/recipient-envelope.ts";
import { clients, operatorKeys, startCloud } from "./support/cloud.ts";

const accountId = "100000000001";
const roleArn = `arn:aws:iam::${accountId}:role/mpc-party`;
const trusted = { pcr0: "ab".repeat(48), pcr1: "01".repeat(48), pcr2: "02".repeat(48) };

function attestationRoot() {
  const pair = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const der = createCertificate({
    subject: "test root",
    issuer: "test root",
    publicKey: pair.publicKey,
    signer: pair.privateKey,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 864_000_000),
    extensions: issuerExtensions(1),
  });
  const certPem = `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
  return { keyPem: pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString(), certPem };
}

let cloud: Awaited<ReturnType<typeof startCloud>>;
const root = attestationRoot();
beforeAll(async () => {
  cloud = await startCloud({ attestationRootSha256: certificateSha256(root.certPem) });
  await cloud.store.account(accountId).put({
    type: "aws:iam/role:Role",
    id: "mpc-party",
    props: {
      name: "mpc-party",
      arn: roleArn,
      assumeRolePolicy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" }],
      }),
    },
  });
});
afterAll(() => cloud[Symbol.asyncDispose]());

const operator = (n = 1) => clients(cloud.endpoint, operatorKeys(n));

async function asRole() {
  const { Credentials } = await operator().sts.send(
    new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "core" }),
  );
  return clients(cloud.endpoint, {
    accessKeyId: Credentials?.AccessKeyId ?? "",
    secretAccessKey: Credentials?.SecretAccessKey ?? "",
    sessionToken: Credentials?.SessionToken ?? "",
  });
}

/** The party key: its role only from an attested enclave, the account only to administer. */
const partyKeyPolicy = (...measurements: string[]) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: roleArn },
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: "*",
        Condition: { StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": measurements } },
      },
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${accountId}:root` },
        Action: ["kms:Describe*", "kms:Get*", "kms:Put*", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"],
        Resource: "*",
      },
    ],
  });

async function newKey(input: ConstructorParameters<typeof CreateKeyCommand>[0] = {}): Promise<string> {
  const { KeyMetadata } = await operator().kms.send(new CreateKeyCommand(input));
  return KeyMetadata?.Arn ?? "";
}

describe("an attested key", () => {
  const enclaveKey = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicKey = enclaveKey.publicKey.export({ format: "der", type: "spki" });
  const recipient = (document: Uint8Array) => ({
    Recipient: { KeyEncryptionAlgorithm: "RSAES_OAEP_SHA_256" as const, AttestationDocument: document },
  });

  test("gives data keys to the attested enclave only, sealed to it, and opens them again for it", async () => {
    const KeyId = await newKey({ Policy: partyKeyPolicy(trusted.pcr0.toUpperCase()) });
    const { kms } = await asRole();
    const enclave = bootEnclave(root, trusted);
    const made = await kms.send(
      new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256", ...recipient(enclave.attest(publicKey)) }),
    );
    expect(made.Plaintext).toBeUndefined();
    const dataKey = openForRecipient(enclaveKey.privateKey, Buffer.from(made.CiphertextForRecipient ?? []));
    expect(dataKey).toHaveLength(32);

    const { CiphertextBlob } = made;
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob, ...recipient(enclave.attest(publicKey)) }));
    expect(openForRecipient(enclaveKey.privateKey, Buffer.from(opened.CiphertextForRecipient ?? []))).toEqual(dataKey);

    const session = "arn:aws:sts::100000000001:assumed-role/mpc-party/core";
    const refusal = {
      name: "AccessDeniedException",
      message: `User: ${session} is not authorized to perform: kms:Decrypt on resource: ${KeyId} because no resource-based policy allows the kms:Decrypt action`,
    };
    await expect(kms.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject(refusal);
    const other = bootEnclave(root, { ...trusted, pcr0: "cd".repeat(48) });
    await expect(
      kms.send(new DecryptCommand({ CiphertextBlob, ...recipient(other.attest(publicKey)) })),
    ).rejects.toMatchObject(refusal);
    await expect(
      operator().kms.send(new DecryptCommand({ CiphertextBlob, ...recipient(enclave.attest(publicKey)) })),
    ).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  test("is opened by a new release once the policy lists it", async () => {
    const KeyId = await newKey({ Policy: partyKeyPolicy(trusted.pcr0) });
    const { kms } = await asRole();
    const next = bootEnclave(root, { ...trusted, pcr0: "cd".repeat(48) });
    const ask = () =>
      kms.send(new GenerateDataKeyCommand({ KeyId, NumberOfBytes: 16, ...recipient(next.attest(publicKey)) }));
    await expect(ask()).rejects.toMatchObject({ name: "AccessDeniedException" });
    const Policy = partyKeyPolicy(trusted.pcr0, "cd".repeat(48));
    await operator().kms.send(new PutKeyPolicyCommand({ KeyId, Policy }));
    expect((await operator().kms.send(new GetKeyPolicyCommand({ KeyId }))).Policy).toBe(Policy);
    expect((await ask()).CiphertextForRecipient).toBeDefined();
  });

  test("takes no document of another root, none that was changed, and none of a debug enclave", async () => {
    const zeros = "0".repeat(96);
    const KeyId = await newKey({ Policy: partyKeyPolicy(trusted.pcr0, zeros) });
    const { kms } = await asRole();
    const ask = (document: Uint8Array) =>
      kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256", ...recipient(document) }));
    const foreign = bootEnclave(attestationRoot(), trusted).attest(publicKey);
    await expect(ask(foreign)).rejects.toMatchObject({ name: "ValidationException", message: /another root/ });
    const changed = Buffer.from(bootEnclave(root, trusted).attest(publicKey));
    const at = changed.indexOf(Buffer.from(trusted.pcr1, "hex"));
    changed.writeUInt8(0xff, at);
    await expect(ask(changed)).rejects.toMatchObject({ name: "ValidationException", message: /signature/ });
    const debug = bootEnclave(root, { pcr0: zeros, pcr1: zeros, pcr2: zeros }).attest(publicKey);
    await expect(ask(debug)).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  test("never gets a policy that would lock its account out", async () => {
    const KeyId = await newKey({ Policy: partyKeyPolicy(trusted.pcr0) });
    const [onlyRole] = JSON.parse(partyKeyPolicy(trusted.pcr0)).Statement;
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [onlyRole] });
    await expect(operator().kms.send(new PutKeyPolicyCommand({ KeyId, Policy }))).rejects.toMatchObject({
      name: "MalformedPolicyDocumentException",
      message: "The new key policy will not allow you to update the key policy in the future.",
    });
  });
});

describe("keys", () => {
  test("encrypt and decrypt under the same context only", async () => {
    const { kms } = operator();
    const KeyId = await newKey();
    const Plaintext = randomBytes(100);
    const EncryptionContext = { party: "1" };
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext, EncryptionContext }));
    const back = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
    expect(Buffer.from(back.Plaintext ?? [])).toEqual(Plaintext);
    await expect(kms.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject({
      name: "InvalidCiphertextException",
    });
    await expect(operator(2).kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))).rejects.toMatchObject(
      {
        name: "AccessDeniedException",
      },
    );
    const file = await stat(join(cloud.store.account(accountId).keysDir, KeyId.split("/")[1] ?? ""));
    expect(file.mode & 0o777).toBe(0o600);
  });

  test.each<["ECC_NIST_P256" | "ECC_SECG_P256K1" | "RSA_2048", SigningAlgorithmSpec]>([
    ["ECC_NIST_P256", "ECDSA_SHA_256"],
    ["ECC_SECG_P256K1", "ECDSA_SHA_256"],
    ["RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"],
  ])("%s signs messages and digests that its public key verifies", async (KeySpec, SigningAlgorithm) => {
    const { kms } = operator();
    const KeyId = await newKey({ KeySpec, KeyUsage: "SIGN_VERIFY" });
    const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
    const publicKey = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: "der", type: "spki" });
    const text = Buffer.from("a party card");
    const digest = createHash("sha256").update(text).digest();
    for (const [MessageType, Message] of [
      ["RAW", text],
      ["DIGEST", digest],
    ] as const) {
      const common = { KeyId, Message, MessageType, SigningAlgorithm };
      const { Signature } = await kms.send(new SignCommand(common));
      expect(verify("sha256", text, publicKey, Buffer.from(Signature ?? []))).toBe(true);
      expect((await kms.send(new VerifyCommand({ ...common, Signature }))).SignatureValid).toBe(true);
      const wrong = { ...common, Message: createHash("sha256").update("other").digest(), Signature };
      await expect(kms.send(new VerifyCommand(wrong))).rejects.toMatchObject({ name: "KMSInvalidSignatureException" });
    }
    await expect(kms.send(new EncryptCommand({ KeyId, Plaintext: text }))).rejects.toMatchObject({
      name: "InvalidKeyUsageException",
    });
  });

  test("are found by id, ARN and alias, and listed for their own account only", async () => {
    const { kms } = operator();
    const arn = await newKey({ Description: "named" });
    const id = arn.split("/")[1] ?? "";
    await cloud.store.account(accountId).put({
      type: "aws:kms/alias:Alias",
      id: "alias/named",
      props: { name: "alias/named", arn: arn.replace(/key\/.*/, "alias/named"), targetKeyId: id, targetKeyArn: arn },
    });
    for (const KeyId of [id, arn, "alias/named", arn.replace(/key\/.*/, "alias/named")]) {
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
      expect(KeyMetadata).toMatchObject({ Arn: arn, Description: "named", KeyState: "Enabled" });
    }
    expect((await kms.send(new ListAliasesCommand({ KeyId: id }))).Aliases?.[0]?.AliasName).toBe("alias/named");
    expect((await kms.send(new ListKeysCommand({}))).Keys?.map((each) => each.KeyArn)).toContain(arn);
    expect((await operator(2).kms.send(new ListKeysCommand({}))).Keys).toEqual([]);
    await expect(kms.send(new DescribeKeyCommand({ KeyId: "alias/none" }))).rejects.toMatchObject({
      name: "NotFoundException",
    });
  });

  test("wait before they are deleted, unusable, and can be brought back until then", async () => {
    const { kms } = operator();
    const KeyId = await newKey();
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from("x") }));
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    expect((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState).toBe("PendingDeletion");
    await expect(kms.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject({
      name: "KMSInvalidStateException",
    });
    const account = cloud.store.account(accountId);
    await expireKeys(account, new Date(Date.now() + 6 * 86_400_000));
    await kms.send(new CancelKeyDeletionCommand({ KeyId }));
    expect((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState).toBe("Disabled");
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    await expireKeys(account, new Date(Date.now() + 8 * 86_400_000));
    await expect(kms.send(new DescribeKeyCommand({ KeyId }))).rejects.toMatchObject({ name: "NotFoundException" });
  });

  test("what is not simulated says so", async () => {
    const KeyId = await newKey();
    const mac = new GenerateMacCommand({ KeyId, Message: Buffer.from("x"), MacAlgorithm: "HMAC_SHA_256" });
    await expect(operator().kms.send(mac)).rejects.toMatchObject({
      name: "UnknownOperationException",
      message: "The simulated cloud does not implement kms GenerateMac",
    });
  });
});
