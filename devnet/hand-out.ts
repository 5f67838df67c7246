import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseDocument, stringify } from "yaml";
import { z } from "zod";
import type { Transport } from "../contract/network-manifest.ts";
import { apiServerUrl } from "./clusters/control-plane.ts";
import { type DevnetFiles, readIfThere, writeWhole } from "./files.ts";
import { publicAddressOf } from "./public-address.ts";
import { awsEnvironment, cloudUrl } from "./supervision/cloud-program.ts";
import type { DevnetdConfig } from "./supervision/config.ts";
import { absoluteChartRef, type PartyTopology, readManifestFile, stackFilesOf, type Topology } from "./topology.ts";

/** `.quorate/env/<network>.json`: what has to be in the environment of tools that work on a network. */
export const EnvironmentOverlay = z.strictObject({
  common: z.record(z.string(), z.string()),
  parties: z.record(z.string(), z.record(z.string(), z.string())),
});
export type EnvironmentOverlay = z.infer<typeof EnvironmentOverlay>;

export type ProviderPorts = { aws: number; eks: number; kubernetes: number; random: number };

/** Keys of the configuration that Pulumi itself writes into a stack file. */
const keysOfPulumi = ["secretsprovider", "encryptedkey", "encryptionsalt"];

/** Makes the folders and secrets that stay over restarts. */
export function settleFolders(files: DevnetFiles): void {
  for (const folder of [files.backend, files.pulumiHome, files.pki, files.cloud, files.logs, files.etcd])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (readIfThere(files.passphrase) === null)
    writeWhole(files.passphrase, `${randomBytes(24).toString("base64url")}\n`);
}

/**
 * Copies the network's manifest and stack files into the devnet, so that nothing committed changes. A copy is made again
 * only when its source has changed: what was changed in the copy since (by `pulumi config set`, by a runbook) stays. Gives
 * a line for each copy that was made again or removed. Where nobody exchanges certificates, no copy says that somebody does.
 */
export function copyStacks(
  files: DevnetFiles,
  root: string,
  topology: Topology,
  attestationRootSha256: string,
  exchange = true,
  transport?: Transport,
): string[] {
  const before = readDigests(files);
  const digests: Record<string, string> = {};
  const said: string[] = [];
  const copy = (source: string, target: string, edit: (text: string) => string) => {
    const text = readFileSync(source, "utf8");
    const name = basename(target);
    digests[name] = sourceDigest(copiedFor(attestationRootSha256, exchange, transport), source, text);
    // Pulumi's own command empties a stack file before it writes it: one that was killed then leaves nothing of it.
    if (before[name] === digests[name] && (readIfThere(target) ?? "") !== "") return;
    writeWhole(target, edit(text));
    if (before[name] !== undefined && before[name] !== digests[name])
      said.push(`${relative(root, source)} was edited: the devnet goes by it from now on`);
  };
  copy(topology.manifestFile, manifestCopy(files, topology.network), (text) => {
    const document = parseDocument(text);
    document.set("attestationRootSha256", attestationRootSha256);
    document.setIn(["chart", "ref"], absoluteChartRef(topology.manifest.chart.ref, topology.manifestFile));
    if (transport !== undefined) document.set("transport", transport);
    if (transport === "kubeip")
      for (const [index, { id, elasticIp }] of topology.manifest.parties.entries())
        document.setIn(["parties", index, "elasticIp"], elasticIp ?? publicAddressOf(id).publicIp);
    return document.toString({ lineWidth: 0 });
  });
  for (const { file, config } of stackFilesOf(join(root, "stacks"), topology.network)) {
    const target = join(files.stacks, basename(file));
    const needsAddress = transport === "kubeip" && config.kubeip === undefined;
    const edit = (text: string) =>
      withKeysOfPulumi(needsAddress ? withPublicAddress(text, config.party) : text, readIfThere(target));
    copy(file, target, exchange ? edit : (text) => withoutCopiedCertificates(edit(text)));
  }
  for (const name of Object.keys(before).filter((name) => digests[name] === undefined)) {
    // Under its old name it would be a second stack of the same party.
    rmSync(join(files.stacks, name), { force: true });
    said.push(`${join("stacks", name)} is gone, and so is it from the devnet`);
  }
  writeWhole(digestsFile(files), `${JSON.stringify(digests, undefined, 2)}\n`);
  return said;
}

/** Whether these sources, and no others, are what the devnet's copies were made of. */
export function hasCurrentCopies(
  files: DevnetFiles,
  sources: string[],
  attestationRootSha256: string,
  exchange = true,
  transport?: Transport,
): boolean {
  const digests = readDigests(files);
  return (
    Object.keys(digests).length === sources.length &&
    sources.every((source) => {
      const text = readIfThere(source);
      return (
        text !== null &&
        digests[basename(source)] === sourceDigest(copiedFor(attestationRootSha256, exchange, transport), source, text)
      );
    })
  );
}

const digestsFile = (files: DevnetFiles) => join(files.stacks, ".sources.json");

function readDigests(files: DevnetFiles): Record<string, string> {
  return z.record(z.string(), z.string()).parse(JSON.parse(readIfThere(digestsFile(files)) ?? "{}"));
}

/** What a copy depends on besides its source. */
function copiedFor(attestationRootSha256: string, exchange: boolean, transport: Transport | undefined): string {
  const ways = transport === undefined ? "" : ` by ${transport}`;
  return exchange ? `${attestationRootSha256}${ways}` : `${attestationRootSha256}${ways} without exchange`;
}

function sourceDigest(reason: string, source: string, text: string): string {
  return createHash("sha256").update(`${reason} ${source} ${text}`).digest("hex");
}

