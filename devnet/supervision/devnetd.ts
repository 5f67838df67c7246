import { join } from "node:path";
import { OperatorError, type Problem } from "../../contract/operator-error.ts";
import { type Addresses, addressesOf, ports } from "../addresses.ts";
import {
  adminClient,
  apiServerProgram,
  type ControlPlane,
  controllerManagerProgram,
  schedulerProgram,
  writeControlPlaneFiles,
} from "../clusters/control-plane.ts";
import { etcdProgram } from "../clusters/etcd.ts";
import type { KubeClient } from "../clusters/kube-client.ts";
import { kwokProgram, writeKwokFiles } from "../clusters/kwok.ts";
import { settleEtcdPki, settlePartyPki } from "../clusters/pki.ts";
import { Fault } from "../fault.ts";
import { type DevnetFiles, devnetFiles } from "../files.ts";
import { type DnsServer, serveDns } from "../network/dns.ts";
import { Links } from "../network/links.ts";
import { PartyNames, type VpcEndpoint } from "../network/party-names.ts";
import { oidcIssuer, type PartyTopology, readManifestFile } from "../topology.ts";
import { askCloud, cloudProgram, readCloudPorts, tokenReviewUrl } from "./cloud-program.ts";
import type { DevnetdConfig } from "./config.ts";
import { CoreAdmission } from "./core-admission.ts";
import { Exchange } from "./exchange.ts";
import { Keeper } from "./keeper.ts";
import { followKeyJobs, keyJobLabel } from "./key-job.ts";
import type { NodeObject } from "./kubeip-agent.ts";
import { followLoadBalancers } from "./load-balancers.ts";
import { PartyCore } from "./party-core.ts";
import { PartyFaults } from "./party-faults.ts";
import { followCorePods, followProberFiles } from "./party-watch.ts";
import { PrivateNetwork } from "./private-network.ts";
import { identityOf, type ProcessIdentity } from "./processes.ts";
import type { Program } from "./program.ts";
import { PublicNetwork } from "./public-network.ts";
import { fillNamespace } from "./secrets-by-hand.ts";
import { type DevnetState, readState, writeState } from "./state.ts";
import type { DevnetdStatus } from "./status.ts";
import { isTaking } from "./taking-faults.ts";
import { isVaultFault } from "./vault-faults.ts";

const gracefulMs = 4_000;

/** Owns all processes of one devnet, and what runs between them: names, links, pods and their cores. */
export class Devnetd {
  readonly #config: DevnetdConfig;
  readonly #files: DevnetFiles;
  readonly #addresses: Addresses;
  readonly #state: DevnetState;
  readonly #keepers: Keeper[] = [];
  readonly #cores = new Map<number, PartyCore>();
  readonly #clients: KubeClient[] = [];
  readonly #dns: DnsServer[] = [];
  readonly #links: Links;
  readonly #exchange: Exchange;
  readonly #publicNetwork: PublicNetwork;
  readonly #privateNetwork: PrivateNetwork;
  readonly #partyFaults: PartyFaults;
  readonly #partyNames = new Map<number, PartyNames>();
  readonly #partyClients = new Map<number, KubeClient>();
  readonly #watches = new AbortController();
  readonly #progress: string[] = [];
  #phase: DevnetdStatus["phase"] = "starting";
  #failure: Problem | null = null;

