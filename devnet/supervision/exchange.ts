import type { S3Client } from "@aws-sdk/client-s3";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import type { PartyTopology } from "../topology.ts";
import type { DevnetdConfig } from "./config.ts";
import { operatorS3 } from "./operator-vault.ts";
import type { PartyCore } from "./party-core.ts";

const pauseMs = 300;

/**
 * Does what operators do by hand: copies each party's CA certificate from its public vault into everybody else's, where
 * their cores look for it. Looks while a core is starting, since that is who waits for it.
 */
export class Exchange {
  readonly #config: DevnetdConfig;
  readonly #cores: ReadonlyMap<number, PartyCore>;
  readonly #log: (text: string) => void;
  readonly #isWithheld: (to: number, from: number) => boolean;
  readonly #clients = new Map<number, S3Client>();
  readonly #copied = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  /** One look after another. */
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;
  #lastFailure = "";

  /** `isWithheld` tells of copies that are not to be there. */
  constructor(
    config: DevnetdConfig,
    cores: ReadonlyMap<number, PartyCore>,
    log: (text: string) => void,
    isWithheld: (to: number, from: number) => boolean = () => false,
  ) {
    this.#config = config;
    this.#cores = cores;
    this.#log = log;
    this.#isWithheld = isWithheld;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#lookAndGoOn(), pauseMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const client of this.#clients.values()) client.destroy();
  }

  /** Resolves when all have what is published now: a core that has just put another certificate there may serve already. */
  async copyNow(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#tryCopying());
    await this.#looking;
  }

  async #lookAndGoOn(): Promise<void> {
    if ([...this.#cores.values()].some((core) => core.status.core === "starting")) await this.copyNow();
    if (!this.#isStopped) this.start();
  }

  async #tryCopying(): Promise<void> {
    try {
      await this.#copyAll();
      this.#lastFailure = "";
    } catch (error) {
      const text = `exchange of CA certificates: ${(error as Error).message}`;
      if (text !== this.#lastFailure) this.#log(text);
      this.#lastFailure = text;
    }
  }

  async #copyAll(): Promise<void> {
    const present = this.#config.parties.filter((party) => this.#bucketOf(party) !== undefined);
    await Promise.all(present.map((from) => this.#copyFrom(from, present)));
  }

  async #copyFrom(from: PartyTopology, present: readonly PartyTopology[]): Promise<void> {
    const key = `${this.#prefixOf(from)}/CACert/${signingKeyHandle}`;
    const pem = await this.#read(from, key);
    if (pem === null) return;
    for (const to of present) {
      const link = `${from.id}→${to.id}`;
      if (to.id === from.id || this.#copied.get(link) === pem || this.#isWithheld(to.id, from.id)) continue;
      const { PutObjectCommand } = await import("@aws-sdk/client-s3");
      const client = await this.#client(to);
      await client.send(new PutObjectCommand({ Bucket: this.#bucketOf(to), Key: key, Body: pem }));
      this.#copied.set(link, pem);
    }
  }

  async #read(party: PartyTopology, key: string): Promise<string | null> {
    const { GetObjectCommand, NoSuchKey } = await import("@aws-sdk/client-s3");
    try {
      const client = await this.#client(party);
      const { Body } = await client.send(new GetObjectCommand({ Bucket: this.#bucketOf(party), Key: key }));
      return (await Body?.transformToString()) ?? null;
    } catch (error) {
      if (error instanceof NoSuchKey) return null;
      throw error;
    }
  }

  async #client(party: PartyTopology): Promise<S3Client> {
    const known = this.#clients.get(party.id);
    if (known !== undefined) return known;
    const client = await operatorS3(this.#config, party);
    this.#clients.set(party.id, client);
    return client;
  }

  #bucketOf(party: PartyTopology): string | undefined {
    return this.#cores.get(party.id)?.environment.KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET || undefined;
  }

  #prefixOf(party: PartyTopology): string {
    return this.#cores.get(party.id)?.environment.KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX || `PUB-p${party.id}`;
  }
}
