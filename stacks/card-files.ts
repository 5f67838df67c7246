import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Document, parseDocument } from "yaml";
import { CardPins, CardTrust, entryOf, type Pin, type Trusted } from "../contract/card-trust.ts";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { parse } from "../contract/parse.ts";
import { exitCodes } from "../contract/verdict.ts";
import { openCard, type VerifiedCard } from "./card-verification.ts";
import { type ExpectedDocument, textDigest } from "./signed-document.ts";
import { readIfThere, replaceFile, syncFolder, writeThrough } from "./text-file.ts";
import { readYamlFile } from "./yaml-file.ts";

/**
 * The cards of one network as they lie beside the stack files, in `cards/<network>/`: whom this party trusts (`trust.yaml`), which cards it
 * accepted (`pins.json`), and those cards (`party-<n>.jws`). The party program reads nothing else of the peers, so that a preview says the same
 * wherever and whenever it runs.
 */
export class CardFiles {
  readonly dir: string;
  readonly network: string;

  constructor(stacksDir: string, network: string) {
    this.dir = join(stacksDir, "cards", network);
    this.network = network;
  }

  get trustPath(): string {
    return join(this.dir, "trust.yaml");
  }

  get pinsPath(): string {
    return join(this.dir, "pins.json");
  }

  cardPath(partyId: number): string {
    return join(this.dir, `party-${partyId}.jws`);
  }

  /** Whom this party trusts; undefined where nobody was decided about yet. */
  async readTrust(): Promise<CardTrust | undefined> {
    if ((await readIfThere(this.trustPath)) === undefined) return undefined;
    const { value, lineOf } = await readYamlFile({
      path: this.trustPath,
      code: "CARD_TRUST",
      what: "file of trusted keys",
      whenMissing: "npx quorate cards trust <party> <fingerprint>",
    });
    const trust = parse(CardTrust, value, {
      code: "CARD_TRUST_INVALID",
      what: `the file of trusted keys ${this.trustPath} breaks its contract`,
      next: `correct the fields named above in ${this.trustPath}`,
      lineOf,
    });
    this.#requireNetwork(trust.network, this.trustPath);
    return trust;
  }

  async readPins(): Promise<CardPins> {
    const text = await readIfThere(this.pinsPath);
    const none = { contract: "card-pins/v1", network: this.network, parties: {} };
    const pins = parse(CardPins, text === undefined ? none : json(text), {
      code: "CARD_PINS_INVALID",
      what: `the file of accepted cards ${this.pinsPath} breaks its contract`,
      next: `restore ${this.pinsPath} from your repository, or remove it and sync again: it also remembers which old cards to refuse`,
    });
    this.#requireNetwork(pins.network, this.pinsPath);
    return pins;
  }

  /** The card that was accepted of a party: exactly the one that is pinned, verified again; undefined where none was. */
  async readCard(partyId: number, trust: CardTrust | undefined, pins: CardPins): Promise<VerifiedCard | undefined> {
    const pin = entryOf(pins.parties, partyId);
    if (pin === undefined) return undefined;
    const path = this.cardPath(partyId);
    const jws = await this.#pinned(path, pin);
    const card = await openCard(jws, { ...this.expected(partyId, trust), source: path });
    if (card.card.sequence !== pin.sequence)
      throw this.#notAsPinned(path, pin, `${card.digest}, sequence ${card.card.sequence}`);
    return card;
  }

  /** Whose card it has to be, by what this party decided. */
  expected(partyId: number, trust: CardTrust | undefined): Omit<ExpectedDocument, "source"> {
    const parties = trust?.parties ?? {};
    const owner = (fingerprint: string) =>
      Object.entries(parties).find(([, known]) => known.fingerprint === fingerprint);
    return {
      network: this.network,
      partyId,
      fingerprint: entryOf(parties, partyId)?.fingerprint,
      ownerOf: (fingerprint) => (owner(fingerprint) === undefined ? undefined : Number(owner(fingerprint)?.[0])),
    };
  }

  /**
   * Takes cards over, all of them or none: they are written beside the old ones first, and count from the moment when the pins name them. A
   * process that is killed in between leaves the old cards in force, or the new ones.
   */
  async accept(cards: readonly VerifiedCard[]): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    for (const { card, jws } of cards) await writeThrough(`${this.cardPath(card.partyId)}.new`, `${jws}\n`);
    await syncFolder(this.dir);
    const pins = await this.readPins();
    const taken = cards.filter(({ card }) => card.sequence >= (entryOf(pins.parties, card.partyId)?.sequence ?? 0));
    for (const { card, digest } of taken)
      pins.parties[String(card.partyId)] = { digest, sequence: card.sequence } satisfies Pin;
    await replaceFile(this.pinsPath, `${JSON.stringify(CardPins.parse(pins), null, 2)}\n`);
    await this.settle();
  }

  /** Finishes what a killed process began: a new card that is pinned takes its place, one that is not goes. */
  async settle(): Promise<void> {
    const { parties } = await this.readPins();
    const names = await readdir(this.dir).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return [];
      throw fileError(cause, this.dir) ?? cause;
    });
    for (const name of names) {
      const partyId = /^party-(\d+)\.jws\.new$/.exec(name)?.[1];
      if (partyId === undefined) continue;
      const path = join(this.dir, name);
      const isPinned = isText((await readIfThere(path)) ?? "", entryOf(parties, Number(partyId)));
      if (isPinned) await rename(path, this.cardPath(Number(partyId)));
      else await rm(path, { force: true });
    }
  }

  /** Writes down whose key signs a party's cards. Comments in the file stay. */
  async writeTrust(partyId: number, trusted: Trusted): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    const document: Document = parseDocument((await readIfThere(this.trustPath)) ?? newTrustFile(this.network));
    // As it stands there: a person may have written the number without quotes.
    const key = document.hasIn(["parties", partyId]) ? partyId : String(partyId);
    document.setIn(["parties", key], document.createNode(trusted));
    await replaceFile(this.trustPath, document.toString({ lineWidth: 0 }));
  }

  async #pinned(path: string, pin: Pin): Promise<string> {
    for (const candidate of [path, `${path}.new`]) {
      const text = await readIfThere(candidate);
      if (text !== undefined && isText(text, pin)) return text.trim();
    }
    const found = await readIfThere(path);
    throw this.#notAsPinned(path, pin, found === undefined ? "no such file" : textDigest(found.trim()));
  }

  #notAsPinned(path: string, pin: Pin, found: string): OperatorError {
    return new OperatorError({
      code: "CARD_NOT_AS_PINNED",
      what: `${path} is not the card that was accepted`,
      found,
      expected: `${pin.digest}, sequence ${pin.sequence}, in ${this.pinsPath}`,
      next: `restore both files from your repository, or: npx quorate cards sync --network ${this.network}`,
      exitCode: exitCodes.refused,
    });
  }

  #requireNetwork(found: string, path: string): void {
    if (found === this.network) return;
    throw new OperatorError({
      code: "CARD_TRUST_INVALID",
      what: `${path} is for another network than its folder says`,
      found: `network: ${found}`,
      expected: `network: ${this.network}`,
      next: `move ${path} to where it belongs`,
    });
  }
}

const newTrustFile = (network: string) =>
  [
    "# Whose key signs which party's cards. Each fingerprint came from its party by another way than the card; review changes like code.",
    "contract: card-trust/v1",
    `network: ${network}`,
    "",
  ].join("\n");

function isText(text: string, pin: Pin | undefined): boolean {
  return pin !== undefined && textDigest(text.trim()) === pin.digest;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