function withoutCopiedCertificates(text: string): string {
  const document = parseDocument(text);
  document.deleteIn(["config", "quorate:peerCertificates"]);
  return document.toString({ lineWidth: 0 });
}

/** Where the devnet's own copy of the manifest is. */
export function manifestCopy(files: DevnetFiles, network: string): string {
  return join(files.stacks, "networks", `${network}.yaml`);
}

/** The address and the public subnet that stand ready in every account of a devnet. */
function withPublicAddress(text: string, party: number): string {
  const { subnetId, allocationId } = publicAddressOf(party);
  const document = parseDocument(text);
  document.setIn(["config", "quorate:kubeip"], { publicSubnetIds: [subnetId], allocationIds: [allocationId] });
  return document.toString({ lineWidth: 0 });
}

function withKeysOfPulumi(text: string, before: string | null): string {
  if (before === null) return text;
  const document = parseDocument(text);
  const old = parseDocument(before);
  for (const key of keysOfPulumi) if (old.has(key)) document.set(key, old.get(key));
  return document.toString({ lineWidth: 0 });
}

/** Profiles of all parties' operators, for anything that reads AWS's configuration files. */
export function writeAwsFiles(files: DevnetFiles, config: DevnetdConfig): void {
  const profile = (party: PartyTopology) =>
    [`[profile ${party.profile}]`, `region = ${party.region}`, `endpoint_url = ${cloudUrl(config.k)}`, ""].join("\n");
  const keys = (party: PartyTopology) => {
    const { accessKeyId, secretAccessKey } = config.operators[String(party.id)] ?? {};
    return [
      `[${party.profile}]`,
      `aws_access_key_id = ${accessKeyId}`,
      `aws_secret_access_key = ${secretAccessKey}`,
      "",
    ].join("\n");
  };
  writeWhole(join(files.aws, "config"), config.parties.map(profile).join("\n"));
  writeWhole(join(files.aws, "credentials"), config.parties.map(keys).join("\n"));
}

/** Hands out where everything is: the overlay, each party's kubeconfig, and the choice of network. */
export function writeEnvironment(files: DevnetFiles, config: DevnetdConfig, providers: ProviderPorts): void {
  const { namespace } = readManifestFile(config.manifestFile);
  for (const party of config.parties)
    writeWhole(kubeconfigOf(files, party), partyKubeconfig(files, config, party, namespace));
  const overlay: EnvironmentOverlay = {
    common: {
      PULUMI_BACKEND_URL: backendUrl(files),
      PULUMI_HOME: files.pulumiHome,
      PULUMI_CONFIG_PASSPHRASE_FILE: files.passphrase,
      PULUMI_DEBUG_PROVIDERS: debugProviders(providers),
      // A second copy of the checkpoint at each of its hundreds of writes: a tenth of the time of an `up`, and nobody reads it.
      PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
      // An engine here lives for seconds, and a sixth of its work is to collect garbage. Only here: elsewhere its providers, which are
      // large, would inherit that; the devnet's are in a process of their own.
      GOGC: "400",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      QUORATE_STACKS_DIR: files.stacks,
      ...awsEnvironment(files, config.k),
    },
    parties: Object.fromEntries(
      config.parties.map((party) => [
        String(party.id),
        {
          AWS_PROFILE: party.profile,
          AWS_REGION: party.region,
          KUBECONFIG: kubeconfigOf(files, party),
          PULUMI_OPTION_STACK: party.stack,
          PULUMI_OPTION_CONFIG_FILE: join(files.stacks, `Pulumi.${party.stack}.yaml`),
        },
      ]),
    ),
  };
  writeWhole(files.environmentOf(config.network), `${JSON.stringify(overlay, undefined, 2)}\n`);
  writeWhole(files.current, `${config.network}\n`, 0o644);
}

/** Where the engine finds the devnet's providers, as its environment says it. */
export function debugProviders(providers: ProviderPorts): string {
  return Object.entries(providers)
    .map(([name, port]) => `${name}:${port}`)
    .join(",");
}

/**
 * Without the attributes that the backend would otherwise keep beside each file: it does not write those whole or not at all, and an
 * engine that is killed in that instant would leave a stack that no other can read.
 */
function backendUrl(files: DevnetFiles): string {
  return `${pathToFileURL(files.backend).href}?metadata=skip`;
}

/** The overlay of a network, or null where there is none. */
export function readEnvironment(files: DevnetFiles, network: string): EnvironmentOverlay | null {
  const text = readIfThere(files.environmentOf(network));
  return text === null ? null : EnvironmentOverlay.parse(JSON.parse(text));
}

function kubeconfigOf(files: DevnetFiles, party: PartyTopology): string {
  return join(files.party(party.id), "kubeconfig");
}

/** As `aws eks update-kubeconfig` would write it: the token is minted when it is needed. */
function partyKubeconfig(files: DevnetFiles, config: DevnetdConfig, party: PartyTopology, namespace: string): string {
  const name = party.cluster.name;
  const eksToken = fileURLToPath(new URL("../bin/eks-token.mjs", import.meta.url));
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name,
        cluster: {
          server: apiServerUrl(config.k, party.id),
          "certificate-authority": join(dirname(kubeconfigOf(files, party)), "pki", "ca.crt"),
        },
      },
    ],
    users: [
      {
        name,
        user: {
          exec: {
            apiVersion: "client.authentication.k8s.io/v1",
            interactiveMode: "Never",
            command: process.execPath,
            args: [eksToken, "--cluster", name, "--region", party.region, "--profile", party.profile],
            env: Object.entries(awsEnvironment(files, config.k)).map(([name, value]) => ({ name, value })),
          },
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    "current-context": name,
  });
}
