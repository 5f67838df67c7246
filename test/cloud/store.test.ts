import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BucketNameTaken, CloudStore, type StoreEvent } from "../../devnet/cloud/store.ts";

const account = "100000000001";
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "quorate-cloud-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const bucket = (id: string, props: Record<string, unknown> = {}) => ({ type: "aws:s3/bucket:Bucket", id, props });

test("what was put is there after closing and opening again, what was deleted is not", async () => {
  const first = await CloudStore.open(dir);
  await first.account(account).put(bucket("kept", { arn: "arn:aws:s3:::kept" }));
  await first.account(account).put(bucket("gone"));
  await first.account(account).delete("aws:s3/bucket:Bucket", "gone");
  await first.close();

  const second = await CloudStore.open(dir);
  expect(second.accounts().map((each) => each.accountId)).toEqual([account]);
  expect(second.account(account).list("aws:s3/bucket:Bucket")).toEqual([bucket("kept", { arn: "arn:aws:s3:::kept" })]);
  await second.close();
});

test("a stored resource is frozen and apart from the caller's own object", async () => {
  const store = await CloudStore.open(dir);
  const mine = bucket("b", { tags: { a: "1" } });
  await store.account(account).put(mine);
  mine.props.tags = {};
  const stored = store.account(account).get("aws:s3/bucket:Bucket", "b");
  expect(stored?.props.tags).toEqual({ a: "1" });
  expect(() => {
    if (stored) stored.props.tags = {};
  }).toThrow(TypeError);
  await store.close();
});

test("a half-written last line is cut off, everything before it stays", async () => {
  const first = await CloudStore.open(dir);
  await first.account(account).put(bucket("a"));
  await first.account(account).put(bucket("b"));
  await first.close();
  const wal = join(dir, "accounts", account, "wal.jsonl");
  const whole = await readFile(wal);
  for (let cut = 1; cut < 40; cut += 7) {
    await writeFile(wal, whole.subarray(0, whole.length - cut));
    const store = await CloudStore.open(dir);
    expect(
      store
        .account(account)
        .list("aws:s3/bucket:Bucket")
        .map((each) => each.id),
    ).toEqual(["a"]);
    await store.account(account).put(bucket("c"));
    await store.close();
    const again = await CloudStore.open(dir);
    expect(
      again
        .account(account)
        .list("aws:s3/bucket:Bucket")
        .map((each) => each.id),
    ).toEqual(["a", "c"]);
    await again.close();
  }
});

test("a changed byte in the middle is reported, not skipped", async () => {
  const first = await CloudStore.open(dir);
  for (const id of ["a", "b", "c"]) await first.account(account).put(bucket(id));
  await first.close();
  const wal = join(dir, "accounts", account, "wal.jsonl");
  const bytes = await readFile(wal);
  bytes[30] = (bytes[30] ?? 0) ^ 1;
  await writeFile(wal, bytes);
  await expect(CloudStore.open(dir)).rejects.toMatchObject({ problem: { code: "CLOUD_STATE_DAMAGED" } });
});

test("compaction keeps the state and empties the log; a kill before truncation replays nothing twice", async () => {
  const first = await CloudStore.open(dir);
  const filler = "x".repeat(4_000);
  await first.account(account).put(bucket("stays"));
  for (let i = 0; i < 600; i += 1) await first.account(account).put(bucket("b", { i, filler }));
  await first.close();
  const accountDir = join(dir, "accounts", account);
  expect((await readdir(accountDir)).includes("snapshot.jsonl")).toBe(true);
  expect((await readFile(join(accountDir, "wal.jsonl"))).length).toBeLessThan(1.5 * 1024 * 1024);

  // The log as it was before truncation: lines that the snapshot has already.
  const snapshotLine = (await readFile(join(accountDir, "snapshot.jsonl"), "utf8")).split("\n")[0];
  await appendFile(join(accountDir, "wal.jsonl"), `${snapshotLine}\n`);
  const second = await CloudStore.open(dir);
  expect(second.account(account).get("aws:s3/bucket:Bucket", "b")?.props.i).toBe(599);
  expect(second.account(account).list("aws:s3/bucket:Bucket")).toHaveLength(2);
  await second.close();
});

