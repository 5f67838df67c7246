import { createPublicKey } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { addressesOf, ports } from "../addresses.ts";
import { CloudConfig, CloudPorts } from "../cloud/config.ts";
import { adminKubeconfigPath, apiServerUrl } from "../clusters/control-plane.ts";
import type { PartyPki } from "../clusters/pki.ts";
import { type DevnetFiles, readIfThere, writeReplaceable } from "../files.ts";
import { publicAddressOf, reservedTags } from "../public-address.ts";
import type { PartyTopology } from "../topology.ts";
import type { DevnetdConfig } from "./config.ts";
import type { Program } from "./program.ts";

const zones = ["a", "b", "c", "d", "e", "f"];

/** Base URL of everything that the simulated cloud serves over HTTP. */
export function cloudUrl(k: number): string {
  return `http://${addressesOf(k).cloud}:${ports.cloud}`;
}

/** Where an API server sends bearer tokens of a party's cluster to be judged. */
export function tokenReviewUrl(k: number, party: PartyTopology): string {
  return `${cloudUrl(k)}/token-review/${party.accountId}/${party.cluster.name}`;
}

/** What AWS's SDKs need to know in order to find the parties' profiles. */
export function awsEnvironment(files: DevnetFiles, k: number): Record<string, string> {
  return {
    AWS_CONFIG_FILE: join(files.aws, "config"),
    AWS_SHARED_CREDENTIALS_FILE: join(files.aws, "credentials"),
    // The profiles say so too, but a client that takes only its credentials from a profile does not see that.
    AWS_ENDPOINT_URL: cloudUrl(k),
    AWS_EC2_METADATA_DISABLED: "true",
  };
}

/** The simulated cloud: one process for all accounts. Writes its configuration. */
export function cloudProgram(files: DevnetFiles, config: DevnetdConfig, pki: ReadonlyMap<number, PartyPki>): Program {
  const { k, token, parties, operators } = config;
  const configFile = join(files.cloud, "config.json");
  const cloud = {
    k,
    dir: join(files.cloud, "store"),
    httpHost: addressesOf(k).cloud,
    httpPort: ports.cloud,
    portsFile: cloudPortsFile(files),
    controlToken: token,
    accounts: parties.map((party) => {
      const keys = operators[String(party.id)];
      const partyPki = pki.get(party.id);
      if (keys === undefined || partyPki === undefined) throw new Error(`party ${party.id} lacks keys or certificates`);
      return {
        accountId: party.accountId,
        partyId: party.id,
        profile: party.profile,
        ...keys,
        region: party.region,
        cluster: {
          endpoint: apiServerUrl(k, party.id),
          caData: Buffer.from(readIfThere(partyPki.ca.cert) ?? "").toString("base64"),
          adminKubeconfig: adminKubeconfigPath(files, party.id),
          version: party.cluster.version,
          serviceAccountPublicKeyPem: publicKeyPem(partyPki.serviceAccountKey),
        },
        vpc: {
          vpcId: party.vpc.vpcId,
          subnets: [
            ...party.vpc.subnetIds.map((id, index) => ({
              id,
              az: `${party.region}${zones[index % zones.length]}`,
              mapPublicIpOnLaunch: false,
              cidr: `10.${party.id}.${index * 16}.0/20`,
            })),
            {
              id: publicAddressOf(party.id).subnetId,
              az: `${party.region}${zones[0]}`,
              mapPublicIpOnLaunch: true,
              cidr: `10.${party.id}.240.0/20`,
            },
          ],
        },
        addresses: [addressOf(party.id)],
      };
    }),
    attestationRootSha256: config.attestationRootSha256,
    endpointServices: {
      ...config.elsewhere,
      ...Object.fromEntries(
        parties.flatMap(({ id, endpointServiceName }) =>
          endpointServiceName === null ? [] : [[endpointServiceName, id]],
        ),
      ),
    },
  };
  writeReplaceable(configFile, `${JSON.stringify(CloudConfig.parse(cloud), undefined, 2)}\n`);
  return {
    name: "cloud",
    command: process.execPath,
    args: [fileURLToPath(new URL("../cloud/main.ts", import.meta.url)), configFile],
    // Its Kubernetes provider runs the exec entry of the kubeconfigs that it is given, which signs with a profile.
    env: awsEnvironment(files, k),
    logFile: join(files.logs, "cloud.log"),
    probe: () => askHealth(k, token),
    startTimeoutMs: 60_000,
  };
}

function addressOf(party: number) {
  const { allocationId, publicIp } = publicAddressOf(party);
  return { allocationId, publicIp, tags: reservedTags };
}

/** Ports of the cloud's provider servers, once it serves. */
export function readCloudPorts(files: DevnetFiles): CloudPorts | null {
  const text = readIfThere(cloudPortsFile(files));
  return text === null ? null : CloudPorts.parse(JSON.parse(text));
}

function cloudPortsFile(files: DevnetFiles): string {
  return join(files.cloud, "ports.json");
}

function publicKeyPem(privateKeyFile: string): string {
  const key = createPublicKey(readIfThere(privateKeyFile) ?? "");
  return key.export({ format: "pem", type: "spki" }).toString();
}

async function askHealth(k: number, token: string): Promise<void> {
  const answer = await fetch(`${cloudUrl(k)}/devnet/health`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(1_000),
  });
  await answer.body?.cancel();
  if (answer.status !== 200) throw new Error(`the cloud answers ${answer.status}`);
}

interface CloudQuestion {
  method?: string;
  body?: object;
}

/** What the devnet itself asks the cloud about one account, or has it do there. Throws where it does not answer well. */
export async function askCloud(
  config: Pick<DevnetdConfig, "k" | "token">,
  accountId: string,
  path: string,
  question: CloudQuestion = {},
): Promise<unknown> {
  return await askCloudAtLarge(config, `accounts/${accountId}/${path}`, question);
}

/** The same, about all of them. */
export async function askCloudAtLarge(
  { k, token }: Pick<DevnetdConfig, "k" | "token">,
  path: string,
  { method = "GET", body }: CloudQuestion = {},
): Promise<unknown> {
  const answer = await fetch(`${cloudUrl(k)}/devnet/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(2_000),
  });
  if (!answer.ok) throw new Error(`the cloud answers ${answer.status} to ${method} ${path}: ${await answer.text()}`);
  return await answer.json();
}
