import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DeleteObjectCommand, GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { fromIni } from "@aws-sdk/credential-providers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Document, parseDocument } from "yaml";
import { toolsFolder } from "../../bin/session.ts";
import { goodQuorate, killEverythingOf, runQuorate } from "../support/demo-process.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";
import { createOwnFolder } from "../support/own-folder.ts";
import { randomFrom, shuffled } from "../support/random.ts";

// Four operators who share nothing but cards, each with a folder of its own. QUORATE_SEED repeats an order.
const seed = Number(process.env.QUORATE_SEED ?? Date.now() % 1_000_000);
const random = randomFrom(seed);
const parties = [1, 2, 3, 4];
const folders = new Map<number, string>();
/** What an operator reads out to the others, on the telephone. */
const told = new Map<number, { fingerprint: string; url: string }>();
let base: string;
let hub: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "quorate-first-day-"));
  hub = await createOperatorFolder(join(base, "hub"));
  await offerByCards(join(hub, "stacks"));
  await goodQuorate(hub, "devnet", "up", "--no-exchange");
  for (const id of parties) folders.set(id, await createOwnFolder(join(base, `operator-${id}`), hub, id));
});
afterAll(async () => {
  await runQuorate(hub, "devnet", "down");
  killEverythingOf(base);
  await rm(base, { recursive: true, force: true });
});

/** Nobody knows anybody's endpoint service before: each stack makes its own, and its name travels with the card. */
async function offerByCards(stacks: string): Promise<void> {
  const edit = async (name: string, change: (document: Document) => void) => {
    const document = parseDocument(await readFile(join(stacks, name), "utf8"));
    change(document);
    await writeFile(join(stacks, name), document.toString());
  };
  await edit("networks/devnet.yaml", (manifest) => {
    for (const index of parties.keys()) manifest.deleteIn(["parties", index, "endpointServiceName"]);
  });
  for (const id of parties)
    await edit(`Pulumi.party-${id}.yaml`, (file) => {
      file.setIn(["config", "quorate:endpointService"], "created");
      file.setIn(["config", "quorate:cluster", "create", "loadBalancerController"], "byHand");
    });
}

test(`four parties from nothing, in any order, get to a green network by cards alone (seed ${seed})`, async () => {
  const order = shuffled(parties, random);
  for (const id of order) {
    // Some hear of those before them first, some later.
    if (random() < 0.5) await meet(id);
    const lacking = parties.filter((other) => other !== id && !known.has(`${id} ${other}`));
    const ended = await goodQuorate(folderOf(id), "up", "--yes");
    expect(ended.stderr.includes("the core is held back")).toBe(lacking.length > 0);
    for (const other of lacking) expect(ended.stderr).toMatch(new RegExp(`no card of part(y|ies) .*\\b${other}\\b`));
    const published = JSON.parse((await goodQuorate(folderOf(id), "cards", "publish", "--format", "json")).stdout);
    const [{ fingerprint, url }] = published.parties;
    told.set(id, { fingerprint, url });
  }
  for (const id of shuffled(parties, random)) {
    await meet(id);
    await goodQuorate(folderOf(id), "up", "--yes");
  }
  for (const id of shuffled(parties, random)) {
    const { stdout } = await runQuorate(folderOf(id), "validate", "--format", "json");
    const report = JSON.parse(stdout);
    const mine = report.links.filter((link: { from: number }) => link.from === id);
    expect(mine.map(({ to, verdict }: { to: number; verdict: { status: string } }) => [to, verdict.status])).toEqual(
      parties.filter((other) => other !== id).map((other) => [other, "OK"]),
    );
    const other = await runQuorate(folderOf(id), "preview", "--format", "json");
    expect(JSON.parse(other.stdout).changed).toBe(0);
  }
  // Nobody had anything of anybody else's.
  await expect(access(join(hub, ".quorate", "devnet", "backend", ".pulumi", "stacks"))).rejects.toThrow();
});

test("each validates with its own credentials only, and the signed halves join to one green report", async () => {
  expect(await joinedReport()).toEqual(["OK", 12, []]);
  expect(await joinedReport("--published")).toEqual(["OK", 12, []]);
});