  constructor(config: DevnetdConfig) {
    this.#config = config;
    this.#files = devnetFiles(config.root);
    this.#addresses = addressesOf(config.k);
    this.#links = new Links(
      this.#addresses,
      config.ports.peer,
      config.parties.map(({ id }) => id),
    );
    this.#exchange = new Exchange(
      config,
      this.#cores,
      log,
      (to, from) => this.#partyFaults.isTakenCopy(to, from) || this.#hasOtherName(from),
    );
    this.#publicNetwork = new PublicNetwork(config, log);
    this.#links.followPublicWays(this.#publicNetwork.state);
    this.#privateNetwork = new PrivateNetwork(config, log);
    this.#links.followPrivateWays(this.#privateNetwork.state);
    this.#partyFaults = new PartyFaults({
      config,
      files: this.#files,
      clients: this.#partyClients,
      cores: this.#cores,
      names: this.#partyNames,
      addresses: (party) => this.#publicNetwork.addressesOf(party),
      lookAtNetwork: async () => {
        await Promise.all([this.#privateNetwork.look(), this.#publicNetwork.look()]);
        for (const names of this.#partyNames.values()) names.forget();
        await this.#links.refresh();
      },
    });
    this.#state = {
      contract: "devnet-state/v1",
      network: config.network,
      k: config.k,
      token: config.token,
      mark: config.mark,
      devnetd: identityOf(process.pid),
      children: [],
    };
    writeState(this.#files, this.#state);
  }

  /** Starts everything; a failure is kept for whoever asks for the status. */
  async start(): Promise<void> {
    try {
      await this.#startAll();
      this.#phase = "ready";
      this.#reached("devnet is up");
    } catch (error) {
      if (this.#phase === "stopping") return;
      log((error as Error).stack ?? String(error));
      this.#phase = "failed";
      this.#failure = problemOf(error as Error, this.#files);
    }
  }

  status(): DevnetdStatus {
    const cores = [...this.#cores.values()].map((core) => core.status);
    return {
      phase: this.#phase,
      network: this.#config.network,
      k: this.#config.k,
      pid: process.pid,
      progress: this.#progress,
      failure: this.#failure,
      programs: this.#keepers.map(({ program, state, pid, restarts }) => ({
        name: program.name,
        state,
        pid,
        restarts,
      })),
      parties: cores,
      faults: [
        ...this.#links.faults().map(({ from, to, fault }) => ({ ...fault, from, to })),
        ...cores.flatMap(({ partyId, faults }) =>
          faults.filter(({ kind }) => !this.#partyFaults.brings(kind, partyId)),
        ),
        ...this.#partyFaults.faults,
      ],
      providers: readCloudPorts(this.#files)?.providers ?? null,
    };
  }

  /** Resolves when the fault is in effect. */
  async applyFault(body: unknown): Promise<DevnetdStatus> {
    const fault = Fault.parse(body);
    if (fault.kind === "heal") {
      await Promise.all([this.#links.heal(), this.#partyFaults.putBack()]);
      await Promise.all([...this.#cores.values()].map((core) => core.heal()));
      await this.#partyFaults.recovered();
      if (this.#config.exchange !== false) await this.#exchange.copyNow();
      await this.#links.refresh();
    } else if (isTaking(fault) || isVaultFault(fault)) {
      this.#core(fault.party);
      if ("peer" in fault) this.#core(fault.peer);
      await this.#partyFaults.apply(fault);
    } else if ("party" in fault) {
      await this.#core(fault.party).applyFault(fault);
      // A dead core's links refuse only once they have noticed.
      await this.#links.refresh();
    } else {
      this.#core(fault.from);
      this.#core(fault.to);
      const { from, to, ...linkFault } = fault;
      await this.#links.setFault(from, to, linkFault);
    }
    return this.status();
  }

  /** Ends everything: with a word first where the state is kept, at once where it is thrown away. */
  async stop(keep: boolean): Promise<void> {
    this.#phase = "stopping";
    this.#watches.abort();
    this.#exchange.stop();
    this.#publicNetwork.stop();
    this.#privateNetwork.stop();
    await Promise.all([...[...this.#cores.values()].map((core) => core.stop()), this.#links.close()]);
    await Promise.all(this.#dns.map((server) => server.close()));
    for (const client of this.#clients) client.close();
    const graceMs = keep ? gracefulMs : 0;
    const isEtcd = ({ program }: Keeper) => program.name === "etcd";
    // Without etcd an API server does not end when asked to, so etcd goes last.
    await Promise.all(this.#keepers.filter((keeper) => !isEtcd(keeper)).map((keeper) => keeper.stop(graceMs)));
    await Promise.all(this.#keepers.filter(isEtcd).map((keeper) => keeper.stop(graceMs)));
    if (readState(this.#files)?.mark === this.#config.mark)
      writeState(this.#files, { ...this.#state, devnetd: null, children: [] });
  }

  /** Whether the devnet's folder is still ours: it may have been removed, or taken over, behind our back. */
  ownsFolder(): boolean {
    return readState(this.#files)?.mark === this.#config.mark;
  }

  async #startAll(): Promise<void> {
    const { parties, k } = this.#config;
    const etcdPki = await settleEtcdPki(this.#files.pki, k);
    const etcd = this.#keep(etcdProgram(this.#files, k, etcdPki));
    const planes = await Promise.all(
      parties.map(
        async (party): Promise<ControlPlane> => ({
          files: this.#files,
          k,
          party: party.id,
          pki: await settlePartyPki(join(this.#files.party(party.id), "pki"), k, party.id, etcdPki),
          etcd: etcdPki,
          tokenReviewUrl: tokenReviewUrl(k, party),
          issuer: oidcIssuer(party),
        }),
      ),
    );
    for (const plane of planes) {
      writeControlPlaneFiles(plane);
      writeKwokFiles(plane, this.#config.exchange === false ? [keyJobLabel] : []);
    }
    await etcd;
    this.#reached("etcd serves");
    const pki = new Map(planes.map((plane) => [plane.party, plane.pki]));
    const cloud = this.#keep(cloudProgram(this.#files, this.#config, pki)).then(() =>
      this.#reached("the simulated cloud serves"),
    );
    await Promise.all([cloud, ...planes.map((plane) => this.#startParty(plane))]);
    await this.#partyFaults.putBack();
    await this.#privateNetwork.look();
    this.#privateNetwork.start();
    this.#links.start();
    this.#publicNetwork.start();
    if (this.#config.exchange !== false) this.#exchange.start();
  }

  async #startParty(plane: ControlPlane): Promise<void> {
    await this.#keep(apiServerProgram(plane));
    this.#reached(`API server of party ${plane.party} serves`);
    await readdressNodes(this.#client(plane), this.#addresses.core(plane.party));
    this.#followParty(plane);
    const { namespace } = readManifestFile(this.#config.manifestFile);
    await fillNamespace(this.#client(plane), namespace, { signal: this.#watches.signal, log });
    const names = this.#names(plane);
    await Promise.all([
      this.#keep(controllerManagerProgram(plane)),
      this.#keep(schedulerProgram(plane)),
      this.#keep(kwokProgram(plane)),
      serveDns(this.#addresses.dns(plane.party), ports.dns, () => names.zone()).then((server) =>
        this.#dns.push(server),
      ),
    ]);
    this.#reached(`control plane of party ${plane.party} is complete`);
  }

  #followParty(plane: ControlPlane): void {
    const party = this.#party(plane.party);
    const client = this.#client(plane);
    const options = {
      files: this.#files,
      config: this.#config,
      party,
      client,
      record: (name: string, identity: ProcessIdentity | null) => this.#record(name, identity),
      log,
    };
    const core = new PartyCore(options);
    this.#cores.set(plane.party, core);
    const admission = new CoreAdmission(client, this.#watches.signal, log);
    followCorePods(client, [core, admission], this.#watches.signal);
    followLoadBalancers({ config: this.#config, party, client, log }, this.#watches.signal);
    this.#publicNetwork.follow(party, client, this.#watches.signal);
    // Where certificates are copied while the cores start, the first start makes the keys: one process fewer for each party.
    if (this.#config.exchange === false) followKeyJobs(options, this.#watches.signal);
    followProberFiles(client, this.#files, plane.party, this.#watches.signal);
  }

  #party(id: number): PartyTopology {
    const party = this.#config.parties.find((each) => each.id === id);
    if (party === undefined) throw new Error(`party ${id} is not in the configuration`);
    return party;
  }

  #client(plane: ControlPlane): KubeClient {
    const client = adminClient(plane.k, plane.party, plane.pki);
    this.#clients.push(client);
    this.#partyClients.set(plane.party, client);
    return client;
  }

  #names(plane: ControlPlane): PartyNames {
    const { accountId } = this.#party(plane.party);
    const names = new PartyNames(
      this.#addresses,
      plane.party,
      () => this.#listEndpoints(accountId),
      () => this.#publicNetwork.addresses(),
    );
    names.follow(this.#client(plane), this.#watches.signal);
    this.#partyNames.set(plane.party, names);
    return names;
  }

  async #listEndpoints(accountId: string): Promise<VpcEndpoint[]> {
    const answer = await askCloud(this.#config, accountId, "vpc-endpoints");
    return (answer as { endpoints: VpcEndpoint[] }).endpoints;
  }

  async #keep(program: Program): Promise<void> {
    const keeper = new Keeper(program, {
      mark: this.#config.mark,
      record: (name, identity) => this.#record(name, identity),
      log,
    });
    this.#keepers.push(keeper);
    await keeper.start();
  }

  #record(name: string, identity: ProcessIdentity | null): void {
    this.#state.children = this.#state.children.filter((child) => child.name !== name);
    if (identity !== null) this.#state.children.push({ name, ...identity });
    if (this.ownsFolder()) writeState(this.#files, this.#state);
  }

  #core(party: number): PartyCore {
    const core = this.#cores.get(party);
    if (core !== undefined) return core;
    throw new OperatorError({
      code: "FAULT_INVALID",
      what: `the network ${this.#config.network} has no party ${party}`,
      found: String(party),
      expected: [...this.#cores.keys()].sort((a, b) => a - b).join(", "),
      next: "npx quorate devnet status",
    });
  }

  /** Whether a party's CA certificate is one that a fault has put there: peers keep the one that it had. */
  #hasOtherName(party: number): boolean {
    return this.#cores.get(party)?.status.faults.some(({ kind }) => kind === "cn-mismatch") === true;
  }

  #reached(text: string): void {
    log(text);
    this.#progress.push(text);
  }
}

/** Nodes that joined when the devnet had another number still name its addresses, and `kubectl exec` would go there. */
async function readdressNodes(client: KubeClient, address: string): Promise<void> {
  const { items } = await client.get<{ items: NodeObject[] }>("/api/v1/nodes");
  for (const { metadata, status } of items) {
    const addresses = status?.addresses ?? [];
    if (addresses.every((each) => each.type !== "InternalIP" || each.address === address)) continue;
    await client.mergePatch(`/api/v1/nodes/${metadata.name}/status`, {
      status: { addresses: addresses.map((each) => (each.type === "InternalIP" ? { ...each, address } : each)) },
    });
  }
}

function log(text: string): void {
  console.error(`${new Date().toISOString()} ${text}`);
}

function problemOf(error: Error, files: DevnetFiles): Problem {
  if (error instanceof OperatorError) return error.problem;
  return {
    code: "DEVNET_FAILED",
    what: "the devnet does not come up",
    found: error.message,
    expected: "every program serving",
    next: `read ${files.logs} and the logs below ${files.devnet}/party-*, then npx quorate devnet up`,
    exitCode: 1,
  };
}
