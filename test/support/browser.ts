import { constants, createReadStream, createWriteStream } from "node:fs";
import { access, chmod, mkdir, readdir, rename, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import project from "../../package.json" with { type: "json" };
import { cacheDir } from "../../tools/tool-state.mjs";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/** A headless Chromium: the one on PATH, else the one that npm brought. Without either, a test that needs it fails and says what to install. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = (await onPath()) ?? (await fromNpm());
  try {
    return await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  } catch (cause) {
    throw new Error(`${executablePath} does not start. Install a browser of one's own: ${wanted}`, { cause });
  }
}

const wanted = `Chromium or Chrome on PATH as one of ${names.join(", ")} (Debian, Ubuntu: apt-get install chromium)`;

async function onPath(): Promise<string | null> {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const file of names.flatMap((name) => folders.map((folder) => join(folder, name))))
    if (await isThere(file, constants.X_OK)) return file;
  return null;
}

/** It comes packed, for Linux on x64; unpacked once per user and version, in a name that only a whole one has. */
async function fromNpm(): Promise<string> {
  const packed = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "../bin/chromium.br");
  if (process.platform !== "linux" || process.arch !== "x64" || !(await isThere(packed, constants.R_OK)))
    throw new Error(`there is no browser to read the page with. Install ${wanted}, or run \`npm ci\` on Linux on x64`);
  const folder = join(dirname(cacheDir()), "browser");
  const file = join(folder, `chromium-${project.devDependencies["@sparticuz/chromium"]}`);
  if (await isThere(file, constants.X_OK)) return file;
  await mkdir(folder, { recursive: true });
  const beside = `${file}.${process.pid}.new`;
  try {
    await pipeline(createReadStream(packed), createBrotliDecompress(), createWriteStream(beside));
    await chmod(beside, 0o755);
    await rename(beside, file);
  } finally {
    await rm(beside, { force: true });
  }
  const older = (await readdir(folder)).filter((name) => /^chromium-[\d.]+$/.test(name) && !file.endsWith(name));
  for (const name of older) await rm(join(folder, name), { force: true });
  return file;
}

async function isThere(file: string, mode: number): Promise<boolean> {
  return await access(file, mode).then(
    () => true,
    () => false,
  );
}