test("a rotated CA certificate reaches the peers' vaults with the next cards sync and up, and the network stays green", async () => {
  const [rotating = 1, ...peers] = shuffled(parties, random);
  const owner = await vaultOf(rotating);
  const before = await owner.read(rotating);
  await owner.remove(rotating);
  const kubeconfig = (await goodQuorate(folderOf(rotating), "kubeconfig", "--party", String(rotating))).stdout.trim();
  const { workload, namespace } = owner.outputs;
  await kubectl(kubeconfig, "delete", "pod", workload.pod, "--namespace", namespace);
  // A core that starts publishes what is missing of its identity.
  await expect.poll(() => owner.read(rotating), { timeout: 60_000, interval: 500 }).toBeTypeOf("string");
  const rotated = await owner.read(rotating);
  expect(rotated).not.toBe(before);
  await goodQuorate(folderOf(rotating), "cards", "publish");
  for (const id of shuffled(peers, random)) {
    const vault = await vaultOf(id);
    expect(await vault.read(rotating)).toBe(before);
    await goodQuorate(folderOf(id), "cards", "sync");
    const { stderr } = await goodQuorate(folderOf(id), "up", "--yes");
    expect(stderr.replace(/\s+/g, " ")).toContain("restarts");
    expect(await vault.read(rotating)).toBe(rotated);
  }
  expect(await joinedReport()).toEqual(["OK", 12, []]);
});

/** Everybody validates and publishes, with its own credentials only; one joins the halves. */
async function joinedReport(...how: string[]) {
  for (const id of shuffled(parties, random)) {
    // Of the others' rows nothing is known here.
    expect((await runQuorate(folderOf(id), "validate")).code).toBe(5);
    await goodQuorate(folderOf(id), "reports", "publish");
  }
  const reader = shuffled(parties, random)[0] ?? 1;
  const { stdout } = await runQuorate(folderOf(reader), "report", "--format", "json", ...how);
  const { verdict, linksUp, findings } = JSON.parse(stdout);
  return [verdict, linksUp, findings];
}

/** A party's public vault with its own credentials: the CA certificates of all parties that lie there. */
async function vaultOf(id: number) {
  const { stdout } = await goodQuorate(folderOf(id), "outputs", "--format", "json");
  const [outputs] = JSON.parse(stdout).parties;
  const aws = (name: string) => join(folderOf(id), "aws", name);
  const endpoint = /^endpoint_url\s*=\s*(\S+)/m.exec(await readFile(aws("config"), "utf8"))?.[1] ?? "";
  const credentials = fromIni({
    profile: outputs.awsProfile,
    filepath: aws("credentials"),
    configFilepath: aws("config"),
  });
  const s3 = new S3Client({ region: outputs.region, endpoint, credentials, forcePathStyle: true });
  const object = (of: number) => ({
    Bucket: String(outputs.publicVault.bucketName),
    Key: String(outputs.caCertificate.key).replace(/^PUB-p\d+/, `PUB-p${of}`),
  });
  return {
    outputs,
    async read(of: number): Promise<string | undefined> {
      const found = await s3.send(new GetObjectCommand(object(of))).catch((failure: Error) => {
        if (failure.name === "NoSuchKey") return undefined;
        throw failure;
      });
      return await found?.Body?.transformToString();
    },
    remove: async (of: number) => void (await s3.send(new DeleteObjectCommand(object(of)))),
  };
}

async function kubectl(kubeconfig: string, ...args: string[]): Promise<void> {
  await promisify(execFile)(join(toolsFolder, "kubectl"), ["--kubeconfig", kubeconfig, ...args, "--timeout", "120s"]);
}

const known = new Set<string>();

/** Trusts and fetches the cards of all that were told of so far. */
async function meet(id: number): Promise<void> {
  const others = [...told].filter(([other]) => other !== id && !known.has(`${id} ${other}`));
  for (const [other, { fingerprint, url }] of others) {
    await goodQuorate(folderOf(id), "cards", "trust", String(other), fingerprint, "--url", url);
    known.add(`${id} ${other}`);
  }
  // Whoever has not published yet is missed, and that is all.
  if (others.length > 0) await runQuorate(folderOf(id), "cards", "sync");
}

function folderOf(id: number): string {
  return folders.get(id) ?? "";
}
