import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * @typedef {object} ToolRecord what set-up knows of one tool
 * @property {string} version
 * @property {"path" | "go" | "release"} from
 * @property {string} path the file that `.tools/bin/<name>` leads to
 * @property {string} note where exactly it came from
 * @property {number} size
 * @property {number} mtimeMs
 */
/** @typedef {{ root: string, pins: string, tools: Record<string, ToolRecord> }} ToolState */

/** Where tools are kept for all checkouts of one user. */
export function cacheDir(env = process.env) {
  const base = env.XDG_CACHE_HOME?.startsWith("/") ? env.XDG_CACHE_HOME : join(env.HOME || homedir(), ".cache");
  return join(base, "quorate", "tools");
}

export const binDir = (root) => join(root, ".tools", "bin");
export const statePath = (root) => join(root, ".tools", "state.json");

/** Changes whenever a pin, a module file or the way of building changes. */
export function pinsDigest(root) {
  const hash = createHash("sha256");
  const modules = join(root, "tools", "modules");
  const files = [join(root, "tools", "pins.mjs"), join(root, "tools", "provide-tool.mjs")];
  for (const module of readdirSync(modules).sort())
    files.push(join(modules, module, "go.mod"), join(modules, module, "go.sum"));
  for (const file of files) hash.update(file.slice(root.length)).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/** @returns {ToolState | undefined} nothing when set-up has not finished here yet */
export function readState(root) {
  let text;
  try {
    text = readFileSync(statePath(root), "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Half-written by a machine that lost power: the same as not there.
  }
}

const statOf = (path) => statSync(path, { throwIfNoEntry: false });

/** Whether `.tools/bin/<name>` still leads to the very file that set-up checked. */
export function isInPlace(root, name, record) {
  const found = statOf(join(binDir(root), name));
  return found?.isFile() === true && found.size === record.size && found.mtimeMs === record.mtimeMs;
}

/** Whether every pinned tool is in place, found out without starting a process. */
export function toolsAreInPlace(root, tools, state = readState(root)) {
  return (
    state !== undefined &&
    state.root === root &&
    state.pins === pinsDigest(root) &&
    tools.every((tool) => {
      const record = state.tools[tool.name];
      return record !== undefined && isInPlace(root, tool.name, record);
    }) &&
    tools.every(
      ({ name, companions = [] }) =>
        state.tools[name]?.from !== "go" ||
        companions.every((companion) => statOf(join(binDir(root), companion)) !== undefined),
    )
  );
}

/**
 * Whether `node_modules` holds what `package-lock.json` asks for. npm writes the two files within milliseconds of each
 * other in either order, so a newer lockfile is only a reason to compare.
 */
export function packagesAreInPlace(root) {
  const wanted = statOf(join(root, "package-lock.json"));
  if (wanted === undefined) return true; // An installed package: its packages are npm's business.
  const installed = statOf(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return false;
  if (wanted.mtimeMs <= installed.mtimeMs) return true;
  return holdsTheSame(
    JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages,
    JSON.parse(readFileSync(join(root, "node_modules", ".package-lock.json"), "utf8")).packages,
  );
}

function holdsTheSame(wanted, installed) {
  const same = (a, b) => b !== undefined && a.version === b.version && a.integrity === b.integrity;
  return (
    Object.entries(wanted).every(
      // Optional packages are those of other platforms.
      ([path, entry]) => path === "" || entry.optional || entry.devOptional || same(entry, installed[path]),
    ) && Object.entries(installed).every(([path, entry]) => wanted[path] !== undefined && same(entry, wanted[path]))
  );
}
