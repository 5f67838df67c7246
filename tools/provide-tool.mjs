import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  createWriteStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { basename, delimiter, dirname, join } from "node:path";
import { withLock } from "./lock.mjs";
import { SetupError } from "./setup-error.mjs";

/** @typedef {import("./pins.mjs").Tool} Tool */
/** @typedef {{ root: string, cache: string, env: NodeJS.ProcessEnv, os: string, arch: string, step: (name: string, text: string, work: (say: (text: string) => void) => Promise<unknown>) => Promise<any> }} Surroundings */

const askTimeoutMs = 10_000;
const silenceTimeoutMs = 60_000;

/** The names that Go and the vendors use for this machine. */
export function platformOf(platform = process.platform, cpu = process.arch) {
  return { os: platform === "win32" ? "windows" : platform, arch: cpu === "x64" ? "amd64" : cpu };
}

/** Runs a command to its end; never throws for a non-zero code or a missing executable. */
export function run(file, args, { cwd, env, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    const stop = () => child.kill("SIGTERM");
    process.once("exit", stop);
    const end = (code, failure) => {
      process.off("exit", stop);
      resolve({ code, stdout, stderr: failure ? `${stderr}${failure}` : stderr });
    };
    child.once("error", (error) => end(127, error.message));
    child.once("close", (code, signal) => end(code ?? 128, signal ? `ended by ${signal}` : ""));
  });
}

/** The first executable of that name on PATH, as a shell would find it. */
export function findOnPath(name, env, without = []) {
  // By any name: a link to what was found would otherwise become a link to itself.
  const passedOver = new Set(without.map(realOf));
  for (const dir of (env.PATH ?? "").split(delimiter)) {
    if (dir === "" || passedOver.has(realOf(dir))) continue;
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch (error) {
      if (!["ENOENT", "EACCES", "ENOTDIR", "ELOOP"].includes(error.code)) throw error;
    }
  }
  return undefined;
}

function realOf(dir) {
  try {
    return realpathSync(dir);
  } catch {
    return dir;
  }
}

/** The first version in what a tool prints about itself; build metadata (`+g1a2b3c`) does not tell versions apart. */
export function versionIn(text) {
  return /\bv?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)/.exec(text)?.[1];
}

/** Looks on PATH. `file` only when the version is the pinned one; `why` says what was found otherwise. */
export async function fromPath(tool, { env, root }) {
  const ours = [join(root, ".tools", "bin"), join(root, "node_modules", ".bin")];
  const file = findOnPath(tool.name, env, ours);
  if (file === undefined) return { why: "not on PATH" };
  // Without the update check pulumi answers at once, and offline too.
  const asked = await run(file, tool.versionArgs, {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: askTimeoutMs,
  });
  const version = versionIn(asked.stdout) ?? versionIn(asked.stderr);
  if (version === tool.version) return { file, why: `version ${version} on PATH` };
  return { why: `${file} is ${version === undefined ? "of unknown version" : version}` };
}

const cacheEntry = (tool, cache) => join(cache, `${tool.name}-${tool.version}`);

/** What identifies a build: the same version built in another way is not the same tool. */
function recipeOf(tool, root) {
  const module = join(root, "tools", "modules", tool.module);
  return createHash("sha256")
    .update(JSON.stringify([tool.package, tool.stamps]))
    .update(readFileSync(join(module, "go.mod")))
    .update(readFileSync(join(module, "go.sum")))
    .digest("hex");
}

