import { createHash } from "node:crypto";
import { Digest } from "./names.ts";
import type { NetworkManifest } from "./network-manifest.ts";

/** SHA-256 over the manifest's values, keys sorted: comments, order and spelled-out defaults do not change it. */
export function manifestDigest(manifest: NetworkManifest): Digest {
  return Digest.parse(`sha256:${createHash("sha256").update(canonicalJson(manifest)).digest("hex")}`);
}

/** JSON with sorted keys and no white space: the same value gives the same bytes. Undefined fields are left out. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
  return `{${fields.join(",")}}`;
}
