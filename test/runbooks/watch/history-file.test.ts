import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperatorError } from "../../../contract/operator-error.ts";
import { HistoryLine } from "../../../contract/watch-history.ts";
import { lockFolder } from "../../../runbooks/run-lock.ts";
import type { Seen } from "../../../runbooks/watch/history.ts";
import { type HistoryFile, HistoryLog, readHistory } from "../../../runbooks/watch/history-file.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-history-"));
  path = join(folder, "history.jsonl");
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const start = Date.parse("2026-11-20T18:00:00.000Z");
const at = (seconds: number) => new Date(start + seconds * 1000);
const gapMs = 180_000;
const open = async (seconds: number, more: Partial<Parameters<typeof HistoryLog.open>[0]> = {}) =>
  await HistoryLog.open({
    ...{ folder, network: "devnet", by: "a test", now: at(seconds), gapMs },
    ...{ keepMs: 7 * 86_400_000, aliveMs: 300_000, ...more },
  });
const seen = (...down: string[]): Seen => ({
  verdict: down.length > 0 ? "FAIL" : "OK",
  words: `${down.length} links down`,
  links: new Map(down.map((key) => [key, ["down", "TIMED_OUT"]])),
  facts: new Map(),
});
const round = async (log: HistoryLog, seconds: number, found: Seen) =>
  await log.round({ at: at(seconds), durationMs: 1_000 }, found, null);
const written = async () =>
  (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => HistoryLine.parse(JSON.parse(line)));
const kinds = async () => (await written()).map(({ kind }) => kind);
const again = async () => (await readHistory(path, { network: "devnet", gapMs })).history;

test("a day without a change is a few lines, not one for each round", async () => {
  const log = await open(0);
  for (let seconds = 0; seconds < 3_600; seconds += 60) await round(log, seconds, seen());
  await log.close();
  const all = await kinds();
  expect(all.slice(0, 3)).toEqual(["history", "start", "round"]);
  expect(new Set(all.slice(3))).toEqual(new Set(["alive"]));
  expect(all.length).toBeLessThan(3 + 14);
  expect((await again()).until).toBe(at(3_541).toISOString());
});

test("what was closed in order is read back as it was, and goes on after a gap that nobody watched", async () => {
  const log = await open(0);
  await round(log, 0, seen());
  await round(log, 60, seen("2>3"));
  await round(log, 120, seen("2>3"));
  await log.close();
  expect(await again()).toEqual(log.history);
  const next = await open(1_000);
  await round(next, 1_001, seen("2>3"));
  await next.close();
  expect(next.history.watched.map(({ since, until }) => [since, until])).toEqual([
    [at(0).toISOString(), at(121).toISOString()],
    [at(1_001).toISOString(), at(1_002).toISOString()],
  ]);
  expect(next.history.links.map(({ since, until }) => [since, until])).toEqual([
    [at(60).toISOString(), at(121).toISOString()],
    [at(1_001).toISOString(), at(1_002).toISOString()],
  ]);
});

test("a kill loses what was not yet said to go on, and makes nothing up", async () => {
  const log = await open(0);
  await round(log, 0, seen());
  await round(log, 60, seen("2>3"));
  await round(log, 120, seen("2>3"));
  // Not closed: as after SIGKILL.
  const history = await again();
  expect(history.until).toBe(at(61).toISOString());
  await log.close();
});

test("a last line that was cut off is left out, said, and in nobody's way", async () => {
  const log = await open(0);
  await round(log, 0, seen("1>2"));
  await log.close();
  const sound = await again();
  await appendFile(path, '{"kind":"round","at":"2026-11-20T18:01:00.0');
  const next = await open(60);
  expect(next.said).toEqual([expect.stringMatching(/the last 43 bytes were cut off by a crash/)]);
  expect(next.history.links).toEqual(sound.links);
  await round(next, 60, seen());
  await next.close();
  expect(await again()).toEqual(next.history);
});

test.each([0, 1, 40])("a file of which a crash left %d bytes of the first line is begun anew", async (bytes) => {
  const log = await open(0);
  await log.close();
  await truncate(path, bytes);
  const next = await open(10);
  await round(next, 10, seen());
  await next.close();
  expect((await kinds())[0]).toBe("history");
});

test.each([
  [
    "of another network",
    '{"kind":"history","schema":"quorate/watch-history/v1","network":"mainnet"}',
    "HISTORY_OF_OTHER_NETWORK",
  ],
  [
    "of a newer version",
    '{"kind":"history","schema":"quorate/watch-history/v2","network":"devnet","more":1}',
    "HISTORY_NEWER",
  ],
  ["of something else", '{"hello":1}', "HISTORY_UNREADABLE"],
  ["that is no JSON", "hello", "HISTORY_UNREADABLE"],
])("a file %s is refused in words, and left as it is", async (_, header, code) => {
  await writeFile(path, `${header}\n`);
  const failure = await open(0).catch((caught: unknown) => caught);
  expect((failure as OperatorError).problem).toMatchObject({ code, next: expect.stringContaining(`mv ${path}`) });
  expect(await readFile(path, "utf8")).toBe(`${header}\n`);
});

