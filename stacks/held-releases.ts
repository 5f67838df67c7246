import * as pulumi from "@pulumi/pulumi";
import { connectorName } from "../components/zama-kms/connector-values.ts";
import { coreName } from "../components/zama-kms/core-values.ts";
import { gatewayNodeName } from "../components/zama-kms/gateway-node-values.ts";
import { coreClientName } from "../contract/core-client.ts";
import { optionalReleases } from "../contract/optional-releases.ts";
import { type HeldRelease, type NeededSecret, neededSecrets, type SecretReader } from "../contract/release-secrets.ts";
import type { PartySettings } from "./party-settings.ts";
import { type AskCluster, type KeysOf, known, makeSecret, missingSecrets, secretsMissing } from "./secret-check.ts";

const helmNames: Readonly<Record<SecretReader, string>> = {
  core: coreName,
  connector: connectorName,
  coreClient: coreClientName,
  gatewayNode: gatewayNodeName,
};

type Settings = Pick<PartySettings, "config" | "manifest" | "releasedBefore">;

/**
 * Decides which releases wait for Secrets that people make: such a Secret needs the namespace, and on a first update that comes with the stack. A release
 * that was made before is never taken away again: of one that lacks a Secret now, nothing is changed, nor of anything else.
 *
 * In a preview the cluster may not be there, and who may look at a preview need not be let to the Secrets: there it is said, and taken for well.
 */
export async function settleHeldReleases(
  settings: Settings,
  kubeconfig: pulumi.Output<string>,
  ask: AskCluster,
): Promise<{ held: HeldRelease[]; notes: string[] }> {
  const readers = readersByHand(settings);
  if (pulumi.runtime.isDryRun())
    return { held: [], notes: readers.filter(({ isNew }) => isNew).map((reader) => previewNote(reader)) };
  if (readers.length === 0) return { held: [], notes: [] };
  const keysOf = await openIfThere(ask, await known(kubeconfig));
  const lacking = await Promise.all(readers.map((reader) => lackingOf(keysOf, reader, settings)));
  const broken = lacking.find(({ isNew, missing }) => !isNew && missing.length > 0);
  if (broken !== undefined) throw secretsMissing(broken.missing, broken.of, settings);
  const { config, manifest } = settings;
  const held = lacking
    .filter(({ missing }) => missing.length > 0)
    .map(({ of, missing }) => ({
      release: of,
      secrets: missing.map(({ secret }) => secret.name),
      commands: missing.map((secret) => makeSecret(secret, config, manifest.namespace)),
    }));
  return { held, notes: held.map((one) => heldNote(one, config.party)) };
}

interface Reader {
  of: SecretReader;
  needed: readonly NeededSecret[];
  isNew: boolean;
}

function readersByHand({ config, manifest, releasedBefore }: Settings): Reader[] {
  if (config.secrets === undefined || !("byHand" in config.secrets)) return [];
  const releases: SecretReader[] = [...(config.core === "released" ? (["core"] as const) : []), ...optionalReleases];
  return releases
    .map((of) => ({
      of,
      needed: neededSecrets(of, config, manifest),
      isNew: !releasedBefore.includes(helmNames[of]),
    }))
    .filter(({ needed }) => needed.length > 0);
}

/** Nothing where the cluster does not answer: whoever changes a release then asks it again, and tells why not. */
async function openIfThere(ask: AskCluster, kubeconfig: string): Promise<KeysOf | undefined> {
  return await ask(kubeconfig).catch(() => undefined);
}

async function lackingOf(keysOf: KeysOf | undefined, reader: Reader, { manifest: { namespace } }: Settings) {
  const missing = keysOf && (await missingSecrets(keysOf, reader.needed, namespace).catch(() => undefined));
  return { ...reader, missing: missing ?? [] };
}

const titles: Readonly<Record<SecretReader, string>> = {
  core: "the core",
  connector: "the connector",
  coreClient: "the core-client",
  gatewayNode: "the gateway node",
};

function previewNote({ of, needed }: Reader): string {
  return `${titles[of]} is made only where ${needed.map(({ name }) => `Secret ${name}`).join(", ")} is there: up looks for it, and holds ${titles[of]} back until it is`;
}

function heldNote({ release, secrets, commands }: HeldRelease, party: number): string {
  const keys = release === "core" ? ", its keys and its certificate with it" : "";
  return `${titles[release]} is held back${keys}: ${secrets.join(", ")} in its namespace are Secrets that people make, and not there as they should be. All else is made now. ${commands.join("; ")}; then npx quorate up --party ${party}`;
}
