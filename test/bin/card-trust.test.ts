import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decideTrust } from "../../bin/card-trust.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { digestOf } from "../support/cards.ts";
import { Operator } from "../support/refusal.ts";

const url = "https://vault-2.example/PUB-p2/PartyCard/card-v1.jws";

test("of several keys all are written down or, where one is refused, none", async () => {
  await using operator = await Operator.create();
  const files = new CardFiles(join(operator.folder, "stacks"), "devnet");
  const two = { partyId: 2, fingerprint: digestOf("a"), url };
  const three = { partyId: 3, fingerprint: digestOf("b") };
  expect(await decideTrust(files, [two, three], { replace: false })).toEqual([url, undefined]);
  const before = await readFile(files.trustPath, "utf8");

  const anew = [
    { partyId: 1, fingerprint: digestOf("c") },
    { partyId: 3, fingerprint: digestOf("d") },
  ];
  await expect(decideTrust(files, anew, { replace: false })).rejects.toThrow("party 3 is known by another key");
  expect(await readFile(files.trustPath, "utf8")).toBe(before);
  await decideTrust(files, anew, { replace: true });
  const trust = await files.readTrust();
  expect(trust?.parties).toMatchObject({
    1: { fingerprint: digestOf("c") },
    2: { fingerprint: digestOf("a"), url },
    3: { fingerprint: digestOf("d") },
  });
});

test("one key for two parties is refused, also where both are named at once", async () => {
  await using operator = await Operator.create();
  const files = new CardFiles(join(operator.folder, "stacks"), "devnet");
  const shared = [1, 2].map((partyId) => ({ partyId, fingerprint: digestOf("a") }));
  await expect(decideTrust(files, shared, { replace: false })).rejects.toThrow("party 2: that is the key of party 1");
  expect(await files.readTrust()).toBeUndefined();
});

test("--own takes no party beside it", async () => {
  await using operator = await Operator.create();
  await operator.refused("ARGUMENT_INVALID", ["cards", "trust", "--own", "2"]);
});
