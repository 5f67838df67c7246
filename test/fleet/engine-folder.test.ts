import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { EngineStackFile } from "../../fleet/engine-folder.ts";

const text = "# ours\nconfig:\n  quorate:party: 1 # the first\n";
let folder: string;
let original: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-engine-"));
  mkdirSync(join(folder, "stacks"));
  original = join(folder, "stacks", "Pulumi.party-1.yaml");
  writeFileSync(original, text);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const prepare = async () => await EngineStackFile.prepare(join(folder, "engine"), "party-1", original);

test("the engine finds the stack file in the folder that it works in", async () => {
  const file = await prepare();
  expect(readFileSync(file.path, "utf8")).toBe(text);
  expect(file.path).toBe(join(file.folder, "Pulumi.party-1.yaml"));
  expect(readFileSync(join(file.folder, "Pulumi.yaml"), "utf8")).toContain('stackConfigDir: "."');
});

test("of what the engine writes only its own keys are taken over, into the file as it is by then", async () => {
  const file = await prepare();
  writeFileSync(file.path, "config:\n  quorate:party: 9\nencryptionsalt: v1:abc\n");
  appendFileSync(original, "  quorate:network: devnet # added meanwhile\n");
  await file.takeOver();
  expect(readFileSync(original, "utf8")).toBe(
    `${text}  quorate:network: devnet # added meanwhile\nencryptionsalt: v1:abc\n`,
  );
});

test("a file that the engine adds nothing to is not written", async () => {
  const file = await prepare();
  const before = statSync(original);
  await file.takeOver();
  expect(statSync(original)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
});

test("half a copy, as an engine leaves it that is killed while it writes, changes nothing", async () => {
  const file = await prepare();
  for (const half of ["", "encryptionsalt: v1:a", `${text}encryptionsalt: v1`]) {
    writeFileSync(file.path, half);
    await file.takeOver();
    expect(readFileSync(original, "utf8")).toBe(text);
  }
  expect(readFileSync((await prepare()).path, "utf8")).toBe(text);
});

test("a link to a stack file stays a link, and its rights stay as they are", async () => {
  const link = join(folder, "stacks", "Pulumi.linked.yaml");
  symlinkSync(original, link);
  chmodSync(original, 0o600);
  const file = await EngineStackFile.prepare(join(folder, "engine"), "linked", link);
  appendFileSync(file.path, "encryptionsalt: v1:abc\n");
  await file.takeOver();
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(statSync(original).mode & 0o777).toBe(0o600);
  expect(readFileSync(original, "utf8")).toBe(`${text}encryptionsalt: v1:abc\n`);
});

test.for([
  ["lines that end as another system ends them", "config:\r\n  quorate:party: 1\r\n", "\r\n"],
  ["no end of the last line", "config:\n    quorate:party:   1 # wide", "\n"],
  ["lists and quotes as their operator likes them", 'config:\n  "quorate:x":\n  -   a\n\n\n# the end\n', "\n"],
] as const)("all else in a stack file stays to the byte: %s", async ([, before, lineEnd]) => {
  writeFileSync(original, before);
  const file = await prepare();
  writeFileSync(file.path, "config: {}\nencryptionsalt: v1:abc\n");
  await file.takeOver();
  const gap = before.endsWith("\n") ? "" : lineEnd;
  expect(readFileSync(original, "utf8")).toBe(`${before}${gap}encryptionsalt: v1:abc${lineEnd}`);
});

test("what can take no line at its end gets the keys all the same", async () => {
  for (const before of ["{config: {a: 1}}\n", "config: {}\n...\n"]) {
    writeFileSync(original, before);
    const file = await prepare();
    writeFileSync(file.path, "config: {}\nencryptionsalt: v1:abc\n");
    await file.takeOver();
    expect(parse(readFileSync(original, "utf8")), before).toMatchObject({ encryptionsalt: "v1:abc" });
  }
});

test("a key that somebody else wrote meanwhile stays: secrets are encrypted with it", async () => {
  const [first, second] = [await prepare(), await prepare()];
  const theirs = `${text}  quorate:token: { secure: v1:x }\nencryptionsalt: v1:theirs\n`;
  writeFileSync(original, theirs);
  writeFileSync(first.path, `${text}encryptionsalt: v1:ours\n`);
  await first.takeOver();
  await second.takeOver();
  expect(readFileSync(original, "utf8")).toBe(theirs);
  const changed = `${text}secretsprovider: awskms://alias/ours\nencryptedkey: AQ==\n`;
  writeFileSync(original, changed);
  await first.takeOver();
  expect(readFileSync(original, "utf8")).toBe(changed);
});

test("a file that is being edited is left alone", async () => {
  const file = await prepare();
  writeFileSync(file.path, `${text}encryptionsalt: v1:ours\n`);
  writeFileSync(original, "config: [\n");
  await file.takeOver();
  expect(readFileSync(original, "utf8")).toBe("config: [\n");
});

test("a stack file that can not be written takes nothing from what the engine did or refused", async () => {
  const work = async () => appendFileSync((await prepare()).path, "encryptionsalt: v1:abc\n");
  const closed = async () => {
    const file = await prepare();
    // Where the new text would be put beside the old one.
    rmSync(original);
    mkdirSync(original);
    return file;
  };
  const failing = async () => {
    throw new Error("the engine's own");
  };
  await expect((await closed()).during("up", async () => {})).resolves.toMatchObject({
    problem: {
      code: "FILE_UNUSABLE",
      what: expect.stringContaining(original),
      next: expect.stringContaining(original),
    },
  });
  rmSync(original, { recursive: true });
  writeFileSync(original, text);
  await expect((await closed()).during("up", failing)).rejects.toThrow("the engine's own");
  rmSync(original, { recursive: true });
  writeFileSync(original, text);
  await expect((await closed()).during("preview", async () => {})).rejects.toMatchObject({
    problem: { code: "FILE_UNUSABLE" },
  });
  rmSync(original, { recursive: true });
  writeFileSync(original, text);
  expect(await (await prepare()).during("up", work)).toBeUndefined();
});
