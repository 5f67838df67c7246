import "reflect-metadata";
import { expect, test } from "vitest";
import { peerCertificateKey } from "../../../contract/signing-key-handle.ts";
import { caCertificateCommands, observe } from "../../../runbooks/network/observe.ts";
import { digestOf } from "../../support/cards.ts";
import { fakeParties, manifest } from "./fake-parties.ts";

test("peers' CA certificates are read where a core looks for them, whatever the own vault's prefix is", async () => {
  const [party] = fakeParties().parties;
  if (party === undefined) throw new Error("no party");
  party.outputs.publicVault.prefix = "vault-a";
  party.outputs.caCertificate.key = party.outputs.caCertificate.key.replace(/^PUB-p1/, "vault-a");
  const read: string[] = [];
  const readObject = async (_bucket: string, key: string) => {
    read.push(key);
    return null;
  };
  const given = { manifest, manifestDigest: digestOf("e"), clock: { now: () => new Date() }, progress: () => {} };
  const inputs = { stage: "link", timeoutMs: 1_000 } as const;
  await observe({ ...given, parties: [{ ...party, readObject }] }, inputs, new AbortController().signal);
  const wanted = [2, 3, 4].map(peerCertificateKey);
  expect(read).toEqual(wanted);
  const commands = caCertificateCommands(party.outputs, [1, 2, 3, 4]).map(({ command }) => command);
  expect(commands.map((command) => wanted.findIndex((key) => command.includes(`/${key} `)))).toEqual([0, 1, 2]);
});
