import * as pulumi from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/config.js";
import { backupContract } from "../contract/backup-contract.ts";
import { StackConfig } from "../contract/stack-config.ts";
import type { BackupSettings } from "./backup-program.ts";
import { readLastDeployment } from "./last-deployment.ts";
import { readManifest } from "./manifest-file.ts";
import { type PartySettings, settleParty } from "./party-settings.ts";
import { readPeerCards } from "./peer-cards.ts";
import { manifestPath, projectName, stacksDir } from "./project.ts";
import { parseConfig, parseStackConfig } from "./stack-file.ts";

/** Reads the running stack's configuration and its network's manifest. */
export async function readPartySettings(): Promise<PartySettings> {
  const source = `Pulumi.${pulumi.getStack()}.yaml`;
  const config = parseStackConfig(stackValues(StackConfig.shape), source);
  const manifest = await readManifest(manifestPath(stacksDir(), config.network));
  const peers = await readPeerCards(stacksDir(), manifest, config.party);
  return await settleParty(config, manifest, source, peers, await readLastDeployment());
}

/** Reads the running stack's configuration where it is a backup account's; else nothing. */
export async function readBackupSettings(): Promise<BackupSettings | undefined> {
  if (new pulumi.Config(projectName).get("contract") !== backupContract) return undefined;
  // A party's program should not wait for what it has no use for.
  const [{ BackupConfig }, { settleBackup }] = await Promise.all([
    import("../contract/backup-config.ts"),
    import("./backup-program.ts"),
  ]);
  const source = `Pulumi.${pulumi.getStack()}.yaml`;
  const config = parseConfig(BackupConfig, stackValues(BackupConfig.shape), source);
  return settleBackup(config, await readManifest(manifestPath(stacksDir(), config.network)), source);
}

/** Every key of our namespace, known or not. The engine hands structured values over as JSON, and scalars as text. */
function stackValues(shape: Record<string, unknown>): Record<string, unknown> {
  const structured = structuredKeys(shape);
  const config = new pulumi.Config(projectName);
  const keys = Object.keys(allConfig())
    .filter((key) => key.startsWith(`${projectName}:`))
    .map((key) => key.slice(projectName.length + 1));
  return Object.fromEntries(keys.map((key) => [key, structured.has(key) ? config.getObject(key) : config.get(key)]));
}

function structuredKeys(shape: Record<string, unknown>): Set<string> {
  const keys = Object.entries(shape).filter(([, schema]) =>
    ["object", "union", "array", "record"].includes(innermost(schema).def.type),
  );
  return new Set(keys.map(([key]) => key));
}

function innermost(schema: unknown): { def: { type: string } } {
  const { def } = schema as { def: { type: string; innerType?: unknown } };
  return def.innerType === undefined ? { def } : innermost(def.innerType);
}
