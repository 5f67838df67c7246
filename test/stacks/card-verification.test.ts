import "reflect-metadata";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../contract/manifest-digest.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import type { PartyCard } from "../../contract/party-card.ts";
import { signCard } from "../../fleet/card-signature.ts";
import { rawSignature } from "../../fleet/document-signature.ts";
import { checkNews, type KnownCard, largestCard, openCard, type VerifiedCard } from "../../stacks/card-verification.ts";
import { clockSkewMinutes, type ExpectedDocument } from "../../stacks/signed-document.ts";
import { caCertificate, cardContent, dayMs, digestOf, LocalKey, minuteMs } from "../support/cards.ts";
import { rawManifest } from "../support/network.ts";

const key = new LocalKey();
const stranger = new LocalKey();
const manifest = NetworkManifest.parse(rawManifest());
const expected: ExpectedDocument = {
  network: "devnet",
  partyId: 2,
  fingerprint: key.fingerprint,
  source: "https://vault.example/PUB-p2/PartyCard/card-v1.jws",
};
const now = new Date("2026-11-20T12:00:00Z");
const after = (ms: number) => new Date(now.getTime() + ms).toISOString();
const signed = (change: Partial<PartyCard> = {}, signer = key) => signCard(cardContent(change, now), signer);

/** The code of the refusal, which has to have all four parts. */
async function refusal(act: () => unknown): Promise<string> {
  const failure = await Promise.resolve()
    .then(act)
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  if (!(failure instanceof OperatorError)) throw failure ?? new Error("was not refused");
  const { code, what, found, expected: wanted, next, exitCode } = failure.problem;
  expect([what, found, wanted, next].every((part) => (part ?? "").length > 3)).toBe(true);
  expect(what).toMatch(/^party \d+ \(devnet\): /);
  expect(exitCode).toBe(3);
  return code;
}

const known = (card: VerifiedCard): KnownCard => ({
  sequence: card.card.sequence,
  digest: card.digest,
  card: card.card,
});
const news = (card: VerifiedCard, change: { now?: Date; known?: KnownCard | undefined } = {}) =>
  checkNews(card, {
    manifest,
    manifestDigest: digestOf("a"),
    now,
    known: undefined,
    source: expected.source,
    ...change,
  });

test("a card that its party signed opens, certificate included", async () => {
  const card = await signed({ caCertificate: await caCertificate() });
  const opened = await openCard(`${card.jws}\n`, expected);
  expect(opened).toEqual(card);
  expect(opened.card.signingKey).toEqual({ id: key.id, fingerprint: key.fingerprint });
  expect(() => news(opened)).not.toThrow();
});

test("a payload, a signature or a header that was changed anywhere is refused", async () => {
  const { jws } = await signed();
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  await fc.assert(
    fc.asyncProperty(fc.nat(jws.length - 2), fc.integer({ min: 1, max: 63 }), async (at, by) => {
      const old = jws[at] ?? "";
      fc.pre(old !== ".");
      const other = alphabet[(alphabet.indexOf(old) + by) % 64];
      const changed = `${jws.slice(0, at)}${other}${jws.slice(at + 1)}`;
      expect(await refusal(() => openCard(changed, expected))).toMatch(/^CARD_(TAMPERED|FOREIGN_KEY)$/);
    }),
    { numRuns: 150 },
  );
});

test("a card that was written in part is refused, wherever it ends", async () => {
  const { jws } = await signed();
  await fc.assert(
    fc.asyncProperty(fc.nat(jws.length - 2), async (length) => {
      expect(await refusal(() => openCard(jws.slice(0, length), expected))).toMatch(/^CARD_(UNREADABLE|TAMPERED)$/);
    }),
    { numRuns: 100 },
  );
});

test("nothing that is not a card can do more than be refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 400 }), async (text) => {
      expect(await refusal(() => openCard(text, expected))).toBe("CARD_UNREADABLE");
    }),
    { numRuns: 30 },
  );
});

test("a key of the attacker's under the same payload is foreign, and said whose it is", async () => {
  const { jws } = await signed({}, stranger);
  expect(await refusal(() => openCard(jws, expected))).toBe("CARD_FOREIGN_KEY");
  const ownerOf = () => 3;
  await expect(openCard(jws, { ...expected, ownerOf })).rejects.toMatchObject({
    problem: { found: expect.stringContaining("the key of party 3") },
  });
});

