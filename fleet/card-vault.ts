import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { cardObjectName } from "../contract/party-card.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { peerCertificateKey } from "../contract/signing-key-handle.ts";
import { halfObjectName } from "../contract/validate-half.ts";
import { clientOptions } from "../stacks/aws-profile.ts";
import { largestCard } from "../stacks/card-verification.ts";
import { awsFailure } from "./aws-failure.ts";

/** A text in the vault, and by what S3 tells it from the next one. */
export interface StoredText {
  text: string;
  etag: string;
}

/** A party's own public vault, as its operator reads and writes it. */
export class CardVault {
  readonly #outputs: PartyOutputs;
  readonly #calls: { abortSignal?: AbortSignal };
  #client: Promise<S3Client> | undefined;

  /** `signal` ends the calls early: what S3 got by then it has whole or not at all. */
  constructor(outputs: PartyOutputs, signal?: AbortSignal) {
    this.#outputs = outputs;
    this.#calls = signal ? { abortSignal: signal } : {};
  }

  /** Name of the object that holds the party's card. */
  get cardKey(): string {
    return `${this.#outputs.publicVault.prefix}/${cardObjectName}`;
  }

  /** Where everybody finds the card. */
  get cardUrl(): string {
    return `${this.#outputs.publicVault.url}/${this.cardKey}`;
  }

  async readCard(): Promise<StoredText | undefined> {
    return await this.#read(this.cardKey);
  }

  /** The CA certificate that the party's own core published, as it lies there. */
  async readCaCertificate(): Promise<string | undefined> {
    return (await this.#read(this.#outputs.caCertificate.key))?.text;
  }

  /** A peer's CA certificate, where a starting core looks for it. */
  async readPeerCertificate(partyId: number): Promise<string | undefined> {
    return (await this.#read(peerCertificateKey(partyId)))?.text;
  }

  async writePeerCertificate(partyId: number, pem: string): Promise<void> {
    await this.#write(peerCertificateKey(partyId), pem, "application/x-pem-file");
  }

  /** Where everybody finds the party's half of the last validation. */
  get halfUrl(): string {
    return `${this.#outputs.publicVault.url}/${this.#halfKey}`;
  }

  get #halfKey(): string {
    return `${this.#outputs.publicVault.prefix}/${halfObjectName}`;
  }

  /** The last one counts: whoever validated later knows better. */
  async writeHalf(jws: string): Promise<void> {
    await this.#write(this.#halfKey, jws, "application/jose");
  }

  /** Writes the card unless somebody else wrote it since it was read; says whether it did. */
  async writeCard(jws: string, replaced: StoredText | undefined): Promise<boolean> {
    const condition = replaced === undefined ? { IfNoneMatch: "*" } : { IfMatch: replaced.etag };
    const object = { Bucket: this.#outputs.publicVault.bucketName, Key: this.cardKey, Body: jws };
    try {
      const client = await this.#connect();
      const put = new PutObjectCommand({ ...object, ...condition, ContentType: "application/jose" });
      await client.send(put, this.#calls);
      return true;
    } catch (failure) {
      // The second is what S3 says when the other write is still under way.
      if (failure instanceof Error && /^(PreconditionFailed|ConditionalRequestConflict)$/.test(failure.name))
        return false;
      throw this.#failure("s3:PutObject", this.cardKey, failure);
    }
  }

  async #write(Key: string, Body: string, ContentType: string): Promise<void> {
    const object = { Bucket: this.#outputs.publicVault.bucketName, Key, Body, ContentType };
    try {
      const client = await this.#connect();
      await client.send(new PutObjectCommand(object), this.#calls);
    } catch (failure) {
      throw this.#failure("s3:PutObject", Key, failure);
    }
  }

  async #read(key: string): Promise<StoredText | undefined> {
    const get = new GetObjectCommand({ Bucket: this.#outputs.publicVault.bucketName, Key: key });
    try {
      const client = await this.#connect();
      const { Body, ETag = "", ContentLength = 0 } = await client.send(get, this.#calls);
      // Whatever is as large as that is neither a card nor a certificate.
      if (ContentLength > largestCard) return { text: "", etag: ETag };
      return { text: (await Body?.transformToString()) ?? "", etag: ETag };
    } catch (failure) {
      if (failure instanceof Error && (failure.name === "NoSuchKey" || failure.name === "NotFound")) return undefined;
      throw this.#failure("s3:GetObject", key, failure);
    }
  }

  async #connect(): Promise<S3Client> {
    const { awsProfile: profile, region } = this.#outputs;
    // Path style: the bucket's name need not resolve as a host.
    this.#client ??= clientOptions({ profile, region }).then(
      (options) => new S3Client({ ...options, forcePathStyle: true }),
    );
    return await this.#client;
  }

  #failure(action: string, key: string, cause: unknown) {
    const { partyId, awsProfile: profile, region, accountId, publicVault } = this.#outputs;
    const of = `s3://${publicVault.bucketName}/${key}`;
    return awsFailure({ partyId, profile, region, accountId, action, of }, cause);
  }
}
