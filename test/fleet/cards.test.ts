import "reflect-metadata";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateKeyCommand } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  DeletePublicAccessBlockCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { manifestDigest } from "../../contract/manifest-digest.ts";
import { Arn } from "../../contract/names.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import example from "../../docs/party-outputs.example.json" with { type: "json" };
import { cardLifeDays, publishCard } from "../../fleet/card-publishing.ts";
import { signCard } from "../../fleet/card-signature.ts";
import { atEndpoint, folderSource, vaultSource } from "../../fleet/card-sources.ts";
import type { CardVault, StoredText } from "../../fleet/card-vault.ts";
import { claimedParty, listCards, syncCards } from "../../fleet/cards.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { largestCard } from "../../stacks/card-verification.ts";
import { clients, operatorKeys, startCloud } from "../cloud/support/cloud.ts";
import { caCertificate, cardContent, dayMs, digestOf, LocalKey } from "../support/cards.ts";
import { rawManifest } from "../support/network.ts";

const manifest = NetworkManifest.parse(rawManifest());
const digest = manifestDigest(manifest);
const bucket = "mpc-vault-public-2";

let cloud: Awaited<ReturnType<typeof startCloud>>;
let keyArn: Arn;
beforeAll(async () => {
  cloud = await startCloud();
  const { s3, kms } = clients(cloud.endpoint, operatorKeys(2));
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await s3.send(new DeletePublicAccessBlockCommand({ Bucket: bucket }));
  const read = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` };
  const list = { Effect: "Allow", Principal: "*", Action: "s3:ListBucket", Resource: `arn:aws:s3:::${bucket}` };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [read, list] });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" }));
  keyArn = Arn.parse(KeyMetadata?.Arn);
});
afterAll(async () => await cloud[Symbol.asyncDispose]());
afterEach(() => vi.unstubAllEnvs());

const url = `https://${bucket}.s3.eu-west-1.amazonaws.com`;

/** Outputs of party 2, as its stack exports them. */
function outputs(change: object = {}): PartyOutputs {
  return PartyOutputs.parse({
    ...example,
    network: "devnet",
    partyId: 2,
    accountId: "100000000002",
    awsProfile: "devnet-party-2",
    manifestDigest: digest,
    endpointServiceName: "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002",
    publicVault: { ...example.publicVault, bucketName: bucket, prefix: "PUB-p2", url },
    caCertificate: { bucketName: bucket, key: "PUB-p2/CACert/handle", url: `${url}/PUB-p2/CACert/handle` },
    signingKeyArn: keyArn,
    availabilityZoneIds: ["euw1-az1"],
    ...change,
  });
}

test("a party publishes through KMS and S3 what its peer fetches over HTTP and takes over, a rotated certificate too", async () => {
  await using dir = await folder();
  await writeFile(
    join(dir.path, "aws"),
    `[profile devnet-party-2]\naws_access_key_id = ${operatorKeys(2).accessKeyId}\naws_secret_access_key = ${operatorKeys(2).secretAccessKey}\n`,
  );
  vi.stubEnv("AWS_CONFIG_FILE", join(dir.path, "aws"));
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(dir.path, "none"));
  vi.stubEnv("AWS_ENDPOINT_URL", cloud.endpoint);
  const files = new CardFiles(dir.path, "devnet");
  const rules = { files, manifest, manifestDigest: digest, partyIds: [2], source: vaultSource(cloud.endpoint) };

  const bare = await publishCard(outputs(), { manifestDigest: digest });
  expect(bare.card.card.caCertificate).toBeNull();
  expect((await syncCards(rules))[0]).toMatchObject({ status: "none", problem: { code: "CARD_UNTRUSTED" } });
  await files.writeTrust(2, { fingerprint: bare.card.card.signingKey.fingerprint, url: bare.url });
  expect((await syncCards(rules))[0]).toMatchObject({ status: "new", problem: undefined });
  expect((await syncCards(rules))[0]?.status).toBe("unchanged");
  expect((await publishCard(outputs(), { manifestDigest: digest })).status).toBe("unchanged");

  const certificate = await caCertificate();
  const { s3 } = clients(cloud.endpoint, operatorKeys(2));
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "PUB-p2/CACert/handle", Body: certificate.pem }));
  const rotated = await publishCard(outputs(), { manifestDigest: digest });
  expect(rotated.card.card.sequence).toBeGreaterThan(bare.card.card.sequence);
  expect((await syncCards(rules))[0]).toMatchObject({ status: "updated" });
  const [accepted] = await listCards(rules);
  expect(accepted?.card?.card).toMatchObject({
    caCertificate: certificate,
    endpoint: { serviceName: outputs().endpointServiceName, availabilityZoneIds: ["euw1-az1"] },
    signingKey: { id: keyArn },
  });
});

