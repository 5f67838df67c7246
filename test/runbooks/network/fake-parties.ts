import { manifestDigest } from "../../../contract/manifest-digest.ts";
import { NetworkManifest } from "../../../contract/network-manifest.ts";
import { PartyOutputs } from "../../../contract/party-outputs.ts";
import { ProbeRequest } from "../../../contract/probe.ts";
import type { Workload } from "../../../contract/validate-half.ts";
import type { CommandOptions, CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import { hex, rawManifest } from "../../support/network.ts";
import { type Fault, modelNetwork } from "./network-model.ts";

export const manifest = NetworkManifest.parse(rawManifest());
const handle = "60b7070add74be3827160aa635fb255eeeeb88586c4debf7ab1134ddceb4beee";

/** Outputs of a party as `pulumi up` would export them. */
export function partyOutputs(id: number): PartyOutputs {
  const bucket = (kind: string, prefix: string) => ({
    bucketName: `mpc-vault-${kind}-${id}`,
    bucketArn: `arn:aws:s3:::mpc-vault-${kind}-${id}`,
    prefix: `${prefix}-p${id}`,
  });
  const url = `https://mpc-vault-public-${id}.s3.eu-west-1.amazonaws.com`;
  const role = (name: string) => `arn:aws:iam::1${String(id).padStart(11, "0")}:role/${name}-party-${id}`;
  return PartyOutputs.parse({
    contract: "party/v1",
    system: "zama-kms",
    network: "devnet",
    partyId: id,
    partyName: `party-${id}`,
    accountId: `1${String(id).padStart(11, "0")}`,
    awsProfile: `devnet-party-${id}`,
    region: "eu-west-1",
    manifestDigest: manifestDigest(manifest),
    transport: "privatelink",
    ports: manifest.ports,
    cluster: { name: `kms-party-${id}`, region: "eu-west-1" },
    namespace: "kms-decentralized",
    serviceAccounts: { core: "mpc-party", connector: "mpc-party-connector" },
    configMapName: "mpc-party",
    release: { name: "kms-core", chartVersion: "1.9.1", version: "0.13.20", imageDigest: `sha256:${hex(64)}` },
    workload: { statefulSet: "kms-core", pod: `kms-core-${id}`, prober: "quorate-prober" },
    services: { headless: "kms-core", core: `kms-core-${id}` },
    peerHosts: Object.fromEntries(
      [1, 2, 3, 4]
        .filter((peer) => peer !== id)
        .map((peer) => [peer, `mpc-node-${peer}.kms-decentralized.svc.cluster.local`]),
    ),
    publicVault: { ...bucket("public", "PUB"), url },
    privateVault: bucket("private", "PRV"),
    caCertificate: {
      bucketName: `mpc-vault-public-${id}`,
      key: `PUB-p${id}/CACert/${handle}`,
      url: `${url}/PUB-p${id}/CACert/${handle}`,
    },
    partyKeyArn: `arn:aws:kms:eu-west-1:1${String(id).padStart(11, "0")}:key/1234`,
    roles: { core: role("core"), connector: role("connector") },
    trustedReleases: manifest.trustedReleases,
    endpointServiceName: null,
    elasticIp: null,
    kubeip: null,
    securityGroupIds: ["sg-1"],
    allocator: { cpuCount: 48, memoryMib: 98_304 },
    database: null,
    absent: {
      endpointServiceName: "not yet",
      elasticIp: "privatelink",
      kubeip: "privatelink",
      database: "no connector",
    },
  });
}

export interface Asked {
  party: number;
  args: string[];
  request?: ProbeRequest;
}

/** Four parties whose kubectl answers as the modelled network would; what was asked is kept in `asked`. */
export function fakeParties(
  faults: readonly Fault[] = [],
  options: {
    stage?: "link" | "network";
    answer?: (party: number, args: string[]) => Partial<CommandResult> | undefined;
    caller?: () => Promise<string>;
    /** Lines that a listening prober prints, once it listens. @default of every peer that gets through in the model */
    heard?: (party: number) => string[];
  } = {},
): { parties: PartyAccess[]; asked: Asked[]; objects: string[]; listening: Set<number> } {
  const model = modelNetwork(4, faults, options.stage ? { stage: options.stage } : {});
  const asked: Asked[] = [];
  const objects: string[] = [];
  const listening = new Set<number>();
  const parties = model.parties.map((seen): PartyAccess => {
    const id = seen.partyId;
    return {
      outputs: partyOutputs(id),
      caller: options.caller ?? (async () => `arn:aws:sts::1${String(id).padStart(11, "0")}:assumed-role/operator/ann`),
      async readObject(bucket, key) {
        objects.push(`${bucket}/${key}`);
        return "-----BEGIN CERTIFICATE-----";
      },
      async kubectl(args, command = {}) {
        const question: Asked = { party: id, args };
        asked.push(question);
        const planned = options.answer?.(id, args);
        if (planned !== undefined) return result(planned);
        if (args[0] === "get" && seen.workload.status === "seen")
          return result({ stdout: JSON.stringify(listOf(seen.workload.workload)) });
        if (args.includes("listen"))
          return listen(command, id, listening, options.heard?.(id) ?? heardLines(seen.listened?.heard ?? []));
        if (args.includes("probe") && seen.probe.status === "replied") {
          question.request = ProbeRequest.parse(JSON.parse(command.stdin ?? ""));
          return result({ stdout: JSON.stringify(seen.probe.reply) });
        }
        return result({ exitCode: 1, stderr: "error: You must be logged in to the server (Unauthorized)" });
      },
    };
  });
  return { parties, asked, objects, listening };
}

/** What a listening prober prints of who came by. */
function heardLines(peers: readonly number[]): string[] {
  return peers.map((from) => `heard party ${from} from 10.0.0.${from}`);
}

function result(more: Partial<CommandResult>): CommandResult {
  return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
}

/** Ends when it is let go; when its kubectl is ended before that, it goes on, as a process in a pod does. */
async function listen(
  { onLine, signal, holdStdin }: CommandOptions,
  party: number,
  listening: Set<number>,
  heard: readonly string[],
): Promise<CommandResult> {
  listening.add(party);
  for (const line of ["listening on 127.1.0.1 port 50001 for 13 s", ...heard]) onLine?.(line);
  return await new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve(result({ exitCode: 143, ended: "aborted" })), { once: true });
    holdStdin?.addEventListener("abort", () => {
      listening.delete(party);
      resolve(result({}));
    });
  });
}

function listOf({ replicas, pod, statefulSet }: Workload) {
  const set = { kind: "StatefulSet", metadata: { name: statefulSet }, spec: { replicas } };
  const conditions = [
    {
      type: "PodScheduled",
      status: pod?.phase === "Pending" ? "False" : "True",
      reason: "Unschedulable",
      message: pod?.reason ?? undefined,
    },
    { type: "Ready", status: pod?.ready ? "True" : "False", message: pod?.reason ?? undefined },
  ];
  const item = {
    kind: "Pod",
    metadata: { name: pod?.name ?? "" },
    spec: {},
    status: { phase: pod?.phase, conditions },
  };
  return { kind: "List", items: pod === null ? [set] : [set, item] };
}
