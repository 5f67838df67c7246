import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";

/** Bytes. Node reads no more than twice that into a text. */
const largestText = 2 ** 30;

/** A file's text; undefined where there is no such file. Throws the OperatorError of `fileError` where it can not be read. */
export async function readIfThere(path: string, largestBytes = largestText): Promise<string | undefined> {
  try {
    return await readRegular(path, largestBytes);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError(failure, path) ?? failure;
  }
}

/** A file's text. Nobody writes into a pipe that lies in its place: reading it would wait for ever. */
export async function readRegular(path: string, largestBytes = largestText): Promise<string> {
  const about = await stat(path);
  if (about.isFile() && about.size <= largestBytes) return await readFile(path, "utf8");
  throw new OperatorError({
    code: "FILE_UNUSABLE",
    what: `${path} can not be used`,
    found: about.isFile() ? `${about.size} bytes` : kindOf(about),
    expected: about.isFile() ? `at most ${largestBytes} bytes` : "a file",
    next: `move ${path} away`,
  });
}

/** Throws the OperatorError of `fileError` unless it is a folder that can be looked into. */
export async function requireFolder(path: string): Promise<void> {
  await readdir(path).catch((failure: unknown) => {
    throw fileError(failure, path) ?? failure;
  });
}

function kindOf(about: Stats): string {
  if (about.isFIFO()) return "a pipe";
  if (about.isSocket()) return "a socket";
  return about.isDirectory() ? "a folder" : "a device";
}

/** All of a file or nothing of it, whoever reads it or is killed meanwhile. On disk when it resolves. */
export async function replaceFile(path: string, text: string, mode = 0o644): Promise<void> {
  const partial = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await writeThrough(partial, text, mode);
    await rename(partial, path);
  } catch (failure) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw failure;
  }
  await syncFolder(dirname(path));
}

/** On disk when it resolves. */
export async function writeThrough(path: string, text: string, mode = 0o644): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What was renamed in a folder is on disk when it resolves. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
