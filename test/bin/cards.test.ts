import "reflect-metadata";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AccountId, PartyId } from "../../contract/names.ts";
import { signCard } from "../../fleet/card-signature.ts";
import { readManifest } from "../../stacks/manifest-file.ts";
import { cardContent, digestOf, LocalKey } from "../support/cards.ts";
import { Operator } from "../support/refusal.ts";

test("first contact by hand: trust, import, list; a second key and a changed card are refused, and nothing is written", async () => {
  await using operator = await Operator.create();
  const file = await readManifest(join(operator.folder, "stacks", "networks", "devnet.yaml"));
  const [key, stranger] = [new LocalKey(), new LocalKey()];
  const content = cardContent({
    manifestDigest: file.digest,
    partyId: PartyId.parse(2),
    accountId: AccountId.parse("100000000002"),
  });
  const { jws } = await signCard(content, key);
  await mkdir(join(operator.folder, "inbox"));
  const inbox = join(operator.folder, "inbox", "party-2.jws");
  await writeFile(inbox, jws);

  expect(await operator.refused("CARD_TRUST_MISSING", ["cards", "sync"])).toContain("trust.yaml");
  expect((await operator.runHere(["cards", "trust", "2", key.fingerprint])).code).toBe(0);
  const again = await operator.runHere(["cards", "trust", "2", stranger.fingerprint]);
  expect(again).toMatchObject({ code: 3, stderr: expect.stringContaining("CARD_TRUST_EXISTS") });
  expect(await operator.runHere(["cards", "trust", "3", key.fingerprint])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("CARD_KEY_SHARED"),
  });

  const taken = await operator.runHere(["cards", "import", "--format", "json", join(operator.folder, "inbox")]);
  expect(JSON.parse(taken.stdout)).toMatchObject({
    schema: "quorate/cards/v1",
    verdict: "OK",
    findings: [],
    parties: [{ partyId: 2, status: "new", sequence: 7, fingerprint: key.fingerprint }],
  });
  const pins = join(operator.folder, "stacks", "cards", "devnet", "pins.json");
  const before = await readFile(pins, "utf8");
  await writeFile(inbox, (await signCard({ ...content, sequence: 8 }, stranger)).jws);
  const foreign = await operator.runHere(["cards", "import", "--format", "json", inbox]);
  expect(foreign.code).toBe(3);
  expect(JSON.parse(foreign.stdout)).toMatchObject({
    verdict: "FAIL",
    findings: [{ code: "CARD_FOREIGN_KEY", party: 2, field: "card" }],
    parties: [{ status: "kept", sequence: 7 }],
  });
  expect(await readFile(pins, "utf8")).toBe(before);
});

test("a wrong word is refused in four parts, and writes nothing", async () => {
  await using operator = await Operator.create();
  await operator.refused("ARGUMENT_INVALID", ["cards"]);
  await operator.refused("ARGUMENT_INVALID", ["cards", "trust", "2", "sha256:abc"]);
  await operator.refused("ARGUMENT_INVALID", ["cards", "trust", "2", digestOf("a"), "--url", "http://vault.example/c"]);
  await operator.refused("PARTY_UNKNOWN", ["cards", "show", "9"]);
});
