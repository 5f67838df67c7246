import "reflect-metadata";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { cards } from "../../bin/commands/cards.ts";
import { AccountId, PartyId } from "../../contract/names.ts";
import type { OperatorError } from "../../contract/operator-error.ts";
import type { PartyCard } from "../../contract/party-card.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import { signCard } from "../../fleet/card-signature.ts";
import { settleCoreStart } from "../../stacks/core-start.ts";
import { neverDeployed } from "../../stacks/deployment-facts.ts";
import { type ManifestFile, readManifest } from "../../stacks/manifest-file.ts";
import { readPeerCards } from "../../stacks/peer-cards.ts";
import { caCertificate, cardContent, dayMs, LocalKey, minuteMs } from "../support/cards.ts";
import { rawStackConfig } from "../support/network.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";

// The command itself, in this process: what an operator reads of a card that is not to be believed.
const key = new LocalKey();
const written: string[] = [];
let folder: string;
let inbox: string;
let file: ManifestFile;

beforeAll(async () => {
  folder = await createOperatorFolder(await mkdtemp(join(tmpdir(), "quorate-refused-cards-")));
  for (const id of [2, 3, 4]) await rm(join(folder, "stacks", `Pulumi.party-${id}.yaml`));
  file = await readManifest(join(folder, "stacks", "networks", "devnet.yaml"));
  inbox = join(folder, "inbox");
  await mkdir(inbox);
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));
beforeEach(() => {
  written.length = 0;
  vi.stubEnv("QUORATE_NETWORK", "devnet");
  vi.stubEnv("QUORATE_STACKS_DIR", undefined);
  vi.spyOn(process, "cwd").mockReturnValue(folder);
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((text) => written.push(String(text)) > 0);
  return () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  };
});

/** The command's exit code, and all that it said. */
async function run(...args: string[]): Promise<{ code: number; said: string }> {
  written.length = 0;
  return { code: await cards(args), said: written.join("") };
}

const signed = async (change: Partial<PartyCard>, signer = key) =>
  (
    await signCard(
      cardContent({ manifestDigest: file.digest, accountId: AccountId.parse("100000000002"), ...change }),
      signer,
    )
  ).jws;

/** Party 2 publishes this, and the peer syncs. */
async function sync(jws: string) {
  await writeFile(join(inbox, "party-2.jws"), jws);
  return await run("sync", "--from", inbox);
}

const pins = () => readFile(join(folder, "stacks", "cards", "devnet", "pins.json"), "utf8");

test("a tampered, an expired, a replayed and a foreign card are each refused with the reason, and the good one stays", async () => {
  await run("trust", "2", key.fingerprint);
  const certificate = await caCertificate();
  const good = await signed({ sequence: 7, caCertificate: certificate });
  expect((await sync(good)).said).toMatch(/party 2 +new +sequence 7/);
  const before = await pins();
  const [header = "", payload = "", signature = ""] = (await signed({ sequence: 8 })).split(".");
  const other = Buffer.from(Buffer.from(payload, "base64url").toString().replace("vpce-svc-0", "vpce-svc-f"));
  const long = new Date(Date.now() - 91 * dayMs);
  const past = { issuedAt: long.toISOString(), expiresAt: new Date(Date.now() - 10 * minuteMs).toISOString() };
  const bad = {
    CARD_TAMPERED: [[header, other.toString("base64url"), signature].join("."), "signature"],
    CARD_EXPIRED: [await signed({ sequence: 8, ...past }), past.expiresAt.slice(0, 10)],
    CARD_REPLAYED: [await signed({ sequence: 6, caCertificate: certificate }), "6"],
    CARD_FOREIGN_KEY: [await signed({ sequence: 8 }, new LocalKey()), key.fingerprint],
  } as const;
  for (const [code, [jws, reason]] of Object.entries(bad)) {
    const refused = await sync(jws);
    expect(refused, refused.said).toMatchObject({ code: 3 });
    const [, problem = ""] = refused.said.split(`\n${code}  party 2 (devnet): `);
    expect(problem, refused.said).toMatch(/^ +found +\S.*\n(.*\n)*? +expected +\S.*\n(.*\n)*? +next +\S/m);
    expect(problem).toContain(reason);
    expect(await pins()).toBe(before);
  }
});

