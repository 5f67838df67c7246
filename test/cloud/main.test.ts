import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { DescribeClusterCommand } from "@aws-sdk/client-eks";
import { CreateKeyCommand, DecryptCommand, EncryptCommand } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CloudPorts } from "../../devnet/cloud/config.ts";
import { CloudStore } from "../../devnet/cloud/store.ts";
import { clients, cloudConfig, operatorKeys } from "./support/cloud.ts";

const main = new URL("../../devnet/cloud/main.ts", import.meta.url).pathname;
const accountId = "100000000001";

let dir: string;
const started: ChildProcess[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "quorate-cloud-"));
});
afterEach(async () => {
  for (const child of started.splice(0))
    if (child.exitCode === null && child.signalCode === null) await end(child, "SIGKILL");
  await rm(dir, { recursive: true, force: true });
});

async function start(change: Record<string, unknown> = {}) {
  const configFile = join(dir, "config.json");
  await writeFile(configFile, JSON.stringify({ ...cloudConfig(dir), ...change }), { mode: 0o600 });
  const child = spawn(process.execPath, [main, configFile], { stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, "exit");
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), exited.then(() => [undefined])]);
  const ready = typeof line === "string" ? JSON.parse(line) : undefined;
  return { child, ready, stderr: () => stderr, exited, endpoint: `http://127.0.0.1:${ready?.http}` };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(child, "exit");
  child.kill(signal);
  const [code] = await exited;
  return code as number | null;
}

test("says when it is ready, writes its ports whole, ends cleanly, and takes the same ports again", async () => {
  const first = await start();
  expect(first.ready).toMatchObject({ ready: true, pid: first.child.pid });
  const ports = CloudPorts.parse(JSON.parse(await readFile(join(dir, "ports.json"), "utf8")));
  expect(first.ready).toMatchObject(ports);
  expect(((await stat(join(dir, "ports.json"))).mode & 0o777).toString(8)).toBe("600");
  expect(await end(first.child, "SIGTERM")).toBe(0);
  // Between two starts any process of this machine may take one of them: not time after time.
  let wanted = ports.providers;
  for (let attempt = 0; ; attempt++) {
    const next = await start();
    expect(await end(next.child, "SIGTERM")).toBe(0);
    if (isDeepStrictEqual(next.ready?.providers, wanted)) break;
    expect(attempt, JSON.stringify([next.ready?.providers, wanted])).toBeLessThan(3);
    wanted = next.ready?.providers ?? wanted;
  }
});

test("what was answered before a kill -9 is there after it: objects, versions, key material", async () => {
  const Bucket = "survives";
  const acknowledged = new Map<string, string>();
  let ciphertext: Uint8Array | undefined;
  for (let round = 0; round < 3; round += 1) {
    const cloud = await start();
    const { s3, kms } = clients(cloud.endpoint, operatorKeys(1));
    if (round === 0) {
      await s3.send(new CreateBucketCommand({ Bucket }));
      await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      const KeyId = KeyMetadata?.KeyId;
      ciphertext = (await kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from("share") }))).CiphertextBlob;
    }
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob: ciphertext }));
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe("share");
    for (const [Key, text] of acknowledged)
      expect(await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString()).toBe(text);

    // Writers that are in the middle of it when the process dies.
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; ; i += 1) {
        const [Key, text] = [`${round}/${writer}/${i}`, `text ${round} ${writer} ${i}`];
        await s3.send(new PutObjectCommand({ Bucket, Key, Body: text }));
        acknowledged.set(Key, text);
      }
    });
    setTimeout(() => cloud.child.kill("SIGKILL"), 150 + 100 * round);
    const ends = await Promise.allSettled(writers);
    expect(ends.every((each) => each.status === "rejected")).toBe(true);
    await cloud.exited;
  }
  expect(acknowledged.size).toBeGreaterThan(10);
  const store = await CloudStore.open(join(dir, "store"));
  const kept = store.account(accountId).objects.list(Bucket);
  expect(kept.map((each) => each.key)).toEqual(expect.arrayContaining([...acknowledged.keys()]));
  await store.close();
}, 60_000);

test("a second process on the same state is refused and leaves the first alone", async () => {
  const first = await start();
  const second = await start({ portsFile: join(dir, "other-ports.json") });
  expect(second.ready).toBeUndefined();
  const [code] = await second.exited;
  expect(code).toBe(2);
  expect(second.stderr()).toContain(`CLOUD_STATE_IN_USE`);
  expect(second.stderr()).toContain(`process ${first.child.pid}, running`);
  const { sts } = clients(first.endpoint, operatorKeys(1));
  expect((await sts.send(new GetCallerIdentityCommand({}))).Account).toBe(accountId);
});

test("a port that is taken is one error that names it, and the state is free again", async () => {
  const first = await start();
  const second = await start({ dir: join(dir, "other"), portsFile: join(dir, "o.json"), httpPort: first.ready?.http });
  expect((await second.exited)[0]).toBe(2);
  expect(second.stderr()).toContain("CLOUD_PORT_TAKEN");
  expect(second.stderr()).toContain(`127.0.0.1:${first.ready?.http}`);
  const store = await CloudStore.open(join(dir, "other"));
  await store.close();
});

test("a config that does not fit is one error that names the field", async () => {
  const { exited, stderr } = await start({ controlToken: "short" });
  expect((await exited)[0]).toBe(2);
  expect(stderr()).toContain("CLOUD_CONFIG_INVALID");
  expect(stderr()).toContain("controlToken");
  expect(stderr()).not.toContain(operatorKeys(1).secretAccessKey);
});

test("clusters have the addresses of the number that the devnet has now", async () => {
  const config = cloudConfig(dir);
  const store = await CloudStore.open(config.dir);
  const props = { name: "kms", endpoint: "https://127.9.0.1:6443", status: "ACTIVE" };
  await store.account(accountId).put({ type: "aws:eks/cluster:Cluster", id: "kms", props });
  await store.close();
  const { endpoint } = await start();
  const { eks } = clients(endpoint, operatorKeys(1));
  const { cluster } = await eks.send(new DescribeClusterCommand({ name: "kms" }));
  expect(cluster?.endpoint).toBe(config.accounts[0]?.cluster.endpoint);
});