/** A vault in memory, whose writes can be made to meet another's. */
function memoryVault(certificate?: string) {
  let stored: StoredText | undefined;
  let meanwhile: (() => string) | undefined;
  let writes = 0;
  const put = (text: string) => {
    stored = { text, etag: `"${++writes}"` };
  };
  const vault: Pick<CardVault, "readCard" | "writeCard" | "readCaCertificate" | "cardUrl"> = {
    cardUrl: `${url}/PUB-p2/PartyCard/card-v1.jws`,
    readCard: async () => stored,
    readCaCertificate: async () => certificate,
    writeCard: async (jws, replaced) => {
      if (meanwhile) put(meanwhile());
      if (stored?.etag !== replaced?.etag) return false;
      put(jws);
      return true;
    },
  };
  return { vault, put, text: () => stored?.text ?? "", writesMeanwhile: (text: () => string) => (meanwhile = text) };
}

const code = (failure: unknown) => {
  if (failure instanceof OperatorError) return failure.problem.code;
  throw failure;
};

test("a card is published again when it says something new, or in time before it expires", async () => {
  const [signer, memory] = [new LocalKey(), memoryVault()];
  const start = new Date("2026-11-20T12:00:00Z");
  const publish = (days: number, change = {}) =>
    publishCard(outputs(change), {
      manifestDigest: digest,
      vault: memory.vault,
      signer,
      now: new Date(start.getTime() + days * dayMs),
    });
  const first = await publish(0);
  expect(first.card.card.sequence).toBe(Math.floor(start.getTime() / 1000));
  expect((await publish(cardLifeDays / 2 - 1)).status).toBe("unchanged");
  expect((await publish(cardLifeDays / 2 + 1)).status).toBe("published");
  // A clock that went back: the number grows all the same.
  const back = await publish(-30, {
    endpointServiceName: null,
    absent: { ...outputs().absent, endpointServiceName: "not yet" },
  });
  expect(back.card.card).toMatchObject({ endpoint: null });
  expect(back.card.card.sequence).toBeGreaterThan(first.card.card.sequence);
});

test("what others put into the vault is replaced, and its number not believed", async () => {
  const [signer, memory] = [new LocalKey(), memoryVault()];
  const foreign = await signCard(cardContent({ sequence: Number.MAX_SAFE_INTEGER }), new LocalKey());
  for (const text of [foreign.jws, "no card", ""]) {
    memory.put(text);
    const { status, card } = await publishCard(outputs(), { manifestDigest: digest, vault: memory.vault, signer });
    expect(status).toBe("published");
    expect(card.card.sequence).toBeLessThan(1e11);
  }
});

test("two publishers that say the same are one; that say otherwise, one is refused", async () => {
  const signer = new LocalKey();
  const [twin, rival] = [memoryVault(), memoryVault()];
  const options = { manifestDigest: digest, signer };
  const same = await publishCard(outputs(), { ...options, vault: memoryVault().vault });
  let met = false;
  twin.writesMeanwhile(() => {
    met = true;
    return same.card.jws;
  });
  expect(await publishCard(outputs(), { ...options, vault: twin.vault })).toMatchObject({ status: "unchanged" });
  expect(met).toBe(true);
  const other = await signCard(cardContent({ manifestDigest: digest, release: null }), signer);
  rival.writesMeanwhile(() => other.jws);
  expect(await publishCard(outputs(), { ...options, vault: rival.vault }).catch(code)).toBe("CARD_CONFLICT");
  expect(rival.text()).toBe(other.jws);
});

test("nothing is signed that peers would refuse", async () => {
  const options = { manifestDigest: digest, signer: new LocalKey() };
  const publish = (out: PartyOutputs, more = {}) =>
    publishCard(out, { ...options, vault: memoryVault().vault, ...more });
  expect(await publish(outputs({ manifestDigest: digestOf("b") })).catch(code)).toBe("CARD_STACK_BEHIND");
  const { signingKeyArn: _none, ...early } = outputs();
  expect(
    await publishCard(early as PartyOutputs, { manifestDigest: digest, vault: memoryVault().vault }).catch(code),
  ).toBe("CARD_KEY_MISSING");
  const { pem } = await caCertificate();
  for (const text of ["", "no certificate", pem + pem])
    expect(await publish(outputs(), { vault: memoryVault(text).vault }).catch(code)).toBe("CARD_CERTIFICATE_INVALID");
  const crlf = await publish(outputs(), { vault: memoryVault(pem.replaceAll("\n", "\r\n")).vault });
  expect(crlf.card.card.caCertificate?.pem).toBe(pem);
});

