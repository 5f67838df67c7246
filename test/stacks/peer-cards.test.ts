import "reflect-metadata";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PartyId } from "../../contract/names.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import type { PartyCard } from "../../contract/party-card.ts";
import { signCard } from "../../fleet/card-signature.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { checkAgainstManifest } from "../../stacks/card-verification.ts";
import { readManifest } from "../../stacks/manifest-file.ts";
import { joinCards, readPeerCards } from "../../stacks/peer-cards.ts";
import { cardContent, dayMs, digestOf, LocalKey } from "../support/cards.ts";
import { rawManifest, StacksDir } from "../support/network.ts";

const keys = new Map([1, 2, 3, 4].map((id) => [id, new LocalKey()]));
const keyOf = (id: number) => keys.get(id) ?? new LocalKey();
const service = (id: number) => `com.amazonaws.vpce.eu-west-1.vpce-svc-${String(id).padStart(17, "0")}`;

async function signed(partyId: number, change: Partial<PartyCard> = {}) {
  const content = cardContent({
    partyId: PartyId.parse(partyId),
    accountId: String(100_000_000_000 + partyId) as never,
    endpoint: { transport: "privatelink", serviceName: service(partyId), availabilityZoneIds: [] },
    ...change,
  });
  return await signCard(content, keyOf(partyId));
}

/** A network whose manifest names no endpoint service, with cards of all four parties accepted. */
async function network({ accepted = [2, 3, 4], change = {} as Partial<PartyCard> } = {}) {
  const manifest = rawManifest();
  for (const party of manifest.parties) delete party.endpointServiceName;
  const stacks = await StacksDir.create(manifest);
  const file = await readManifest(stacks.manifestPath);
  const files = new CardFiles(stacks.dir, "devnet");
  for (const id of [2, 3, 4]) await files.writeTrust(id, { fingerprint: keyOf(id).fingerprint });
  await files.accept(await Promise.all(accepted.map((id) => signed(id, { manifestDigest: file.digest, ...change }))));
  const read = (now?: Date) => readPeerCards(stacks.dir, file, 1, now);
  return { stacks, file, files, read, [Symbol.asyncDispose]: () => stacks[Symbol.asyncDispose]() };
}

test("a peer's endpoint service comes from its card where the manifest names none, and the digest stays the file's", async () => {
  await using net = await network();
  const peers = await net.read();
  const joined = joinCards(net.file.manifest, peers);
  expect(joined.parties.map((party) => party.endpointServiceName)).toEqual([
    undefined,
    service(2),
    service(3),
    service(4),
  ]);
  expect(net.file.manifest.parties[1]?.endpointServiceName).toBeUndefined();
  expect(peers.notes).toEqual(["2", "3", "4"].map((id) => expect.stringContaining(`card of party ${id} brings no CA`)));
});

test("where card and manifest name different ones, that is an error", async () => {
  await using net = await network();
  const party = net.file.manifest.parties[1];
  if (party) party.endpointServiceName = service(9);
  await expect(net.read()).rejects.toMatchObject({
    problem: { code: "CARD_CONTRADICTS_MANIFEST", found: expect.stringContaining(service(2)) },
  });
});

test("a missing card is said and does not stop anything", async () => {
  await using net = await network({ accepted: [3] });
  const { cards, notes } = await net.read();
  expect([...cards.keys()]).toEqual([3]);
  expect(notes[0]).toMatch(/^no card yet of party 2, 4, so no CA certificate either/);
});

test("without cards a manifest that names everything is enough, and nothing is said", async () => {
  await using stacks = await StacksDir.create();
  const file = await readManifest(stacks.manifestPath);
  expect(await readPeerCards(stacks.dir, file, 1)).toEqual({ cards: new Map(), notes: [] });
});

test("a card that expired, or of an earlier manifest, goes on saying where the peer is, aloud", async () => {
  await using old = await network();
  const { cards, notes } = await old.read(new Date(Date.now() + 91 * dayMs));
  expect(cards.size).toBe(3);
  expect(notes.join("\n")).toContain("card of party 2 expired");
  await using stale = await network({ change: { manifestDigest: digestOf("b") } });
  const kept = await stale.read();
  expect(joinCards(stale.file.manifest, kept).parties[1]?.endpointServiceName).toBe(service(2));
  expect(kept.notes.join("\n")).toContain("card of party 2 was made from another manifest");
});

test("a network that moves to the other transport is not stopped by the cards of before", async () => {
  await using net = await network({ change: { manifestDigest: digestOf("b") } });
  const moved = { ...net.file, manifest: { ...net.file.manifest, transport: "kubeip" as const } };
  const { cards, notes } = await readPeerCards(net.stacks.dir, moved, 1);
  expect([...cards.values()].map((card) => card.endpoint)).toEqual([null, null, null]);
  expect(notes.join("\n")).toContain("its endpoint is left out");
});

