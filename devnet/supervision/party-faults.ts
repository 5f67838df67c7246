import { join } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import type { KubeClient, KubeObject } from "../clusters/kube-client.ts";
import { coreApp, kubeletAnnotation } from "../clusters/stages.ts";
import type { Fault } from "../fault.ts";
import type { DevnetFiles } from "../files.ts";
import type { PartyNames, VpcEndpoint } from "../network/party-names.ts";
import { lookUp } from "../network/zone.ts";
import { type PartyTopology, readManifestFile } from "../topology.ts";
import { askCloud } from "./cloud-program.ts";
import type { DevnetdConfig } from "./config.ts";
import { deleteObject, operatorS3, putMissingObject, readObjects } from "./operator-vault.ts";
import type { CoreFault, PartyCore } from "./party-core.ts";
import { isRunning, type PodObject, patchReady } from "./pod-object.ts";
import { type CloudResource, TakenThings } from "./taken.ts";
import { restartsCore, type Sources, type TakingFault, thingsOf } from "./taking-faults.ts";
import { isVaultFault, thingsOfVault, type VaultFault } from "./vault-faults.ts";

const effectTimeoutMs = 30_000;
const recoveryTimeoutMs = 45_000;
const pauseMs = 100;

export interface PartyFaultsOptions {
  config: DevnetdConfig;
  files: DevnetFiles;
  clients: ReadonlyMap<number, KubeClient>;
  cores: ReadonlyMap<number, PartyCore>;
  names: ReadonlyMap<number, PartyNames>;
  /** Public addresses of a party's nodes. */
  addresses(party: number): readonly string[];
  /** Looks at once what endpoints and firewalls let through, and has names and links follow. */
  lookAtNetwork(): Promise<void>;
}

/** The faults that lie in a party's cluster or account: what they need there is taken away, and put back by the healing. */
export class PartyFaults {
  readonly #options: PartyFaultsOptions;
  readonly #taken: TakenThings;
  /** Parties whose cores have to come back once all is put back. */
  readonly #recovering = new Set<number>();
  /** One change after another. */
  #change: Promise<unknown> = Promise.resolve();

