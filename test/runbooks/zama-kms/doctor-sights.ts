import type { CertificateSights } from "../../../contract/certificates-report.ts";
import type { CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import type { CloserSights, DoctorSights, LogSights } from "../../../runbooks/zama-kms/doctor-sights.ts";
import { lookAtClusters } from "../../../runbooks/zama-kms/look-at-cluster.ts";
import { partyOutputs } from "../network/fake-parties.ts";
import { type Fault, modelNetwork } from "../network/network-model.ts";
import { given } from "../support/rotation.ts";
import { type Anything, clusterOf, lookedAt } from "./cluster-objects.ts";

export interface Written {
  /** How many parties the network has. @default 4 */
  size?: number;
  /** Of the links, as probers and cores tell of them. */
  faults?: readonly Fault[];
  mine?: readonly number[];
  chosen?: readonly number[];
  symptom?: string;
  /** Party by party, the objects of its cluster. */
  cluster?: Record<number, (parts: Record<string, Anything>) => void>;
  /** Last word on what was seen. */
  change?: (seen: DoctorSights) => void;
}

const kinds: Record<string, string> = {
  statefulsets: "StatefulSet",
  pods: "Pod",
  configmaps: "ConfigMap",
  persistentvolumeclaims: "PersistentVolumeClaim",
  events: "Event",
  nodes: "Node",
  namespaces: "Namespace",
  daemonsets: "DaemonSet",
};

export const answered = (more: Partial<CommandResult> = {}): CommandResult => {
  return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
};

/** A `get` of several kinds, of a party's objects. */
export function listOf(parts: Record<string, Anything>, args: readonly string[]): CommandResult {
  const wanted = args[1]?.split(",").map((kind) => kinds[kind]) ?? [];
  const items = Object.values(parts).filter(({ kind }) => wanted.includes(kind));
  return answered({ stdout: JSON.stringify({ apiVersion: "v1", kind: "List", items }) });
}

/** What there is to see of a network in order, but for what is written otherwise. */
export async function writtenSights(written: Written = {}): Promise<DoctorSights> {
  const ids = Array.from({ length: written.size ?? 4 }, (_, index) => index + 1);
  const mine = written.mine ?? ids;
  const chosen = [...(written.chosen ?? mine)];
  const inside = chosen.filter((id) => mine.includes(id));
  const parties = inside.map((id): PartyAccess => {
    const { parts } = clusterOf(id);
    written.cluster?.[id]?.(parts);
    return {
      outputs: partyOutputs(id),
      caller: async () => "arn:aws:sts::100000000001:assumed-role/operator/ann",
      readObject: async () => null,
      kubectl: async (args: string[]) => listOf(parts, args),
    } as PartyAccess;
  });
  const context = { ...given(), clock: { now: () => new Date(lookedAt) }, progress: () => {} };
  const seen: DoctorSights = {
    startedAt: new Date(lookedAt).toISOString(),
    durationMs: 900,
    chosen,
    symptom: written.symptom ?? null,
    network: {
      transport: "privatelink",
      parties: ids.map((id) => ({ partyId: id, accountId: `10000000000${id}`, addresses: [] })),
    },
    links: modelNetwork(ids.length, written.faults, written.mine ? { mine: written.mine } : {}),
    clusters: await lookAtClusters(parties, context, 1_000, context.signal, { health: false }),
    certificates: certificates(ids),
    closer: inside.map((id) => closer(id, ids)),
  };
  written.change?.(seen);
  return seen;
}

const pcr0 = "1".repeat(96);

function closer(partyId: number, ids: readonly number[]): CloserSights {
  const seen = <T>(value: T) => ({ status: "seen" as const, value });
  return {
    partyId,
    logs: seen({ lines: [], truncated: [], unreadable: [], aheadSeconds: 0 }),
    pages: seen({ health: 200, version: "0.13.20", rateLimiter: { used: 3, bucket: 50_000 } }),
    cloud: {
      partyId,
      endpoints: seen(
        ids
          .filter((peer) => peer !== partyId)
          .map((peer) => ({
            peerId: peer,
            endpointId: `vpce-${partyId}${peer}`,
            serviceName: `com.amazonaws.vpce.eu-west-1.vpce-svc-${peer}`,
            state: "available",
            securityGroupIds: ["sg-endpoints"],
          })),
      ),
      connections: seen([]),
      groupRules: seen([
        {
          groupId: "sg-endpoints",
          of: "endpoints",
          direction: "in",
          others: "10.0.0.0/16",
          fromPort: 0,
          toPort: 65_535,
        },
      ]),
      keyPolicy: seen({ pcr0s: [pcr0], unattested: false }),
      coreTrust: seen({
        providers: ["arn:aws:iam::100000000001:oidc-provider/oidc"],
        subjects: ["system:serviceaccount:kms-decentralized:mpc-party"],
        audiences: ["sts.amazonaws.com"],
      }),
      vaults: { public: seen("readable"), private: seen("refused") },
      vaultPolicies: { public: seen({ refuses: [], unclear: [] }), private: seen({ refuses: [], unclear: [] }) },
    },
    facts: {
      release: { version: "0.13.20", pcr0 },
      subject: "system:serviceaccount:kms-decentralized:mpc-party",
      stack: `party-${partyId}`,
      serviceName: `com.amazonaws.vpce.eu-west-1.vpce-svc-${partyId}`,
    },
  } as CloserSights;
}

function certificates(ids: readonly number[]): CertificateSights {
  const certificate = (id: number) => ({
    status: "found" as const,
    value: {
      sha256: String(id).repeat(64),
      commonName: `mpc-node-${id}`,
      dnsNames: [`mpc-node-${id}`],
      notBefore: "1975-01-01T00:00:00.000Z",
      notAfter: "4096-01-01T00:00:00.000Z",
      authority: true,
      curve: "secp256k1",
      address: `0x${String(id).repeat(40)}`,
    },
  });
  return {
    network: "devnet",
    environment: "devnet",
    manifestDigest: `sha256:${"e".repeat(64)}`,
    startedAt: new Date(lookedAt).toISOString(),
    durationMs: 100,
    parties: ids.map((id) => ({
      partyId: id,
      name: `party-${id}`,
      host: `mpc-node-${id}`,
      own: certificate(id),
      address: { status: "found", value: `0x${String(id).repeat(40)}` },
      copies: ids.filter((of) => of !== id).map((of) => ({ of, copy: certificate(of) })),
    })),
  };
}

/** What a party's log says, a minute ago. */
export function says(
  seen: DoctorSights,
  partyId: number,
  line: Partial<LogSights["lines"][number]> & { signature: string },
) {
  const logs = seen.closer.find((one) => one.partyId === partyId)?.logs;
  if (logs?.status !== "seen") throw new Error("its log was not seen");
  logs.value.lines.push({
    ...{ container: "kms-core-enclave-logger", previous: false, at: "2026-11-20T11:59:00Z" },
    ...{ text: `a line of ${line.signature}`, peer: null, count: 1 },
    ...line,
  });
}

/** What AWS says of a party, to be changed. */
export function cloudOf(seen: DoctorSights, partyId: number) {
  const cloud = seen.closer.find((one) => one.partyId === partyId)?.cloud;
  const { endpoints, groupRules, connections, keyPolicy, coreTrust, vaults, vaultPolicies } = cloud ?? {};
  if (endpoints?.status !== "seen" || groupRules?.status !== "seen" || connections?.status !== "seen")
    throw new Error("its cloud was not seen");
  if (
    keyPolicy?.status !== "seen" ||
    coreTrust?.status !== "seen" ||
    vaults === undefined ||
    vaultPolicies === undefined
  )
    throw new Error("its cloud was not seen");
  return {
    endpoints: endpoints.value,
    rules: groupRules.value,
    connections: connections.value,
    key: keyPolicy.value,
    trust: coreTrust.value,
    vaults,
    vaultPolicies,
  };
}