test("a peer's public address is where its card says, unless the manifest names it; then both say the same", async () => {
  const addressed = { transport: "kubeip" as const, elasticIp: "203.0.113.2" };
  const manifest = NetworkManifest.parse({ ...rawManifest(), transport: "kubeip" });
  const { card } = await signed(2, { endpoint: addressed });
  const peers = { cards: new Map([[2, card]]), notes: [] };
  expect(joinCards(manifest, peers).parties[1]).toMatchObject({ id: 2, elasticIp: "203.0.113.2" });
  expect(joinCards(manifest, peers).parties[2]?.elasticIp).toBeUndefined();
  const named = manifest.parties.map((party) => (party.id === 2 ? { ...party, elasticIp: "203.0.113.9" } : party));
  expect(() => checkAgainstManifest(card, { manifest: { ...manifest, parties: named }, source: "s" })).toThrow(
    expect.objectContaining({
      problem: expect.objectContaining({ expected: "endpoint.elasticIp: 203.0.113.9" }),
    }),
  );
});

test("a pin whose number is not its card's was written by hand: the program stops", async () => {
  await using net = await network();
  const pins = await net.files.readPins();
  const sequence = pins.parties["2"]?.sequence ?? 0;
  for (const other of [sequence + 1, sequence - 1]) {
    const text = JSON.stringify(pins).replace(`"sequence":${sequence}`, `"sequence":${other}`);
    await writeFile(net.files.pinsPath, text);
    await expect(net.read()).rejects.toMatchObject({
      problem: { code: "CARD_NOT_AS_PINNED", found: expect.stringContaining(`sequence ${sequence}`) },
    });
  }
});

test("the program reads the accepted card or stops: changed, exchanged, gone, or no longer trusted", async () => {
  await using net = await network();
  const path = net.files.cardPath(2);
  const text = await readFile(path, "utf8");
  const newer = await signed(2, { sequence: 8 });
  for (const other of [newer.jws, text.slice(0, -20), "", undefined]) {
    await (other === undefined ? rm(path) : writeFile(path, other));
    await expect(net.read()).rejects.toMatchObject({ problem: { code: "CARD_NOT_AS_PINNED" } });
  }
  await writeFile(path, text);
  await net.read();
  await net.files.writeTrust(2, { fingerprint: new LocalKey().fingerprint });
  await expect(net.read()).rejects.toMatchObject({ problem: { code: "CARD_FOREIGN_KEY" } });
});

test("whoever is killed while cards are taken over leaves all of the old ones in force, or all of the new", async () => {
  await using net = await network();
  const before = await snapshot(net.files.dir);
  const fresh = await Promise.all([2, 3, 4].map((id) => signed(id, { manifestDigest: net.file.digest, sequence: 8 })));
  await net.files.accept(fresh);
  const after = await snapshot(net.files.dir);
  // What lies there after each step of `accept`: cards beside the old ones, then the pins, then one rename after the other.
  const besides = fresh.map(({ card, jws }) => [`party-${card.partyId}.jws.new`, `${jws}\n`] as const);
  const steps = [
    ...besides.map((_, index) => ({ ...before, ...Object.fromEntries(besides.slice(0, index + 1)) })),
    ...besides.map((_, index) => ({
      ...after,
      ...Object.fromEntries(besides.slice(index)),
      ...Object.fromEntries(besides.slice(index).map(([name]) => [name.slice(0, -4), before[name.slice(0, -4)] ?? ""])),
    })),
  ];
  for (const [index, step] of steps.entries()) {
    await restore(net.files.dir, step);
    const sequences = async () => [...(await net.read()).cards.values()].map((card) => card.sequence);
    const wanted = index < besides.length ? [7, 7, 7] : [8, 8, 8];
    expect(await sequences()).toEqual(wanted);
    await net.files.settle();
    expect(await sequences()).toEqual(wanted);
    expect((await readdir(net.files.dir)).filter((name) => name.endsWith(".new"))).toEqual([]);
  }
});

test("a card that was written in part, without a pin, is swept away", async () => {
  await using net = await network();
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 50 }), async (text) => {
      await writeFile(`${net.files.cardPath(3)}.new`, text);
      await net.files.settle();
    }),
    { numRuns: 10 },
  );
  expect((await net.read()).cards.size).toBe(3);
  expect(await readdir(net.files.dir)).not.toContain("party-3.jws.new");
});

test("an older card never takes a newer one's place, also when two syncs meet", async () => {
  await using net = await network();
  await net.files.accept([await signed(2, { sequence: 9 })]);
  await net.files.accept([await signed(2, { sequence: 8 }), await signed(3, { sequence: 8 })]);
  const sequences = [...(await net.read()).cards.values()].map((card) => card.sequence);
  expect(sequences).toEqual([9, 8, 7]);
});

test("trust keeps the comments of its file, and one key for one party", async () => {
  await using net = await network();
  const { trustPath } = net.files;
  await writeFile(
    trustPath,
    (await readFile(trustPath, "utf8")).replace("parties:", "parties:\n  # told by telephone"),
  );
  const { fingerprint } = new LocalKey();
  await net.files.writeTrust(3, { fingerprint, url: "https://vault.example/PUB-p3/PartyCard/card-v1.jws" });
  expect(await readFile(trustPath, "utf8")).toContain("# told by telephone");
  expect((await net.files.readTrust())?.parties["3"]?.fingerprint).toBe(fingerprint);
  await net.files.writeTrust(4, { fingerprint });
  await expect(net.read()).rejects.toMatchObject({ problem: { code: "CARD_TRUST_INVALID" } });
});

async function snapshot(dir: string): Promise<Record<string, string>> {
  const names = await readdir(dir);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name), "utf8")] as const)),
  );
}

async function restore(dir: string, files: Record<string, string>): Promise<void> {
  for (const name of await readdir(dir)) await rm(join(dir, name));
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
}