test("a rotated CA certificate comes with the next sync, and the next update brings it to vault and core, aloud", async () => {
  const config = StackConfig.parse({ ...rawStackConfig(), peerCertificates: "cards" });
  const two = { ...file.manifest, parties: file.manifest.parties.filter(({ id }) => id <= 2) };
  const settle = async (last = neverDeployed) => {
    const peers = await readPeerCards(join(folder, "stacks"), file, 1);
    return { peers, ...settleCoreStart(config, two, peers.cards, last) };
  };
  const first = await settle();
  const rotated = await caCertificate();
  expect((await sync(await signed({ sequence: 9, caCertificate: rotated }))).said).toMatch(
    /party 2 +updated +sequence 9[\s\S]*npx quorate up/,
  );
  const core = { imageDigest: undefined, peerCertificates: first.start.peerCertificates };
  const second = await settle({ prefixes: undefined, core });
  expect(second.peers.cards.get(2)?.caCertificate?.pem).toBe(rotated.pem);
  expect(second.start.peerCertificates).not.toBe(first.start.peerCertificates);
  expect(second.notes).toEqual([expect.stringContaining("the core restarts, to read the CA certificate of party 2")]);
});

describe.each([
  ["a pipe", async (path: string) => execFileSync("mkfifo", [path])],
  ["a socket", async (path: string) => await once(createServer().listen(path).unref(), "listening")],
  ["a folder", async (path: string) => await mkdir(path)],
] as [string, (path: string) => Promise<unknown>][])("%s", (kind, make) => {
  test.each(["trust.yaml", "pins.json", "party-2.jws", "party-2.jws.new"])(
    "in the place of %s is refused, not waited for, and nothing is taken over",
    async (name) => {
      await run("trust", "2", key.fingerprint);
      await sync(await signed({ sequence: 20 }));
      const dir = join(folder, "stacks", "cards", "devnet");
      const kept = join(folder, "kept");
      await cp(dir, kept, { recursive: true });
      await rm(join(dir, name), { force: true });
      await make(join(dir, name));
      try {
        const refused = await sync(await signed({ sequence: 21 })).catch((failure: OperatorError) => failure.problem);
        expect(refused).toMatchObject({ code: "FILE_UNUSABLE", found: kind, next: `move ${join(dir, name)} away` });
        expect(await readdir(dir)).toEqual([...new Set([...(await readdir(kept)), name])].sort());
        if (name !== "pins.json") expect(await pins()).toBe(await readFile(join(kept, "pins.json"), "utf8"));
      } finally {
        await rm(dir, { recursive: true });
        await rename(kept, dir);
      }
    },
  );

  test("in the place of a card that was never accepted is refused before the pins name it", async () => {
    const other = new LocalKey();
    await run("trust", "4", other.fingerprint, "--replace");
    const path = join(folder, "stacks", "cards", "devnet", "party-4.jws");
    await make(path);
    const before = await pins();
    const content = { partyId: PartyId.parse(4), accountId: AccountId.parse("100000000004") };
    await writeFile(join(inbox, "party-4.jws"), await signed({ sequence: 1, ...content }, other));
    try {
      const refused = await run("sync", "--from", inbox).catch((failure: OperatorError) => failure.problem);
      expect(refused).toMatchObject({ code: "FILE_UNUSABLE", found: kind, next: `move ${path} away` });
      expect(await pins()).toBe(before);
    } finally {
      await rm(join(inbox, "party-4.jws"));
      await rm(path, { recursive: true });
    }
  });
});
