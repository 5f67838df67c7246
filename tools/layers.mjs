import { existsSync } from "node:fs";
import { join } from "node:path";

/** The folders that are shipped, as far as they exist: some tools stumble over one that does not. */
export function layersIn(root) {
  return [
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
  ].filter((folder) => existsSync(join(root, folder)));
}