test("a line in the middle that nobody here wrote is refused with its number", async () => {
  const log = await open(0);
  await round(log, 0, seen());
  await log.close();
  await appendFile(path, "what?\n");
  const failure = await open(10).catch((caught: unknown) => caught);
  expect((failure as OperatorError).problem.what).toContain("line 4");
});

test("a full disk stops no watch: it is said, kept in memory, and on the disk once there is room", async () => {
  let full = false;
  const openFile = async (file: string): Promise<HistoryFile> => ({
    async append(text) {
      if (!full) return await appendFile(file, text);
      // Half of it got there.
      await appendFile(file, text.slice(0, text.length / 2));
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    },
    truncate: async (bytes) => await truncate(file, bytes),
    close: async () => {},
  });
  const log = await open(0, { openFile });
  await round(log, 0, seen());
  full = true;
  await round(log, 60, seen("1>2"));
  await round(log, 120, seen("1>2", "2>1"));
  expect(log.unwritten).toMatch(/history\.jsonl can not be written: ENOSPC/);
  expect(log.history.links).toHaveLength(2);
  full = false;
  await round(log, 180, seen());
  expect(log.unwritten).toBe(null);
  await log.close();
  expect(await again()).toEqual(log.history);
});

test("a folder that can not be flushed once the new file is in place leaves a file that is read back whole", async () => {
  const log = await open(0);
  for (let minute = 0; minute < 20; minute += 1) await round(log, minute * 60, seen(minute % 2 === 0 ? "1>2" : "2>1"));
  await log.close();
  const flush = async () => {
    throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
  };
  const next = await open(8 * 86_400, { flush });
  await round(next, 8 * 86_400, seen("3>4"));
  await next.close();
  expect(await again()).toEqual(next.history);
});

test("what is older than is kept is left out when the file is written anew, all at once", async () => {
  const log = await open(0);
  await round(log, 0, seen("1>2"));
  await round(log, 60, seen());
  await log.close();
  const day = 86_400;
  const next = await open(8 * day);
  await round(next, 8 * day, seen("2>1"));
  await next.close();
  expect(next.history.links.map(({ from, to }) => [from, to])).toEqual([[2, 1]]);
  expect(await again()).toEqual(next.history);
  expect(await readdir(folder)).toEqual(["history.jsonl"]);
});

test("a network that flaps all day does not fill the disk", async () => {
  const log = await open(0);
  const many = Array.from({ length: 99 }, (_, index) => `1>${index + 2}`);
  for (let index = 0; index < 300; index++) await round(log, index * 60, index % 2 ? seen() : seen(...many));
  await log.close();
  expect(log.history.links.length).toBe(150 * 99);
  // Each of these rounds is 4 KB as a line; what is kept of it stands there once.
  expect((await stat(path)).size).toBeLessThan(6 * 1024 * 1024);
  expect(await again()).toEqual(log.history);
}, 60_000);

test("a clock that was set back: the file is kept aside, and what it told of times to come is left out", async () => {
  const log = await open(0);
  await round(log, 0, seen());
  await round(log, 3_600, seen("1>2"));
  await round(log, 3_700, seen());
  // Back by an hour, while it runs.
  await round(log, 150, seen());
  await log.close();
  expect(log.said).toEqual([expect.stringMatching(/set back by 3551 s.*history-until-20261120T190141Z\.jsonl/)]);
  expect(log.history.links).toEqual([]);
  expect(log.history.watched.map(({ until }) => until)).toEqual([at(1).toISOString(), at(151).toISOString()]);
  expect(await again()).toEqual(log.history);
  expect(await readFile(join(folder, "history-until-20261120T190141Z.jsonl"), "utf8")).toContain('"1>2"');
  // And before it was started again; a few seconds are no matter.
  const next = await open(145);
  await round(next, 145, seen());
  expect(next.said).toEqual([]);
  expect(next.history.until).toBe(at(152).toISOString());
  await next.close();
});

test("two watches on one network: the second is refused, and told of the first", async () => {
  const refusal = async ({ pid }: { pid: number }) =>
    new OperatorError({ code: "X", what: "in use", found: String(pid), expected: "", next: "" });
  const first = await lockFolder(folder, refusal);
  // The same process would be the same holder: another one's file stands in for it.
  const [name = ""] = await readdir(folder);
  await writeFile(
    join(folder, name.replace(`.${process.pid}.`, ".1.").replace(/^(lock\.).*(\.1\.)/, "$1another-host$2")),
    "",
  );
  await first.release();
  await expect(lockFolder(folder, refusal)).rejects.toMatchObject({ problem: { found: "1" } });
});