/** A finished entry of the cache, or nothing. Entries appear by one rename, so what is there is whole. */
export function fromCache(tool, { cache, root }) {
  const entry = cacheEntry(tool, cache);
  let source;
  try {
    source = JSON.parse(readFileSync(join(entry, "source.json"), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
  const file = join(entry, source.file);
  if (source.from === "go" && source.recipe !== recipeOf(tool, root)) return undefined;
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? { ...source, file } : undefined;
}

/** Fills a directory under a temporary name and makes it the tool's entry only when `fill` has succeeded. */
async function intoCache(tool, cache, fill) {
  const entry = cacheEntry(tool, cache);
  const prefix = `.making-${basename(entry)}-`;
  // The tool's lock is held: what another process left under this prefix is from one that was killed.
  for (const name of readdirSync(cache)) if (name.startsWith(prefix)) rmSync(join(cache, name), { recursive: true });
  const making = join(cache, `${prefix}${process.pid}`);
  const discard = () => rmSync(making, { recursive: true, force: true });
  mkdirSync(making);
  process.once("exit", discard);
  try {
    const source = await fill(making);
    writeFileSync(join(making, "source.json"), `${JSON.stringify(source, undefined, 2)}\n`);
    rmSync(entry, { recursive: true, force: true });
    renameSync(making, entry);
    return { ...source, file: join(entry, source.file) };
  } finally {
    process.off("exit", discard);
    discard();
  }
}

const goNeeded = (tool, root) =>
  /^go (\d+\.\d+)/m.exec(readFileSync(join(root, "tools", "modules", tool.module, "go.mod"), "utf8"))?.[1] ?? "1.26";

/** Why this machine's Go can't build the tool, or nothing if it can. */
export async function whyNotGo(tool, { env, root }) {
  const needed = goNeeded(tool, root);
  const go = findOnPath("go", env);
  if (go === undefined) return "Go is not installed";
  const asked = await run(go, ["env", "GOVERSION", "GOTOOLCHAIN"], { cwd: root, env, timeoutMs: askTimeoutMs });
  const [version = "", toolchain = ""] = asked.stdout.split("\n");
  const found = /^go(\d+)\.(\d+)/.exec(version);
  if (asked.code !== 0 || found === null) return `${go} does not answer: ${lastLines(asked.stderr, 2)}`;
  const [major, minor] = needed.split(".").map(Number);
  const old = Number(found[1]) < major || (Number(found[1]) === major && Number(found[2]) < minor);
  // From 1.21 on, Go fetches the toolchain that a module asks for, unless told not to.
  return old && (toolchain === "local" || Number(found[2]) < 21)
    ? `${go} is ${version}, too old: Go ${needed} or newer is needed`
    : undefined;
}

async function buildFromGo(tool, surroundings) {
  const { root, env, cache } = surroundings;
  return await intoCache(tool, cache, async (making) => {
    const flags = ["-s", "-w", ...tool.stamps.flatMap((stamp) => ["-X", stamp])].join(" ");
    const output = join(making, tool.name);
    const built = await run(
      findOnPath("go", env),
      ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", output, tool.package],
      { cwd: join(root, "tools", "modules", tool.module), env: { ...env, GOWORK: "off" } },
    );
    if (built.code !== 0 || !statSync(output, { throwIfNoEntry: false })?.isFile())
      throw new Error(`go build ended with code ${built.code}\n${lastLines(built.stderr, 8)}`);
    return { from: "go", note: `${tool.package}@v${tool.version}`, recipe: recipeOf(tool, root), file: tool.name };
  });
}

const lastLines = (text, count) => text.trim().split("\n").slice(-count).join("\n");

/** Tests and mirrors: everything is then fetched from `<base>/<vendor's host>/<path>`. */
function addressOf(url, env) {
  const base = env.QUORATE_RELEASE_BASE;
  return base ? `${base.replace(/\/$/, "")}/${url.replace(/^https:\/\//, "")}` : url;
}

/** @returns {Promise<import("node:http").IncomingMessage>} */
function open(url, redirects = 5) {
  return new Promise((resolve, reject) => {
    const get = url.startsWith("http:") ? httpGet : httpsGet;
    const request = get(url, { headers: { "user-agent": "quorate-set-up" }, timeout: silenceTimeoutMs }, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location && redirects > 0) {
        response.resume();
        resolve(open(new URL(headers.location, url).href, redirects - 1));
      } else if (statusCode !== 200) {
        response.resume();
        reject(new Error(`${url} answered ${statusCode}`));
      } else resolve(response);
    });
    request.once("timeout", () => request.destroy(new Error(`${url} was silent for ${silenceTimeoutMs / 1000} s`)));
    request.once("error", (error) => reject(new Error(`${url}: ${error.message || error.code}`, { cause: error })));
  });
}

async function textAt(url) {
  let text = "";
  const response = await open(url);
  response.setEncoding("utf8");
  for await (const chunk of response) text += chunk;
  return text;
}

/** Writes the file and returns its SHA-256. */
async function download(url, file, say) {
  const response = await open(url);
  const size = Number(response.headers["content-length"] ?? 0);
  const hash = createHash("sha256");
  const out = createWriteStream(file);
  let got = 0;
  const failed = new Promise((_, reject) => out.once("error", reject));
  const write = async () => {
    for await (const chunk of response) {
      hash.update(chunk);
      got += chunk.length;
      if (size > 0) say(Math.floor((100 * got) / size));
      if (!out.write(chunk)) await new Promise((resolve) => out.once("drain", resolve));
    }
    await new Promise((resolve) => out.end(resolve));
  };
  await Promise.race([write(), failed]);
  if (size > 0 && got !== size) throw new Error(`${url} ended after ${got} of ${size} bytes`);
  return hash.digest("hex");
}

/** Finds the SHA-256 of `file` in what a vendor publishes. */
export function checksumIn(text, file) {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return trimmed.toLowerCase();
  if (trimmed.startsWith("{")) {
    const asset = JSON.parse(trimmed).assets?.find((each) => each.name === file);
    return /^sha256:([0-9a-f]{64})$/.exec(asset?.digest ?? "")?.[1];
  }
  for (const line of trimmed.split("\n")) {
    const found = /^([0-9a-f]{64})\s+\*?(?:.*\/)?(\S+)$/i.exec(line.trim());
    if (found?.[2] === file) return found[1]?.toLowerCase();
  }
  return undefined;
}

async function fetchRelease(tool, release, surroundings, say) {
  const { env, cache } = surroundings;
  const url = addressOf(release.url, env);
  const name = basename(new URL(release.url).pathname);
  const expected = checksumIn(await textAt(addressOf(release.checksums, env)), name);
  if (expected === undefined) throw new Error(`${release.checksums} has no SHA-256 for ${name}`);
  return await intoCache(tool, cache, async (making) => {
    const file = join(making, release.member ? name : tool.name);
    const found = await download(url, file, say);
    if (found !== expected)
      throw new SetupError({
        code: "TOOL_CHECKSUM",
        what: `the download of ${tool.name} ${tool.version} is not what its vendor published; it was thrown away`,
        found: `SHA-256 ${found}   ${url}`,
        expected: `SHA-256 ${expected}   ${addressOf(release.checksums, env)}`,
        next: `try again; if it stays so, something between here and ${new URL(url).host} changes downloads: install Go to build ${tool.name} from source instead`,
      });
    if (release.member) {
      const unpacked = await run("tar", ["-xf", file, "-C", making], { env });
      if (unpacked.code !== 0) throw new Error(`tar could not unpack ${name}: ${lastLines(unpacked.stderr, 2)}`);
      rmSync(file);
    }
    const executable = release.member ?? tool.name;
    chmodSync(join(making, executable), 0o755);
    return { from: "release", note: release.url, file: executable };
  });
}

/**
 * Gets one tool: from PATH in the pinned version, else built from its pinned Go module, else the vendor's release. Throws
 * a `SetupError` that lists what was tried when none of the three works.
 * @param {Tool} tool
 * @param {Surroundings} surroundings
 * @returns {Promise<Omit<import("./tool-state.mjs").ToolRecord, "size" | "mtimeMs">>}
 */
export async function provideTool(tool, surroundings) {
  const { cache, os, arch, step } = surroundings;
  const onPath = await fromPath(tool, surroundings);
  if (onPath.file !== undefined) return record(tool, "path", onPath.file, onPath.file);
  const label = `${tool.name} ${tool.version}`;
  const cached = fromCache(tool, surroundings);
  if (cached !== undefined) return record(tool, cached.from, cached.file, cached.note);

  mkdirSync(cache, { recursive: true });
  let waiting = false;
  const work = async () => {
    const meanwhile = fromCache(tool, surroundings);
    if (meanwhile !== undefined) return meanwhile;
    const tried = [`PATH      ${onPath.why}`];
    const noGo = await whyNotGo(tool, surroundings);
    if (noGo === undefined) {
      try {
        const why = `building it from its Go module (${onPath.why})`;
        return await step(label, why, () => buildFromGo(tool, surroundings));
      } catch (error) {
        tried.push(`Go        ${error.message}`);
      }
    } else tried.push(`Go        ${noGo}`);
    const release = tool.release(os, arch);
    if (typeof release === "string") tried.push(`release   ${release}`);
    else {
      try {
        const why = `fetching the vendor's release (${onPath.why}; ${noGo ?? "the build from Go failed"})`;
        return await step(label, why, (say) =>
          fetchRelease(tool, release, surroundings, (percent) => say(`${why} ${percent} %`)),
        );
      } catch (error) {
        if (error instanceof SetupError) throw error;
        tried.push(`release   ${error.message}`);
      }
    }
    throw new SetupError({
      code: "TOOL_MISSING",
      what: `${label} (${tool.purpose}) can't be had on this machine`,
      found: tried.join("\n"),
      expected: `${label} on PATH, or Go ${goNeeded(tool, surroundings.root)} or newer with its modules reachable, or the vendor's release reachable`,
      next: `install Go ${goNeeded(tool, surroundings.root)} or newer (https://go.dev/dl) or ${label} itself, then run the same command again`,
    });
  };
  const provided = await withLock(`${cacheEntry(tool, cache)}.lock`, work, {
    onWait: (owner) => {
      if (!waiting) process.stderr.write(`set-up  ${label.padEnd(32)} process ${owner.pid} is getting it: waiting\n`);
      waiting = true;
    },
  });
  return record(tool, provided.from, provided.file, provided.note);
}

function record(tool, from, path, note) {
  return { version: tool.version, from, path: from === "path" ? path : realpathSync(path), note };
}

/** Directories of the cache belong to the tool, so a companion sits beside its executable. */
export const besides = (path, name) => join(dirname(path), name);
