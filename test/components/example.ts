import { manifestDigest } from "../../contract/manifest-digest.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import type { PartySettings } from "../../stacks/party-settings.ts";
import { rawManifest, rawStackConfig } from "../support/network.ts";

/** Settings of party 1 of four, before anything is read from disk. */
export function exampleSettings(manifestFields: object = {}, configFields: object = {}): PartySettings {
  const manifest = NetworkManifest.parse({ ...rawManifest(), ...manifestFields });
  const config = StackConfig.parse({ ...rawStackConfig(), ...configFields });
  const party = manifest.parties.find(({ id }) => id === config.party);
  const release = manifest.trustedReleases.find(({ version }) => version === config.release);
  if (!party || !release) throw new Error("the example has no such party or release");
  return {
    config,
    manifest,
    manifestDigest: manifestDigest(manifest),
    peerCards: new Map(),
    peerNotes: [],
    party,
    release,
    allocator: { cpuCount: 48, memoryMib: 98_304 },
    chart: { ref: "/charts/kms-core", version: "1.9.1" },
    proberSource: "// prober",
  };
}