test("a card of a party that nobody decided about is untrusted, and the advice does not repeat its own fingerprint", async () => {
  const { jws } = await signed();
  expect(await refusal(() => openCard(jws, { ...expected, fingerprint: undefined }))).toBe("CARD_UNTRUSTED");
  await expect(openCard(jws, { ...expected, fingerprint: undefined })).rejects.toMatchObject({
    problem: { next: expect.not.stringContaining(key.fingerprint) },
  });
});

test("other algorithms, none and the public key as a shared secret are refused", async () => {
  const payload = canonicalJson((await signed()).card);
  const none = [JSON.stringify({ ...key.header, alg: "none" }), payload]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
  for (const forged of [
    `${none}.`,
    key.forge({ ...key.header, alg: "none" }, payload),
    key.forge({ ...key.header, alg: "HS256" }, payload),
    key.forge({ ...key.header, alg: "ES384" }, payload),
    key.forge({ ...key.header, crit: ["b64"], b64: false }, payload),
    key.forge({ ...key.header, jwk: { ...key.jwk, d: "A".repeat(43) } }, payload),
    key.forge({ ...key.header, jku: "https://attacker.example" }, payload),
    key.forge({ ...key.header, typ: "JWT" }, payload),
  ])
    expect(await refusal(() => openCard(forged, expected))).toBe("CARD_TAMPERED");
});

test("a point that is not on the curve is refused, also where it is the trusted one", async () => {
  const jwk = { ...key.jwk, x: "A".repeat(43) };
  const { keyFingerprint } = await import("../../stacks/signed-document.ts");
  const kid = keyFingerprint(jwk);
  const forged = key.forge({ ...key.header, kid, jwk }, canonicalJson((await signed()).card));
  expect(await refusal(() => openCard(forged, { ...expected, fingerprint: kid }))).toBe("CARD_TAMPERED");
});

test("the right key does not make everything a card", async () => {
  const { card } = await signed();
  const open = (payload: string) => refusal(() => openCard(key.forge(key.header, payload), expected));
  expect(await open(canonicalJson({ ...card, secret: "x" }))).toBe("CARD_INVALID");
  expect(await open(canonicalJson({ ...card, sequence: -1 }))).toBe("CARD_INVALID");
  expect(await open(canonicalJson({ ...card, expiresAt: after(401 * dayMs) }))).toBe("CARD_INVALID");
  expect(await open(canonicalJson({ ...card, publicVault: { ...card.publicVault, url: "http://a.example" } }))).toBe(
    "CARD_INVALID",
  );
  expect(await open(JSON.stringify(card, null, 1))).toBe("CARD_INVALID");
  expect(await open(canonicalJson(card).replace('"sequence":7', '"sequence":9,"sequence":7'))).toBe("CARD_INVALID");
  expect(await open("null")).toBe("CARD_INVALID");
  const release = { version: "0.13\n\u001b[2Jparty 3 is in order", imageDigest: digestOf("2") };
  expect(await open(canonicalJson({ ...card, release }))).toBe("CARD_INVALID");
  const id = `${card.signingKey.id}${"x".repeat(20_000)}`;
  expect(await open(canonicalJson({ ...card, signingKey: { ...card.signingKey, id } }))).toBe("CARD_INVALID");
  expect(await open(`[${"{},".repeat(15_000)}{}]`)).toBe("CARD_INVALID");
  const fingerprint = stranger.fingerprint;
  expect(await open(canonicalJson({ ...card, signingKey: { ...card.signingKey, fingerprint } }))).toBe("CARD_INVALID");
  const pem = (await caCertificate()).pem;
  expect(await open(canonicalJson({ ...card, caCertificate: { pem, sha256: digestOf("1") } }))).toBe("CARD_INVALID");
  expect(await open(canonicalJson({ ...card, caCertificate: { pem: pem + pem, sha256: digestOf("1") } }))).toBe(
    "CARD_INVALID",
  );
});

test("a card of another party or network is refused under a right signature too", async () => {
  expect(await refusal(async () => openCard((await signed({ partyId: 3 as never })).jws, expected))).toBe(
    "CARD_OTHER_PARTY",
  );
  expect(await refusal(async () => openCard((await signed({ network: "other" as never })).jws, expected))).toBe(
    "CARD_OTHER_NETWORK",
  );
});

