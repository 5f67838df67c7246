#!/usr/bin/env node
// Plain JavaScript with lazy imports: help answers before anything heavy is loaded.
import { existsSync } from "node:fs";
import nodeModule from "node:module";
import { commands } from "./command-table.mjs";

// Not imported by name: an older Node has no such export, and would end here instead of starting the right one.
nodeModule.enableCompileCache?.();

keepOnWithoutReaders();

const [name, ...rest] = process.argv.slice(2);
const wantsHelp = name === undefined || name === "help" || name === "--help" || name === "-h";

// The help of one runbook is read from its declaration, which is not loaded here.
const ofRunbook = name === "run" && rest[0] !== undefined && !rest[0].startsWith("-");

// With or without --help, a command that is none is one that was mistyped.
const isCommand = (word) => Object.hasOwn(commands, word);
const unknown = wantsHelp
  ? rest[0] !== undefined && !rest[0].startsWith("-") && !isCommand(rest[0])
    ? rest[0]
    : undefined
  : isCommand(name) || ["eks-token", "--version", "-v"].includes(name)
    ? undefined
    : name;

if (unknown !== undefined) {
  await refuse(unknown);
} else if (wantsHelp || (!ofRunbook && (rest.includes("--help") || rest.includes("-h")))) {
  const { renderHelp } = await import("./help.mjs");
  process.stdout.write(renderHelp(wantsHelp ? rest[0] : name));
} else if (name === "--version" || name === "-v") {
  const { default: manifest } = await import("../package.json", { with: { type: "json" } });
  process.stdout.write(`${manifest.version}\n`);
} else if (name === "runbooks" && listFormat(rest) !== undefined) {
  const { listRunbooks } = await import("./list-runbooks.mjs");
  process.stdout.write(listRunbooks(listFormat(rest)));
} else if (name === "setup" && rest.length === 0) {
  const setup = sourceOrBuilt("tools/setup.mjs");
  await import(setup.href);
  if (!process.exitCode) await sayReady(setup);
} else if (Number(process.versions.node.split(".")[0]) < 24) {
  await runWithPinnedNode();
} else {
  const { main } = await import(sourceOrBuilt("bin/main.ts").href);
  process.exitCode = await main(name, rest);
}

/** A word that is no command, with the one that was meant. */
async function refuse(word) {
  const { nearestWord } = await import("../contract/nearest-word.mjs");
  const isOption = word.startsWith("-");
  const near = isOption ? undefined : nearestWord(word, Object.keys(commands));
  // Its name may hold anything, also what would steer a terminal.
  const typed = JSON.stringify(word);
  process.stderr.write(
    [
      isOption ? `ARGUMENT_INVALID  there is no option ${typed}` : `COMMAND_UNKNOWN  there is no command ${typed}`,
      `  found     ${typed}`,
      `  expected  ${near === undefined ? "a command that the help lists" : `${near}?`}`,
      "  next      npx quorate --help",
      "",
    ].join("\n"),
  );
  process.exitCode = 2;
}

/** The format of a list that was asked for in so many words; anything else is for the command's own reading of its options. */
function listFormat(args) {
  if (args.length === 0) return "table";
  return /^--format[= ](table|json)$/.exec(args.join(" "))?.[1];
}

/**
 * Whoever read may go away in the middle: `| head -1`, a terminal that is closed. Work goes on to its end, so that it is on record and its exit
 * code tells how it went. Where there is no room for what was to be read, that is an error.
 */
function keepOnWithoutReaders() {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", ({ code, message }) => {
      if (code === "EPIPE" || code === "EIO") return;
      if (stream === process.stdout)
        process.stderr.write(
          `FILE_UNUSABLE  the output can not be written\n  found     ${message}\n  expected  room for it\n  next      make room, then repeat the command\n`,
        );
      process.on("exit", () => {
        process.exitCode ||= 2;
      });
    });
}

/** Set-up is silent where all is there, so that other commands can begin with it; who asks for it gets an answer. */
async function sayReady(setup) {
  const { fileURLToPath } = await import("node:url");
  const { listTools } = await import(new URL("tool-list.mjs", setup).href);
  const ready = listTools(fileURLToPath(new URL("..", setup))).filter((tool) => tool.from !== null);
  process.stdout.write(`${ready.length} tools ready; npx quorate tools lists them\n`);
}

/** In the package the sources are compiled: Node refuses to strip types under node_modules. A checkout never runs an old build. */
function sourceOrBuilt(path) {
  const source = new URL(`../${path}`, import.meta.url);
  return existsSync(source) ? source : new URL(`../dist/${path.replace(/\.ts$/, ".js")}`, import.meta.url);
}

/** The machine's own Node may be older than what the program is written for; the right one is among its dependencies. */
async function runWithPinnedNode() {
  const { spawn } = await import("node:child_process");
  const { createRequire } = await import("node:module");
  const { dirname, join } = await import("node:path");
  let node;
  try {
    node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
  } catch {
    // Not installed: the same as without its executable, which npm leaves out where install scripts are refused.
  }
  if (node === undefined || !existsSync(node)) {
    process.stderr.write(
      `NODE_TOO_OLD  Quorate runs on Node 24\n  found     ${process.version}\n  expected  v24, or the executable of the dependency "node"\n  next      npm rebuild node\n`,
    );
    process.exitCode = 2;
    return;
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  // What a terminal or a process group got has reached the child as well, which takes the two for one.
  const pass = (signal) => child.kill(signal);
  const passed = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of passed) process.on(signal, pass);
  const { code, signal } = await new Promise((resolve) =>
    child.on("exit", (code, signal) => resolve({ code, signal })),
  );
  for (const name of passed) process.off(name, pass);
  process.exitCode = code ?? 128;
  // Whoever waits for this process is to see how the child ended.
  if (signal !== null) process.kill(process.pid, signal);
}
