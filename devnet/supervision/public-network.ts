import { contains } from "../cloud/private-ways.ts";
import type { PublicWays } from "../cloud/public-ways.ts";
import type { KubeClient } from "../clusters/kube-client.ts";
import type { PublicWayState } from "../network/links.ts";
import { strangerAddress } from "../public-address.ts";
import type { PartyTopology } from "../topology.ts";
import { askCloud, cloudUrl } from "./cloud-program.ts";
import type { DevnetdConfig } from "./config.ts";
import { instanceOf, isChosenBy, type NodeObject, runKubeIpAgent } from "./kubeip-agent.ts";
import { isRunning, type PodObject } from "./pod-object.ts";

const pauseMs = 500;
const agentSelector = "app.kubernetes.io/name=quorate-kubeip";
const gateSelector = "app=quorate-peer-gate";

interface PartySide {
  party: PartyTopology;
  client: KubeClient;
  agents: Map<string, PodObject>;
  gates: Map<string, PodObject>;
  nodes: Map<string, NodeObject>;
  /** Agents that have done their work, by the pod's uid and the machine: a new machine may come under the name of the old one, before its pods are gone. */
  done: Set<string>;
  ways: PublicWays;
}

/**
 * The internet between the parties of transport `kubeip`: runs the KubeIP agents of all parties, and judges by the
 * simulated cloud's own records who gets through to whom.
 */
export class PublicNetwork {
  readonly #config: DevnetdConfig;
  readonly #log: (text: string) => void;
  readonly #sides = new Map<number, PartySide>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #lastFailure = "";

  constructor(config: DevnetdConfig, log: (text: string) => void) {
    this.#config = config;
    this.#log = log;
  }

  follow(party: PartyTopology, client: KubeClient, signal: AbortSignal): void {
    const side: PartySide = {
      ...{ party, client, agents: new Map(), gates: new Map(), nodes: new Map(), done: new Set() },
      ways: { addresses: [], ingress: [] },
    };
    this.#sides.set(party.id, side);
    const pods = "/api/v1/pods";
    let isFollowed = false;
    const followRest = () => {
      if (isFollowed || side.agents.size === 0) return;
      isFollowed = true;
      client.watch<PodObject>(pods, { labelSelector: gateSelector }, into(side.gates), signal);
      client.watch<NodeObject>("/api/v1/nodes", {}, into(side.nodes), signal);
    };
    // Networks of the other transport have no agent: of them nothing more is asked.
    client.watch<PodObject>(pods, { labelSelector: agentSelector }, into(side.agents, followRest), signal);
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#look(), pauseMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Public address to the party whose node has it. */
  addresses(): ReadonlyMap<string, number> {
    return new Map(
      [...this.#sides.values()].flatMap((side) => heldBy(side).map((address) => [address, side.party.id] as const)),
    );
  }

  /** What a connection from a party (or from nobody of them: 0) meets at the public address of another. */
  readonly state: PublicWayState = (from, to) => {
    const target = this.#sides.get(to);
    if (target === undefined || heldBy(target).length === 0) return "nobody";
    const source = this.#sides.get(from);
    const addresses = from === 0 ? [strangerAddress] : source ? heldBy(source) : [];
    if (!isAdmitted(target.ways, addresses, this.#config.ports.peer)) return "dropped";
    return [...target.gates.values()].some(isRunning) ? "open" : "nobody";
  };

  /** Public addresses of a party's nodes. */
  addressesOf(party: number): string[] {
    const side = this.#sides.get(party);
    return side === undefined ? [] : heldBy(side);
  }

  /** Asks the cloud now. */
  async look(): Promise<void> {
    await Promise.all([...this.#sides.values()].map((side) => this.#lookAt(side)));
  }

  async #look(): Promise<void> {
    try {
      await this.look();
      this.#lastFailure = "";
    } catch (error) {
      const text = `addresses: ${(error as Error).message}`;
      if (text !== this.#lastFailure) this.#log(text);
      this.#lastFailure = text;
    }
    if (!this.#isStopped) this.start();
  }

  async #lookAt(side: PartySide): Promise<void> {
    if (side.agents.size === 0) {
      side.ways = { addresses: [], ingress: [] };
      return;
    }
    const cloud = { endpoint: cloudUrl(this.#config.k), region: side.party.region };
    for (const pod of side.agents.values()) {
      const node = [...side.nodes.values()].find(({ metadata }) => metadata.name === pod.spec.nodeName);
      if (node === undefined || !isRunning(pod) || !isChosenBy(pod, node)) continue;
      const work = `${pod.metadata.uid} ${instanceOf(node)}`;
      if (side.done.has(work)) continue;
      const address = await runKubeIpAgent(side.client, pod, cloud);
      side.done.add(work);
      this.#log(`party ${side.party.id}: ${pod.spec.nodeName} has address ${address}`);
    }
    side.ways = (await askCloud(this.#config, side.party.accountId, "public-ways")) as PublicWays;
  }
}

/** Addresses on machines that are there: an address goes with its machine. */
function heldBy({ ways, nodes }: PartySide): string[] {
  const machines = new Set([...nodes.values()].map(instanceOf));
  return ways.addresses.filter(({ instanceId }) => machines.has(instanceId)).map(({ publicIp }) => publicIp);
}

/** Whether a rule of the firewall lets one of these addresses in at a port. */
export function isAdmitted(
  { ingress }: Pick<PublicWays, "ingress">,
  addresses: readonly string[],
  port: number,
): boolean {
  return ingress.some(
    ({ cidr, fromPort, toPort }) =>
      fromPort <= port && port <= toPort && addresses.some((address) => contains(cidr, address)),
  );
}

function into<T extends PodObject | NodeObject>(map: Map<string, T>, then = () => {}) {
  const key = ({ metadata }: T) => metadata.uid ?? metadata.name;
  return {
    listed(objects: T[]) {
      map.clear();
      for (const object of objects) map.set(key(object), object);
      then();
    },
    changed(type: "ADDED" | "MODIFIED" | "DELETED", object: T) {
      if (type === "DELETED") map.delete(key(object));
      else map.set(key(object), object);
      then();
    },
  };
}