test("a huge file is refused before anything is made of it", async () => {
  expect(await refusal(() => openCard("A".repeat(largestCard + 1), expected))).toBe("CARD_TOO_LARGE");
});

test("time is judged with clocks that may be five minutes apart", async () => {
  expect(clockSkewMinutes).toBe(5);
  const at = (ms: number) => new Date(now.getTime() + ms);
  const card = await signed({ expiresAt: after(10 * dayMs) });
  expect(() => news(card, { now: at(-5 * minuteMs) })).not.toThrow();
  expect(await refusal(() => news(card, { now: at(-5 * minuteMs - 1000) }))).toBe("CARD_NOT_YET_VALID");
  expect(() => news(card, { now: at(10 * dayMs + 5 * minuteMs - 1000) })).not.toThrow();
  expect(await refusal(() => news(card, { now: at(10 * dayMs + 5 * minuteMs) }))).toBe("CARD_EXPIRED");
  await expect(Promise.resolve().then(() => news(card, { now: at(-dayMs) }))).rejects.toMatchObject({
    problem: { expected: expect.stringContaining("5 minutes") },
  });
});

test("a card older than the one already seen is a replay, whatever else it says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 }), async (seen, offered) => {
      const [old, card] = [await signed({ sequence: seen }), await signed({ sequence: offered })];
      const act = () => news(card, { known: known(old) });
      if (offered >= seen) act();
      else expect(await refusal(act)).toBe("CARD_REPLAYED");
    }),
    { numRuns: 20 },
  );
});

test("two contents under one sequence number are refused and named; the same content signed twice is none", async () => {
  const first = await signed();
  const again = await signed();
  expect(again.digest).not.toBe(first.digest);
  expect(() => news(again, { known: known(first) })).not.toThrow();
  const other = await signed({ release: null });
  expect(await refusal(() => news(other, { known: known(first) }))).toBe("CARD_EQUIVOCATION");
  await expect(Promise.resolve().then(() => news(other, { known: known(first) }))).rejects.toMatchObject({
    problem: { found: expect.stringContaining("sequence 7 twice: release differ") },
  });
  const { card: _lost, ...remembered } = known(first);
  expect(await refusal(() => news(again, { known: remembered }))).toBe("CARD_EQUIVOCATION");
  expect(() => news(first, { known: remembered })).not.toThrow();
});

test("a card of another manifest, or that says otherwise than the manifest, is refused", async () => {
  expect(await refusal(async () => news(await signed({ manifestDigest: digestOf("b") })))).toBe("CARD_OTHER_MANIFEST");
  for (const change of [
    { accountId: "100000000009" as never },
    { region: "eu-west-2" },
    { endpoint: { transport: "kubeip" as const, elasticIp: "203.0.113.7" } },
    {
      endpoint: {
        transport: "privatelink" as const,
        serviceName: "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000003",
        availabilityZoneIds: [],
      },
    },
  ])
    expect(await refusal(async () => news(await signed(change)))).toBe("CARD_CONTRADICTS_MANIFEST");
});

test("numbers of a DER signature keep their places, however short they are", () => {
  const number = fc.uint8Array({ minLength: 1, maxLength: 32 }).map((bytes) => {
    const digits = bytes.length > 1 && bytes[0] === 0 ? [1, ...bytes.subarray(1)] : [...bytes];
    return digits;
  });
  const integer = (digits: number[]) => {
    const body = (digits[0] ?? 0) >= 0x80 ? [0, ...digits] : digits;
    return [0x02, body.length, ...body];
  };
  const padded = (digits: number[]) => [...Array(32 - digits.length).fill(0), ...digits];
  fc.assert(
    fc.property(number, number, (r, s) => {
      const body = [...integer(r), ...integer(s)];
      const der = Uint8Array.from([0x30, body.length, ...body]);
      expect([...rawSignature(der)]).toEqual([...padded(r), ...padded(s)]);
      expect(() => rawSignature(der.subarray(0, der.length - 1))).toThrow();
      expect(() => rawSignature(Uint8Array.from([...der, 0]))).toThrow();
    }),
  );
});