test("one party's trouble is nobody else's, and its card of before stays in force", async () => {
  await using dir = await folder();
  const files = new CardFiles(dir.path, "devnet");
  const keys = new Map([2, 3, 4].map((id) => [id, new LocalKey()]));
  const place = join(dir.path, "offered");
  const offer = async (id: number, text: string) => await writeFile(join(place, `party-${id}.jws`), text);
  const card = async (id: number, change = {}) => {
    const key = keys.get(id) ?? new LocalKey();
    const endpoint = {
      transport: "privatelink",
      serviceName: `com.amazonaws.vpce.eu-west-1.vpce-svc-${String(id).padStart(17, "0")}`,
      availabilityZoneIds: [],
    };
    const content = {
      partyId: id,
      accountId: String(100_000_000_000 + id),
      manifestDigest: digest,
      endpoint,
      ...change,
    };
    return (await signCard(cardContent(content as never), key)).jws;
  };
  await (await import("node:fs/promises")).mkdir(place);
  for (const [id, { fingerprint }] of keys) {
    await files.writeTrust(id, { fingerprint });
    await offer(id, await card(id));
  }
  const rules = { files, manifest, manifestDigest: digest, partyIds: [2, 3, 4], source: folderSource(place, "devnet") };
  expect((await syncCards(rules)).map(({ status }) => status)).toEqual(["new", "new", "new"]);
  const attacks: [string, string][] = [
    [await card(2, { sequence: 6 }), "CARD_REPLAYED"],
    [await card(2, { release: null }), "CARD_EQUIVOCATION"],
    [
      await card(2, {
        sequence: 8,
        issuedAt: new Date(Date.now() - 100 * dayMs).toISOString(),
        expiresAt: new Date(Date.now() - dayMs).toISOString(),
      }),
      "CARD_EXPIRED",
    ],
    [await card(3), "CARD_FOREIGN_KEY"],
    [(await card(2, { sequence: 8 })).slice(0, -9), "CARD_TAMPERED"],
    [await card(2, { sequence: 8, manifestDigest: digestOf("b") }), "CARD_OTHER_MANIFEST"],
    ["A".repeat(largestCard + 1), "CARD_TOO_LARGE"],
  ];
  let sequence = 7;
  for (const [text, refused] of attacks) {
    await offer(2, text);
    await offer(4, await card(4, { sequence: ++sequence }));
    const [two, three, four] = await syncCards(rules);
    expect(two).toMatchObject({ status: "kept", card: { card: { sequence: 7 } }, problem: { code: refused } });
    expect(three?.status).toBe("unchanged");
    expect(four).toMatchObject({ status: "updated", card: { card: { sequence } } });
  }
  expect((await listCards(rules)).map(({ problem }) => problem)).toEqual([undefined, undefined, undefined]);
});

/** A web server that answers every request in one way. */
async function answering(act: (server: Server) => void) {
  const server = createServer();
  act(server);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return {
    source: vaultSource(`http://127.0.0.1:${port}`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const trusted = { fingerprint: digestOf("1"), url: `${url}/PUB-p2/PartyCard/card-v1.jws` };

test("whatever a vault's address answers, no more than a card is read, and no redirection followed", async () => {
  let sent = 0;
  await using endless = await answering((server) =>
    server.on("request", (_request, response) => {
      const more = () => {
        sent += 16_384;
        if (response.write(Buffer.alloc(16_384, "A"))) setImmediate(more);
      };
      response.on("drain", more).on("error", () => {});
      more();
    }),
  );
  expect((await endless.source(2, trusted))?.text.length).toBeGreaterThan(largestCard);
  expect(sent).toBeLessThan(64 * largestCard);
  await using elsewhere = await answering((server) =>
    server.on("request", (_request, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()),
  );
  expect(await elsewhere.source(2, trusted).catch(code)).toBe("CARD_UNREACHABLE");
  await using broken = await answering((server) =>
    server.on("request", (_request, response) => response.writeHead(500).end()),
  );
  expect(await broken.source(2, trusted).catch(code)).toBe("CARD_UNREACHABLE");
  await using none = await answering((server) =>
    server.on("request", (_request, response) => response.writeHead(404).end()),
  );
  expect(await none.source(2, trusted)).toBeUndefined();
  expect(await none.source(2, { fingerprint: trusted.fingerprint })).toBeUndefined();
});

test("only a bucket's address goes to the configured endpoint", () => {
  const local = "http://127.0.0.1:4566";
  expect(atEndpoint(trusted.url, local)).toBe(`${local}/${bucket}/PUB-p2/PartyCard/card-v1.jws`);
  expect(atEndpoint(trusted.url, undefined)).toBe(trusted.url);
  expect(atEndpoint("https://keys.example/PUB-p2/card", local)).toBe("https://keys.example/PUB-p2/card");
  expect(atEndpoint("https://a.s3.eu-west-1.amazonaws.com.attacker.example/x", local)).toContain("attacker.example");
});

test("a file's claim to be of a party is read without believing it", async () => {
  const { jws } = await signCard(cardContent(), new LocalKey());
  expect(claimedParty(jws)).toBe(2);
  for (const text of [
    "",
    "a.b.c",
    `x.${Buffer.from("null").toString("base64url")}.y`,
    `x.${Buffer.from('{"partyId":"2"}').toString("base64url")}.y`,
  ])
    expect(claimedParty(text)).toBeUndefined();
});

async function folder() {
  const path = await mkdtemp(join(tmpdir(), "quorate-cards-"));
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) };
}
