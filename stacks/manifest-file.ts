import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { manifestDigest } from "../contract/manifest-digest.ts";
import type { Digest } from "../contract/names.ts";
import { type ManifestParty, NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { parse, type Source } from "../contract/parse.ts";
import { requireFilledIn } from "./open-places.ts";
import { readYamlFile } from "./yaml-file.ts";

export interface ManifestFile {
  manifest: NetworkManifest;
  digest: Digest;
  path: string;
}

/** The manifest's entry of the party that a stack file is about. `source` names that file in errors. */
export function partyInManifest(partyId: number, { manifest, path }: ManifestFile, source: string): ManifestParty {
  const party = manifest.parties.find(({ id }) => id === partyId);
  if (!party)
    throw new OperatorError({
      code: "PARTY_NOT_IN_MANIFEST",
      what: `party ${partyId} is not a party of network ${manifest.network}`,
      found: `quorate:party: ${partyId} in ${source}`,
      expected: `one of ${manifest.parties.map(({ id }) => id).join(", ")}, the ids in ${path}`,
      next: `correct quorate:party in ${source}, or have the party added to ${path}`,
    });
  return party;
}

/** Reads and checks one network manifest. */
export async function readManifest(path: string): Promise<ManifestFile> {
  const { value, lineOf } = await readYamlFile({
    path,
    code: "MANIFEST",
    what: "network manifest",
    whenMissing: `name a network that has a file, or add ${path}`,
  });
  const manifest = parseManifest(value, path, lineOf);
  return { manifest, digest: manifestDigest(manifest), path };
}

/** Checks the value of one network manifest. */
export function parseManifest(value: unknown, path: string, lineOf?: Source["lineOf"]): NetworkManifest {
  requireFilledIn(value, {
    code: "MANIFEST_UNFINISHED",
    what: `the network manifest ${path}`,
    next: `have the coordinator of the network fill them in, the same for all parties, in ${path}`,
    lineOf,
  });
  const manifest = parse(NetworkManifest, value, {
    code: "MANIFEST_INVALID",
    what: `the network manifest ${path} breaks its contract`,
    next: `correct the fields named above in ${path}`,
    ...(lineOf && { lineOf }),
  });
  if (manifest.network !== basename(path, ".yaml"))
    throw new OperatorError({
      code: "MANIFEST_INVALID",
      what: `the network manifest ${path} is for another network than its name says`,
      found: `network: ${manifest.network}`,
      expected: `network: ${basename(path, ".yaml")}`,
      next: `rename the file, or correct the field network in ${path}`,
    });
  return manifest;
}

/** Names of the networks that have a manifest under `dir` (a stacks directory), sorted. Files are not read. */
export async function listNetworks(dir: string): Promise<string[]> {
  const names = await readdir(join(dir, "networks")).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw cause;
  });
  return names
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => basename(name, ".yaml"))
    .sort();
}