test("after a failed write nothing is accepted any more, and a restart has all that was acknowledged", async () => {
  const store = await CloudStore.open(dir);
  const failures: string[] = [];
  store.onFailure((error) => failures.push(error.message));
  await store.account(account).put(bucket("first"));
  // Where the snapshot would be written there is a directory now: the next compaction fails.
  await mkdir(join(dir, "accounts", account, "snapshot.jsonl.new"));
  await store.account(account).put(bucket("big", { filler: "x".repeat(2 * 1024 * 1024) }));
  await expect(store.account(account).put(bucket("late"))).rejects.toThrow("can't write to");
  expect(failures).toHaveLength(1);
  await store.close();
  const again = await CloudStore.open(dir);
  const names = again
    .account(account)
    .list("aws:s3/bucket:Bucket")
    .map((each) => each.id);
  expect(names).toEqual(["first", "big"]);
  await again.close();
});

test("whatever a kill leaves of the log, a prefix of the changes is there", async () => {
  const first = await CloudStore.open(dir);
  for (let i = 0; i < 5; i += 1) await first.account(account).put(bucket(`b${i}`));
  await first.close();
  const wal = join(dir, "accounts", account, "wal.jsonl");
  const whole = await readFile(wal);
  for (let length = 0; length <= whole.length; length += 13) {
    await writeFile(wal, whole.subarray(0, length));
    const store = await CloudStore.open(dir);
    const names = store
      .account(account)
      .list("aws:s3/bucket:Bucket")
      .map((each) => each.id);
    const complete = whole.subarray(0, length).toString("latin1").split("\n").length - 1;
    expect(names).toEqual(["b0", "b1", "b2", "b3", "b4"].slice(0, complete));
    await store.close();
  }
});

test("concurrent writers are all durable and listeners hear each change once", async () => {
  const store = await CloudStore.open(dir);
  const heard: StoreEvent[] = [];
  const stop = store.onChange((event) => heard.push(event));
  await Promise.all(Array.from({ length: 200 }, (_, i) => store.account(account).put(bucket(`b${i}`))));
  stop();
  await store.account(account).put(bucket("unheard"));
  await store.close();
  expect(heard).toHaveLength(200);
  const again = await CloudStore.open(dir);
  expect(again.account(account).list("aws:s3/bucket:Bucket")).toHaveLength(201);
  await again.close();
});

test("a bucket name is taken once in all accounts", async () => {
  const store = await CloudStore.open(dir);
  await store.account(account).put(bucket("mine"));
  await expect(store.account("100000000002").put(bucket("mine"))).rejects.toBeInstanceOf(BucketNameTaken);
  expect(store.bucketOwner("mine")?.accountId).toBe(account);
  await store.close();
});

test("objects keep their bytes; versions and delete markers only where versioning is enabled", async () => {
  const first = await CloudStore.open(dir);
  const { objects } = first.account(account);
  await objects.put("plain", "k", Buffer.from("one"));
  await objects.put("plain", "k", Buffer.from("two"), { contentType: "text/plain", metadata: { a: "b" } });
  expect(objects.versions("plain")).toHaveLength(1);
  await objects.delete("plain", "k");
  expect(objects.isEmpty("plain")).toBe(true);

  await first.account(account).put({
    type: "aws:s3/bucketVersioning:BucketVersioning",
    id: "kept",
    props: { bucket: "kept", versioningConfiguration: { status: "Enabled" } },
  });
  const one = await objects.put("kept", "dir/k", Buffer.from("one"));
  await objects.put("kept", "dir/k", Buffer.from("two"));
  await objects.delete("kept", "dir/k");
  await first.close();

  const second = await CloudStore.open(dir);
  const reopened = second.account(account).objects;
  expect(reopened.head("kept", "dir/k")).toBeUndefined();
  expect(reopened.versions("kept").map(({ version, isLatest }) => [version.deleteMarker, isLatest])).toEqual([
    [true, true],
    [false, false],
    [false, false],
  ]);
  expect((await reopened.get("kept", "dir/k", one.versionId))?.bytes.toString()).toBe("one");
  // Bytes of "one" and "two" are named by versions still.
  expect(await readdir(join(dir, "accounts", account, "objects"))).toHaveLength(2);
  await second.close();
});
