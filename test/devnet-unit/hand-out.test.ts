import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { settleAttestationRoot, settleEtcdPki, settlePartyPki } from "../../devnet/clusters/pki.ts";
import { takeOverEdits } from "../../devnet/edited-stacks.ts";
import { devnetFiles, writeWhole } from "../../devnet/files.ts";
import { copyStacks, manifestCopy, settleFolders } from "../../devnet/hand-out.ts";
import type { DevnetdConfig } from "../../devnet/supervision/config.ts";
import { copyProject } from "../../devnet/temporary.ts";
import { readTopology } from "../../devnet/topology.ts";

const digest = "a".repeat(64);
let root: string;

beforeEach(() => {
  root = copyProject(process.cwd(), "devnet");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test("what a devnet has to look like comes from the manifest and the stack files", () => {
  const { parties } = readTopology(root, "devnet");
  expect(parties.map(({ id, stack }) => [id, stack])).toEqual([1, 2, 3, 4].map((id) => [id, `party-${id}`]));
  expect(parties[0]).toMatchObject({ accountId: "100000000001", profile: "devnet-party-1", region: "eu-west-1" });
});

test("a party without a stack file here is elsewhere: its endpoint service is known, and nobody plays it", () => {
  expect(readTopology(root, "devnet").elsewhere).toEqual({});
  for (const id of [2, 3, 4]) rmSync(join(root, "stacks", `Pulumi.party-${id}.yaml`));
  const { parties, elsewhere } = readTopology(root, "devnet");
  expect(parties.map(({ id }) => id)).toEqual([1]);
  expect(Object.values(elsewhere)).toEqual([2, 3, 4]);
  expect(Object.keys(elsewhere)[0]).toBe("com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002");
});

test("a network without a manifest, one without any stack, and one that is no rehearsal are refused", () => {
  expect(() => readTopology(root, "testnet")).toThrow(/^MANIFEST_MISSING/);
  for (const id of [1, 2, 3, 4]) rmSync(join(root, "stacks", `Pulumi.party-${id}.yaml`));
  expect(() => readTopology(root, "devnet")).toThrow(/^STACK_MISSING {2}no party of devnet has a stack file here/);
  const manifest = join(root, "stacks", "networks", "devnet.yaml");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace("environment: devnet", "environment: testnet"));
  expect(() => readTopology(root, "devnet")).toThrow(/^NOT_A_DEVNET/);
});

test("copies carry the attestation root, keep what was changed in them, and follow their source", () => {
  const files = devnetFiles(root);
  settleFolders(files);
  copyStacks(files, root, readTopology(root, "devnet"), digest);
  const manifest = parseDocument(readFileSync(manifestCopy(files, "devnet"), "utf8"));
  expect(manifest.get("attestationRootSha256")).toBe(digest);

  const copy = join(files.stacks, "Pulumi.party-1.yaml");
  writeFileSync(copy, `${readFileSync(copy, "utf8")}encryptionsalt: v1:abc\n# mine\n`);
  copyStacks(files, root, readTopology(root, "devnet"), digest);
  expect(readFileSync(copy, "utf8")).toContain("# mine");

  const source = join(root, "stacks", "Pulumi.party-1.yaml");
  writeFileSync(source, `${readFileSync(source, "utf8")}# new\n`);
  copyStacks(files, root, readTopology(root, "devnet"), digest);
  expect(readFileSync(copy, "utf8")).toContain("# new");
  expect(parseDocument(readFileSync(copy, "utf8")).get("encryptionsalt")).toBe("v1:abc");
});

test("a copy that a killed command left empty is made again, without a word of an edit", () => {
  const files = devnetFiles(root);
  settleFolders(files);
  copyStacks(files, root, readTopology(root, "devnet"), digest);
  const copy = join(files.stacks, "Pulumi.party-2.yaml");
  const whole = readFileSync(copy, "utf8");
  writeFileSync(copy, "");
  expect(copyStacks(files, root, readTopology(root, "devnet"), digest)).toEqual([]);
  expect(readFileSync(copy, "utf8")).toBe(whole);
});

test("by another transport, the copies say so, with the address and the subnet that stand ready; and back", () => {
  const files = devnetFiles(root);
  const copy = join(files.stacks, "Pulumi.party-2.yaml");
  const read = () => parseDocument(readFileSync(manifestCopy(files, "devnet"), "utf8"));
  copyStacks(files, root, readTopology(root, "devnet"), digest, true, "kubeip");
  expect(read().get("transport")).toBe("kubeip");
  expect(read().getIn(["parties", 1, "elasticIp"])).toBe("203.0.113.2");
  expect(readFileSync(copy, "utf8")).toContain("eipalloc-0c000000000000002");
  copyStacks(files, root, readTopology(root, "devnet"), digest);
  expect(read().get("transport")).toBe("privatelink");
  expect(readFileSync(copy, "utf8")).not.toContain("quorate:kubeip");
});

test("where nobody exchanges certificates, the copies do not say that somebody does", () => {
  const files = devnetFiles(root);
  const copy = join(files.stacks, "Pulumi.party-1.yaml");
  copyStacks(files, root, readTopology(root, "devnet"), digest);
  expect(readFileSync(copy, "utf8")).toContain("quorate:peerCertificates: copied");
  copyStacks(files, root, readTopology(root, "devnet"), digest, false);
  expect(readFileSync(copy, "utf8")).not.toContain("quorate:peerCertificates");
  copyStacks(files, root, readTopology(root, "devnet"), digest, true);
  expect(readFileSync(copy, "utf8")).toContain("quorate:peerCertificates: copied");
});

test("the passphrase is made once, for its owner only", () => {
  const files = devnetFiles(root);
  settleFolders(files);
  const first = readFileSync(files.passphrase, "utf8");
  settleFolders(files);
  expect(readFileSync(files.passphrase, "utf8")).toBe(first);
  expect(statSync(files.passphrase).mode & 0o777).toBe(0o600);
});

test("certificates are used again, and made anew for another number or when half-written", async () => {
  const folder = join(root, "pki");
  const etcd = await settleEtcdPki(folder, 7);
  const first = await settlePartyPki(join(folder, "1"), 7, 1, etcd);
  const texts = () => [first.ca.cert, first.apiServer.cert, first.admin.cert].map((path) => readFileSync(path, "utf8"));
  const [ca, server, admin] = texts();
  await settlePartyPki(join(folder, "1"), 7, 1, etcd);
  expect(texts()).toEqual([ca, server, admin]);
  await settlePartyPki(join(folder, "1"), 8, 1, await settleEtcdPki(folder, 8));
  const [sameCa, otherServer, sameAdmin] = texts();
  expect([sameCa, sameAdmin]).toEqual([ca, admin]);
  expect(otherServer).not.toBe(server);
  rmSync(first.admin.key);
  await settlePartyPki(join(folder, "1"), 8, 1, await settleEtcdPki(folder, 8));
  expect(texts()[2]).not.toBe(admin);
});

test("the attestation root is made once: the manifest names it", async () => {
  const { sha256 } = await settleAttestationRoot(join(root, "pki"));
  expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  expect((await settleAttestationRoot(join(root, "pki"))).sha256).toBe(sha256);
});

test("an edit counts at once, is told, and leaves what others wrote into the copies", async () => {
  const files = devnetFiles(root);
  const source = (name: string) => join(root, "stacks", name);
  const edit = (name: string, from: string, to: string) =>
    writeFileSync(source(name), readFileSync(source(name), "utf8").replace(from, to));
  const copied = (name: string) => readFileSync(join(files.stacks, name), "utf8");
  expect(takeOverEdits(root, "devnet")).toEqual([]);
  settleFolders(files);
  expect(copyStacks(files, root, readTopology(root, "devnet"), digest)).toEqual([]);
  const pair = { cert: "", key: "" };
  const config: DevnetdConfig = {
    ...{ root, network: "devnet", k: 7, token: "", mark: "", operators: {}, manifestFile: "" },
    ports: { grpc: 1, peer: 2, metrics: 3 },
    parties: readTopology(root, "devnet").parties,
    attestationRoot: pair,
    attestationRootSha256: digest,
  };
  writeFileSync(files.devnetdConfig, JSON.stringify(config));
  writeWhole(files.environmentOf("devnet"), "{}");
  expect(takeOverEdits(root, "devnet")).toEqual([]);

  edit("Pulumi.party-3.yaml", "0.13.20", "0.13.10");
  writeFileSync(source("networks/devnet.yaml"), `${readFileSync(source("networks/devnet.yaml"), "utf8")}# new\n`);
  expect(takeOverEdits(root, "devnet")).toEqual(
    ["stacks/networks/devnet.yaml", "stacks/Pulumi.party-3.yaml"].map(
      (file) => `${file} was edited: the devnet goes by it from now on`,
    ),
  );
  expect(copied("Pulumi.party-3.yaml")).toContain("0.13.10");
  expect(parseDocument(copied("networks/devnet.yaml")).get("attestationRootSha256")).toBe(digest);
  expect(takeOverEdits(root, "devnet")).toEqual([]);
  expect(takeOverEdits(root, "testnet")).toEqual([]);

  renameSync(source("Pulumi.party-3.yaml"), source("Pulumi.third.yaml"));
  expect(takeOverEdits(root, "devnet")).toEqual([
    "stacks/Pulumi.party-3.yaml is gone, and so is it from the devnet",
    "the devnet was started for other parties, accounts or clusters; to fit it: npx quorate devnet up",
  ]);
  expect(existsSync(join(files.stacks, "Pulumi.party-3.yaml"))).toBe(false);

  edit("Pulumi.party-1.yaml", "quorate:region", "quorate:regoin");
  expect(() => takeOverEdits(root, "devnet")).toThrow(source("Pulumi.party-1.yaml"));
});
