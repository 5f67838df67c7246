import "reflect-metadata";
import { describe, expect, test } from "vitest";
import { type CeremonyDesk, CeremonyNumber } from "../../contract/ceremony.ts";
import { PartyId } from "../../contract/names.ts";
import * as rules from "../../fleet/ceremony-rules.ts";
import { checkDesk, openDesk, signDesk } from "../../fleet/desk-signature.ts";
import { signDocument } from "../../fleet/document-signature.ts";
import type { ExpectedDocument } from "../../stacks/signed-document.ts";
import { digestOf, LocalKey } from "../support/cards.ts";
import { problemOf } from "../support/refusal.ts";

const [key, stranger] = [new LocalKey(), new LocalKey()];
const now = new Date("2026-11-21T09:00:00.000Z");
const whose = { network: "devnet", partyId: 2, now };
const expected = { network: "devnet", partyId: 2, fingerprint: key.fingerprint, source: "its vault" };

const proposed = rules.propose(
  rules.emptyDesk,
  {
    kind: "prss-init",
    proposer: PartyId.parse(2),
    participants: [1, 2, 3, 4].map((id) => PartyId.parse(id)),
    manifestDigest: digestOf("b"),
    release: "0.13.10",
    preflightDigest: digestOf("c"),
    values: {},
    opensAt: "2026-11-21T09:10:00.000Z",
    closesAt: "2026-11-21T09:40:00.000Z",
    reason: "first keys",
  },
  new Map(),
  now,
);
const codeOf = async (text: string, change: Partial<ExpectedDocument> = {}) =>
  (await problemOf(openDesk(text, { ...expected, ...change })))?.code;
/** What a key signs that does not ask first whether peers would take it. */
const signedAs = async (desk: unknown, change: object = {}) => {
  const said = { contract: "ceremony-desk/v1", network: "devnet", partyId: 2, issuedAt: now.toISOString(), desk };
  return (await signDocument("quorate-ceremony+jws", { ...said, ...change }, key)).jws;
};

test("a desk comes back as it was signed", async () => {
  const { jws, verified } = await signDesk(whose, proposed, key);
  expect(verified.desk).toEqual(proposed);
  expect(await openDesk(`${jws}\n`, expected)).toEqual(verified);
});

describe("a desk is refused", () => {
  test("that is none, is too large, or is not what was signed", async () => {
    const { jws } = await signDesk(whose, proposed, key);
    expect(await codeOf("hello")).toBe("DESK_UNREADABLE");
    expect(await codeOf(`${jws}${"A".repeat(64 * 1024)}`)).toBe("DESK_TOO_LARGE");
    const [header, payload, signature] = jws.split(".");
    const other = Buffer.from(String(payload), "base64url").toString().replace("first keys", "other keys");
    expect(await codeOf([header, Buffer.from(other).toString("base64url"), signature].join("."))).toBe("DESK_TAMPERED");
  });

  test("of another key, of nobody's, of another party or network", async () => {
    const { jws } = await signDesk(whose, proposed, key);
    expect(await codeOf(jws, { fingerprint: stranger.fingerprint })).toBe("DESK_FOREIGN_KEY");
    expect(await codeOf(jws, { fingerprint: undefined })).toBe("DESK_UNTRUSTED");
    expect(await codeOf(jws, { partyId: 3 })).toBe("DESK_INVALID");
    expect(await codeOf(jws, { network: "testnet" })).toBe("DESK_INVALID");
  });

  test("that is a half, or any other document of the party", async () => {
    const { jws } = await signDocument("quorate-half+jws", { contract: "half/v1" }, key);
    expect(await codeOf(jws)).toBe("DESK_UNREADABLE");
  });

  const [answer] = proposed.answers;
  const older = { ...answer, number: CeremonyNumber.parse("7.1") };
  test.each<[string, unknown]>([
    [
      "answers another proposal than it shows",
      { ...proposed, proposal: { ...proposed.proposal, reason: "other keys" } },
    ],
    ["shows a proposal without an answer", { ...proposed, answers: [] }],
    ["has answers whose numbers go up", { ...proposed, answers: [answer, { ...older, state: "done" }] }],
    ["holds two ceremonies", { ...proposed, answers: [answer, { ...answer, number: "1.1" }] }],
    ["has a proposal in another's name", { ...proposed, proposal: { ...proposed.proposal, proposer: 3 } }],
    ["asks others than its proposer", { ...proposed, proposal: { ...proposed.proposal, participants: [1, 3] } }],
    ["steers a terminal", { ...proposed, answers: [{ ...answer, detail: "\u001b[2J" }] }],
    [
      "closes before it opens",
      { ...proposed, proposal: { ...proposed.proposal, closesAt: "2026-11-21T09:00:00.000Z" } },
    ],
  ])("that %s", async (_name, desk) => {
    expect(await codeOf(await signedAs(desk))).toBe("DESK_INVALID");
  });
});

describe("of what was seen of a party before", () => {
  const check = async (desk: CeremonyDesk, known: CeremonyDesk | undefined, change: { now?: Date } = {}) => {
    const verified = await openDesk(await signedAs(desk), expected);
    const before = known && (await openDesk(await signedAs(known), expected));
    const { network, partyId, source } = expected;
    const memory = before && { fingerprint: before.fingerprint, sequence: before.desk.sequence, digest: before.digest };
    checkDesk(verified, { network, partyId, source, now, known: memory, ...change });
  };
  const later = rules.withdraw(proposed, CeremonyNumber.parse("1.2"), { reason: "not today", now });

  test("a newer desk counts, and the same one again", async () => {
    await check(later, proposed);
    await check(later, later);
    await check(proposed, undefined);
  });

  test("an older one, another one of the same number and one from the future do not", async () => {
    expect((await problemOf(check(proposed, later)))?.code).toBe("DESK_OLDER");
    const twin = rules.withdraw(proposed, CeremonyNumber.parse("1.2"), { reason: "never", now });
    expect((await problemOf(check(twin, later)))?.code).toBe("DESK_EQUIVOCATION");
    const early = { now: new Date(now.getTime() - 6 * 60_000) };
    expect((await problemOf(check(proposed, undefined, early)))?.code).toBe("DESK_FROM_FUTURE");
  });
});
