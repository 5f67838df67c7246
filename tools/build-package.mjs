import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { layersIn } from "./layers.mjs";

// Compiles the package. Node refuses to strip types under node_modules, so `dist/` is the whole project once more, each
// `.ts` as `.js` and everything else as it is: what finds its neighbours by a relative path finds them there too. Outside
// of `dist/` the package only has the executable and what its help needs.
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const compiled = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
if (compiled.status !== 0) process.exit(1);

for (const folder of layersIn(root)) copyAssets(join(root, folder), join(dist, folder));
cpSync(join(root, "package.json"), join(dist, "package.json"));
writeFileSync(
  join(dist, "Pulumi.yaml"),
  readFileSync(join(root, "Pulumi.yaml"), "utf8").replace("stacks/index.ts", "stacks/index.js"),
);
pointAddressesAtJavaScript(dist);

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

/** The compiler rewrites imports, and not the addresses of files that are started as a process or a worker. */
function pointAddressesAtJavaScript(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const file = join(dir, entry.name);
    if (entry.isDirectory()) pointAddressesAtJavaScript(file);
    else if (extname(file) === ".js") {
      const text = readFileSync(file, "utf8");
      const rewritten = text.replaceAll(
        /(new URL\("\.{1,2}\/[^"]+)\.ts", import\.meta\.url\)/g,
        '$1.js", import.meta.url)',
      );
      if (rewritten !== text) writeFileSync(file, rewritten);
    }
  }
}
