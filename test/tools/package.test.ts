import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { packagesAreInPlace } from "../../tools/tool-state.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const lock: { packages: Record<string, Record<string, Record<string, string>>> } = JSON.parse(
  readFileSync(join(root, "package-lock.json"), "utf8"),
);

test("after set-up a script names the pinned Node by its path: the shell remembers where it found the first one", () => {
  const scripts = Object.values<string>(manifest.scripts).filter((script) => script.includes("setup.mjs &&"));
  expect(scripts.length).toBeGreaterThan(0);
  for (const script of scripts) expect(script).toMatch(/^node tools\/setup\.mjs && node_modules\/\.bin\/node \S/);
});

test("direct dependencies are pinned to one version each", () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
    expect({ name, version }).toEqual({ name, version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
});

test("the lockfile holds the optional packages of every platform, or npm ci refuses it", () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !lock.packages[`node_modules/${name}`] && !lock.packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

test("every install script among the dependencies is allowed or refused by name", () => {
  const withScripts = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript)
    .map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length));
  expect(withScripts.filter((name) => !(name in manifest.allowScripts))).toEqual([]);
});

test("what the package points at is there", () => {
  for (const file of [manifest.bin.quorate, ...Object.values<string>(manifest.exports)])
    expect({ file, exists: existsSync(join(root, file)) }).toEqual({ file, exists: true });
});

test("the command can be executed as it lies in a checkout: npm would make it so, and leave the checkout changed", () => {
  expect(statSync(join(root, manifest.bin.quorate)).mode & 0o111).toBe(0o111);
});

test("the packages of this checkout are those of the lockfile", () => {
  expect(packagesAreInPlace(root)).toBe(true);
});
