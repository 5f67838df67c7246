import { tools } from "./pins.mjs";
import { isInPlace, readState } from "./tool-state.mjs";

/**
 * @typedef {object} ListedTool
 * @property {string} name
 * @property {string} version the pinned version
 * @property {string} purpose
 * @property {"path" | "go" | "release" | null} from null when set-up has not provided it here
 * @property {string | null} path
 * @property {string} origin where it came from, in words
 */

const words = {
  path: () => "found on PATH",
  go: (record) => `built from ${record.note}`,
  release: (record) => `the vendor's release, ${record.note}`,
};

/**
 * What `quorate tools` shows: each pinned tool and where it came from. Starts no process.
 * @param {string} root the project's directory
 * @returns {ListedTool[]}
 */
export function listTools(root) {
  const state = readState(root);
  return tools.map(({ name, version, purpose }) => {
    const record = state?.tools[name];
    return record !== undefined && record.version === version && isInPlace(root, name, record)
      ? { name, version, purpose, from: record.from, path: record.path, origin: words[record.from](record) }
      : { name, version, purpose, from: null, path: null, origin: "not here yet: npx quorate setup" };
  });
}
