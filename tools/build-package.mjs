import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

// Compiles the package: `dist/` mirrors the source tree, each `.ts` as `.js`, everything else that the sources read beside
// them as it is. The package has no other copy, except for what npm itself needs at the top.
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const layers = [
  "contract",
  "components",
  "stacks",
  "config",
  "fleet",
  "runbooks",
  "policies",
  "devnet",
  "bin",
  "tools",
];

rmSync(dist, { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const compiled = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
if (compiled.status !== 0) process.exit(1);

function copyAssets(from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyAssets(source, target);
    else if (extname(entry.name) !== ".ts") {
      mkdirSync(to, { recursive: true });
      cpSync(source, target);
    }
  }
}
for (const layer of layers) if (existsSync(join(root, layer))) copyAssets(join(root, layer), join(dist, layer));
