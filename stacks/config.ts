import * as pulumi from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/config.js";
import { StackConfig } from "../contract/stack-config.ts";
import { readManifest } from "./manifest-file.ts";
import { type PartySettings, settleParty } from "./party-settings.ts";
import { readPeerCards } from "./peer-cards.ts";
import { manifestPath, projectName, stacksDir } from "./project.ts";
import { parseStackConfig } from "./stack-file.ts";

/** Reads the running stack's configuration and its network's manifest. */
export async function readPartySettings(): Promise<PartySettings> {
  const source = `Pulumi.${pulumi.getStack()}.yaml`;
  const config = parseStackConfig(stackValues(), source);
  const manifest = await readManifest(manifestPath(stacksDir(), config.network));
  const peers = await readPeerCards(stacksDir(), manifest, config.party);
  return await settleParty(config, manifest, source, peers);
}

/** Every key of our namespace, known or not. The engine hands structured values over as JSON, and scalars as text. */
function stackValues(): Record<string, unknown> {
  const config = new pulumi.Config(projectName);
  const keys = Object.keys(allConfig())
    .filter((key) => key.startsWith(`${projectName}:`))
    .map((key) => key.slice(projectName.length + 1));
  return Object.fromEntries(keys.map((key) => [key, structured.has(key) ? config.getObject(key) : config.get(key)]));
}

const structured = new Set(
  Object.entries(StackConfig.shape)
    .filter(([, schema]) => ["object", "union", "array"].includes(innermost(schema).def.type))
    .map(([key]) => key),
);

function innermost(schema: unknown): { def: { type: string } } {
  const { def } = schema as { def: { type: string; innerType?: unknown } };
  return def.innerType === undefined ? { def } : innermost(def.innerType);
}
