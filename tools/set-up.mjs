import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { tools } from "./pins.mjs";
import { startProgress } from "./progress.mjs";
import { besides, platformOf, provideTool, run } from "./provide-tool.mjs";
import { fileError, SetupError } from "./setup-error.mjs";
import {
  binDir,
  cacheDir,
  packagesAreInPlace,
  pinsDigest,
  readState,
  statePath,
  toolsAreInPlace,
} from "./tool-state.mjs";

/**
 * Brings packages and tools into place and returns the exit code. Whatever interrupts it, nothing half-made is left under
 * a final name, and the next run goes on from the last tool that was finished.
 * @param {string} root
 * @param {{ env?: NodeJS.ProcessEnv, stream?: NodeJS.WriteStream, pinned?: import("./pins.mjs").Tool[] }} [options]
 */
export async function setUp(root, { env = process.env, stream = process.stderr, pinned = tools } = {}) {
  // An exit handler removes what is half-made; by default a signal would end the process without running it.
  const onSignal = {
    SIGINT: () => process.exit(130),
    SIGTERM: () => process.exit(143),
    SIGHUP: () => process.exit(129),
  };
  for (const [signal, handler] of Object.entries(onSignal)) process.once(signal, handler);
  try {
    const { step } = startProgress({ stream, env });
    let waiting = false;
    await withLock(
      join(root, ".tools", "lock"),
      async () => {
        if (!packagesAreInPlace(root)) await installPackages(root, env, step);
        if (!toolsAreInPlace(root, pinned)) await installTools(root, pinned, { env, step });
      },
      {
        onWait: (owner) => {
          if (!waiting) stream.write(`set-up  process ${owner.pid} is setting up this checkout: waiting\n`);
          waiting = true;
        },
      },
    );
    return 0;
  } catch (error) {
    const told = error instanceof SetupError ? error : fileError(error);
    if (told === undefined) throw error;
    stream.write(`${told.render()}\n`);
    return 2;
  } finally {
    for (const [signal, handler] of Object.entries(onSignal)) process.off(signal, handler);
  }
}

async function installPackages(root, env, step) {
  const why = existsSync(join(root, "node_modules", ".package-lock.json"))
    ? "package-lock.json has changed"
    : "node_modules is not complete";
  // npm deletes node_modules while it works: it must not run on the Node, or find the tools, that live there.
  const path = (env.PATH ?? "")
    .split(":")
    .filter((dir) => dir !== join(root, "node_modules", ".bin"))
    .join(":");
  const { npm_config_ignore_scripts: _, ...rest } = env;
  const installed = await step("packages", `npm ci (${why})`, () =>
    run("npm", ["ci", "--loglevel=error", "--no-audit", "--no-fund"], { cwd: root, env: { ...rest, PATH: path } }),
  );
  if (installed.code === 0 && packagesAreInPlace(root)) return;
  throw new SetupError({
    code: "PACKAGES_MISSING",
    what: "npm could not install the packages of package-lock.json",
    found: `npm ci ended with code ${installed.code}\n${installed.stderr.trim().split("\n").slice(-12).join("\n")}`,
    expected: "npm 8 or newer, and its registry reachable",
    next: `cd ${root} && npm ci`,
  });
}

async function installTools(root, pinned, { env, step }) {
  const surroundings = { root, cache: cacheDir(env), env, step, ...platformOf() };
  const before = readState(root);
  /** @type {Record<string, import("./tool-state.mjs").ToolRecord>} */
  const records = {};
  mkdirSync(binDir(root), { recursive: true });
  for (const tool of pinned) {
    const record = await provideTool(tool, surroundings);
    const inPlace = join(binDir(root), tool.name);
    // An engine looks for its language host beside itself, links resolved, and warns of any other: a built one gets a
    // name of its own here, where our host is.
    if (record.from === "go" && tool.companions) place(inPlace, (file) => linkOrCopy(record.path, file));
    else place(inPlace, (link) => symlinkSync(record.path, link));
    const { size, mtimeMs } = statSync(inPlace);
    records[tool.name] = { ...record, size, mtimeMs };
    for (const companion of tool.companions ?? []) placeCompanion(root, companion, record);
  }
  for (const name of Object.keys(before?.tools ?? {}))
    if (!(name in records)) rmSync(join(binDir(root), name), { force: true });
  const state = { root, pins: pinsDigest(root), tools: records };
  place(statePath(root), (file) => writeFileSync(file, `${JSON.stringify(state, undefined, 2)}\n`));
}

function linkOrCopy(from, to) {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!["EXDEV", "EPERM", "EMLINK", "ENOTSUP"].includes(error.code)) throw error;
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
  }
}

/** Makes something under a temporary name, then gives it its name in one step. */
function place(file, make) {
  const making = `${file}.${process.pid}.new`;
  rmSync(making, { force: true });
  make(making);
  renameSync(making, file);
  // Renaming one link to a file over another one to the same file does nothing.
  rmSync(making, { force: true });
}

/**
 * The vendor's archive brings the language host; the engine's Go module does not, so for a built engine ours takes its
 * place. An engine from PATH finds the one beside itself.
 */
function placeCompanion(root, name, record) {
  const file = join(binDir(root), name);
  if (record.from === "go") {
    const pinnedNode = join(root, "node_modules", "node", "bin", "node");
    const node = existsSync(pinnedNode) ? pinnedNode : process.execPath;
    const script = `#!/bin/sh\nexec ${quoted(node)} ${quoted(join(root, "tools", name, "main.mjs"))} "$@"\n`;
    place(file, (making) => writeFileSync(making, script, { mode: 0o755 }));
  } else if (existsSync(besides(record.path, name)))
    place(file, (link) => symlinkSync(besides(record.path, name), link));
  else rmSync(file, { force: true });
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