  constructor(options: PartyFaultsOptions) {
    this.#options = options;
    const { config, files } = options;
    this.#taken = new TakenThings(join(files.devnet, "taken.json"), {
      client: (party) => this.#client(party),
      resources: (accountId) => this.#resources(accountId),
      putResource: async (accountId, resource) => {
        await askCloud(config, accountId, "resources", { method: "PUT", body: resource });
      },
      deleteResource: async (accountId, named) => {
        await askCloud(config, accountId, "resources", { method: "DELETE", body: named });
      },
      stopKubelet: (party, node) => this.#stopKubelet(party, node),
      startKubelet: (party, node) => this.#startKubelet(party, node),
      deleteObject: (party, bucket, key) => this.#asOperator(party, (s3) => deleteObject(s3, bucket, key)),
      putObject: (party, bucket, object) => this.#asOperator(party, (s3) => putMissingObject(s3, bucket, object)),
    });
  }

  get faults(): Fault[] {
    return this.#taken.faults;
  }

  /** Whether a core's fault is there because of one of ours: a node that is lost takes its core along. */
  brings(kind: CoreFault["kind"], party: number): boolean {
    return kind === "kill" && this.#taken.has({ kind: "node-down", party });
  }

  /** Resolves when the fault is what others meet. */
  async apply(fault: TakingFault | VaultFault): Promise<void> {
    await this.#enqueue(async () => {
      if (this.#taken.has(fault)) return;
      if (isVaultFault(fault)) return await this.#applyToVault(fault);
      const sources = this.#sources();
      const before = restartsCore(fault) ? await this.#corePods(fault.party) : [];
      await this.#taken.take(fault, await thingsOf(fault, sources));
      await this.#deletePods(fault.party, before);
      await this.#untilMet(fault, before.length > 0);
      await this.#options.lookAtNetwork();
    });
  }

  /** Whether a party's copy of a peer's CA certificate is taken: who copies them leaves it so. */
  isTakenCopy(party: number, peer: number): boolean {
    return this.#taken.has({ kind: "lose-peer-cert", party, peer });
  }

  async #applyToVault(fault: VaultFault): Promise<void> {
    const core = this.#options.cores.get(fault.party);
    const { accountId } = this.#party(fault.party);
    const things = await thingsOfVault(fault, {
      accountId,
      environment: core?.environment ?? {},
      serviceAccount: async () => {
        const [pod] = await this.#corePods(fault.party);
        const name = pod?.spec.serviceAccountName ?? "default";
        return await this.#client(fault.party).get(`/api/v1/namespaces/${this.#namespace()}/serviceaccounts/${name}`);
      },
      resources: () => this.#resources(accountId),
      objects: (bucket, prefix) => this.#asOperator(fault.party, (s3) => readObjects(s3, bucket, prefix)),
    });
    await this.#taken.take(fault, things);
    // A running core would not notice.
    await core?.restart();
    await this.#options.lookAtNetwork();
  }

  async #asOperator<T>(party: number, work: (s3: S3Client) => Promise<T>): Promise<T> {
    const s3 = await operatorS3(this.#options.config, this.#party(party));
    try {
      return await work(s3);
    } finally {
      s3.destroy();
    }
  }

  /** Puts back what was taken, by this devnet or by one that was killed. */
  async putBack(): Promise<void> {
    await this.#enqueue(async () => {
      if (this.faults.length === 0) return;
      for (const fault of this.faults) if ("party" in fault) this.#recovering.add(fault.party);
      const denied = this.faults.flatMap((fault) => (fault.kind === "token-denied" ? [fault.party] : []));
      await this.#taken.putBack();
      // The old pod restarted again and again, and would wait before it does so once more.
      await Promise.all(denied.map((party) => this.#replaceCorePods(party)));
      await this.#options.lookAtNetwork();
    });
  }

  /** Resolves when the cores serve again whose pods can run. */
  async recovered(): Promise<void> {
    for (const party of this.#recovering)
      await until(recoveryTimeoutMs, async () => {
        const pods = await this.#corePods(party);
        return pods.length === 0 || this.#options.cores.get(party)?.status.core === "serving";
      });
    this.#recovering.clear();
  }

  async #deletePods(party: number, pods: readonly PodObject[]): Promise<void> {
    for (const { metadata } of pods)
      await this.#client(party).delete(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`);
  }

  /** Has the core's pod made anew, and waits until it is. */
  async #replaceCorePods(party: number): Promise<void> {
    const before = await this.#corePods(party);
    const known = new Set(before.map(({ metadata }) => metadata.uid));
    await this.#deletePods(party, before);
    if (before.length > 0)
      await until(effectTimeoutMs, async () =>
        (await this.#corePods(party)).some(({ metadata }) => !known.has(metadata.uid)),
      );
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#change.then(work);
    this.#change = next.catch(() => {});
    return next;
  }

  async #untilMet(fault: TakingFault, restarted: boolean): Promise<void> {
    const core = this.#options.cores.get(fault.party);
    if (fault.kind === "dns-lost") {
      const names = this.#options.names.get(fault.party);
      const host = `mpc-node-${fault.peer}.${this.#namespace()}.svc.cluster.local`;
      await until(effectTimeoutMs, async () => names === undefined || lookUp(await names.zone(), host) === null);
    }
    if (fault.kind === "token-denied" && restarted)
      await until(effectTimeoutMs, async () => /AssumeRole/.test(core?.status.detail ?? ""));
    else if (restarted)
      await until(effectTimeoutMs, async () => {
        const [pod] = await this.#corePods(fault.party);
        return core?.status.core === "pending" && pod !== undefined && isStuck(pod);
      });
  }

  #sources(): Sources {
    const { config, addresses } = this.#options;
    return {
      party: (id) => this.#party(id),
      namespace: this.#namespace(),
      peerPort: config.ports.peer,
      client: (party) => this.#client(party),
      resources: (accountId) => this.#resources(accountId),
      offeredBy: async (accountId, endpointId) => {
        const { endpoints } = (await askCloud(config, accountId, "vpc-endpoints")) as {
          endpoints: (VpcEndpoint & { id: string })[];
        };
        return endpoints.find(({ id }) => id === endpointId)?.partyId ?? null;
      },
      addresses,
    };
  }

  #namespace(): string {
    return readManifestFile(this.#options.config.manifestFile).namespace;
  }

  #party(id: number): PartyTopology {
    const party = this.#options.config.parties.find((each) => each.id === id);
    if (party === undefined) throw new Error(`party ${id} is not in the configuration`);
    return party;
  }

  #client(party: number): KubeClient {
    const client = this.#options.clients.get(party);
    if (client === undefined) throw new Error(`the cluster of party ${party} was not started`);
    return client;
  }

  async #resources(accountId: string): Promise<CloudResource[]> {
    const answer = await askCloud(this.#options.config, accountId, "resources");
    return (answer as { resources: CloudResource[] }).resources;
  }

  async #corePods(party: number): Promise<PodObject[]> {
    const path = `/api/v1/namespaces/${this.#namespace()}/pods?labelSelector=app=${coreApp}`;
    const { items } = await this.#client(party).get<{ items: PodObject[] }>(path);
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /* A node whose machine is lost: nobody speaks for it any more, and what ran on it is gone. */

  async #stopKubelet(party: number, node: string): Promise<void> {
    const client = this.#client(party);
    const path = `/api/v1/nodes/${node}`;
    await client.mergePatch(path, { metadata: { annotations: { [kubeletAnnotation]: "stopped" } } });
    const { status } = await client.get<NodeWithConditions>(path);
    const now = new Date().toISOString();
    await client.mergePatch(`${path}/status`, {
      status: {
        conditions: (status?.conditions ?? []).map((condition) => ({
          ...condition,
          status: "Unknown",
          reason: "NodeStatusUnknown",
          message: "Kubelet stopped posting node status.",
          lastTransitionTime: now,
        })),
        // `kubectl exec` and `logs` find nobody there.
        daemonEndpoints: { kubeletEndpoint: { Port: nobodysPort } },
      },
    });
    await this.#options.cores.get(party)?.applyFault({ kind: "kill", party });
    for (const pod of await this.#podsOn(party, node)) await patchReady(client, pod, false, "the node is lost", 0);
  }

  async #startKubelet(party: number, node: string): Promise<void> {
    const client = this.#client(party);
    const path = `/api/v1/nodes/${node}`;
    await client.mergePatch(path, { metadata: { annotations: { [kubeletAnnotation]: null } } });
    await until(effectTimeoutMs, async () => {
      const { status } = await client.get<NodeWithConditions>(path);
      return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
    });
    // The core's own readiness is told by what keeps its process.
    for (const pod of await this.#podsOn(party, node)) await patchReady(client, pod, true, "", 0);
  }

  /** Running pods of a node, without the core's. */
  async #podsOn(party: number, node: string): Promise<PodObject[]> {
    const selector = new URLSearchParams({ fieldSelector: `spec.nodeName=${node}` });
    const { items } = await this.#client(party).get<{ items: PodObject[] }>(`/api/v1/pods?${selector}`);
    return items.filter((pod) => isRunning(pod) && pod.metadata.labels?.app !== coreApp);
  }
}

interface NodeWithConditions extends KubeObject {
  status?: { conditions?: { type: string; status: string }[] };
}

/** Of no program: connections to it are refused. */
const nobodysPort = 1;

/** A pod that nothing will run as things are: no node fits, or a container can not be made. */
function isStuck({ status }: PodObject): boolean {
  if (status?.conditions?.some(({ type, status }) => type === "PodScheduled" && status === "False")) return true;
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(
    ({ state }) => state?.waiting?.reason === "CreateContainerConfigError",
  );
}

async function until(timeoutMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo()) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
