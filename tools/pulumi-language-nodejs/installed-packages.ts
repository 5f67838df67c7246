import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One package under some `node_modules` that the program can see. */
export interface InstalledPackage {
  name: string;
  version: string;
  /** The Pulumi plugin that belongs to it, where it is a provider's SDK. */
  plugin?: { name: string; version: string; server: string };
}

interface Manifest {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  pulumi?: { resource?: boolean; name?: string; version?: string; server?: string };
}

function manifestIn(dir: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as Manifest;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new Error(`cannot read ${join(dir, "package.json")}`, { cause: error });
  }
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

const isMissing = (error: unknown) => ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

const withoutV = (version: string) => version.replace(/^v/, "");

function packageIn(dir: string): InstalledPackage[] {
  const manifest = manifestIn(dir);
  if (manifest?.name === undefined) return [];
  const { name, version = "", pulumi } = manifest;
  if (pulumi?.resource !== true) return [{ name, version }];
  const plugin = {
    name: pulumi.name ?? name.replace(/^@pulumi\//, ""),
    version: withoutV(pulumi.version ?? version),
    server: pulumi.server ?? "",
  };
  return [{ name, version, plugin }];
}

/** Every package that Node would find from `programDirectory`, nearest first. */
export function installedPackages(programDirectory: string): InstalledPackage[] {
  const found = new Map<string, InstalledPackage>();
  for (let dir = programDirectory; ; dir = dirname(dir)) {
    const modules = join(dir, "node_modules");
    for (const entry of entries(modules)) {
      if (entry.startsWith(".")) continue;
      const dirs = entry.startsWith("@") ? entries(join(modules, entry)).map((name) => join(entry, name)) : [entry];
      for (const each of dirs.flatMap((path) => packageIn(join(modules, path))))
        if (!found.has(each.name)) found.set(each.name, each);
    }
    if (dir === dirname(dir)) return [...found.values()];
  }
}

/** The names that the nearest `package.json` above the program asks for itself. */
export function directDependencies(programDirectory: string): string[] {
  for (let dir = programDirectory; ; dir = dirname(dir)) {
    const manifest = manifestIn(dir);
    if (manifest !== undefined) return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    if (dir === dirname(dir)) return [];
  }
}
