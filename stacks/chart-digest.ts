import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Digest } from "../contract/names.ts";

/**
 * SHA-256 over the sorted relative paths and contents of a chart's directory: one changed byte, one more or renamed
 * file shows.
 */
export async function chartDigest(dir: string): Promise<Digest> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
  const hash = createHash("sha256");
  for (const path of paths) {
    const content = await readFile(join(dir, path));
    // Lengths keep the boundary between a path and its content unambiguous.
    hash.update(`${path.length} ${path} ${content.length}\n`).update(content);
  }
  return Digest.parse(`sha256:${hash.digest("hex")}`);
}

if (import.meta.main) console.log(await chartDigest(process.argv[2] ?? "."));
