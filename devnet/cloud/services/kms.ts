import { randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import { type Attested, verifyAttestation } from "../../attestation.ts";
import { readPolicy, requireAccess } from "../access.ts";
import { type AwsCall, type AwsService, type CloudContext, callerAccount } from "../aws-call.ts";
import { AwsError, notSimulated } from "../aws-error.ts";
import { sealForRecipient } from "../enveloped-data.ts";
import {
  destroyKeyMaterial,
  isKnownSpec,
  keyArnOf,
  keyMaterial,
  publicKeyDer,
  seal,
  signingAlgorithms,
  signMessage,
  unseal,
  verifyMessage,
} from "../key-material.ts";
import { defaultKeyPolicy, keepsControl, type Principal } from "../policy.ts";
import type { AccountStore, StoredResource } from "../store.ts";

const keyType = "aws:kms/key:Key";
const aliasType = "aws:kms/alias:Alias";

/** Key Management Service, JSON 1.1. */
export const kms: AwsService = {
  async handle(call, cloud) {
    const action = String(call.headers["x-amz-target"] ?? "").replace(/^TrentService\./, "");
    const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (!run) throw notSimulated("kms", action);
    const input = call.body.length === 0 ? {} : JSON.parse(call.body.toString("utf8"));
    const output = await run({ action: `kms:${action}`, input, call, cloud });
    return { status: 200, headers: { "content-type": "application/x-amz-json-1.1" }, body: JSON.stringify(output) };
  },
  renderError(error) {
    const body = JSON.stringify({ __type: errorCode(error), message: error.message });
    return {
      status: error.status === 403 ? 400 : error.status,
      headers: { "content-type": "application/x-amz-json-1.1", "x-amzn-errortype": errorCode(error) },
      body,
    };
  },
};

function errorCode({ code }: AwsError): string {
  const names: Record<string, string> = {
    AccessDenied: "AccessDeniedException",
    InvalidClientTokenId: "UnrecognizedClientException",
    MissingAuthenticationToken: "MissingAuthenticationTokenException",
    SignatureDoesNotMatch: "InvalidSignatureException",
    RequestTimeTooSkewed: "InvalidSignatureException",
    ExpiredToken: "ExpiredTokenException",
    MalformedPolicy: "MalformedPolicyDocumentException",
    InvalidAction: "UnknownOperationException",
  };
  return names[code] ?? code;
}

interface KmsCall {
  action: string;
  input: unknown;
  call: AwsCall;
  cloud: CloudContext;
}

interface FoundKey {
  account: AccountStore;
  key: StoredResource;
  arn: string;
  keyId: string;
  spec: string;
  deletionDate: string | undefined;
}

const Context = z.record(z.string(), z.string()).default({});
const Blob = z.string().transform((text) => Buffer.from(text, "base64"));
const Recipient = z
  .object({ KeyEncryptionAlgorithm: z.literal("RSAES_OAEP_SHA_256"), AttestationDocument: Blob })
  .optional();
const OfKey = z.object({ KeyId: z.string().min(1) });

const actions: Record<string, (request: KmsCall) => Promise<object> | object> = {
  async CreateKey({ action, input, call, cloud }) {
    const owner = callerAccount(call, cloud);
    if (!owner) throw new AwsError("AccessDenied", "Access Denied", 403);
    const { accountId } = owner;
    const options = read(
      z.object({
        Policy: z.string().optional(),
        Description: z.string().default(""),
        KeyUsage: z.string().optional(),
        KeySpec: z.string().default("SYMMETRIC_DEFAULT"),
        MultiRegion: z.boolean().default(false),
        Tags: z.array(z.object({ TagKey: z.string(), TagValue: z.string() })).default([]),
        BypassPolicyLockoutSafetyCheck: z.boolean().default(false),
      }),
      input,
    );
    requireAccess(cloud.store, { principal: call.principal, action, resource: "*", resourceAccountId: accountId });
    if (!isKnownSpec(options.KeySpec)) throw notSimulated("kms", `keys of spec ${options.KeySpec}`);
    const keyUsage = options.KeySpec === "SYMMETRIC_DEFAULT" ? "ENCRYPT_DECRYPT" : "SIGN_VERIFY";
    if (options.KeyUsage !== undefined && options.KeyUsage !== keyUsage)
      throw notSimulated("kms", `keys of spec ${options.KeySpec} for ${options.KeyUsage}`);
    const keyId = randomUUID();
    const arn = `arn:aws:kms:${call.region}:${accountId}:key/${keyId}`;
    const policy = options.Policy ?? defaultKeyPolicy(accountId);
    checkKeyPolicy(policy, call.principal, accountId, arn, options.BypassPolicyLockoutSafetyCheck);
    const tags = Object.fromEntries(options.Tags.map(({ TagKey, TagValue }) => [TagKey, TagValue]));
    const key: StoredResource = {
      type: keyType,
      id: keyId,
      props: {
        keyId,
        arn,
        policy,
        description: options.Description,
        keyUsage,
        customerMasterKeySpec: options.KeySpec,
        multiRegion: options.MultiRegion,
        isEnabled: true,
        keyState: "Enabled",
        creationDate: cloud.now().toISOString(),
        enableKeyRotation: false,
        region: call.region,
        tags,
        tagsAll: tags,
      },
    };
    await cloud.store.account(accountId).put(key);
    return { KeyMetadata: metadata(describe(cloud.store.account(accountId), key)) };
  },
  DescribeKey: (request) => ({ KeyMetadata: metadata(findAllowed(request, { evenIfPending: true })) }),
  GetKeyPolicy(request) {
    return { Policy: findAllowed(request).key.props.policy, PolicyName: "default" };
  },
  async PutKeyPolicy(request) {
    const found = findAllowed(request);
    const { Policy, BypassPolicyLockoutSafetyCheck: bypass } = read(
      z.object({ Policy: z.string(), BypassPolicyLockoutSafetyCheck: z.boolean().default(false) }),
      request.input,
    );
    checkKeyPolicy(Policy, request.call.principal, found.account.accountId, found.arn, bypass);
    await found.account.put({ ...found.key, props: { ...found.key.props, policy: Policy } });
    return {};
  },
  ListKeys(request) {
    const account = requireOwnAccount(request);
    const all = account.list(keyType).map((key) => describe(account, key));
    return { Keys: all.map(({ keyId, arn }) => ({ KeyId: keyId, KeyArn: arn })), Truncated: false };
  },
  ListAliases(request) {
    const account = requireOwnAccount(request);
    const { KeyId } = read(OfKey.partial(), request.input);
    const aliases = account.list(aliasType).map(({ id, props }) => ({
      AliasName: String(props.name ?? id),
      AliasArn: String(props.arn),
      TargetKeyId: keyIdOf(String(props.targetKeyId)),
    }));
    const ofKey = KeyId === undefined ? aliases : aliases.filter((alias) => alias.TargetKeyId === keyIdOf(KeyId));
    return { Aliases: ofKey, Truncated: false };
  },
  async Encrypt(request) {
    const { Plaintext, EncryptionContext } = read(
      z.object({ Plaintext: Blob, EncryptionContext: Context }),
      request.input,
    );
    const found = findAllowed(request, { context: contextKeys(EncryptionContext) });
    if (Plaintext.length === 0 || Plaintext.length > 4096)
      throw new AwsError("ValidationException", "Plaintext has to be 1 to 4096 bytes");
    const blob = seal(await material(found), found.arn, Plaintext, EncryptionContext);
    return { CiphertextBlob: blob.toString("base64"), KeyId: found.arn, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" };
  },
  async Decrypt(request) {
    const input = read(
      z.object({ CiphertextBlob: Blob, EncryptionContext: Context, KeyId: z.string().optional(), Recipient }),
      request.input,
    );
    const arn = keyArnOf(input.CiphertextBlob);
    const attestation = attest(input.Recipient, request.cloud);
    const context = { ...contextKeys(input.EncryptionContext), ...attestationKeys(attestation) };
    const found = findAllowed({ ...request, input: { KeyId: arn } }, { context });
    if (input.KeyId !== undefined && find(input.KeyId, request)?.arn !== arn)
      throw new AwsError(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
      );
    const plaintext = unseal(await material(found), input.CiphertextBlob, input.EncryptionContext);
    return { KeyId: arn, EncryptionAlgorithm: "SYMMETRIC_DEFAULT", ...deliver(plaintext, attestation) };
  },
  async GenerateDataKey(request) {
    const input = read(
      z.object({
        KeySpec: z.enum(["AES_128", "AES_256"]).optional(),
        NumberOfBytes: z.int().min(1).max(1024).optional(),
        EncryptionContext: Context,
        Recipient,
      }),
      request.input,
    );
    if ((input.KeySpec === undefined) === (input.NumberOfBytes === undefined))
      throw new AwsError("ValidationException", "Please specify either number of bytes or key spec.");
    const attestation = attest(input.Recipient, request.cloud);
    const context = { ...contextKeys(input.EncryptionContext), ...attestationKeys(attestation) };
    const found = findAllowed(request, { context });
    const dataKey = randomBytes(input.NumberOfBytes ?? (input.KeySpec === "AES_128" ? 16 : 32));
    const blob = seal(await material(found), found.arn, dataKey, input.EncryptionContext);
    return { KeyId: found.arn, CiphertextBlob: blob.toString("base64"), ...deliver(dataKey, attestation) };
  },
  async Sign(request) {
    const { Message, MessageType, SigningAlgorithm } = read(Signing, request.input);
    const context = { "kms:signingalgorithm": SigningAlgorithm, "kms:messagetype": MessageType };
    const found = findAllowed(request, { context });
    const signature = signMessage(await material(found), SigningAlgorithm, Message, MessageType === "DIGEST");
    return { KeyId: found.arn, Signature: signature.toString("base64"), SigningAlgorithm };
  },
  async Verify(request) {
    const { Message, MessageType, SigningAlgorithm } = read(Signing, request.input);
    const { Signature } = read(z.object({ Signature: Blob }), request.input);
    const found = findAllowed(request);
    if (!verifyMessage(await material(found), SigningAlgorithm, Message, Signature, MessageType === "DIGEST"))
      throw new AwsError("KMSInvalidSignatureException", "");
    return { KeyId: found.arn, SignatureValid: true, SigningAlgorithm };
  },
  async GetPublicKey(request) {
    const found = findAllowed(request);
    return {
      KeyId: found.arn,
      PublicKey: publicKeyDer(await material(found)).toString("base64"),
      KeySpec: found.spec,
      CustomerMasterKeySpec: found.spec,
      KeyUsage: "SIGN_VERIFY",
      SigningAlgorithms: signingAlgorithms(found.spec),
    };
  },
  async ScheduleKeyDeletion(request) {
    const found = findAllowed(request);
    const { PendingWindowInDays } = read(
      z.object({ PendingWindowInDays: z.int().min(7).max(30).default(30) }),
      request.input,
    );
    const deletionDate = new Date(request.cloud.now().getTime() + PendingWindowInDays * 86_400_000);
    await putState(found, { keyState: "PendingDeletion", isEnabled: false, deletionDate: deletionDate.toISOString() });
    return {
      KeyId: found.arn,
      DeletionDate: deletionDate.getTime() / 1000,
      KeyState: "PendingDeletion",
      PendingWindowInDays,
    };
  },
  async CancelKeyDeletion(request) {
    const found = findAllowed(request, { evenIfPending: true });
    if (found.deletionDate === undefined)
      throw new AwsError("KMSInvalidStateException", `${found.arn} is not pending deletion.`);
    // As in AWS, the key comes back disabled.
    await putState(found, { keyState: "Disabled", isEnabled: false, deletionDate: undefined });
    return { KeyId: found.arn };
  },
};

const Signing = z.object({
  Message: Blob,
  MessageType: z.enum(["RAW", "DIGEST"]).default("RAW"),
  SigningAlgorithm: z.string(),
});

/** Ends the keys whose waiting period is over: nothing encrypted under them can be read again. */
export async function expireKeys(account: AccountStore, now: Date): Promise<void> {
  for (const { id, props } of account.list(keyType)) {
    if (props.keyState !== "PendingDeletion" || new Date(String(props.deletionDate)) > now) continue;
    await destroyKeyMaterial(account, id);
    await account.delete(keyType, id);
  }
}

/** What KMS refuses to store: a malformed policy, and one that locks the caller out of changing it again. */
function checkKeyPolicy(
  text: string,
  principal: Principal,
  accountId: string,
  arn: string,
  bypassLockoutCheck = false,
): void {
  const policy = readPolicy(text, "resource");
  if (!bypassLockoutCheck && !keepsControl(policy, { arn, accountId }, principal))
    throw new AwsError(
      "MalformedPolicy",
      "The new key policy will not allow you to update the key policy in the future.",
    );
}

/** The key of the call, once the key's policy and the caller's have allowed the action. */
function findAllowed(
  request: KmsCall,
  options: { context?: Record<string, string>; evenIfPending?: boolean } = {},
): FoundKey {
  const { KeyId } = read(OfKey, request.input);
  const found = find(KeyId, request);
  if (!found) throw new AwsError("NotFoundException", `Key '${KeyId}' does not exist`);
  requireAccess(
    request.cloud.store,
    {
      principal: request.call.principal,
      action: request.action,
      resource: found.arn,
      resourceAccountId: found.account.accountId,
      context: { ...options.context },
    },
    { resource: readPolicy(found.key.props.policy, "resource"), delegation: "resource-only" },
  );
  if (options.evenIfPending) return found;
  if (found.deletionDate !== undefined)
    throw new AwsError("KMSInvalidStateException", `${found.arn} is pending deletion.`);
  const manages = ["kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"].includes(request.action);
  if (found.key.props.isEnabled === false && !manages)
    throw new AwsError("DisabledException", `${found.arn} is disabled.`);
  return found;
}

/** By id, ARN, `alias/…` or alias ARN. An ARN may name another account's. */
function find(id: string, { call, cloud }: KmsCall): FoundKey | undefined {
  const [, , service, , arnAccount, resource] = id.startsWith("arn:") ? id.split(":") : [];
  if (service !== undefined && service !== "kms") throw new AwsError("ValidationException", `Invalid keyId '${id}'`);
  const own = call.principal.kind === "anonymous" ? undefined : call.principal.accountId;
  const accountId = arnAccount ?? own;
  if (!cloud.config.accounts.some((account) => account.accountId === accountId) || !accountId) return undefined;
  const account = cloud.store.account(accountId);
  const name = resource ?? id;
  const alias = name.startsWith("alias/")
    ? account.list(aliasType).find((each) => each.id === name || each.props.name === name)
    : undefined;
  if (name.startsWith("alias/") && !alias) return undefined;
  const keyId = keyIdOf(String(alias?.props.targetKeyId ?? name));
  const key = account.get(keyType, keyId);
  return key && describe(account, key);
}

function describe(account: AccountStore, key: StoredResource): FoundKey {
  const spec = String(key.props.customerMasterKeySpec ?? "SYMMETRIC_DEFAULT");
  const deletionDate = key.props.keyState === "PendingDeletion" ? String(key.props.deletionDate) : undefined;
  return { account, key, arn: String(key.props.arn), keyId: key.id, spec, deletionDate };
}

function putState({ account, key }: FoundKey, state: Record<string, unknown>): Promise<void> {
  return account.put({ ...key, props: { ...key.props, ...state } });
}

function keyIdOf(idOrArn: string): string {
  return idOrArn.split("/").at(-1) ?? idOrArn;
}

function requireOwnAccount({ action, call, cloud }: KmsCall): AccountStore {
  const owner = callerAccount(call, cloud);
  if (!owner) throw new AwsError("AccessDenied", "Access Denied", 403);
  const { accountId } = owner;
  requireAccess(cloud.store, { principal: call.principal, action, resource: "*", resourceAccountId: accountId });
  return cloud.store.account(accountId);
}

function material(found: FoundKey) {
  return keyMaterial(found.account, found.keyId, found.spec);
}

function metadata({ account, key, arn, keyId, spec, deletionDate }: FoundKey): object {
  const isEnabled = deletionDate === undefined && key.props.isEnabled !== false;
  const symmetric = spec === "SYMMETRIC_DEFAULT";
  return {
    AWSAccountId: account.accountId,
    KeyId: keyId,
    Arn: arn,
    CreationDate: new Date(String(key.props.creationDate ?? 0)).getTime() / 1000,
    Enabled: isEnabled,
    Description: key.props.description ?? "",
    KeyUsage: symmetric ? "ENCRYPT_DECRYPT" : "SIGN_VERIFY",
    KeyState: deletionDate !== undefined ? "PendingDeletion" : isEnabled ? "Enabled" : "Disabled",
    ...(deletionDate === undefined ? {} : { DeletionDate: new Date(deletionDate).getTime() / 1000 }),
    Origin: "AWS_KMS",
    KeyManager: "CUSTOMER",
    KeySpec: spec,
    CustomerMasterKeySpec: spec,
    ...(symmetric ? { EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"] } : { SigningAlgorithms: signingAlgorithms(spec) }),
    MultiRegion: key.props.multiRegion ?? false,
  };
}

function attest(recipient: z.infer<typeof Recipient>, cloud: CloudContext): Attested | undefined {
  if (!recipient) return undefined;
  const root = cloud.config.attestationRootSha256;
  if (root === undefined) throw notSimulated("kms", "attested requests: its config names no attestation root");
  try {
    return verifyAttestation(recipient.AttestationDocument, root, cloud.now());
  } catch (error) {
    throw new AwsError("ValidationException", `The attestation document is invalid: ${(error as Error).message}`);
  }
}

/** @see https://docs.aws.amazon.com/kms/latest/developerguide/conditions-nitro-enclaves.html */
function attestationKeys(attested: Attested | undefined): Record<string, string> {
  // All zeros is what an enclave in debug mode reports: it proves nothing, so it meets no condition.
  if (!attested || /^0*$/.test(attested.pcrs.pcr0)) return {};
  const prefix = "kms:recipientattestation";
  const pcrs = Object.entries(attested.pcrs).map(([name, value]) => [`${prefix}:${name}`, value]);
  return { ...Object.fromEntries(pcrs), [`${prefix}:imagesha384`]: attested.pcrs.pcr0 };
}

function contextKeys(context: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(context).map(([key, value]) => [`kms:encryptioncontext:${key}`.toLowerCase(), value]),
  );
}

/** In the clear, or for the enclave's eyes only. */
function deliver(plaintext: Buffer, attested: Attested | undefined): object {
  return attested
    ? { CiphertextForRecipient: sealForRecipient(attested.publicKey, plaintext).toString("base64") }
    : { Plaintext: plaintext.toString("base64") };
}

function read<T extends z.ZodType>(schema: T, input: unknown): z.infer<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new AwsError("ValidationException", z.prettifyError(parsed.error));
}
