import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { tools } from "./pins.mjs";
import { packagesAreInPlace, toolsAreInPlace } from "./tool-state.mjs";

// Runs on any Node from 18 and imports nothing from node_modules, which may not be there yet. The usual case, nothing to
// do, reads a dozen files and starts no process; everything else is loaded only when there is work.
const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (Number.parseInt(process.versions.node, 10) < 18) {
  console.error(`NODE_TOO_OLD  set-up needs Node 18 or newer, this is ${process.version}`);
  process.exitCode = 2;
} else if (!packagesAreInPlace(root) || !toolsAreInPlace(root, tools)) {
  const { setUp } = await import("./set-up.mjs");
  process.exitCode = await setUp(root);
}
