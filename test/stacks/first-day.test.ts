import "reflect-metadata";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { AccountId, PartyId } from "../../contract/names.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import { signCard } from "../../fleet/card-signature.ts";
import { folderSource } from "../../fleet/card-sources.ts";
import { syncCards } from "../../fleet/cards.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { settleCoreStart } from "../../stacks/core-start.ts";
import { type LastDeployment, neverDeployed } from "../../stacks/deployment-facts.ts";
import { readManifest } from "../../stacks/manifest-file.ts";
import { readPeerCards } from "../../stacks/peer-cards.ts";
import { caCertificate, cardContent, LocalKey } from "../support/cards.ts";
import { rawManifest, rawStackConfig, StacksDir } from "../support/network.ts";

// What decides on a party's first day, without the engine: four operators, each with files of its own, and cards between them.
// test/soak/first-day.test.ts is the same with everything.

const parties = [1, 2, 3, 4];
const keys = new Map(parties.map((id) => [id, new LocalKey()]));
const certificates = new Map<number, Awaited<ReturnType<typeof caCertificate>>>();
beforeAll(async () => {
  for (const id of parties) certificates.set(id, await caCertificate(`mpc-node-${id}`));
});

class Operator {
  readonly #id: number;
  readonly #stacks: StacksDir;
  #last: LastDeployment = neverDeployed;

  constructor(id: number, stacks: StacksDir) {
    this.#id = id;
    this.#stacks = stacks;
  }

  /** As `up`: gives whom the core is held back for. */
  async up(publishedIn: string, { makesCertificate = true } = {}): Promise<readonly number[]> {
    const file = await readManifest(this.#stacks.manifestPath);
    const config = StackConfig.parse({ ...rawStackConfig(this.#id), peerCertificates: "cards" });
    const peers = await readPeerCards(this.#stacks.dir, file, this.#id);
    const { start } = settleCoreStart(config, file.manifest, peers.cards, this.#last);
    const prefixes = { public: `PUB-p${this.#id}`, private: `PRV-p${this.#id}` };
    const core = { imageDigest: undefined, peerCertificates: start.peerCertificates };
    this.#last = { prefixes, core: start.heldFor.length === 0 ? core : undefined };
    const content = cardContent({
      partyId: PartyId.parse(this.#id),
      accountId: AccountId.parse(String(100_000_000_000 + this.#id)),
      manifestDigest: file.digest,
      endpoint: null,
      sequence: Date.now(),
      caCertificate: makesCertificate ? (certificates.get(this.#id) ?? null) : null,
    });
    await writeFile(join(publishedIn, `party-${this.#id}.jws`), (await signCard(content, this.#key(this.#id))).jws);
    return start.heldFor;
  }

  async meetAndSync(others: readonly number[], publishedIn: string): Promise<void> {
    const { manifest, digest: manifestDigest } = await readManifest(this.#stacks.manifestPath);
    const files = new CardFiles(this.#stacks.dir, "devnet");
    for (const other of others) await files.writeTrust(other, { fingerprint: this.#key(other).fingerprint });
    const source = folderSource(publishedIn, "devnet");
    await syncCards({ files, manifest, manifestDigest, partyIds: others, source });
  }

  #key(id: number): LocalKey {
    const key = keys.get(id);
    if (key === undefined) throw new Error(`no key of party ${id}`);
    return key;
  }
}

const day = fc.record({
  order: fc.shuffledSubarray(parties, { minLength: 4 }),
  secondOrder: fc.shuffledSubarray(parties, { minLength: 4 }),
  /** Who hears of those before them already before their first `up`. */
  early: fc.subarray(parties),
  /** Whose job made no certificate at first; it succeeds whatever came of it. */
  failed: fc.subarray(parties, { maxLength: 1 }),
});

test("in any order of first updates a core waits exactly for the certificates that it has not, and in the end all start", async () => {
  await fc.assert(
    fc.asyncProperty(day, async ({ order, secondOrder, early, failed }) => {
      await using hub = await StacksDir.create();
      const inbox = join(hub.root, "inbox");
      await mkdir(inbox);
      const folders = await Promise.all(parties.map(() => StacksDir.create(rawManifest())));
      const operators = new Map(parties.map((id, index) => [id, new Operator(id, folders[index] as StacksDir)]));
      const of = (id: number) => operators.get(id) as Operator;
      const peersOf = (id: number) => parties.filter((other) => other !== id);
      try {
        for (const [index, id] of order.entries()) {
          const before = early.includes(id) ? order.slice(0, index) : [];
          await of(id).meetAndSync(before, inbox);
          const there = before.filter((other) => !failed.includes(other));
          const lacking = peersOf(id).filter((other) => !there.includes(other));
          expect(await of(id).up(inbox, { makesCertificate: !failed.includes(id) })).toEqual(lacking);
        }
        for (const id of secondOrder) {
          await of(id).meetAndSync(peersOf(id), inbox);
          const lacking = failed.filter(
            (other) => other !== id && secondOrder.indexOf(other) > secondOrder.indexOf(id),
          );
          expect(await of(id).up(inbox)).toEqual(lacking);
        }
        for (const id of parties) {
          await of(id).meetAndSync(peersOf(id), inbox);
          expect(await of(id).up(inbox)).toEqual([]);
        }
      } finally {
        for (const folder of folders) await folder[Symbol.asyncDispose]();
      }
    }),
    { numRuns: 3 },
  );
});
