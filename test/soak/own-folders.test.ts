import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { goodQuorate, killEverythingOf, runQuorate } from "../support/demo-process.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";
import { createOwnFolder } from "../support/own-folder.ts";

// From nothing to a green network as docs/first-day.md has it, with each party in a folder of its own and its own credentials only.
const parties = [1, 2, 3, 4];
const folders = new Map<number, string>();
let base: string;
let hub: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "quorate-own-folders-"));
  hub = await createOperatorFolder(join(base, "hub"));
  await goodQuorate(hub, "devnet", "up", "--no-exchange");
  for (const id of parties) folders.set(id, await createOwnFolder(join(base, `operator-${id}`), hub, id));
});
afterAll(async () => {
  await runQuorate(hub, "devnet", "down");
  killEverythingOf(base);
  await rm(base, { recursive: true, force: true });
});

test("all but the cores is built, and every fingerprint told", async () => {
  const told = new Map<number, { fingerprint: string; url: string }>();
  for (const id of parties) {
    await goodQuorate(folderOf(id), "up", "--yes");
    const { stdout } = await goodQuorate(folderOf(id), "cards", "publish", "--format", "json");
    const [{ fingerprint, url }] = JSON.parse(stdout).parties;
    told.set(id, { fingerprint, url });
  }
  for (const id of parties)
    for (const [other, { fingerprint, url }] of told)
      if (other !== id) await goodQuorate(folderOf(id), "cards", "trust", String(other), fingerprint, "--url", url);
});

test("before there are cores the ways are proved, by what each saw from its own side at the same time", async () => {
  const stage = ["--stage", "network"];
  const ended = await Promise.all(parties.map((id) => runQuorate(folderOf(id), "validate", ...stage, "--wait", "3")));
  // Of the others' rows nothing is known to any of them.
  for (const { code, stdout, stderr } of ended) expect(code, stdout + stderr).toBe(5);
  for (const id of parties) await goodQuorate(folderOf(id), "reports", "publish");
  expect(await joined(2, ...stage, "--published")).toEqual({ verdict: "OK", linksUp: 12, findings: [] });
});

test("the cores come with the cards, and each party finds its certificates, its cluster and its links in order", async () => {
  for (const id of parties) {
    await goodQuorate(folderOf(id), "cards", "sync");
    await goodQuorate(folderOf(id), "up", "--yes");
  }
  for (const id of parties) {
    const certificates = await goodQuorate(folderOf(id), "run", "certificates", "--format", "json");
    expect(JSON.parse(certificates.stdout)).toMatchObject({ verdict: "OK", findings: [] });
    const cluster = await goodQuorate(folderOf(id), "run", "cluster-check", "--format", "json");
    expect(JSON.parse(cluster.stdout)).toMatchObject({ verdict: "OK", findings: [] });
  }
  for (const id of parties) {
    expect((await runQuorate(folderOf(id), "validate")).code).toBe(5);
    await goodQuorate(folderOf(id), "reports", "publish");
  }
  expect(await joined(3, "--published")).toEqual({ verdict: "OK", linksUp: 12, findings: [] });
});

async function joined(reader: number, ...how: string[]) {
  const { stdout } = await goodQuorate(folderOf(reader), "report", "--format", "json", ...how);
  const { verdict, linksUp, findings } = JSON.parse(stdout);
  return { verdict, linksUp, findings };
}

function folderOf(id: number): string {
  return folders.get(id) ?? "";
}
