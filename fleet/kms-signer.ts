import { createHash, createPublicKey } from "node:crypto";
import { GetPublicKeyCommand, KMSClient, SignCommand } from "@aws-sdk/client-kms";
import type { Arn } from "../contract/names.ts";
import { PublicJwk } from "../contract/party-card.ts";
import { clientOptions, type Profile } from "../stacks/aws-profile.ts";
import { awsFailure } from "./aws-failure.ts";
import type { DocumentSigner } from "./document-signature.ts";

/** A party's signing key in AWS KMS. The private half never leaves it. */
export class KmsSigner implements DocumentSigner {
  readonly id: Arn;
  readonly #owner: Profile & { partyId: number; accountId: string };
  readonly #calls: { abortSignal?: AbortSignal };
  #client: Promise<KMSClient> | undefined;

  /** `signal` ends the calls early. */
  constructor(id: Arn, owner: Profile & { partyId: number; accountId: string }, signal?: AbortSignal) {
    this.id = id;
    this.#owner = owner;
    this.#calls = signal ? { abortSignal: signal } : {};
  }

  async publicJwk(): Promise<PublicJwk> {
    const { PublicKey } = await this.#ask("kms:GetPublicKey", (client) =>
      client.send(new GetPublicKeyCommand({ KeyId: this.id }), this.#calls),
    );
    const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: "der", type: "spki" });
    return PublicJwk.parse(key.export({ format: "jwk" }));
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    // KMS takes no more than 4096 bytes of a message, and a document may be longer.
    const digest = createHash("sha256").update(message).digest();
    const { Signature } = await this.#ask("kms:Sign", (client) =>
      client.send(
        new SignCommand({ KeyId: this.id, Message: digest, MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_256" }),
        this.#calls,
      ),
    );
    return Signature ?? new Uint8Array();
  }

  async #ask<T>(action: string, send: (client: KMSClient) => Promise<T>): Promise<T> {
    this.#client ??= clientOptions(this.#owner).then((options) => new KMSClient(options));
    try {
      return await send(await this.#client);
    } catch (failure) {
      throw awsFailure({ ...this.#owner, action, of: this.id }, failure);
    }
  }
}
