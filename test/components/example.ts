import { startsAtOnce } from "../../components/zama-kms/core-start.ts";
import type { PartyArgs } from "../../components/zama-kms/party-args.ts";
import { manifestDigest } from "../../contract/manifest-digest.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import type { PartySettings } from "../../stacks/party-settings.ts";
import { rawManifest, rawStackConfig } from "../support/network.ts";

/** Settings of party 1 of four, before anything is read from disk. */
export function exampleSettings(
  manifestFields: object = {},
  configFields: object = {},
): PartySettings & Pick<PartyArgs, "allocator"> {
  const manifest = NetworkManifest.parse({ ...rawManifest(), ...manifestFields });
  const config = StackConfig.parse({ ...rawStackConfig(), ...configFields });
  const party = manifest.parties.find(({ id }) => id === config.party);
  const release = manifest.trustedReleases.find(({ version }) => version === config.release);
  if (!party || !release) throw new Error("the example has no such party or release");
  return {
    config,
    manifest,
    manifestDigest: manifestDigest(manifest),
    manifestPath: "networks/devnet.yaml",
    source: "Pulumi.party-1.yaml",
    peerCards: new Map(),
    coreStart: startsAtOnce,
    releasedBefore: [],
    peerNotes: [],
    party,
    release,
    allocator: { cpuCount: 48, memoryMib: 98_304 },
    tags: { network: "devnet", party: "1", "managed-by": "quorate", environment: "devnet" },
    nodeNotes: [],
    chart: { ref: "/charts/kms-core", version: "1.9.1" },
    proberSource: "// prober",
  };
}
