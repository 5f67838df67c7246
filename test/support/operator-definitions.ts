import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { cacheDir } from "../../tools/tool-state.mjs";

interface Definition {
  /** A repository on GitHub, and a Go module of that name. */
  module: string;
  version: string;
  path: string;
  sha256: string;
}

const monitoring = {
  module: "github.com/prometheus-operator/prometheus-operator",
  version: "v0.85.0",
  folder: "example/prometheus-operator-crd",
};
const secrets = {
  module: "github.com/external-secrets/external-secrets",
  version: "v1.3.2",
  folder: "config/crds/bases",
};

const definition = ({ module, version, folder }: typeof monitoring, file: string, sha256: string): Definition => ({
  module,
  version,
  path: `${folder}/${file}`,
  sha256,
});

/** What the operators install for the kinds that our components make, each file by its SHA-256. */
const definitions = [
  definition(
    monitoring,
    "monitoring.coreos.com_servicemonitors.yaml",
    "1dae27b7189b5ce7b9ab764656c18b4c75a45cde1e6f3af6a5e84c4317628919",
  ),
  definition(
    monitoring,
    "monitoring.coreos.com_prometheusrules.yaml",
    "98fd16c9ab79fba8dcd6ef62c957c98cd6546ab74ce0a4ecf09ddf2fda03020e",
  ),
  definition(
    secrets,
    "external-secrets.io_externalsecrets.yaml",
    "690dbc0d51b5f9bc5266b450b533cfd22c5273268e8569102e528a39519cd4ba",
  ),
];

/** A CustomResourceDefinition, as far as a test looks at it. */
export interface CustomKind {
  metadata: { name: string };
  spec: { group: string; names: { kind: string; plural: string } };
}

/** The operators' own definitions, from the cache where the tools are; fetched once per user. */
export async function operatorDefinitions(): Promise<CustomKind[]> {
  const cache = join(cacheDir(), "operator-definitions");
  mkdirSync(cache, { recursive: true });
  const kinds: CustomKind[] = [];
  for (const each of definitions) kinds.push(parse(await cached(cache, each)) as CustomKind);
  return kinds;
}

async function cached(cache: string, wanted: Definition): Promise<string> {
  const file = join(cache, `${wanted.sha256}.yaml`);
  const there = readIfWhole(file, wanted);
  if (there !== undefined) return there;
  const tried: string[] = [];
  for (const source of [fromModule, fromRepository])
    try {
      const text = await source(wanted);
      if (sha256(text) !== wanted.sha256) throw new Error(`SHA-256 ${sha256(text)}, expected ${wanted.sha256}`);
      const making = `${file}.${process.pid}`;
      writeFileSync(making, text);
      renameSync(making, file);
      return text;
    } catch (error) {
      tried.push((error as Error).message);
    }
  throw new Error(`${wanted.path} of ${wanted.module} ${wanted.version} can't be had:\n${tried.join("\n")}`);
}

function readIfWhole(file: string, wanted: Definition): string | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return sha256(text) === wanted.sha256 ? text : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

async function fromModule({ module, version, path }: Definition): Promise<string> {
  const { stdout } = await promisify(execFile)("go", ["mod", "download", "-json", `${module}@${version}`]);
  return readFileSync(join((JSON.parse(stdout) as { Dir: string }).Dir, path), "utf8");
}

/** Without Go. By a mirror where the tools come by one. */
async function fromRepository({ module, version, path }: Definition): Promise<string> {
  const place = `raw.githubusercontent.com/${module.replace("github.com/", "")}/${version}/${path}`;
  const base = process.env.QUORATE_RELEASE_BASE;
  const url = base ? `${base.replace(/\/$/, "")}/${place}` : `https://${place}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return await answer.text();
}
