import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { backupContract } from "../contract/backup-contract.ts";
import type { PartyId } from "../contract/names.ts";
import { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { parse, type Source } from "../contract/parse.ts";
import { StackConfig } from "../contract/stack-config.ts";
import { readYamlText } from "../contract/yaml-text.ts";
import { readIfThere } from "./files.ts";

/** One party as the devnet has to play its surroundings. */
export const PartyTopology = z.strictObject({
  id: z.int().min(1).max(249),
  accountId: z.string(),
  region: z.string(),
  profile: z.string(),
  stack: z.string(),
  cluster: z.strictObject({ name: z.string(), version: z.string() }),
  vpc: z.strictObject({ vpcId: z.string(), subnetIds: z.array(z.string()) }),
  endpointServiceName: z.string().nullable(),
});
export type PartyTopology = z.infer<typeof PartyTopology>;

/** A network's manifest and stack files, as far as the devnet depends on them. */
export interface Topology {
  network: string;
  manifestFile: string;
  manifest: NetworkManifest;
  /** Those that have a stack file here. */
  parties: PartyTopology[];
  /** Endpoint services of the others, to their parties: they are known, and nobody plays those parties. */
  elsewhere: Record<string, PartyId>;
}

/** Party ids are the last byte of addresses, and 250 and up are taken. */
const mostParties = 13;
/** As Pulumi has it, with keys of other tools too. */
const StackFile = z.looseObject({ config: z.record(z.string(), z.unknown()).nullish() });
const stackFilePattern = /^Pulumi\.(.+)\.yaml$/;

/** Reads what a devnet of this network has to look like from `<root>/stacks`; nothing is written. */
export function readTopology(root: string, network: string): Topology {
  const folder = join(root, "stacks");
  const manifestFile = join(folder, "networks", `${network}.yaml`);
  const manifest = readManifestFile(manifestFile);
  if (manifest.environment !== "devnet")
    throw new OperatorError({
      code: "NOT_A_DEVNET",
      what: `the network ${network} is no rehearsal`,
      found: `environment: ${manifest.environment}`,
      expected: "environment: devnet",
      next: "npx quorate devnet up --network devnet",
    });
  const stacks = stackFilesOf(folder, network);
  const parties = manifest.parties.flatMap((party): PartyTopology[] => {
    const found = stacks.find(({ config }) => config.party === party.id);
    if (found === undefined) return [];
    const { config, stack } = found;
    return [
      {
        id: party.id,
        accountId: config.accountId,
        region: config.region,
        profile: config.awsProfile,
        stack,
        ...clusterAndNetworkOf(config),
        endpointServiceName: party.endpointServiceName ?? null,
      },
    ];
  });
  if (parties.length === 0)
    throw new OperatorError({
      code: "STACK_MISSING",
      what: `no party of ${network} has a stack file here`,
      found: `stack files of ${stacks.map(({ config }) => `party ${config.party}`).join(", ") || "no party"} in ${folder}`,
      expected: join(folder, "Pulumi.party-<n>.yaml"),
      next: "write the stack file of each party that is to be rehearsed",
    });
  if (parties.length > mostParties)
    throw new OperatorError({
      code: "DEVNET_TOO_LARGE",
      what: "a devnet has a control plane per party, so it has a limit",
      found: `stack files of ${parties.length} parties in ${folder}`,
      expected: `at most ${mostParties}`,
      next: "rehearse with fewer of them",
    });
  const elsewhere = manifest.parties.flatMap(({ id, endpointServiceName }): [string, PartyId][] =>
    endpointServiceName === undefined || parties.some((party) => party.id === id) ? [] : [[endpointServiceName, id]],
  );
  return { network, manifestFile, manifest, parties, elsewhere: Object.fromEntries(elsewhere) };
}

/** Reads and checks a manifest, wherever it lies. */
export function readManifestFile(path: string): NetworkManifest {
  const { value, lineOf } = readYaml(path, "MANIFEST", "network manifest");
  return parse(NetworkManifest, value, {
    code: "MANIFEST_INVALID",
    what: `the network manifest ${path} breaks its contract`,
    next: `correct the fields named above in ${path}`,
    lineOf,
  });
}

/** Paths of the parties' stack files in a folder that belong to a network, with the stack's name and its settings. */
export function stackFilesOf(folder: string, network: string): { file: string; stack: string; config: StackConfig }[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const stack = stackFilePattern.exec(name)?.[1];
      if (stack === undefined) return [];
      const file = join(folder, name);
      const { value, lineOf } = readYaml(file, "STACK", "stack file");
      const { config } = parse(StackFile, value ?? {}, {
        code: "STACK_INVALID",
        what: `the stack file ${file} holds no configuration`,
        next: `write the party's configuration into ${file}`,
      });
      if (config?.["quorate:network"] !== network || config["quorate:contract"] === backupContract) return [];
      const own = Object.entries(config).flatMap(([key, value]) =>
        key.startsWith("quorate:") ? [[key.slice("quorate:".length), value] as const] : [],
      );
      const settings = parse(StackConfig, Object.fromEntries(own), {
        code: "STACK_INVALID",
        what: `the stack file ${file} breaks its contract`,
        next: `correct the fields named above in ${file}`,
        lineOf: ([key, ...rest]) => lineOf(["config", `quorate:${String(key)}`, ...rest]),
      });
      return [{ file, stack, config: settings }];
    });
}

/** The chart's reference as it reads from another folder: an OCI reference as it is, a path made absolute. */
export function absoluteChartRef(ref: string, manifestFile: string): string {
  return ref.startsWith("oci://") || isAbsolute(ref) ? ref : resolve(join(manifestFile, ".."), ref);
}

/** Issuer of a cluster's service account tokens, which EKS would choose. The cloud hands out the same. */
export function oidcIssuer(party: PartyTopology): string {
  const id = createHash("sha256").update(`${party.accountId} ${party.cluster.name}`).digest("hex").slice(0, 32);
  return `https://oidc.eks.${party.region}.amazonaws.com/id/${id.toUpperCase()}`;
}

function clusterAndNetworkOf(config: StackConfig): Pick<PartyTopology, "cluster" | "vpc"> {
  if ("create" in config.cluster) {
    const { name, version, vpcId, privateSubnetIds } = config.cluster.create;
    return { cluster: { name, version }, vpc: { vpcId, subnetIds: privateSubnetIds } };
  }
  // A cluster that "exists" has its network too; any ids will do, as nobody has named them.
  const tail = String(config.party).padStart(15, "0");
  return {
    cluster: {
      name: config.cluster.existing.name,
      version: config.enclaveNodes.amiReleaseVersion?.slice(0, 4) ?? "1.33",
    },
    vpc: { vpcId: `vpc-0${tail}1`, subnetIds: [`subnet-0${tail}a`, `subnet-0${tail}b`] },
  };
}

function readYaml(path: string, code: string, what: string): { value: unknown; lineOf: NonNullable<Source["lineOf"]> } {
  const text = readIfThere(path);
  if (text === null)
    throw new OperatorError({
      code: `${code}_MISSING`,
      what: `the ${what} ${path} is not there`,
      found: "no such file",
      expected: `a ${what}`,
      next: `add ${path}, or name another network`,
    });
  return readYamlText(text, parseDocument, { path, code, what });
}
