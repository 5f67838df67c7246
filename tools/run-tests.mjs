import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { layersIn } from "./layers.mjs";

// `npm run check` is everything but the slow tests, `npm test` is everything. Whatever fails on the way, the last line on
// stdout is `N passed, N failed`; a stage that fails counts as one.
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, "node_modules", ".bin", name);

function run(file, args, { live }) {
  return new Promise((resolve) => {
    // What vitest and the others start by name is the pinned Node, also where npm did not arrange for it.
    const env = { ...process.env, PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}` };
    const child = spawn(file, args, { cwd: root, env, stdio: live ? "inherit" : ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    child.once("error", (error) => resolve({ code: 127, output: error.message }));
    child.once("close", (code) => resolve({ code: code ?? 128, output }));
  });
}

/** Format and lint, types, arrows: side by side, each printed whole. */
async function staticStages() {
  const stages = {
    "format and lint": [
      bin("biome"),
      ["check", "--error-on-warnings", `--colors=${process.stdout.isTTY ? "force" : "off"}`, "."],
    ],
    // What it has checked before it checks again only where a file, or one that it rests on, is another.
    types: [
      bin("tsc"),
      ["-p", ".", "--incremental", "--tsBuildInfoFile", join(root, "node_modules", ".cache", "types.tsbuildinfo")],
    ],
    "arrows and cycles": [bin("depcruise"), ["--config", ".dependency-cruiser.cjs", ...layersIn(root), "test"]],
  };
  const running = Object.entries(stages).map(([name, [file, args]]) => [name, run(file, args, { live: false })]);
  const tally = { passed: 0, failed: 0 };
  for (const [name, done] of running) {
    const { code, output } = await done;
    process.stdout.write(`${code === 0 ? "ok    " : "FAIL  "}${name}\n${code === 0 ? "" : `${output}\n`}`);
    if (code === 0) tally.passed += 1;
    else tally.failed += 1;
  }
  return tally;
}

/**
 * Counts what one vitest run reports. A file that does not load has no tests to fail, an unhandled rejection belongs to
 * none, and a project without tests proves nothing: each is a failure all the same.
 */
export function tallyOf(report, code) {
  if (report === undefined) return { passed: 0, failed: 1 };
  const unloaded = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  const failed = report.numFailedTests + unloaded.length;
  const nothing = report.numPassedTests + failed === 0;
  return { passed: report.numPassedTests, failed: failed === 0 && (code !== 0 || nothing) ? 1 : failed };
}

async function vitest(...projects) {
  const dir = mkdtempSync(join(tmpdir(), "quorate-tests-"));
  try {
    const file = join(dir, "report.json");
    const chosen = projects.flatMap((project) => ["--project", project]);
    const args = ["run", ...chosen, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const { code } = await run(bin("vitest"), args, { live: true });
    return tallyOf(existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined, code);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const quick = process.argv.includes("--check");
  const tallies = [await staticStages(), await vitest("fast", "engine"), ...(quick ? [] : [await vitest("slow")])];
  const sum = (part) => tallies.reduce((total, tally) => total + tally[part], 0);
  const [passed, failed] = [sum("passed"), sum("failed")];
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
